"""Idempotency keys: one row per key in its scope."""

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from checkout.database.tables import UtcTime, idempotency_keys
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


_IS_KEY = [idempotency_keys.c[each.name] == bindparam(f"is_{each.name}") for each in fields(KeyName)]
_FIND = select(*(idempotency_keys.c[each.name] for each in fields(KeyRow) if each.name != "name")).where(*_IS_KEY)
_INSERT = insert(idempotency_keys)
_CHANGE = update(idempotency_keys).where(*_IS_KEY)
_DROP = delete(idempotency_keys).where(*_IS_KEY)
_DROP_OLD = delete(idempotency_keys).where(idempotency_keys.c.created_at < bindparam("before", type_=UtcTime))


async def find_key(tx: Transaction, name: KeyName) -> KeyRow | None:
    row = (await tx.execute(_FIND, _is(name))).first()
    return None if row is None else KeyRow(name=name, **row._mapping)


async def put_key(tx: Transaction, row: KeyRow) -> None:
    """Write a key, or write it anew. Raises LostRace if a rival wrote it at the same moment."""
    await drop_key(tx, row.name)
    values = asdict(row)
    await tx.execute(_INSERT, {**values.pop("name"), **values})


async def change_key(tx: Transaction, name: KeyName, **values: Any) -> None:
    """Set columns of a key; no-op if it is gone."""
    await tx.execute(_CHANGE, {**values, **_is(name)})


async def drop_key(tx: Transaction, name: KeyName) -> None:
    await tx.execute(_DROP, _is(name))


async def drop_old_keys(tx: Transaction, before: datetime) -> int:
    """Forget the keys made before a time; gives how many."""
    return (await tx.execute(_DROP_OLD, {"before": before})).rowcount


def _is(name: KeyName) -> dict[str, str]:
    return {f"is_{each.name}": getattr(name, each.name) for each in fields(name)}
