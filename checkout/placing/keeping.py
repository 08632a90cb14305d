"""Looks after attempts: renews the leases of ours, and takes up those that nobody works on."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from checkout.attempts import LIVE_ATTEMPTS, AttemptStatus
from checkout.database import (
    Database,
    Due,
    Transaction,
    claim_attempts,
    drop_old_keys,
    find_attempt,
    release_lease,
    renew_leases,
    void_leases,
)
from checkout.errors import CheckoutError, LostRace
from checkout.idempotency import KeyBook
from checkout.placing.emergency import Entry
from checkout.placing.reading_back import ReadingBack
from checkout.placing.recording import Recorder
from checkout.placing.writing import key_of
from checkout.settings import Settings

_SWEEP_EVERY = timedelta(hours=1)  # Of the keys that have lived long enough.
_INTERRUPTED = LIVE_ATTEMPTS - {AttemptStatus.REVIEW}

log = structlog.get_logger(__name__)


class Keeper:
    """Finds work for this process. `running` are the attempts that it has; `run` starts one more."""

    def __init__(
        self,
        database: Database,
        recorder: Recorder,
        reading_back: ReadingBack,
        settings: Settings,
        keys: KeyBook,
        *,
        clock: Callable[[], datetime],
        owner: str,
        running: Collection[str],
        run: Callable[[str], object],
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._reading_back = reading_back
        self._settings = settings
        self._keys = keys
        self._clock = clock
        self._owner = owner
        self._running = running
        self._run = run
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up what an earlier process left, and keep doing so."""
        if self._database.is_exclusive:
            await self._database.write(void_leases)
        await self._recover()
        self._task = asyncio.create_task(self._keep(), name="placing-keeper")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    async def let_go(self, attempt_id: str) -> None:
        """Nothing is to be done for an attempt of ours for a while."""
        await self._database.write(lambda tx: release_lease(tx, attempt_id, self._owner))

    async def _keep(self) -> None:
        """Go by the monotonic clock: a wall clock that was set back must not end the looking."""
        loop = asyncio.get_running_loop()
        next_recovery, swept = loop.time(), self._clock() - 2 * _SWEEP_EVERY
        while True:
            await asyncio.sleep(min(self._settings.lease / 3, self._settings.recovery_interval))
            try:
                await self._renew()
                if loop.time() >= next_recovery:
                    next_recovery = loop.time() + self._settings.recovery_interval
                    await self._recover()
                if abs(self._clock() - swept) >= _SWEEP_EVERY:  # Keys live by the wall clock, which may jump both ways.
                    swept = self._clock()
                    await self._sweep()
            except CheckoutError as error:
                log.warning("recovery_paused", code=error.code)
            except Exception as error:  # A bug must not leave every later attempt lying until a restart.
                log.exception("recovery_failed", error=type(error).__name__)

    async def _renew(self) -> None:
        if self._running:
            until = self._clock() + timedelta(seconds=self._settings.lease)
            await self._database.write(lambda tx: renew_leases(tx, self._owner, list(self._running), until))

    async def _sweep(self) -> None:
        before = self._clock() - timedelta(seconds=self._settings.key_life)
        await self._database.write(lambda tx: drop_old_keys(tx, before))

    async def _recover(self) -> None:
        await self._read_journal()
        for attempt_id in await self._database.write(self._claim):
            self._run(attempt_id)

    async def _claim(self, tx: Transaction) -> list[str]:
        """Take what nobody works on; the requests that began it died with their process, so their keys are closed."""
        lease = timedelta(seconds=self._settings.lease)
        abandoned = []
        for attempt_id in await claim_attempts(tx, self._owner, self._due(), self._clock() + lease):
            attempt = await find_attempt(tx, attempt_id)
            if attempt is None or attempt_id in self._running:
                continue
            abandoned.append(attempt_id)
            if attempt.status in _INTERRUPTED:
                log.info("attempt_recovered", attempt=attempt_id)
                await self._keys.close(tx, key_of(attempt))
        return abandoned

    def _due(self) -> Due:
        now = self._clock()
        return Due(
            now=now,
            soon=now + timedelta(seconds=self._settings.recovery_interval),
            # Another instance's clock may be a little ahead.
            longest_lease=now + timedelta(seconds=2 * self._settings.lease),
            longest_read=now + timedelta(seconds=self._reading_back.spans.longest),
            longest_look=now + timedelta(seconds=self._reading_back.longest_late),
        )

    async def _read_journal(self) -> None:
        """Write down what the database did not take when an upstream answered; the file keeps it until then."""
        journal = self._recorder.emergency
        read = journal.read()
        if read.content and not any(entry.attempt_id in self._running for entry in read.entries):
            for entry, line in read.entries.items():
                try:
                    await self._write_down(entry)
                except ValueError as error:
                    log.error("outcome_fits_nothing", attempt=entry.attempt_id, error=str(error))  # noqa: TRY400  It says it all.
                    read.misfits.append(line)
            journal.forget(read)

    async def _write_down(self, entry: Entry) -> None:
        """Raises ValueError where these records do not know of such a call, as after an older copy was put back."""
        if await self._database.read(lambda tx: find_attempt(tx, entry.attempt_id)) is None:
            raise ValueError("there is no such attempt")
        try:
            if entry.outcome == "placed":
                order = await self._recorder.placed(entry.attempt_id, entry.order_url)
                log.warning("outcome_from_journal", attempt=entry.attempt_id, outcome=entry.outcome)
                await self._reading_back.read_order(order)
            elif entry.cart_hash is not None:
                await self._recorder.holds_remembered(entry.attempt_id, entry.cart_hash)
                log.warning("outcome_from_journal", attempt=entry.attempt_id, outcome=entry.outcome)
        except LostRace:  # It was written, or read back, meanwhile.
            log.info("outcome_known", attempt=entry.attempt_id, outcome=entry.outcome)
