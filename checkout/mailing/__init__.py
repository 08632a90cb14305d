"""Mail to shoppers: what happened to their orders, and lost links.

A mail is a row, written in the transaction that gives its reason; the worker here sends what waits. What it says is
taken from the order when it is sent: a mail that has become untrue is not sent, because a later one tells more.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from email.message import EmailMessage
from functools import partial
from typing import Any

import structlog

from checkout.database import (
    Database,
    Mail,
    Transaction,
    add_to_timeline,
    claim_mails,
    defer_mail,
    drop_old_mails,
    end_mail,
    find_checkout,
    find_order,
    last_link_generation,
    put_mail,
    release_mails,
    void_mail_leases,
)
from checkout.errors import CheckoutError
from checkout.keyring import Keyring
from checkout.mailing.choosing import MailKind, choose_notice, is_still_true
from checkout.mailing.letters import Letter, write_letter, write_links, write_message
from checkout.mailing.lookup import Lookup, recent_orders
from checkout.mailing.sending import NotDelivered, Undeliverable, send_message
from checkout.orders import Order
from checkout.settings import Settings
from checkout.wording.languages import Language, choose_language

__all__ = ["Lookup", "MailKind", "Mailing", "queue_mails"]

log = structlog.get_logger(__name__)

Send = Callable[[EmailMessage], Awaitable[None]]

_AT_ONCE = 4  # Messages on their way at the same time.
_LEASE = timedelta(minutes=3)  # Longer than the longest try.
_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 30, 60, 120, 240, 480))
_KEEP_TRYING = timedelta(days=2)
_KEEP_ENDED = timedelta(days=180)
_SWEEP_SECONDS = 3600.0
_GRACE_SECONDS = 5


async def queue_mails(tx: Transaction, was: Order | None, order: Order, now: datetime, settings: Settings) -> None:
    """Have the shopper told of a change of her order, where that is ours to do; `was` is None for a new one.

    Called in the transaction that writes the change. Without a mail server it does nothing. To the shopper of an order
    that no checkout of ours placed we are strangers.
    """
    if settings.smtp_url is None or not order.shopper.email or order.checkout_id is None:
        return
    notice = choose_notice(was, order, mute_comms=settings.mute_comms)
    if notice is not None:
        await put_mail(tx, order.id, notice.kind, notice.reference, now)


class Mailing:
    """Sends the mail that waits; one instance per process. `send` is for tests."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        settings: Settings,
        *,
        clock: Callable[[], datetime],
        send: Send | None = None,
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._settings = settings
        self._clock = clock
        self._send = send or (partial(send_message, settings.smtp_url) if settings.smtp_url else None)
        self._owner = secrets.token_hex(8)
        self._wake = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._is_stopping = False
        self._next_sweep = 0.0

    async def start(self) -> None:
        if self._send is None:
            # Silencing Locally without a mail server leaves the shopper to what the brand tells her by itself.
            tell = log.warning if self._settings.mute_comms else log.info
            tell("mail_off", reason="CHECKOUT_SMTP_URL is not set", locally_writes=not self._settings.mute_comms)
            return
        if self._database.is_exclusive:
            await self._database.write(void_mail_leases)
        self._worker = asyncio.create_task(self._work(self._send), name="mail-worker")

    async def stop(self) -> None:
        """Let what is being sent come to its end for a moment: cut off, it might be sent twice."""
        if self._worker is None:
            return
        self._is_stopping = True
        self._wake.set()
        await asyncio.wait({self._worker}, timeout=_GRACE_SECONDS)
        self._worker.cancel()
        with suppress(asyncio.CancelledError):
            await self._worker
        with suppress(CheckoutError):
            await self._database.write(lambda tx: release_mails(tx, self._owner))

    def nudge(self) -> None:
        """There is mail: do not wait for the next look."""
        self._wake.set()

    async def _work(self, send: Send) -> None:
        while not self._is_stopping:
            self._wake.clear()
            some = False
            try:
                some = await self._send_some(send)
                await self._sweep()
            except Exception as error:
                _tell("mail_paused", error)
            if not some and not self._is_stopping:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.recovery_interval):
                        await self._wake.wait()

    async def _send_some(self, send: Send) -> bool:
        now = self._clock()
        found = await self._database.write(lambda tx: claim_mails(tx, self._owner, now, now + _LEASE, _AT_ONCE))
        await asyncio.gather(*(self._attend(mail, send) for mail in found))
        return bool(found)

    async def _attend(self, mail: Mail, send: Send) -> None:
        """Send one mail and note what became of it. Raises nothing: the others must not wait for it."""
        try:
            await self._try(mail, send)
        except Exception as error:  # A bug, or the database; then the mail is taken up when its lease has run out.
            _tell("mail_paused", error, mail=mail.id)
            with suppress(CheckoutError):
                await self._postpone(mail, type(error).__name__)

    async def _try(self, mail: Mail, send: Send) -> None:
        written = await self._database.read(lambda tx: self._write(tx, mail))
        if written is None:
            await self._end(mail, "superseded")
            return
        order, letter, language = written
        try:
            await send(self._message(mail, order, letter, language))
        except (Undeliverable, ValueError) as error:
            await self._fail(mail, str(error) if isinstance(error, Undeliverable) else "address not supported")
        except NotDelivered as error:
            await self._postpone(mail, str(error))
        else:
            await self._end(mail, "sent", order)

    async def _write(self, tx: Transaction, mail: Mail) -> tuple[Order, Letter, Language] | None:
        """What a mail says as things are now; None where it has become untrue."""
        found = await find_order(tx, mail.order_id)
        kind = MailKind(mail.kind)
        if found is None or not is_still_true(kind, found[0]):
            return None
        order = found[0]
        language = await self._language_of(tx, order)
        if kind is MailKind.LINKS:
            return order, write_links(await self._links_of(tx, order), self._settings, language), language
        return order, write_letter(kind, order, self._link(order), self._settings, language), language

    async def _language_of(self, tx: Transaction, order: Order) -> Language:
        """The language in which she bought."""
        checkout = await find_checkout(tx, order.checkout_id) if order.checkout_id else None
        return choose_language(checkout[0].locale if checkout else None, "", self._settings.languages)

    async def _links_of(self, tx: Transaction, order: Order) -> list[tuple[Order, str]]:
        """The newest links to all orders of the shopper of this one."""
        email_hash = self._keyring.email_hash(order.shopper.email or "")
        found = await recent_orders(tx, self._settings, email_hash, self._clock())
        return [(each, self._link(each, await last_link_generation(tx, each.id))) for each in found]

    def _link(self, order: Order, generation: int = 1) -> str:
        return f"{self._settings.public_url}/o/{self._keyring.token('ol', order.id, generation)}"

    def _message(self, mail: Mail, order: Order, letter: Letter, language: Language) -> EmailMessage:
        name = f"{mail.order_id} {mail.kind} {mail.reference}"
        email = order.shopper.email or ""
        return write_message(letter, email, self._settings, name=name, at=mail.created_at, language=language)

    async def _end(self, mail: Mail, state: str, order: Order | None = None) -> None:
        now = self._clock()

        async def work(tx: Transaction) -> None:
            is_ours = await end_mail(tx, mail, self._owner, now, state)
            if is_ours and order is not None:
                await add_to_timeline(tx, order.story_id, now, "mail.sent", kind=mail.kind)

        await self._database.write(work)

    async def _postpone(self, mail: Mail, fault: str) -> None:
        now = self._clock()
        if now - mail.created_at >= _KEEP_TRYING:
            await self._fail(mail, fault)
            return
        log.warning("mail_postponed", mail=mail.id, order=mail.order_id, kind=mail.kind, fault=fault, tries=mail.tries)
        next_try_at = now + _DELAYS[min(mail.tries, len(_DELAYS) - 1)]
        await self._database.write(lambda tx: defer_mail(tx, mail, self._owner, next_try_at, fault))

    async def _fail(self, mail: Mail, fault: str) -> None:
        log.error("mail_failed", mail=mail.id, order=mail.order_id, kind=mail.kind, fault=fault, tries=mail.tries + 1)
        now = self._clock()
        await self._database.write(lambda tx: end_mail(tx, mail, self._owner, now, "failed", fault))

    async def _sweep(self) -> None:
        """Forget old mail, now and then; by the loop's clock, which is never set."""
        now = asyncio.get_running_loop().time()
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP_SECONDS
            before = self._clock() - _KEEP_ENDED
            await self._database.write(lambda tx: drop_old_mails(tx, before))


def _tell(what: str, error: Exception, **facts: Any) -> None:
    """Log a failure that passes by itself; anything but an error of ours is a bug, told with its traceback."""
    if isinstance(error, CheckoutError):
        log.warning(what, code=error.code, **facts)
    else:
        log.error(what, error=type(error).__name__, exc_info=error, **facts)
