"""What is told of the available-to-sell feed."""

from checkout.feeding import Imported, Standing
from checkout.feeds import Form
from checkout.schemas.responses import Body, Time


class FeedImportBody(Body):
    """What an import came to. `unchanged`: the same bytes were served before; they hold for a later time now.

    `form` is `percent` (the brand retains a percent) or `flat` (the retailer keeps an amount); `ignored_columns` mean
    nothing to the feed.
    """

    unchanged: bool
    as_of: Time
    rows: int
    quantity: int
    form: Form
    ignored_columns: tuple[str, ...]


class FeedFetchBody(Body):
    """Who read the feed last, as it names itself; `status` is 200, or 304 where it had not changed."""

    at: Time
    by: str
    status: int


class FeedBody(Body):
    """How the served feed stands. `age` and `stale_after` are in seconds; `quantity` is as it was imported.

    `served`: there is an address where Locally can read it.
    """

    as_of: Time
    rows: int
    quantity: int
    form: Form
    age: int
    stale: bool
    stale_after: int
    served: bool
    last_fetch: FeedFetchBody | None


def feed_import_body(done: Imported) -> FeedImportBody:
    return FeedImportBody(
        unchanged=done.is_unchanged,
        as_of=done.as_of,
        rows=done.rows,
        quantity=done.quantity,
        form=done.form,
        ignored_columns=done.unknown_columns,
    )


def feed_body(standing: Standing, *, served: bool) -> FeedBody:
    fetch = standing.last_fetch
    return FeedBody(
        as_of=standing.as_of,
        rows=standing.rows,
        quantity=standing.quantity,
        form=standing.form,
        age=int(standing.age.total_seconds()),
        stale=standing.is_stale,
        stale_after=int(standing.stale_after.total_seconds()),
        served=served,
        last_fetch=None if fetch is None else FeedFetchBody(at=fetch.at, by=fetch.by, status=fetch.status),
    )
