"""Taking up an attempt: one transaction in which rivals meet the database's constraints."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from checkout.attempts import Attempt, AttemptStatus
from checkout.database import (
    KeyRow,
    Transaction,
    add_to_timeline,
    find_attempt,
    find_key,
    get_checkout,
    insert_attempt,
    intent_use,
    list_intents,
    order_of_checkout,
    save_checkout,
)
from checkout.errors import (
    AlreadyPlacing,
    CheckoutError,
    FieldError,
    Incomplete,
    InvalidField,
    KeyMismatch,
    LostRace,
    PriceChanged,
    RequestInProgress,
    SetupIntentInvalid,
)
from checkout.idempotency import Answer, Claim, KeyBook
from checkout.money import Money
from checkout.orders import Checkout, CheckoutStatus, Order, blocking_problems, require_open
from checkout.placing.outcomes import Outcome
from checkout.placing.rescued import admit_rescue

# Two per SetupIntent may reach the card; the second only when the first one's answer was lost.
MOST_VALIDATES = 2
# A key stays open a little longer than its request may wait, so that the request itself closes it.
_OPEN_MARGIN = 10


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """A request to place a checkout's order. `external`: the SetupIntent is of the server's own account."""

    checkout_id: str
    setup_intent_id: str | None
    external: bool
    expected_total: Money
    claim: Claim
    wait: float


@dataclass(frozen=True, slots=True)
class Started:
    """A new attempt, whose outcome the request waits for, and its checkout as it was taken up."""

    attempt_id: str
    checkout: Checkout


class TakingUp:
    """Decides what becomes of a request to place: a new attempt, or an answer."""

    def __init__(self, keys: KeyBook, owner: str, lease: float) -> None:
        self._keys = keys
        self._owner = owner
        self._lease = lease

    def foresee(
        self, order: PlaceOrder, checkout: Checkout, made: Order | None, row: KeyRow | None, now: datetime
    ) -> Outcome | Answer | None:
        """What the records themselves say: the stored answer, the order that was `made`, or a refusal.

        None where there may be something to take up. The checkout must have been read before the `row` of the key: who
        sees what a rival with this key made of the checkout then sees the key as well.
        """
        try:
            known = self._keys.judge(row, order.claim, now)
        except (KeyMismatch, RequestInProgress) as error:
            return Outcome(checkout, error=error)
        if isinstance(known, Answer):
            return known
        return _plain(order, checkout, made) if known is None or known.attempt_id is None else None

    async def take_up(self, tx: Transaction, order: PlaceOrder, now: datetime) -> Started | Outcome | Answer:
        """Raises SetupIntentInvalid, NotRescuable and KeyMismatch.

        LostRace says that a rival wrote at the same moment: asked again, this tells what the rival has made of it.
        """
        checkout = (await get_checkout(tx, order.checkout_id)).as_of(now)
        made = await order_of_checkout(tx, checkout.id) if checkout.status is CheckoutStatus.PLACED else None
        row = await find_key(tx, order.claim.name)
        said = self.foresee(order, checkout, made, row, now)
        if said is None and row is not None and row.attempt_id is not None:
            said = await _going_on(tx, order, checkout, row) or _plain(order, checkout, made)
        if said is not None:
            return said
        await admit_rescue(tx, checkout)
        await _admit_intent(tx, checkout, order)
        return await self._start(tx, checkout, order, now)

    async def _start(self, tx: Transaction, checkout: Checkout, order: PlaceOrder, now: datetime) -> Started:
        attempt = Attempt(
            id=f"att_{secrets.token_hex(16)}",
            checkout_id=checkout.id,
            brand=checkout.brand,
            status=AttemptStatus.RECEIVED,
            idempotency_key=order.claim.name.key,
            setup_intent_id=order.setup_intent_id,
            external_intent=order.external,
            expected_amount=order.expected_total.amount,
            created_at=now,
            updated_at=now,
            lease_owner=self._owner,
            lease_until=now + timedelta(seconds=self._lease),
        )
        placing = await save_checkout(tx, checkout, checkout.changed(status=CheckoutStatus.PLACING, notice=None))
        try:
            await insert_attempt(tx, attempt)
        except LostRace:  # The checkout is ours by now: what keeps us out is the SetupIntent, live or used elsewhere.
            raise SetupIntentInvalid from None
        seconds = order.wait + _OPEN_MARGIN
        await self._keys.open(tx, order.claim, now, seconds=seconds, attempt_id=attempt.id, bound=False)
        await add_to_timeline(
            tx, checkout.id, now, "attempt.received", attempt=attempt.id, request_id=order.claim.request_id
        )
        return Started(attempt.id, placing)


def _plain(order: PlaceOrder, checkout: Checkout, made: Order | None) -> Outcome | None:
    """The order that is there, or what speaks against another attempt; told with the checkout that it was read from."""
    if made is not None:
        return Outcome(checkout, order=made)
    try:
        _admit(checkout, order)
    except CheckoutError as error:
        return Outcome(checkout, error=error)
    return None


async def _going_on(tx: Transaction, order: PlaceOrder, checkout: Checkout, row: KeyRow) -> Outcome | None:
    """The attempt of this key, if it goes on. Raises KeyMismatch, and LostRace where it began or ended as we looked."""
    attempt = await find_attempt(tx, row.attempt_id) if row.attempt_id else None
    if attempt is None:
        return None
    if attempt.is_live is not (checkout.status is CheckoutStatus.PLACING):
        raise LostRace
    if attempt.is_live and row.fingerprint != order.claim.fingerprint:
        raise KeyMismatch
    return Outcome(checkout) if attempt.is_live else None


def _admit(checkout: Checkout, order: PlaceOrder) -> None:
    """Raises what speaks against placing this checkout with this request."""
    if checkout.status is CheckoutStatus.PLACING:
        raise AlreadyPlacing
    require_open(checkout)
    problems = blocking_problems(checkout)
    totals = checkout.totals
    if problems or totals is None:
        raise Incomplete(fields=problems)
    if checkout.payment is not None and order.setup_intent_id is None:
        raise InvalidField(fields=(FieldError("/setup_intent_id", "missing", "This field is required."),))
    if checkout.payment is None and order.setup_intent_id is not None:
        detail = "This is a reservation: it is paid in the store, so no card is taken."
        raise InvalidField(fields=(FieldError("/setup_intent_id", "no_payment_needed", detail),))
    if order.expected_total.currency != totals.total.currency:
        detail = f"This checkout is in {totals.total.currency}."
        raise InvalidField(fields=(FieldError("/expected_total/currency", "invalid", detail),))
    if totals.total.amount > order.expected_total.amount:
        raise PriceChanged


async def _admit_intent(tx: Transaction, checkout: Checkout, order: PlaceOrder) -> None:
    """Raises SetupIntentInvalid unless our books say that this SetupIntent may be used for this checkout."""
    if order.setup_intent_id is None:
        return
    use = await intent_use(tx, order.setup_intent_id)
    if use.spent or use.validates >= MOST_VALIDATES:
        raise SetupIntentInvalid
    if order.external:
        return
    account = checkout.payment.account if checkout.payment else None
    rows = await list_intents(tx, checkout.id)
    usable = (row for row in rows if row.state in {"live", "set_aside"} and row.account == account)
    if order.setup_intent_id not in {row.setup_intent_id for row in usable}:
        raise SetupIntentInvalid
