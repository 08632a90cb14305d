"""Opening, reading, changing and giving up checkouts, and the SetupIntents that they hand out."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from checkout.assessing import Assessment, Assessor
from checkout.database import (
    Database,
    IntentRow,
    Transaction,
    add_to_timeline,
    find_checkout,
    get_checkout,
    insert_checkout,
    insert_intent,
    kill_intents,
    list_intents,
    order_of_checkout,
    save_checkout,
    update_intent,
)
from checkout.errors import (
    AlreadyPlacing,
    CheckoutError,
    FieldError,
    InvalidField,
    LostRace,
    NoPaymentNeeded,
    RequestInProgress,
    TooManyCards,
    UnknownResource,
    VersionMismatch,
)
from checkout.idempotency import Answer, Claim, KeyBook
from checkout.keyring import Keyring, token_hash
from checkout.orders import (
    Checkout,
    CheckoutStatus,
    LineItem,
    Order,
    PathToPurchase,
    Payment,
    PriceSource,
    Shopper,
    open_status,
    require_open,
)
from checkout.settings import Settings
from checkout.stripe_client import SetupIntent, StripeClient

MOST_CARDS = 5
# Creating waits for two rounds of reads at Locally; a key that is open longer belongs to a process that died.
_CREATE_SECONDS = 30
# A page saves its groups of fields one by one; two that arrive together both count.
_CHANGE_TRIES = 3

RenderCreated = Callable[[Checkout, str], Answer]


@dataclass(frozen=True, slots=True)
class NewCheckout:
    """What a checkout is opened with. Items carry no prices, except what the brand's server gave."""

    store_id: int
    path_to_purchase: PathToPurchase
    items: tuple[LineItem, ...]
    shopper: Shopper
    extras: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """What a PATCH asks for; None leaves things as they are.

    `shopper` makes the new shopper from the present one; `extras` are host_domain, locale and return_url;
    `if_version` are the versions that may be changed, None for any.
    """

    store_id: int | None = None
    path_to_purchase: PathToPurchase | None = None
    items: tuple[LineItem, ...] | None = None
    shopper: Callable[[Shopper], Shopper] | None = None
    extras: dict[str, str | None] = field(default_factory=dict)
    if_version: frozenset[str] | None = None

    @property
    def moves_cart(self) -> bool:
        return self.store_id is not None or self.path_to_purchase is not None or self.items is not None


@dataclass(frozen=True, slots=True)
class Found:
    """A checkout as it is now, with its order if it has one."""

    checkout: Checkout
    token_hash: str
    order: Order | None


@dataclass(frozen=True, slots=True)
class HandedOut:
    """A SetupIntent for the browser; `created` is False when the live one was handed out again."""

    setup_intent: SetupIntent
    payment: Payment
    created: bool


class Checkouts:
    """The life of a checkout before and beside placing."""

    def __init__(
        self,
        database: Database,
        assessor: Assessor,
        stripe: StripeClient,
        keyring: Keyring,
        settings: Settings,
        *,
        clock: Callable[[], datetime],
        render_created: RenderCreated,
    ) -> None:
        self._database = database
        self._assessor = assessor
        self._stripe = stripe
        self._keyring = keyring
        self._settings = settings
        self._clock = clock
        self._render_created = render_created
        self._keys = KeyBook(keyring)

    async def create(self, new: NewCheckout, claim: Claim) -> Answer:
        """Open a checkout: its cart is read from Locally, and nothing is held.

        Raises StoreUnknown, PathNotOffered, InvalidField, UpstreamError, KeyMismatch, RequestInProgress; none of them
        binds the key.
        """
        try:
            replay = await self._database.write(lambda tx: self._claim(tx, claim))
        except LostRace:  # The same key, at the same moment, in another instance.
            raise RequestInProgress(retry_after=1) from None
        if replay is not None:
            return replay
        try:
            return await self._create(new, claim)
        except BaseException:
            await self._database.write(lambda tx: self._keys.free(tx, claim.name))
            raise

    async def _claim(self, tx: Transaction, claim: Claim) -> Answer | None:
        now = self._clock()
        known = await self._keys.look_up(tx, claim, now)
        if isinstance(known, Answer):
            return known
        await self._keys.open(tx, claim, now, seconds=_CREATE_SECONDS, attempt_id=None, bound=False)
        return None

    async def _create(self, new: NewCheckout, claim: Claim) -> Answer:
        assessment = await self._assessor.assess(new.store_id, new.path_to_purchase, new.items)
        checkout = self._assemble(new, assessment)
        token = self._keyring.token("ct", checkout.id)
        answer = self._render_created(checkout, token)

        async def work(tx: Transaction) -> None:
            await insert_checkout(tx, checkout, token_hash(token))
            await self._keys.store(tx, claim.name, answer)
            await add_to_timeline(tx, checkout.id, checkout.created_at, "checkout.created", status=checkout.status)

        await self._database.write(work)
        return answer

    def _assemble(self, new: NewCheckout, assessment: Assessment) -> Checkout:
        now = self._clock()
        _check_currencies(assessment)
        checkout = Checkout(
            id=f"chk_{secrets.token_hex(16)}",
            brand=self._settings.brand,
            version=1,
            status=CheckoutStatus.INCOMPLETE,
            store=assessment.store,
            currency=assessment.currency,
            path_to_purchase=new.path_to_purchase,
            items=assessment.items,
            shopper=new.shopper,
            payment=self._payment(assessment, new.path_to_purchase),
            tax_estimated=self._settings.tax == "locally",
            created_at=now,
            expires_at=self._expiry(now),
            quoted_at=assessment.as_of,
        )
        return checkout.changed(status=open_status(checkout), **new.extras)

    def _payment(self, assessment: Assessment, path: PathToPurchase) -> Payment | None:
        if path is PathToPurchase.ROPIS:
            return None
        name = "sts" if path is PathToPurchase.STS else str(assessment.store.id)
        own = self._settings.stripe_accounts.get(name)
        return Payment(
            publishable_key=own.publishable_key if own else self._settings.stripe_publishable_key,
            account=own.account if own else None,
            currency=assessment.currency,
        )

    def _expiry(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self._settings.checkout_life)

    async def find(self, checkout_id: str) -> Found:
        """The checkout as it is now. Raises UnknownResource."""

        async def work(tx: Transaction) -> Found | None:
            found = await find_checkout(tx, checkout_id)
            if found is None:
                return None
            checkout, hashed = found
            order = await order_of_checkout(tx, checkout_id) if checkout.status is CheckoutStatus.PLACED else None
            return Found(checkout.as_of(self._clock()), hashed, order)

        found = await self._database.read(work)
        if found is None:
            raise UnknownResource
        return found

    def token_expired(self, checkout: Checkout) -> bool:
        """Whether the checkout's token is too old to be of use."""
        if checkout.ended_at is None:
            return False
        return self._clock() >= checkout.ended_at + timedelta(seconds=self._settings.token_life)

    async def change(self, checkout_id: str, change: Change) -> Checkout:
        """Change an open checkout.

        Raises NotOpen, Expired, NotPlaced, VersionMismatch, InvalidField, StoreUnknown, PathNotOffered, UpstreamError;
        LostRace if it is changed again and again at the same moment.
        """
        for _ in range(_CHANGE_TRIES - 1):
            try:
                return await self._change(checkout_id, change)
            except LostRace:
                continue
        return await self._change(checkout_id, change)

    async def _change(self, checkout_id: str, change: Change) -> Checkout:
        was = (await self.find(checkout_id)).checkout
        if change.if_version is not None and str(was.version) not in change.if_version:
            raise VersionMismatch
        require_open(was)
        now = await self._changed(was, change)

        async def work(tx: Transaction) -> tuple[Checkout, list[IntentRow]]:
            saved = await save_checkout(tx, was, now)
            moved = (was.store.id, was.path_to_purchase) != (now.store.id, now.path_to_purchase)
            dropped = await kill_intents(tx, was.id) if moved else []
            await add_to_timeline(tx, was.id, self._clock(), "checkout.changed", version=saved.version)
            return saved, dropped

        saved, dropped = await self._database.write(work)
        await self._cancel_intents(dropped)
        return saved

    async def _changed(self, was: Checkout, change: Change) -> Checkout:
        shopper = change.shopper(was.shopper) if change.shopper else was.shopper
        changed = was.changed(shopper=shopper, **change.extras)
        if change.moves_cart:
            changed = await self._moved(changed, change)
        return changed.changed(status=open_status(changed), expires_at=self._expiry(self._clock()))

    async def _moved(self, was: Checkout, change: Change) -> Checkout:
        path = change.path_to_purchase or was.path_to_purchase
        items = tuple(_without_price(line) for line in (change.items or was.items))
        assessment = await self._assessor.assess(change.store_id or was.store.id, path, items)
        _check_currencies(assessment)
        payment = self._payment(assessment, path)
        return was.changed(
            store=assessment.store,
            currency=assessment.currency,
            path_to_purchase=path,
            path_offered=True,
            items=assessment.items,
            payment=payment,
            card_needed=payment is not None and (was.card_needed or payment != was.payment),
            notice=None,
            quoted_at=assessment.as_of,
        )

    async def cancel(self, checkout_id: str) -> Checkout:
        """Give up a checkout that is not being placed; a canceled one stays canceled.

        Raises AlreadyPlacing, NotOpen (placed), Expired, NotPlaced.
        """
        was = (await self.find(checkout_id)).checkout
        if was.status is CheckoutStatus.CANCELED:
            return was
        if was.status is CheckoutStatus.PLACING:
            raise AlreadyPlacing
        require_open(was)
        now = self._clock()

        async def work(tx: Transaction) -> tuple[Checkout, list[IntentRow]]:
            saved = await save_checkout(tx, was, was.changed(status=CheckoutStatus.CANCELED, ended_at=now))
            await add_to_timeline(tx, was.id, now, "checkout.canceled")
            return saved, await kill_intents(tx, was.id)

        saved, dropped = await self._database.write(work)
        await self._cancel_intents(dropped)
        return saved

    async def _cancel_intents(self, rows: list[IntentRow]) -> None:
        """Cancel at Stripe what we will not use; one that cannot be canceled is dead in our books all the same."""
        for row in rows:
            if row.setup_intent_id is not None:
                try:
                    await self._stripe.cancel_setup_intent(row.setup_intent_id, row.account)
                except CheckoutError:
                    continue

    async def hand_out_setup_intent(self, checkout_id: str) -> HandedOut:
        """The SetupIntent with which the browser takes the card: the live one, or a new one.

        Raises NotOpen, Expired, NoPaymentNeeded, TooManyCards, UpstreamError.
        """
        checkout = (await self.find(checkout_id)).checkout
        require_open(checkout)
        if checkout.payment is None:
            raise NoPaymentNeeded
        live = await self._live_intent(checkout_id)
        if live is not None:
            return HandedOut(live, checkout.payment, created=False)
        row = await self._database.write(lambda tx: self._reserve_intent(tx, checkout_id))
        intent = await self._stripe.create_setup_intent(
            checkout_id=checkout_id,
            brand=checkout.brand,
            store_id=checkout.store.id,
            account=row.account,
            idempotency_key=f"si-{checkout_id}-{row.number}",
        )
        await self._database.write(lambda tx: self._record_intent(tx, row, intent))
        return HandedOut(intent, checkout.payment, created=True)

    async def _live_intent(self, checkout_id: str) -> SetupIntent | None:
        """The SetupIntent that waits for a card. One that succeeded stays usable, but the next card needs its own."""
        rows = await self._database.read(lambda tx: list_intents(tx, checkout_id))
        row = next((row for row in rows if row.state == "live"), None)
        if row is None or row.setup_intent_id is None:
            return None
        intent = await self._stripe.read_setup_intent(row.setup_intent_id, row.account)
        if intent is not None and intent.status not in {"succeeded", "canceled"}:
            return intent
        usable = intent is not None and intent.status == "succeeded"
        await self._database.write(lambda tx: update_intent(tx, row, "set_aside" if usable else "dead"))
        return None

    async def _reserve_intent(self, tx: Transaction, checkout_id: str) -> IntentRow:
        """The row for a new SetupIntent; one whose creation was lost is taken up again, under the same key."""
        checkout = await get_checkout(tx, checkout_id)
        require_open(checkout)
        rows = await list_intents(tx, checkout_id)
        for row in rows:
            if row.state == "creating":
                return row
        if len(rows) >= MOST_CARDS:
            raise TooManyCards
        account = checkout.payment.account if checkout.payment else None
        row = IntentRow(checkout_id, len(rows) + 1, None, account, "creating")
        await insert_intent(tx, row, self._clock())
        return row

    async def _record_intent(self, tx: Transaction, row: IntentRow, intent: SetupIntent) -> None:
        present = next(each for each in await list_intents(tx, row.checkout_id) if each.number == row.number)
        if present.state != "creating":
            return  # A request at the same moment recorded it, or the store was changed in between.
        await update_intent(tx, row, "live", intent.id)
        checkout = await get_checkout(tx, row.checkout_id)
        if checkout.card_needed and checkout.is_open:
            await save_checkout(tx, checkout, checkout.changed(card_needed=False))
        await add_to_timeline(tx, row.checkout_id, self._clock(), "setup_intent.created", setup_intent=intent.id)


def _without_price(line: LineItem) -> LineItem:
    """A line as asked for: what another store said of it does not count here."""
    if line.price_source is PriceSource.GIVEN:
        return line
    return line.changed(unit_price=None, tax_per_unit=None, shipping=None, price_source=None, available=None)


def _check_currencies(assessment: Assessment) -> None:
    """Raises InvalidField if the brand's server gave a price in another currency than the store's."""
    faults = [
        FieldError(f"/items/{index}/{name}/currency", "invalid", f"This store sells in {assessment.currency}.")
        for index, line in enumerate(assessment.items)
        for name in ("unit_price", "tax_per_unit")
        if (money := getattr(line, name)) is not None and money.currency != assessment.currency
    ]
    if faults:
        raise InvalidField(fields=tuple(faults))
