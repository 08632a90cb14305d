"""Taking a feed in: to the disk, through the reader, into the database, into service."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from tempfile import TemporaryFile
from typing import BinaryIO

from checkout.database import (
    Database,
    FeedImport,
    Transaction,
    begin_import,
    count_feed_rows_anew,
    feed_in_service,
    find_mark,
    give_up_import,
    insert_feed_rows,
    known_feed_rows,
    renew_import,
    serve_import,
    set_mark,
)
from checkout.errors import CheckoutError, FeedShrank, FeedUnsound, FieldError, LostRace
from checkout.feeds import Form, RowFault, SupplyReader, SupplyRow, many

MARK = "feed"  # Says of the served import how many pieces it has, and since when it is served.

_AT_ONCE = 2000  # Rows in one transaction: about ten milliseconds, for which others wait.
_FORCE = "Nothing was replaced; with force=true it is replaced all the same."

Piece = dict[tuple[str, str], tuple[int, SupplyRow]]


@dataclass(frozen=True, slots=True)
class Imported:
    """What is served now. `is_unchanged`: the same bytes were served before, and hold for a later time now.

    `unknown_columns` are titles of columns that mean nothing here.
    """

    as_of: datetime
    rows: int
    quantity: int
    form: Form
    is_unchanged: bool = False
    unknown_columns: tuple[str, ...] = ()


async def take_feed(
    database: Database, brand: str, body: AsyncIterator[bytes], began: datetime, turn: asyncio.Lock, *, forced: bool
) -> Imported:
    """Its quantities hold for the time when it began to come in: what is sold from then on is subtracted."""
    with TemporaryFile() as file:
        digest = hashlib.sha256()
        async for piece in body:
            digest.update(piece)
            await asyncio.to_thread(file.write, piece)
        async with turn:
            taking = _Taking(database, brand, began, digest.hexdigest(), forced=forced)
            return await taking.renew() or await taking.replace(file)


class _Taking:
    """One feed on its way into service."""

    def __init__(self, database: Database, brand: str, began: datetime, digest: str, *, forced: bool) -> None:
        self._database = database
        self._brand = brand
        self._began = began
        self._digest = digest
        self._forced = forced

    async def renew(self) -> Imported | None:
        """None where other bytes are served."""

        async def work(tx: Transaction) -> Imported | None:
            served = await feed_in_service(tx, self._brand)
            if served is None or served.digest != self._digest:
                return None
            await renew_import(tx, served.id, self._began)
            quantity = await self._quantity_before(tx)
            return Imported(self._began, served.rows, quantity, served.form, is_unchanged=True)

        return await self._database.write(work)

    async def replace(self, file: BinaryIO) -> Imported:
        reader = await asyncio.to_thread(SupplyReader, file)
        import_id = await self._database.write(
            lambda tx: begin_import(tx, self._brand, self._digest, reader.form, self._began)
        )
        try:
            await self._load(reader, import_id)
            _require_sound(reader)
            if not self._database.is_exclusive:
                await self._database.write(count_feed_rows_anew)
            await self._database.write(lambda tx: self._serve(tx, reader, import_id))
        except Exception:
            with suppress(CheckoutError):  # It is found and deleted later all the same.
                await self._database.write(lambda tx: give_up_import(tx, import_id))
            raise
        return Imported(self._began, reader.rows, reader.quantity, reader.form, unknown_columns=reader.unknown_columns)

    async def _load(self, reader: SupplyReader, import_id: int) -> None:
        pieces = reader.pieces(_AT_ONCE)
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            try:
                await self._insert(import_id, piece)
            except LostRace:
                await self._insert_new(reader, import_id, piece)

    async def _insert(self, import_id: int, piece: Piece) -> None:
        rows = [row for _, row in piece.values()]
        await self._database.write(lambda tx: insert_feed_rows(tx, import_id, rows))

    async def _insert_new(self, reader: SupplyReader, import_id: int, piece: Piece) -> None:
        """Insert what does not stand in the import yet; raises LostRace if that was not the reason."""
        upcs = [upc for upc, _ in piece]
        known = await self._database.read(lambda tx: known_feed_rows(tx, import_id, upcs))
        for name in [name for name in piece if name in known]:
            reader.take_back(*piece.pop(name))
        if piece:
            await self._insert(import_id, piece)

    async def _serve(self, tx: Transaction, reader: SupplyReader, import_id: int) -> None:
        quantity_before = await self._quantity_before(tx)
        # The mark comes first: whoever else serves waits here, and then sees this one served.
        value = {"quantity": reader.quantity, "served_at": self._began.isoformat()}
        await set_mark(tx, f"{MARK}:{self._brand}", json.dumps(value), self._began)
        before = await feed_in_service(tx, self._brand)
        if not self._forced:
            _require_no_loss(reader, before, quantity_before)
        await serve_import(tx, before, import_id, reader.rows)

    async def _quantity_before(self, tx: Transaction) -> int:
        mark = await find_mark(tx, f"{MARK}:{self._brand}")
        return int(json.loads(mark)["quantity"]) if mark else 0


def _require_sound(reader: SupplyReader) -> None:
    faults = reader.faults
    if not faults.count:
        return
    listed = sorted(faults.listed)
    told = "" if len(listed) == faults.count else f" The first {len(listed):,} are listed."
    detail = f"Not sound: {faults.summary}; {many(reader.rows, 'row')} would be sound.{told} Nothing was replaced."
    raise FeedUnsound(detail, fields=tuple(_field_error(fault) for fault in listed))


def _field_error(fault: RowFault) -> FieldError:
    pointer = f"/rows/{fault.line}" + (f"/{fault.column}" if fault.column else "")
    return FieldError(pointer, fault.code, f"{fault.place.capitalize()}: {fault.detail}")


def _require_no_loss(reader: SupplyReader, before: FeedImport | None, quantity_before: int) -> None:
    if reader.rows == 0:
        raise FeedShrank(f"The feed has no rows. {_FORCE}")
    if before is not None and (reader.rows * 2 < before.rows or reader.quantity * 2 < quantity_before):
        new = f"{many(reader.rows, 'row')} and {many(reader.quantity, 'piece')}"
        old = f"{many(before.rows, 'row')} and {many(quantity_before, 'piece')}"
        raise FeedShrank(f"The feed has {new}, and {old} are served now: less than half. {_FORCE}")
