"""Idempotency keys: one row per key in its scope."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from checkout.database.tables import idempotency_keys
from checkout.database.transactions import Transaction


@dataclass(frozen=True, slots=True)
class KeyName:
    """What makes a key unique: the brand, what it is for, and for placing the checkout."""

    brand: str
    operation: str
    scope: str
    key: str


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key and what became of its request.

    `bound`: the call has taken effect; `open_until`: its first request may still be waiting for the answer;
    `status` and `body` (sealed): the stored answer.
    """

    name: KeyName
    fingerprint: str
    request_id: str
    bound: bool
    open_until: datetime | None
    attempt_id: str | None
    status: int | None
    body: bytes | None
    created_at: datetime


async def find_key(tx: Transaction, name: KeyName) -> KeyRow | None:
    row = (await tx.execute(select(idempotency_keys).where(*_is(name)))).first()
    if row is None:
        return None
    values = {field: value for field, value in row._mapping.items() if field not in asdict(name)}
    return KeyRow(name=name, **values)


async def put_key(tx: Transaction, row: KeyRow) -> None:
    """Write a key, or write it anew. Raises LostRace if a rival wrote it at the same moment."""
    await drop_key(tx, row.name)
    values = asdict(row)
    await tx.execute(insert(idempotency_keys).values(**values.pop("name"), **values))


async def change_key(tx: Transaction, name: KeyName, **values: Any) -> None:
    """Set columns of a key; no-op if it is gone."""
    await tx.execute(update(idempotency_keys).where(*_is(name)).values(**values))


async def drop_key(tx: Transaction, name: KeyName) -> None:
    await tx.execute(delete(idempotency_keys).where(*_is(name)))


async def drop_old_keys(tx: Transaction, before: datetime) -> int:
    """Forget the keys made before a time; gives how many."""
    statement = delete(idempotency_keys).where(idempotency_keys.c.created_at < before)
    return (await tx.execute(statement)).rowcount


def _is(name: KeyName) -> list[Any]:
    return [idempotency_keys.c[column] == value for column, value in asdict(name).items()]
