"""The steps of an attempt: write, call, write. Running them again from any status is the recovery."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from checkout.assessing import Assessment, Assessor
from checkout.attempts import Attempt, AttemptEvent, AttemptStatus, ReadBackSpans, judge, next_read, note_read
from checkout.errors import (
    CartRefused,
    CheckoutError,
    DatabaseUnavailable,
    ItemRefused,
    ItemUnavailable,
    LostRace,
    NotSent,
    PathUnavailable,
    Refused,
    SetupIntentInvalid,
    StoreUnknown,
    UpstreamBusy,
    UpstreamError,
)
from checkout.locally_client import CartToValidate, ItemToValidate, LocallyClient, ValidatedCart
from checkout.orders import Checkout, Order, PriceSource
from checkout.placing.judging import (
    doubt_given,
    keep_right,
    mark_refused,
    object_to,
    prices,
    problems_of,
    short_lines,
    with_assessment,
)
from checkout.placing.recording import Recorder
from checkout.placing.writing import Holds, Look
from checkout.settings import Settings
from checkout.stripe_client import StripeClient

# A price that keeps falling between quote and validate is a fault of the upstream's, not a bargain to chase.
_MOST_PRICE_FALLS = 2
_TRIES_WHEN_NOT_SENT = 2
# What a read-back showed, in the words of the journal.
_SHOWED = {True: "order", False: "no_order", None: "no_answer"}
_ORDER_PATH = re.compile(r"/order/[A-Za-z0-9]{2,64}/[A-Za-z0-9]{2,64}")

log = structlog.get_logger(__name__)

SleepUntil = Callable[[datetime], Awaitable[bool]]


class Steps:
    """What to do next for an attempt, by its status. `on_placed` learns of each order, and may fail."""

    def __init__(
        self,
        recorder: Recorder,
        assessor: Assessor,
        locally: LocallyClient,
        stripe: StripeClient,
        settings: Settings,
        *,
        clock: Callable[[], datetime],
        sleep_until: SleepUntil,
        is_stopping: Callable[[], bool],
        on_placed: Callable[[Order], Awaitable[None]],
    ) -> None:
        self._recorder = recorder
        self._assessor = assessor
        self._locally = locally
        self._stripe = stripe
        self._settings = settings
        self._clock = clock
        self._sleep_until = sleep_until
        self._is_stopping = is_stopping
        self._on_placed = on_placed
        self._spans = read_back_spans(settings)
        self._by_status: dict[AttemptStatus, Callable[[Attempt, Checkout], Awaitable[None]]] = {
            AttemptStatus.RECEIVED: self._prepare,
            AttemptStatus.CHECKED: self._prepare,
            AttemptStatus.INTENT_VERIFIED: self._validate,
            AttemptStatus.VALIDATING: self._resume_validating,
            AttemptStatus.VALIDATED: self._commit,
            AttemptStatus.COMMITTING: self._resume_committing,
            AttemptStatus.UNKNOWN: self._read_back,
        }

    async def take(self, attempt: Attempt, checkout: Checkout) -> bool:
        """Take the next step; False when there is none to take. Raises LostRace when somebody else took it."""
        step = self._by_status.get(attempt.status)
        if step is None:
            return False
        await step(attempt, checkout)
        return True

    async def _prepare(self, attempt: Attempt, checkout: Checkout) -> None:
        """Read stock and prices afresh, and the SetupIntent, at the same time: nothing is held yet."""
        if self._age(attempt.created_at) > self._settings.attempt_young:
            await self._recorder.give_up(attempt, AttemptEvent.TOO_OLD, None)
            return
        assessed, verified = await asyncio.gather(
            self._assessor.reassess(checkout), self._verify_intent(attempt, checkout), return_exceptions=True
        )
        for failure in (assessed, verified):
            if isinstance(failure, CheckoutError) and not isinstance(failure, DatabaseUnavailable):
                await self._reject(attempt, checkout, failure)
                return
            if isinstance(failure, BaseException):
                raise failure
        assert isinstance(assessed, Assessment)  # noqa: S101  For the type checker: failures are gone by now.
        fresh = with_assessment(checkout, assessed)
        objection = object_to(fresh, attempt)
        if objection is not None:
            await self._recorder.reject(attempt, objection, checkout=fresh)
            return
        await self._send_validate(attempt, fresh)

    async def _verify_intent(self, attempt: Attempt, checkout: Checkout) -> None:
        """Raises SetupIntentInvalid unless Stripe says that this card entry is ours and succeeded."""
        if attempt.setup_intent_id is None or attempt.external_intent:
            return
        account = checkout.payment.account if checkout.payment else None
        intent = await self._stripe.read_setup_intent(attempt.setup_intent_id, account)
        if (
            intent is None
            or intent.status != "succeeded"
            or intent.livemode != (self._settings.mode == "live")
            or intent.metadata.get("checkout_id") != checkout.id
            or "card" not in intent.payment_method_types
        ):
            raise SetupIntentInvalid

    async def _validate(self, attempt: Attempt, checkout: Checkout) -> None:
        """Once more: the first try provably never left, or held nothing."""
        if self._age(attempt.created_at) > self._settings.attempt_young:
            await self._recorder.give_up(attempt, AttemptEvent.TOO_OLD, None)
        else:
            await self._send_validate(attempt, checkout)

    async def _send_validate(self, attempt: Attempt, checkout: Checkout) -> None:
        """Place the holds. Only a call that provably never left is sent again."""
        begun, checkout = await self._recorder.begin_validate(attempt, checkout)
        try:
            cart = await self._locally.validate_cart(self._cart(begun, checkout))
        except NotSent as error:
            if begun.validate_tries - begun.price_falls < _TRIES_WHEN_NOT_SENT:
                await self._recorder.validate_again(begun, AttemptEvent.VALIDATE_NOT_SENT)
            else:
                await self._recorder.reject(begun, error)
        except CartRefused as error:
            await self._learn_why(begun, checkout, error)
        except (UpstreamBusy, Refused) as error:
            await self._reject(begun, checkout, error)
        except UpstreamError:
            await self._resume_validating(begun, checkout)
        else:
            await self._holds_placed(begun, checkout, cart)

    def _cart(self, attempt: Attempt, checkout: Checkout) -> CartToValidate:
        return CartToValidate(
            card_token=attempt.setup_intent_id,
            host_domain=checkout.host_domain,
            path=checkout.path_to_purchase,
            store_id=checkout.store.id,
            mute_comms=self._settings.mute_comms,
            items=tuple(
                ItemToValidate(
                    upc=line.upc,
                    quantity=line.quantity,
                    price=line.unit_price,
                    tax=line.tax_per_unit if self._sends_tax(line.price_source) else None,
                    message=line.message,
                )
                for line in checkout.items
                if line.unit_price is not None
            ),
            shopper=checkout.shopper,
        )

    def _sends_tax(self, source: PriceSource | None) -> bool:
        """The brand's server decides on the tax it gave; a quoted one is sent where the settings say so."""
        return source is PriceSource.GIVEN or self._settings.tax == "quoted"

    async def _resume_validating(self, attempt: Attempt, _checkout: Checkout) -> None:
        """The answer to validate is lost: holds may exist, an order cannot."""
        await self._recorder.give_up(attempt, AttemptEvent.VALIDATE_LOST, Holds("possible", "validate_lost"))

    async def _learn_why(self, attempt: Attempt, checkout: Checkout, refusal: CartRefused) -> None:
        """Locally took not every item into the cart and held nothing: look at stock, path and price afresh."""
        try:
            fresh = with_assessment(checkout, await self._assessor.reassess(doubt_given(checkout)))
        except CheckoutError as error:
            await self._reject(attempt, checkout, error)
            return
        fresh = keep_right(fresh, checkout, refusal.error_code)
        objection = object_to(fresh, attempt)
        if objection is not None:
            await self._recorder.reject(attempt, objection, checkout=fresh)
        elif prices(fresh) != prices(checkout) and attempt.price_falls < _MOST_PRICE_FALLS:
            await self._recorder.validate_again(attempt, AttemptEvent.PRICE_FELL, checkout=fresh)
        else:
            refused = mark_refused(fresh, refusal.upcs)
            told = ItemRefused(fields=problems_of(refused, ItemRefused))
            await self._recorder.reject(attempt, told, checkout=refused)

    async def _reject(self, attempt: Attempt, checkout: Checkout, error: CheckoutError) -> None:
        """A no that leaves nothing at Locally; a store that is gone offers no path any more."""
        if isinstance(error, StoreUnknown):
            gone = checkout.changed(path_offered=False)
            told = PathUnavailable(fields=problems_of(gone, PathUnavailable))
            await self._recorder.reject(attempt, told, checkout=gone)
        else:
            await self._recorder.reject(attempt, error)

    async def _holds_placed(self, attempt: Attempt, checkout: Checkout, cart: ValidatedCart) -> None:
        short = short_lines(checkout, cart)
        if short:
            lines = tuple(line.changed(available=False) if line.upc in short else line for line in checkout.items)
            known = attempt.changed(cart_hash=cart.cart_hash)
            missing = checkout.changed(items=lines)
            error = ItemUnavailable(fields=problems_of(missing, ItemUnavailable))
            await self._recorder.reject(known, error, checkout=missing, holds=Holds("open", "short_quantity"))
            return
        try:
            validated = await self._recorder.holds_placed(attempt, cart.cart_hash, cart.cart_jwt, cart.session_id)
        except LostRace:  # Another attempt has this cart: it must not be committed twice.
            await self._resume_validating(attempt, checkout)
        else:
            if not self._is_stopping():  # The next process goes on from here.
                await self._commit(validated, checkout)

    async def _commit(self, attempt: Attempt, checkout: Checkout) -> None:
        """Place the order, once. Only a commit that provably never left is tried a second time."""
        validated_at = attempt.validated_at or attempt.updated_at
        too_old = self._age(validated_at) > self._settings.commit_within
        right = self._recorder.open_cart_jwt(attempt)
        if too_old or attempt.commit_tries >= _TRIES_WHEN_NOT_SENT or right is None:
            await self._recorder.give_up(attempt, AttemptEvent.TOO_OLD, Holds("open", "lapsed"))
            return
        begun = await self._recorder.begin_commit(attempt)
        try:
            committed = await self._locally.commit_cart(*right)
        except NotSent:
            await self._recorder.commit_not_sent(begun)
        except (Refused, UpstreamBusy):
            await self._commit_lost(begun, refused=True)
        except UpstreamError:
            await self._commit_lost(begun, refused=False)
        else:
            await self._placed(begun, self._order_url(committed.target_uri))

    async def _commit_lost(self, attempt: Attempt, *, refused: bool) -> None:
        await self._recorder.commit_lost(attempt, self._next_read(attempt), refused=refused)

    async def _resume_committing(self, attempt: Attempt, _checkout: Checkout) -> None:
        """We ended between mark and answer: whether there is an order must be read back."""
        await self._commit_lost(attempt, refused=False)

    async def _placed(self, attempt: Attempt, order_url: str | None, look: Look | None = None) -> None:
        await self.read_order(await self._recorder.placed(attempt.id, order_url, look))

    async def read_order(self, order: Order) -> None:
        """Let `on_placed` learn of a new order; the order stands whether that succeeds or not."""
        try:
            await self._on_placed(order)
        except CheckoutError as error:
            log.warning("order_not_read", order=order.id, code=error.code)

    def _order_url(self, target_uri: str | None) -> str | None:
        """The shopper's page at Locally. Anything but the documented form could lead elsewhere and is dropped."""
        if target_uri is None or not _ORDER_PATH.fullmatch(target_uri):
            return None
        return f"{self._settings.locally_base_url}{target_uri}"

    async def _read_back(self, attempt: Attempt, _checkout: Checkout) -> None:
        """Look for the order, when its time has come, and judge what all the looks have shown."""
        if attempt.next_read_at is not None and not await self._sleep_until(attempt.next_read_at):
            return
        begun = self._clock()
        found = await self._look(attempt)
        now = self._clock()
        look = Look(begun, now, _SHOWED[found])
        if found:
            await self._placed(attempt, None, look)
            return
        noted = note_read(attempt, healthy=found is False, now=now)
        verdict = judge(noted, self._spans, now)
        if verdict is AttemptEvent.ORDER_ABSENT:
            await self._recorder.not_placed(attempt, look)
        elif verdict is AttemptEvent.EVIDENCE_MISSING:
            await self._recorder.review(noted, look)
        else:
            await self._recorder.note_read(attempt, noted.changed(next_read_at=self._next_read(noted)), look)

    async def _look(self, attempt: Attempt) -> bool | None:
        """Whether Locally shows an order: True, False (a healthy answer without one), None (no clear answer)."""
        if attempt.cart_hash is None:
            return None
        try:
            cart = await self._locally.read_cart(attempt.cart_hash)
        except CheckoutError as error:
            log.info("read_back_failed", attempt=attempt.id, code=error.code)
            return None
        return False if cart is None else cart.is_ordered

    def _next_read(self, attempt: Attempt) -> datetime:
        return next_read(attempt, self._spans, self._clock(), random.random())  # noqa: S311  Only spreads the load.

    def _age(self, since: datetime) -> float:
        return (self._clock() - since).total_seconds()


def read_back_spans(settings: Settings) -> ReadBackSpans:
    return ReadBackSpans(
        delays=settings.readback_delays,
        interval=settings.readback_interval,
        until=settings.readback_until,
        not_placed_after=settings.not_placed_after,
        not_placed_after_refusal=settings.not_placed_after_refusal,
    )
