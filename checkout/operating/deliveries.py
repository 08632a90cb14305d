"""Deliveries of webhooks, for a person at a terminal."""

from checkout.operating.telling import Document, clock, table

_HEAD = ("DELIVERY", "STATE", "TYPE", "OF", "TO", "TRIES", "LAST", "NEXT OR END (UTC)")


def tell_deliveries(deliveries: Document, options: str = "") -> str:
    """A table of deliveries; `options` lead the command that sends again to the same service."""
    if not deliveries["data"]:
        return "There is no delivery."
    lines = table(_HEAD, [_row(each) for each in deliveries["data"]])
    if deliveries["next_cursor"]:
        lines += ["", "There are more: --limit shows them."]
    if any(each["state"] == "failed" for each in deliveries["data"]):
        lines += ["", f"What was given up goes again with: checkout redeliver --failed{options}"]
    return "\n".join(lines)


def _row(delivery: Document) -> tuple[str, ...]:
    tries = delivery["tries"]
    return (
        delivery["id"],
        delivery["state"],
        delivery["type"],
        delivery["subject"],
        delivery["endpoint"]["host"] or delivery["endpoint"]["id"],
        str(len(tries)),
        str(tries[-1]["status"] or tries[-1]["fault"]) if tries else "-",
        clock(delivery["next_try_at"] or delivery["ended_at"]).removesuffix(" UTC"),
    )


def tell_redelivered(sent: Document) -> str:
    if not sent["data"]:
        return "No delivery was given up."
    return "\n".join(f"{each['id']} goes again: {each['type']} of {each['subject']}." for each in sent["data"])
