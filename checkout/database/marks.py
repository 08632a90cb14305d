"""Marks: short notes by name, such as how far a piece of long work is."""

from datetime import datetime

from sqlalchemy import bindparam, insert, select, update

from checkout.database.tables import marks
from checkout.database.transactions import Transaction

_FIND = select(marks.c.value).where(marks.c.name == bindparam("of_name"))
_FIND_TO_CHANGE = _FIND.with_for_update()
_CHANGE = update(marks).where(marks.c.name == bindparam("of_name"))
_INSERT = insert(marks)


async def find_mark(tx: Transaction, name: str) -> str | None:
    row = (await tx.execute(_FIND, {"of_name": name})).first()
    return None if row is None else str(row.value)


async def mark_to_change(tx: Transaction, name: str) -> str | None:
    """A mark, which nobody else changes before the end of the transaction."""
    row = (await tx.execute(_FIND_TO_CHANGE, {"of_name": name})).first()
    return None if row is None else str(row.value)


async def set_mark(tx: Transaction, name: str, value: str, now: datetime) -> None:
    """Write a mark, which nobody else changes before the end of the transaction.

    Raises LostRace if another instance wrote it for the first time at the same moment.
    """
    changed = await tx.execute(_CHANGE, {"of_name": name, "value": value, "updated_at": now})
    if changed.rowcount == 0:
        await tx.execute(_INSERT, {"name": name, "value": value, "updated_at": now})
