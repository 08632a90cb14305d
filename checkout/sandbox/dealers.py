"""What a store has set up with Locally: Buy it Locally, ship-to-store, PushCart, and when its inventory came last."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from checkout.sandbox.clock import SandboxClock
from checkout.sandbox.records import as_moment, as_text
from checkout.sandbox.shelf import Shelf
from checkout.sandbox.stores import Store
from checkout.sandbox.switches import SwitchBoard

OFF = "off"
_SHELF = "stores"


@dataclass(frozen=True)
class Profile:
    """PushCart as documented at one time: hours to answer in, None for the switch, and how old inventory may be."""

    answer_hours: int | None
    feed_hours: int


PROFILES = {"latest": Profile(None, 72), "oldest": Profile(2, 24)}


class Dealers:
    """The stores' own settings, as seeded and as changed since."""

    def __init__(self, clock: SandboxClock, shelf: Shelf, switches: SwitchBoard) -> None:
        self._clock = clock
        self._shelf = shelf
        self._switches = switches
        self._changed: dict[int, dict[str, Any]] = {int(key): document for key, document in shelf.load(_SHELF).items()}

    def reset(self) -> None:
        self._changed.clear()
        self._shelf.clear(_SHELF)

    def change(self, store_id: int, changes: dict[str, Any]) -> None:
        """Change what `document` tells of a store; `tax_rate` is a decimal string, or None for none entered."""
        self._changed[store_id] = {**self._changed.get(store_id, {}), **changes}
        self._shelf.put(_SHELF, str(store_id), self._changed[store_id])

    def _told(self, store_id: int, name: str, default: Any) -> Any:
        return self._changed.get(store_id, {}).get(name, default)

    def tax_rate(self, store: Store) -> Decimal | None:
        """None where the store has not entered one."""
        rate = self._told(store.id, "tax_rate", store.tax_rate)
        return None if rate is None else Decimal(rate)

    def required_account(self, store_id: int) -> str | None:
        """The Stripe account on which this store wants SetupIntents, None when any will do."""
        account: str | None = self._told(store_id, "requires_account", None)
        return account

    def missing(self, store: Store) -> list[str]:
        """What the store has yet to do for Buy it Locally."""
        has = {
            "tax_rate": self.tax_rate(store) is not None,
            "stripe_connected": self._told(store.id, "stripe_connected", True),
            "payment_method": self._told(store.id, "payment_method", True),
        }
        return [name for name, is_there in has.items() if not is_there]

    def paths(self, store: Store) -> list[str]:
        """The paths by which the store may sell now, as far as it depends on the store."""
        if self.missing(store):
            return []
        stale = self.is_stale(store.id)
        approved = self._told(store.id, "sts_approved", True)
        paths = self._told(store.id, "paths", store.paths)
        return [path for path in paths if (approved if path == "sts" else not stale)]

    def pushcart(self, store_id: int) -> str:
        """The store's profile by name, or "off" where it answers on the order screen alone."""
        profile: str | None = self._told(store_id, "pushcart", None)
        return profile or self._switches.now.pushcart_profile

    def answer_hours(self, store_id: int) -> int:
        profile = PROFILES.get(self.pushcart(store_id))
        return profile.answer_hours if profile and profile.answer_hours else self._switches.now.answer_hours

    def inventory_came(self, store_id: int) -> None:
        self.change(store_id, {"inventory_at": as_text(self._clock.now())})

    def inventory_at(self, store_id: int) -> datetime | None:
        """When the store's inventory file came last; None while it has the seeded stock, which is never old."""
        told = self._told(store_id, "inventory_at", None)
        return None if told is None else as_moment(told)

    def feed_hours(self, store_id: int) -> int:
        return PROFILES.get(self.pushcart(store_id), PROFILES["latest"]).feed_hours

    def is_stale(self, store_id: int) -> bool:
        came = self.inventory_at(store_id)
        return came is not None and self._clock.now() - came > timedelta(hours=self.feed_hours(store_id))

    def document(self, store: Store) -> dict[str, Any]:
        """The store's settings as the catalogue tells them."""
        rate, came = self.tax_rate(store), self.inventory_at(store.id)
        return {
            "tax_rate": None if rate is None else str(rate),
            "requires_account": self.required_account(store.id),
            "stripe_connected": self._told(store.id, "stripe_connected", True),
            "payment_method": self._told(store.id, "payment_method", True),
            "missing": self.missing(store),
            "sts_approved": self._told(store.id, "sts_approved", True),
            "pushcart": self.pushcart(store.id),
            "inventory_at": None if came is None else as_text(came),
            "inventory_stale": self.is_stale(store.id),
        }
