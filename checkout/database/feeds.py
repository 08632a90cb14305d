"""The feed of what the brand's warehouse can ship to stores: imports, their rows, and what was sold since."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Literal

from sqlalchemy import and_, bindparam, delete, insert, or_, select, text, tuple_, update

from checkout.database.tables import UtcTime, feed_imports, feed_rows, orders
from checkout.database.transactions import Transaction
from checkout.errors import LostRace
from checkout.feeds import Form, SupplyRow
from checkout.orders import WITHOUT_SALE, Order, PathToPurchase

LOADING: Literal["loading"] = "loading"
SERVING: Literal["serving"] = "serving"
DROPPED: Literal["dropped"] = "dropped"  # Its rows may still be read by somebody.
DROPPING: Literal["dropping"] = "dropping"  # They are being deleted.

_PAGE = 500


@dataclass(frozen=True, slots=True)
class FeedImport:
    """One import. `created_at` is the time for which its quantities hold; `digest` is that of the bytes it came as."""

    id: int
    state: str
    created_at: datetime
    rows: int
    digest: str
    form: Form


@dataclass(frozen=True, slots=True)
class Sold:
    """What was sold to be shipped since a time: pieces by UPC and the store's country, in all where that is "".

    `changed_at` is when the last of these orders was placed or changed, None where there is none.
    """

    pieces: Counter[tuple[str, str]]
    changed_at: datetime | None

    def left_of(self, row: SupplyRow) -> int:
        """How many pieces of a row are still there."""
        return max(row.quantity - self.pieces[row.upc, row.country], 0)


_IMPORT = select(*(feed_imports.c[field.name] for field in fields(FeedImport)))
_IN_SERVICE = _IMPORT.where(feed_imports.c.brand == bindparam("of_brand"), feed_imports.c.state == SERVING)
_STATE = select(feed_imports.c.state).where(feed_imports.c.id == bindparam("of_import"))
_BEGIN = insert(feed_imports).returning(feed_imports.c.id)
_TURN = (
    update(feed_imports)
    .where(feed_imports.c.id == bindparam("of_import"), feed_imports.c.state == bindparam("was"))
    .values(state=bindparam("becomes"))
)
_SERVE = (
    update(feed_imports)
    .where(feed_imports.c.id == bindparam("of_import"), feed_imports.c.state == LOADING)
    .values(state=SERVING, rows=bindparam("has_rows"))
)
_RENEW = (
    update(feed_imports)
    .where(feed_imports.c.id == bindparam("of_import"), feed_imports.c.state == SERVING)
    .values(created_at=bindparam("at", type_=UtcTime))
)
_VOID = (
    update(feed_imports)
    .where(feed_imports.c.brand == bindparam("of_brand"), feed_imports.c.state == LOADING)
    .values(state=DROPPED)
)
_ANALYZE = text("ANALYZE feed_rows")
_INSERT_ROWS = insert(feed_rows)
_KNOWN = select(feed_rows.c.upc, feed_rows.c.country).where(
    feed_rows.c.import_id == bindparam("of_import"), feed_rows.c.upc.in_(bindparam("upcs", expanding=True))
)
_ROW = select(*(feed_rows.c[name] for name in SupplyRow._fields))
_READ_PAGE = (
    _ROW.where(
        feed_rows.c.import_id == bindparam("of_import"),
        tuple_(feed_rows.c.upc, feed_rows.c.country) > tuple_(bindparam("after_upc"), bindparam("after_country")),
    )
    .order_by(feed_rows.c.upc, feed_rows.c.country)
    .limit(bindparam("most"))
)
_FIND_ROW = (
    _ROW.join(feed_imports, feed_imports.c.id == feed_rows.c.import_id)
    .where(
        feed_imports.c.brand == bindparam("of_brand"),
        feed_imports.c.state == SERVING,
        feed_rows.c.upc == bindparam("of_upc"),
        feed_rows.c.country.in_([bindparam("of_country"), ""]),
    )
    .order_by(feed_rows.c.country.desc())
    .limit(1)
)
_LEFT_OVER = (
    select(feed_imports.c.id)
    .where(
        feed_imports.c.brand == bindparam("of_brand"),
        or_(
            feed_imports.c.state.in_([DROPPED, DROPPING]),
            and_(
                feed_imports.c.state == LOADING, feed_imports.c.created_at < bindparam("loading_before", type_=UtcTime)
            ),
        ),
    )
    .order_by(feed_imports.c.id)
)
_BEGIN_DROPPING = update(feed_imports).where(feed_imports.c.id == bindparam("of_import")).values(state=DROPPING)
_PLACE_TO_STOP = (
    select(feed_rows.c.upc)
    .where(feed_rows.c.import_id == bindparam("of_import"))
    .order_by(feed_rows.c.upc, feed_rows.c.country)
    .limit(1)
    .offset(bindparam("most"))
)
_DELETE_UP_TO = delete(feed_rows).where(
    feed_rows.c.import_id == bindparam("of_import"), feed_rows.c.upc < bindparam("stop_upc")
)
_DELETE_ROWS = delete(feed_rows).where(feed_rows.c.import_id == bindparam("of_import"))
_DELETE_IMPORT = delete(feed_imports).where(feed_imports.c.id == bindparam("of_import"))

_SHIP_TO_STORE = f'%"path_to_purchase":"{PathToPurchase.STS}"%'
_SOLD_SINCE = (
    select(orders.c.id, orders.c.placed_at, orders.c.updated_at, orders.c.document)
    .where(
        orders.c.brand == bindparam("of_brand"),
        orders.c.placed_at >= bindparam("since", type_=UtcTime),
        or_(
            orders.c.placed_at > bindparam("after_at", type_=UtcTime),
            and_(orders.c.placed_at == bindparam("after_at", type_=UtcTime), orders.c.id > bindparam("after_id")),
        ),
        # Nearly all others are left out here; what is left is read and judged.
        orders.c.document.like(_SHIP_TO_STORE),
    )
    .order_by(orders.c.placed_at, orders.c.id)
    .limit(_PAGE)
)


async def feed_in_service(tx: Transaction, brand: str) -> FeedImport | None:
    """The import that is served; None where there is none."""
    row = (await tx.execute(_IN_SERVICE, {"of_brand": brand})).first()
    return None if row is None else FeedImport(**{**row._mapping, "form": Form(row.form)})


async def begin_import(tx: Transaction, brand: str, digest: str, form: Form, at: datetime) -> int:
    """A new import without rows, which nobody sees yet; gives its id."""
    values = {"brand": brand, "state": LOADING, "created_at": at, "rows": 0, "digest": digest, "form": form}
    return int((await tx.execute(_BEGIN, values)).scalar_one())


async def insert_feed_rows(tx: Transaction, import_id: int, rows: Sequence[SupplyRow]) -> None:
    """Raises LostRace if one of them stands in the import already, or the import is gone."""
    await tx.execute(_INSERT_ROWS, [{"import_id": import_id, **row._asdict()} for row in rows])


async def known_feed_rows(tx: Transaction, import_id: int, upcs: Sequence[str]) -> set[tuple[str, str]]:
    """UPC and country of the rows that the import has of these UPCs."""
    found = await tx.execute(_KNOWN, {"of_import": import_id, "upcs": upcs})
    return {(row.upc, row.country) for row in found}


async def count_feed_rows_anew(tx: Transaction) -> None:
    """Let PostgreSQL know at once how many rows there are now: going by the old count it sorts them all for each page.

    For PostgreSQL alone. SQLite takes the way of the primary key without it, and would hold up everybody meanwhile.
    """
    await tx.execute(_ANALYZE)


async def serve_import(tx: Transaction, before: FeedImport | None, import_id: int, rows: int) -> None:
    """Serve a loaded import in place of the one before. Raises LostRace if that is no longer so, or the new one gone.

    Whoever serves has to hold a lock of the brand's: nothing here keeps two from being served at once.
    """
    if before is not None:
        await _turn(tx, before.id, SERVING, DROPPED)
    if (await tx.execute(_SERVE, {"of_import": import_id, "has_rows": rows})).rowcount != 1:
        raise LostRace


async def give_up_import(tx: Transaction, import_id: int) -> None:
    """It will not be served: its rows may be deleted."""
    await tx.execute(_TURN, {"of_import": import_id, "was": LOADING, "becomes": DROPPED})


async def void_imports(tx: Transaction, brand: str) -> None:
    """Give up all that load: where only one process may run, none of another can still be loading."""
    await tx.execute(_VOID, {"of_brand": brand})


async def renew_import(tx: Transaction, import_id: int, at: datetime) -> None:
    """Its quantities hold for a later time too. Raises LostRace if it is no longer served."""
    if (await tx.execute(_RENEW, {"of_import": import_id, "at": at})).rowcount != 1:
        raise LostRace


async def read_feed_page(tx: Transaction, import_id: int, after: tuple[str, str], most: int) -> list[SupplyRow]:
    """The rows after a UPC and country, in their order. Raises LostRace if the import is being deleted.

    Its state is read last, so that no row can have been missing when the page was read.
    """
    place = {"of_import": import_id, "after_upc": after[0], "after_country": after[1], "most": most}
    page = [SupplyRow._make(row) for row in await tx.execute(_READ_PAGE, place)]
    state = (await tx.execute(_STATE, {"of_import": import_id})).scalar_one_or_none()
    if state in {None, DROPPING}:
        raise LostRace
    return page


async def feed_row_of(tx: Transaction, brand: str, upc: str, country: str) -> SupplyRow | None:
    """What the served feed says of a UPC in a country (two letters), as it was imported; None where nothing."""
    row = (await tx.execute(_FIND_ROW, {"of_brand": brand, "of_upc": upc, "of_country": country})).first()
    return None if row is None else SupplyRow._make(row)


async def sold_since(tx: Transaction, brand: str, since: datetime) -> Sold:
    """What ship-to-store orders took from the warehouse since a time; what was declined or canceled did not."""
    pieces: Counter[tuple[str, str]] = Counter()
    changed_at: datetime | None = None
    after = (since, "")
    while True:
        wanted = {"of_brand": brand, "since": since, "after_at": after[0], "after_id": after[1]}
        page = list(await tx.execute(_SOLD_SINCE, wanted))
        for row in page:
            order = Order.model_validate_json(row.document)
            if order.path_to_purchase is PathToPurchase.STS:
                _count(order, pieces)
                changed_at = max(changed_at or row.updated_at, row.updated_at)
        if len(page) < _PAGE:
            return Sold(pieces, changed_at)
        after = (page[-1].placed_at, page[-1].id)


def _count(order: Order, pieces: Counter[tuple[str, str]]) -> None:
    country = (order.store.address.country or "").upper()
    for item in order.items:
        if item.status not in WITHOUT_SALE:
            for where in {country, ""}:
                pieces[item.upc, where] += item.quantity


async def left_over_imports(tx: Transaction, brand: str, loading_before: datetime) -> list[int]:
    """Imports to be deleted: replaced ones, and such as began to load before a time and were never served."""
    found = await tx.execute(_LEFT_OVER, {"of_brand": brand, "loading_before": loading_before})
    return [row.id for row in found]


async def delete_import(tx: Transaction, import_id: int, most: int) -> bool:
    """Delete about `most` rows of an import and, with the last of them, itself; False while there are more."""
    named = {"of_import": import_id}
    await tx.execute(_BEGIN_DROPPING, named)
    stop = (await tx.execute(_PLACE_TO_STOP, {**named, "most": most})).scalar_one_or_none()
    if stop is not None:
        await tx.execute(_DELETE_UP_TO, {**named, "stop_upc": stop})
        return False
    await tx.execute(_DELETE_ROWS, named)
    await tx.execute(_DELETE_IMPORT, named)
    return True


async def _turn(tx: Transaction, import_id: int, was: str, becomes: str) -> None:
    if (await tx.execute(_TURN, {"of_import": import_id, "was": was, "becomes": becomes})).rowcount != 1:
        raise LostRace
