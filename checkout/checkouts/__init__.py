"""Opening, reading, changing and giving up checkouts, and the SetupIntents that they hand out."""

import re
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from checkout.assessing import Assessment, Assessor
from checkout.checkouts.cards import Cards
from checkout.checkouts.giving_up import give_up
from checkout.checkouts.records import Change, Found, HandedOut, NewCheckout, Rescue
from checkout.checkouts.turns import Turns
from checkout.database import (
    Database,
    IntentRow,
    KeyName,
    Transaction,
    add_to_timeline,
    find_checkout,
    find_key,
    insert_checkout,
    kill_intents,
    order_of_checkout,
    save_checkout,
    stores_that_said_no,
)
from checkout.errors import (
    AlreadyPlacing,
    FieldError,
    InvalidField,
    LostRace,
    RequestInProgress,
    UnknownResource,
    VersionMismatch,
)
from checkout.idempotency import Answer, Claim, KeyBook
from checkout.keyring import Keyring, token_hash
from checkout.orders import (
    Checkout,
    CheckoutStatus,
    LineItem,
    PathToPurchase,
    Payment,
    PriceSource,
    open_status,
    require_open,
    require_other_store,
)
from checkout.settings import Settings
from checkout.stripe_client import StripeClient

__all__ = ["Change", "Checkouts", "Found", "HandedOut", "NewCheckout", "Rescue", "give_up", "without_price"]

# Creating waits for two rounds of reads at Locally; a key that is open longer belongs to a process that died.
_CREATE_SECONDS = 30
_ID = re.compile("chk_[0-9a-f]{32}")

RenderCreated = Callable[[Checkout, str], Answer]


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
        self._cards = Cards(database, stripe, clock=clock)
        self._turns = Turns()
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

        async def as_told() -> NewCheckout:
            return new

        return await self.create_from(as_told, claim)

    async def create_from(self, read_new: Callable[[], Awaitable[NewCheckout]], claim: Claim) -> Answer:
        """As `create`, of what `read_new` tells; it is not asked where the key has its answer already."""
        try:
            replay = await self._database.write(lambda tx: self._claim(tx, claim))
        except LostRace:  # The same key, at the same moment, in another instance.
            raise RequestInProgress(retry_after=1) from None
        if replay is not None:
            return replay
        try:
            answer, dropped = await self._create(await read_new(), claim)
        except BaseException:
            await self._database.write(lambda tx: self._keys.free(tx, claim.name))
            raise
        await self._cards.cancel(dropped)
        return answer

    async def _claim(self, tx: Transaction, claim: Claim) -> Answer | None:
        now = self._clock()
        known = await self._keys.look_up(tx, claim, now)
        if isinstance(known, Answer):
            return known
        await self._keys.open(tx, claim, now, seconds=_CREATE_SECONDS, attempt_id=None, bound=False)
        return None

    async def _create(self, new: NewCheckout, claim: Claim) -> tuple[Answer, list[IntentRow]]:
        assessment = await self._assessor.assess(new.store_id, new.path_to_purchase, new.items, through=new.through)
        checkout = self._assemble(new, assessment)
        token = self._keyring.token("ct", checkout.id)
        answer = self._render_created(checkout, token)

        facts = {"status": checkout.status, "request_id": claim.request_id}
        facts |= {"rescues": new.rescue.order_id} if new.rescue else {}

        async def work(tx: Transaction) -> list[IntentRow]:
            await insert_checkout(tx, checkout, token_hash(token))
            await self._keys.store(tx, claim.name, answer)
            await add_to_timeline(tx, checkout.id, checkout.created_at, "checkout.created", **facts)
            return await new.rescue.beside(tx, checkout) if new.rescue else []

        return answer, await self._database.write(work)

    def _assemble(self, new: NewCheckout, assessment: Assessment) -> Checkout:
        now = self._clock()
        checkout = Checkout(
            id=f"chk_{secrets.token_hex(16)}",
            brand=self._settings.brand,
            version=1,
            status=CheckoutStatus.INCOMPLETE,
            store=assessment.store,
            currency=assessment.currency,
            path_to_purchase=new.path_to_purchase,
            items=assessment.items,
            shopper=new.shopper(assessment.store.address.country),
            payment=self._payment(assessment, new.path_to_purchase),
            tax_estimated=self._settings.tax == "locally",
            rescues=new.rescue.order_id if new.rescue else None,
            shopper_masked=new.rescue is not None and new.rescue.masked,
            created_at=now,
            expires_at=self._expiry(now),
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

    async def find(self, checkout_id: str, key: KeyName | None = None) -> Found:
        """The checkout as it is now, and then what is known of a key. Raises UnknownResource."""

        async def work(tx: Transaction) -> Found | None:
            found = await find_checkout(tx, checkout_id)
            if found is None or found[0].brand != self._settings.brand:
                return None
            checkout, hashed = found
            order = await order_of_checkout(tx, checkout_id) if checkout.status is CheckoutStatus.PLACED else None
            row = await find_key(tx, key) if key is not None else None
            return Found(checkout.as_of(self._clock()), hashed, order, row)

        found = await self._database.read(work) if _ID.fullmatch(checkout_id) else None
        if found is None:
            raise UnknownResource
        return found

    def token_expired(self, checkout: Checkout) -> bool:
        """Whether the checkout's token is too old to be of use."""
        if checkout.ended_at is None:
            return False
        return self._clock() >= checkout.ended_at + timedelta(seconds=self._settings.token_life)

    async def change(self, checkout_id: str, change: Change) -> Checkout:
        """Change an open checkout. Changes that arrive together all count, one after the other.

        Raises NotOpen, Expired, NotPlaced, VersionMismatch, InvalidField, StoreUnknown, PathNotOffered, UpstreamError;
        LostRace if other instances change it again and again at the same moment.
        """
        return await self._turns.take(checkout_id, lambda: self._change(checkout_id, change))

    async def _change(self, checkout_id: str, change: Change) -> Checkout:
        was = (await self.find(checkout_id)).checkout
        if change.if_version is not None and str(was.version) not in change.if_version:
            raise VersionMismatch
        require_open(was)
        await self._require_rescue(was, change)
        now = await self._changed(was, change)

        async def work(tx: Transaction) -> tuple[Checkout, list[IntentRow]]:
            saved = await save_checkout(tx, was, now)
            moved = (was.store.id, was.path_to_purchase) != (now.store.id, now.path_to_purchase)
            dropped = await kill_intents(tx, was.id) if moved else []
            await add_to_timeline(tx, was.id, self._clock(), "checkout.changed", version=saved.version)
            return saved, dropped

        saved, dropped = await self._database.write(work)
        await self._cards.cancel(dropped)
        return saved

    async def _require_rescue(self, was: Checkout, change: Change) -> None:
        """Raises InvalidField where a rescue is to buy something else, or at a store that declined it."""
        if (rescued := was.rescues) is None:
            return
        if change.items is not None:
            detail = "This checkout buys what another store declined: its items stay as they are."
            raise InvalidField(fields=(FieldError("/items", "invalid", detail),))
        if change.store_id is not None:
            require_other_store(change.store_id, await self._database.read(lambda tx: stores_that_said_no(tx, rescued)))

    async def _changed(self, was: Checkout, change: Change) -> Checkout:
        shopper = change.shopper(was.shopper) if change.shopper else was.shopper
        changed = was.changed(shopper=shopper, **change.extras)
        if change.moves_cart:
            changed = await self._moved(changed, change)
        return changed.changed(status=open_status(changed), expires_at=self._expiry(self._clock()))

    async def _moved(self, was: Checkout, change: Change) -> Checkout:
        path = change.path_to_purchase or was.path_to_purchase
        store_id = change.store_id or was.store.id
        keep_given = change.items is not None or store_id == was.store.id
        items = tuple(without_price(line, keep_given=keep_given) for line in (change.items or was.items))
        assessment = await self._assessor.assess(store_id, path, items, through=change.through)
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
        )

    async def cancel(self, checkout_id: str) -> Checkout:
        """Give up a checkout that is not being placed; a canceled one stays canceled.

        Raises AlreadyPlacing, NotOpen (placed), Expired, NotPlaced; LostRace as `change` does.
        """
        return await self._turns.take(checkout_id, lambda: self._cancel(checkout_id))

    async def _cancel(self, checkout_id: str) -> Checkout:
        was = (await self.find(checkout_id)).checkout
        if was.status is CheckoutStatus.CANCELED:
            return was
        if was.status is CheckoutStatus.PLACING:
            raise AlreadyPlacing
        require_open(was)
        now = self._clock()

        async def work(tx: Transaction) -> tuple[Checkout, list[IntentRow]]:
            return await give_up(tx, was, now)

        saved, dropped = await self._database.write(work)
        await self._cards.cancel(dropped)
        return saved

    async def hand_out_setup_intent(self, checkout_id: str) -> HandedOut:
        """What the browser needs to take the card. Raises UnknownResource and what `Cards.hand_out` raises."""

        async def work() -> HandedOut:
            return await self._cards.hand_out((await self.find(checkout_id)).checkout)

        return await self._turns.take(checkout_id, work)


def without_price(line: LineItem, *, keep_given: bool) -> LineItem:
    """A line as asked for: what another store said of it, or the brand's server for another store, is no price here."""
    if keep_given and line.price_source is PriceSource.GIVEN:
        return line
    return line.changed(unit_price=None, tax_per_unit=None, shipping=None, price_source=None, available=None)
