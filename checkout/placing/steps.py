"""The steps of an attempt: write, call, write. Running them again from any status is the recovery."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import datetime

from checkout.assessing import Assessment, Assessor
from checkout.attempts import READ_BACK_IN, Attempt, AttemptEvent, AttemptStatus
from checkout.database import Look
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
from checkout.orders import Checkout, PriceSource
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
from checkout.placing.reading_back import ReadingBack
from checkout.placing.recording import Recorder
from checkout.placing.writing import Holds
from checkout.settings import Settings
from checkout.stripe_client import StripeClient

# A price that keeps falling between quote and validate is a fault of the upstream's, not a bargain to chase.
_MOST_PRICE_FALLS = 2
_TRIES_WHEN_NOT_SENT = 2
_SUCCEEDED = "succeeded"  # In Stripe's words: the card is saved.
_ORDER_PATH = re.compile(r"/order/[A-Za-z0-9]{2,64}/[A-Za-z0-9]{2,64}")


class Steps:
    """What to do next for an attempt, by its status. `sent` are the attempts that have sent what touches a card."""

    def __init__(
        self,
        recorder: Recorder,
        reading_back: ReadingBack,
        assessor: Assessor,
        locally: LocallyClient,
        stripe: StripeClient,
        settings: Settings,
        *,
        clock: Callable[[], datetime],
        is_stopping: Callable[[], bool],
    ) -> None:
        self._recorder = recorder
        self._reading_back = reading_back
        self._assessor = assessor
        self._locally = locally
        self._stripe = stripe
        self._settings = settings
        self.sent: set[str] = set()
        self._clock = clock
        self._is_stopping = is_stopping
        self._by_status: dict[AttemptStatus, Callable[[Attempt, Checkout], Awaitable[None]]] = {
            AttemptStatus.RECEIVED: self._prepare,
            AttemptStatus.CHECKED: self._prepare,
            AttemptStatus.INTENT_VERIFIED: self._validate,
            AttemptStatus.VALIDATING: self._resume_validating,
            AttemptStatus.VALIDATED: self._commit,
            AttemptStatus.COMMITTING: self._resume_committing,
            AttemptStatus.UNKNOWN: self._read_back,
            AttemptStatus.REVIEW: self._read_back,
            AttemptStatus.NOT_PLACED: self._look_late,
        }

    async def take(self, attempt: Attempt, checkout: Checkout) -> bool:
        """Take the next step; False when there is none to take. Raises LostRace when somebody else took it."""
        step = self._by_status.get(attempt.status)
        if step is None or (attempt.status in READ_BACK_IN and not self._reading_back.is_due(attempt)):
            return False
        await step(attempt, checkout)
        return True

    async def _prepare(self, attempt: Attempt, checkout: Checkout) -> None:
        """Read stock and prices afresh, and the SetupIntent, at the same time: nothing is held yet."""
        if self._age(attempt.created_at) > self._settings.attempt_young:
            await self._recorder.give_up(attempt, AttemptEvent.TOO_OLD, None)
            return
        assessed, look = await asyncio.gather(
            self._assessor.reassess(checkout), self._look_at_intent(attempt, checkout), return_exceptions=True
        )
        for failure in (assessed, look):
            if isinstance(failure, CheckoutError) and not isinstance(failure, DatabaseUnavailable):
                await self._reject(attempt, checkout, failure)
                return
            if isinstance(failure, BaseException):
                raise failure
        assert isinstance(assessed, Assessment)  # noqa: S101  For the type checker: failures are gone by now.
        assert not isinstance(look, BaseException)  # noqa: S101  Likewise.
        fresh = with_assessment(checkout, assessed)
        if look is not None and look.showed != _SUCCEEDED:
            await self._recorder.reject(attempt, SetupIntentInvalid(), look=look)
            return
        objection = object_to(fresh, attempt)
        if objection is not None:
            await self._recorder.reject(attempt, objection, checkout=fresh, look=look)
            return
        await self._send_validate(attempt, fresh, look)

    async def _look_at_intent(self, attempt: Attempt, checkout: Checkout) -> Look | None:
        """What Stripe says of this card entry: `succeeded` if it may be used; None where nobody has to be asked."""
        if attempt.setup_intent_id is None or attempt.external_intent:
            return None
        account, begun = checkout.payment.account if checkout.payment else None, self._clock()
        intent = await self._stripe.read_setup_intent(attempt.setup_intent_id, account)
        if intent is None:
            return Look(begun, self._clock(), "unknown_there")
        is_ours = (
            intent.livemode == (self._settings.mode == "live")
            and intent.metadata.get("checkout_id") == checkout.id
            and "card" in intent.payment_method_types
        )
        return Look(begun, self._clock(), intent.status[:40] if is_ours else "not_ours", intent.request_id)

    async def _validate(self, attempt: Attempt, checkout: Checkout) -> None:
        """Once more: the first try provably never left, or held nothing."""
        if self._age(attempt.created_at) > self._settings.attempt_young:
            await self._recorder.give_up(attempt, AttemptEvent.TOO_OLD, None)
        else:
            await self._send_validate(attempt, checkout)

    async def _send_validate(self, attempt: Attempt, checkout: Checkout, look: Look | None = None) -> None:
        """Place the holds. Only a call that provably never left is sent again."""
        if self._is_stopping():  # Nothing is held yet, and the next process begins afresh.
            return
        begun, checkout = await self._recorder.begin_validate(attempt, checkout, look)
        self.sent.add(attempt.id)
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
            await self._reading_back.placed(begun, self._order_url(committed.target_uri))

    async def _commit_lost(self, attempt: Attempt, *, refused: bool) -> None:
        await self._recorder.commit_lost(attempt, self._reading_back.next_read(attempt), refused=refused)

    async def _resume_committing(self, attempt: Attempt, _checkout: Checkout) -> None:
        """We ended between mark and answer: whether there is an order must be read back."""
        await self._commit_lost(attempt, refused=False)

    async def _read_back(self, attempt: Attempt, _checkout: Checkout) -> None:
        await self._reading_back.look(attempt)

    async def _look_late(self, attempt: Attempt, checkout: Checkout) -> None:
        await self._reading_back.look_late(attempt, checkout)

    def _order_url(self, target_uri: str | None) -> str | None:
        """The shopper's page at Locally. Anything but the documented form could lead elsewhere and is dropped."""
        if target_uri is None or not _ORDER_PATH.fullmatch(target_uri):
            return None
        return f"{self._settings.locally_base_url}{target_uri}"

    def _age(self, since: datetime) -> float:
        """Seconds since a time. After a clock was set back nobody knows; then it is taken to be as far away."""
        return abs((self._clock() - since).total_seconds())
