"""What the public sees of checkouts, quotes, places and stores: exactly these keys, null where nobody told us."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from checkout.errors import FieldError
from checkout.money import Money
from checkout.orders import (
    Address,
    Checkout,
    CheckoutStatus,
    LineItem,
    PathToPurchase,
    Payment,
    PriceSource,
    Shopper,
    Store,
    Totals,
    add_up,
    blocking_problems,
)


def _in_utc(time: datetime) -> datetime:
    """Zoneless times are Locally's, and read as UTC."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


Time = Annotated[datetime, AfterValidator(_in_utc)]


class Body(BaseModel):
    """Base of the answers' bodies."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class AddressBody(Body):
    address: str | None
    city: str | None
    state: str | None
    zip: str | None
    country: str | None

    @classmethod
    def of(cls, address: Address) -> "AddressBody":
        lines = ", ".join(line for line in (address.address, address.address_2) if line)
        return cls(
            address=lines or None, city=address.city, state=address.state, zip=address.zip, country=address.country
        )


class StoreBody(Body):
    """What a checkout and an order say of their store."""

    id: int
    name: str
    address: AddressBody
    phone: str | None
    open_now: bool | None

    @classmethod
    def of(cls, store: Store) -> "StoreBody":
        address = AddressBody.of(store.address)
        return cls(id=store.id, name=store.name, address=address, phone=store.phone, open_now=store.open_now)


class LineBody(Body):
    upc: str
    quantity: int
    name: str | None
    image_url: str | None
    unit_price: Money | None
    tax_per_unit: Money | None
    subtotal: Money | None
    message: str | None

    @classmethod
    def of(cls, line: LineItem) -> "LineBody":
        return cls(
            upc=line.upc,
            quantity=line.quantity,
            name=line.name,
            image_url=line.image_url,
            unit_price=line.unit_price,
            tax_per_unit=line.tax_per_unit,
            subtotal=line.subtotal,
            message=line.message,
        )


class CheckoutProblemBody(Body):
    """What keeps a checkout from being placed, or what its shopper should know."""

    code: str
    pointer: str
    detail: str

    @classmethod
    def of(cls, problem: FieldError) -> "CheckoutProblemBody":
        return cls(code=problem.code, pointer=problem.pointer, detail=problem.detail)


class OrderView(Body):
    """What a placed checkout says of its order: its page, and the token that reads it."""

    id: str
    status: str
    url: str
    token: str


class CheckoutBody(Body):
    id: str
    object: Literal["checkout"] = "checkout"
    version: int
    status: CheckoutStatus
    brand: str
    store: StoreBody
    path_to_purchase: PathToPurchase
    items: tuple[LineBody, ...]
    shopper: Shopper
    totals: Totals | None
    payment: Payment | None
    problems: tuple[CheckoutProblemBody, ...]
    order: OrderView | None
    rescues: str | None
    expires_at: Time


class CreatedCheckoutBody(CheckoutBody):
    """The answer to creating a checkout, the only one that tells its token."""

    token: str


CARD_NEEDED = FieldError("/payment", "card_needed", "This store takes cards elsewhere: the card is needed again.")


def checkout_problems(checkout: Checkout) -> tuple[FieldError, ...]:
    """Everything that an open checkout is waiting for, and what there is to know of any."""
    notice = (checkout.notice,) if checkout.notice else ()
    if not checkout.is_open:
        return notice
    return (*blocking_problems(checkout), *notice, *((CARD_NEEDED,) if checkout.card_needed else ()))


def checkout_body(checkout: Checkout, *, order: OrderView | None = None, token: str | None = None) -> CheckoutBody:
    """The checkout as the public sees it; `token` only after creating."""
    body = CheckoutBody(
        id=checkout.id,
        version=checkout.version,
        status=checkout.status,
        brand=checkout.brand,
        store=StoreBody.of(checkout.store),
        path_to_purchase=checkout.path_to_purchase,
        items=tuple(LineBody.of(line) for line in checkout.items),
        shopper=checkout.shopper,
        totals=checkout.totals,
        payment=checkout.payment,
        problems=tuple(CheckoutProblemBody.of(each) for each in checkout_problems(checkout)),
        order=order,
        rescues=checkout.rescues,
        expires_at=checkout.expires_at,
    )
    return body if token is None else CreatedCheckoutBody(**dict(body), token=token)


class SetupIntentBody(Body):
    """What the browser needs to let Stripe take the card. `api_base` is null for the real Stripe."""

    id: str
    client_secret: str
    publishable_key: str
    account: str | None
    api_base: str | None


class HealthBody(Body):
    """The process runs."""

    status: Literal["ok"] = "ok"
    version: str


class ReadyBody(Body):
    """The service takes orders; `placing` are the checkouts that are being placed right now."""

    status: Literal["ready"] = "ready"
    placing: int


class AcceptedBody(Body):
    """It is seen to; nothing more is told."""

    status: Literal["accepted"] = "accepted"


class QuoteLineBody(Body):
    upc: str
    quantity: int
    unit_price: Money | None
    tax_per_unit: Money | None
    subtotal: Money | None
    price_source: PriceSource | None


class QuoteBody(Body):
    store_id: int
    path_to_purchase: PathToPurchase
    items: tuple[QuoteLineBody, ...]
    totals: Totals | None
    price_source: PriceSource | None
    as_of: Time


def quote_body(
    store_id: int,
    path_to_purchase: PathToPurchase,
    lines: Sequence[LineItem],
    *,
    currency: str,
    tax_estimated: bool,
    as_of: datetime,
) -> QuoteBody:
    """What the priced lines cost. The weakest source of any line is named for the whole."""
    items = tuple(
        QuoteLineBody(
            upc=line.upc,
            quantity=line.quantity,
            unit_price=line.unit_price,
            tax_per_unit=line.tax_per_unit,
            subtotal=line.subtotal,
            price_source=line.price_source,
        )
        for line in lines
    )
    return QuoteBody(
        store_id=store_id,
        path_to_purchase=path_to_purchase,
        items=items,
        totals=add_up(lines, currency, tax_estimated=tax_estimated),
        price_source=_weakest({line.price_source for line in lines}),
        as_of=as_of,
    )


def _weakest(sources: set[PriceSource | None]) -> PriceSource | None:
    return next(
        (each for each in (PriceSource.CATALOGUE, PriceSource.LOCALLY, PriceSource.GIVEN) if each in sources), None
    )
