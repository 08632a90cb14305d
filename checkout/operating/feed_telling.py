"""The feed, for a person at a terminal."""

from checkout.operating.telling import Document, clock

_FORMS = {"percent": "the brand retains a percent", "flat": "the retailer keeps a flat amount"}


def tell_import(done: Document) -> str:
    if done["unchanged"]:
        return f"Nothing new in it: what is served holds since {clock(done['as_of'])} now. {_size(done)}"
    lines = [f"Served since {clock(done['as_of'])}. {_size(done)}"]
    if done["ignored_columns"]:
        lines.append(f"Columns that mean nothing here were passed over: {', '.join(done['ignored_columns'])}.")
    return "\n".join(lines)


def tell_standing(standing: Document) -> str:
    hours = standing["stale_after"] / 3600
    state = (
        f"STALE: older than {hours:g} h; import it again" if standing["stale"] else f"fresh (stale after {hours:g} h)"
    )
    fetch = standing["last_fetch"]
    read = f"{clock(fetch['at'])} by {fetch['by']} ({fetch['status']})" if fetch else "never"
    lines = [
        f"Imported:   {clock(standing['as_of'])}, {tell_span(standing['age'])} ago",
        f"State:      {state}",
        f"Size:       {_size(standing)}",
        f"Last read:  {read}",
    ]
    if not standing["served"]:
        lines.append("It is served to nobody: CHECKOUT_FEED_TOKEN is not set.")
    return "\n".join(lines)


def tell_span(seconds: float) -> str:
    """`3 d 4 h`, `2 h 05 min`, `12 min`."""
    minutes = int(seconds // 60)
    if minutes >= 48 * 60:
        return f"{minutes // 1440} d {minutes % 1440 // 60} h"
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"


def _size(feed: Document) -> str:
    return f"{feed['rows']:,} rows, {feed['quantity']:,} pieces; {_FORMS.get(feed['form'], feed['form'])}."
