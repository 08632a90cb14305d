"""What the sandbox's Stripe remembers: objects by account and id, in memory and on the shelf."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Generic, TypeVar

from checkout.sandbox.shelf import Document, Shelf
from checkout.sandbox.stripe_errors import Body
from checkout.sandbox.stripe_objects import PaymentMethod, SetupIntent

T = TypeVar("T")


class Drawer(Generic[T]):
    """The objects of one kind. Each belongs to one account and is seen by that account alone."""

    def __init__(self, shelf: Shelf, kind: str, freeze: Callable[[T], Document], thaw: Callable[[Document], T]) -> None:
        self._shelf = shelf
        self._kind = f"stripe_{kind}"
        self._freeze = freeze
        self._by_owner: dict[str, dict[str, T]] = {}
        self._owners: dict[str, str] = {}
        for object_id, document in shelf.load(self._kind).items():
            self._keep(document["owner"], object_id, thaw(document["object"]))

    def put(self, owner: str, object_id: str, thing: T) -> None:
        """Keep a new object or a changed one."""
        self._keep(owner, object_id, thing)
        self._shelf.put(self._kind, object_id, {"owner": owner, "object": self._freeze(thing)})

    def get(self, owner: str, object_id: str) -> T | None:
        return self._by_owner.get(owner, {}).get(object_id)

    def anywhere(self, object_id: str) -> T | None:
        """The object in whichever account it is."""
        owner = self._owners.get(object_id)
        return None if owner is None else self._by_owner[owner][object_id]

    def newest_first(self, owner: str) -> Iterator[T]:
        """As they are asked for, so that the first page of a long list costs no more than that of a short one."""
        return reversed(self._by_owner.get(owner, {}).values())

    def clear(self) -> None:
        self._by_owner.clear()
        self._owners.clear()
        self._shelf.clear(self._kind)

    def _keep(self, owner: str, object_id: str, thing: T) -> None:
        self._by_owner.setdefault(owner, {})[object_id] = thing
        self._owners[object_id] = owner


def _as_is(body: Body) -> Body:
    return body


class Records:
    """Every drawer of the sandbox's Stripe."""

    def __init__(self, shelf: Shelf) -> None:
        self.setup_intents: Drawer[SetupIntent] = Drawer(
            shelf, "setup_intent", asdict, lambda kept: SetupIntent(**kept)
        )
        self.payment_methods: Drawer[PaymentMethod] = Drawer(
            shelf, "payment_method", asdict, lambda kept: PaymentMethod(**kept)
        )
        self.setup_attempts: Drawer[Body] = Drawer(shelf, "setup_attempt", _as_is, _as_is)
        self.customers: Drawer[Body] = Drawer(shelf, "customer", _as_is, _as_is)
        self.events: Drawer[Body] = Drawer(shelf, "event", _as_is, _as_is)
        self.confirmation_tokens: Drawer[Body] = Drawer(shelf, "confirmation_token", _as_is, _as_is)
        self.domains: Drawer[Body] = Drawer(shelf, "payment_method_domain", _as_is, _as_is)

    def clear(self) -> None:
        self.setup_intents.clear()
        self.payment_methods.clear()
        self.setup_attempts.clear()
        self.customers.clear()
        self.events.clear()
        self.confirmation_tokens.clear()
        self.domains.clear()

    def find(self, owner: str, object_id: str) -> Body | None:
        """The body of any object of an account, whatever its kind: what `expand` puts in an id's place."""
        setup_intent = self.setup_intents.get(owner, object_id)
        payment_method = self.payment_methods.get(owner, object_id)
        if setup_intent is not None:
            return setup_intent.body()
        if payment_method is not None:
            return payment_method.body()
        return self.setup_attempts.get(owner, object_id) or self.customers.get(owner, object_id)
