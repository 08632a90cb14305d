"""Idempotency keys: who may go on with a request, who gets the answer of the first one.

A key is *open* while its first request waits, *bound* once the call has taken effect, and *answered* once the outcome
is final; the answer is kept sealed and given again byte for byte.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from checkout.database import KeyName, KeyRow, Transaction, change_key, drop_key, find_key, put_key
from checkout.errors import KeyMismatch, RequestInProgress
from checkout.keyring import Keyring


@dataclass(frozen=True, slots=True)
class Claim:
    """One request's use of a key; `fingerprint` is of its path and parsed body."""

    name: KeyName
    fingerprint: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller is told: an HTTP status and the body's bytes."""

    status: int
    body: bytes
    replayed: bool = False


class KeyBook:
    """Reads and writes keys inside a transaction."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    async def look_up(self, tx: Transaction, claim: Claim, now: datetime) -> Answer | KeyRow | None:
        """As `judge`, of the key's row as it is now."""
        return self.judge(await find_key(tx, claim.name), claim, now)

    def judge(self, row: KeyRow | None, claim: Claim, now: datetime) -> Answer | KeyRow | None:
        """The stored answer, or the key's row if it is known without one, or None.

        Raises KeyMismatch (bound to another body) or RequestInProgress (the first request is still open).
        """
        if row is None:
            return None
        if row.bound and row.fingerprint != claim.fingerprint:
            raise KeyMismatch
        stored = self._stored(row, replayed=True)
        if stored is not None:
            return stored
        if row.open_until is not None and row.open_until > now:
            raise RequestInProgress(retry_after=1)
        return row

    async def open(
        self, tx: Transaction, claim: Claim, now: datetime, *, seconds: float, attempt_id: str | None, bound: bool
    ) -> None:
        """Write the key as open for as long as its request may wait."""
        row = KeyRow(
            name=claim.name,
            fingerprint=claim.fingerprint,
            request_id=claim.request_id,
            bound=bound,
            open_until=now + timedelta(seconds=seconds),
            attempt_id=attempt_id,
            status=None,
            body=None,
            created_at=now,
        )
        await put_key(tx, row)

    async def bind(self, tx: Transaction, name: KeyName) -> None:
        """The call is about to take effect: from now on the key belongs to this body."""
        await change_key(tx, name, bound=True)

    async def close(self, tx: Transaction, name: KeyName) -> None:
        """The request was answered, but not finally; or the process that would have answered is gone."""
        await change_key(tx, name, open_until=None)

    async def stored(self, tx: Transaction, name: KeyName) -> Answer | None:
        """The final answer, if there is one."""
        row = await find_key(tx, name)
        return self._stored(row, replayed=False) if row else None

    async def finish(self, tx: Transaction, name: KeyName, attempt_id: str) -> Answer | None:
        """Close the key of an attempt's first request; gives the final answer if it is stored.

        A key that was freed, and perhaps taken by another request since, is left alone.
        """
        row = await find_key(tx, name)
        if row is None or row.attempt_id != attempt_id:
            return None
        await self.close(tx, name)
        return self._stored(row, replayed=False)

    def _stored(self, row: KeyRow, *, replayed: bool) -> Answer | None:
        if row.status is None or row.body is None:
            return None
        return Answer(row.status, self._keyring.unseal(row.body, "answer"), replayed)

    async def store(self, tx: Transaction, name: KeyName, answer: Answer) -> None:
        """Keep the final answer."""
        body = self._keyring.seal(answer.body, "answer")
        await change_key(tx, name, bound=True, open_until=None, status=answer.status, body=body)

    async def free(self, tx: Transaction, name: KeyName) -> None:
        """Nothing took effect: the key may be used for a corrected body."""
        await drop_key(tx, name)
