"""What is asked of checkouts, and what is given back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from checkout.database import IntentRow, KeyRow, Transaction
from checkout.orders import Checkout, LineItem, Order, PathToPurchase, Payment, Shopper
from checkout.stripe_client import SetupIntent

# Writes what belongs to a new checkout, in its transaction; gives the SetupIntents that nobody will use any more.
Beside = Callable[[Transaction, Checkout], Awaitable[list[IntentRow]]]


@dataclass(frozen=True, slots=True)
class Rescue:
    """The order of which a checkout buys elsewhere what its store declined; whether reads show its shopper masked."""

    order_id: str
    masked: bool
    beside: Beside


@dataclass(frozen=True, slots=True)
class NewCheckout:
    """What a checkout is opened with. Items carry no prices, except what the brand's server gave.

    `shopper` reads the shopper for the store's country: a phone number without +... belongs there if she names no
    country; it raises InvalidField. With `through` the cart is read afresh from Locally.
    """

    store_id: int
    path_to_purchase: PathToPurchase
    items: tuple[LineItem, ...]
    shopper: Callable[[str | None], Shopper]
    extras: dict[str, str | None] = field(default_factory=dict)
    through: bool = False
    rescue: Rescue | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What a PATCH asks for; None leaves things as they are.

    `shopper` makes the new shopper from the present one; `extras` are host_domain, locale and return_url;
    `if_version` are the versions that may be changed, None for any. With `through` prices are read afresh, too.
    """

    store_id: int | None = None
    path_to_purchase: PathToPurchase | None = None
    items: tuple[LineItem, ...] | None = None
    shopper: Callable[[Shopper], Shopper] | None = None
    extras: dict[str, str | None] = field(default_factory=dict)
    if_version: frozenset[str] | None = None
    through: bool = False

    @property
    def moves_cart(self) -> bool:
        return self.store_id is not None or self.path_to_purchase is not None or self.items is not None


@dataclass(frozen=True, slots=True)
class Found:
    """A checkout as it is now, with its order if it has one, and the key that was asked for if it is known."""

    checkout: Checkout
    token_hash: str
    order: Order | None
    key: KeyRow | None = None


@dataclass(frozen=True, slots=True)
class HandedOut:
    """A SetupIntent for the browser; `created` is False when the live one was handed out again."""

    setup_intent: SetupIntent
    payment: Payment
    created: bool
