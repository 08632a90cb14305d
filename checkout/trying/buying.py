"""The purchase: from a place on the map to an order, as a brand's page would do it."""

import re
import uuid

import httpx

from checkout.trying.calling import Call, Caller, Case, Document, Stopped, bearer, make_problem
from checkout.trying.placing import Placing
from checkout.trying.telling import Narrator, describe_store, format_money

STRIPE_API = "https://api.stripe.com"
SHOPPER = {
    "email": "june.harper@example.com",
    "phone": "+13125550142",
    "first_name": "June",
    "last_name": "Harper",
    "address": "1104 S Wabash Ave",
    "city": "Chicago",
    "state": "IL",
    "zip": "60605",
    "country": "US",
}
LAT_LNG = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*")


async def buy(case: Case, narrator: Narrator, transport: httpx.AsyncBaseTransport | None) -> tuple[Document, int]:
    """What `--json` prints, and the exit code."""
    # A proxy from the environment is for the world outside, never for a service on this machine.
    direct: dict[str, httpx.AsyncBaseTransport | None] = {"all://127.0.0.1": None, "all://localhost": None}
    timeout = httpx.Timeout(30, connect=5)  # Longer than the service may hold back its answer when it places.
    async with httpx.AsyncClient(transport=transport, mounts=direct, timeout=timeout) as client:
        caller = Caller(case, client, narrator)
        try:
            await Purchase(caller).run()
        except Stopped as stopped:
            narrator.problem(stopped.problem)
            return {**caller.record.to_document(), "problem": stopped.problem}, stopped.exit_code
        return caller.record.to_document(), 0


class Purchase:
    """The steps of one purchase; each raises Stopped where it goes no further."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._case = caller.case
        self._narrator = caller.narrator
        self._with_key = bearer(caller.case.key)

    async def run(self) -> None:
        near = await self.find_place()
        store = await self.choose_store(near)
        await self.ask_quote(store)
        checkout, token = await self.open_checkout(store)
        needs_card = bool(checkout["payment"] and checkout["payment"]["required"])
        setup_intent = await self.set_up_card(checkout["id"], token) if needs_card else None
        placed = await Placing(self._caller, checkout, token, setup_intent).run()
        order = await self.read_order(placed["order"])
        self.show_order(order, placed)

    async def find_place(self) -> str:
        """Latitude and longitude, as the API takes them."""
        if match := LAT_LNG.fullmatch(self._case.near):
            return f"{match[1]},{match[2]}"
        query = {"q": self._case.near}
        call = Call("places", "Find the place", "GET", "/v1/places", self._with_key, query, show=("places",))
        places = (await self._caller.ask(call))["places"]
        if not places:
            detail = f"The service finds nothing called {self._case.near!r}; --near takes LAT,LNG too."
            raise Stopped(make_problem("place_unknown", "No such place", detail, "fix"))
        self._narrator.note(f"taking {places[0]['label']}, the first of {len(places)}")
        return f"{places[0]['lat']},{places[0]['lng']}"

    async def choose_store(self, near: str) -> int:
        """The id of the store asked for, else of the first that hands over the whole cart on the path."""
        found = await self.find_stores(near, {"radius": 25, "unit": "mi"})
        if self._case.store is not None:
            self._narrator.note(f"taking store {self._case.store}, because --store says so")
            return self._case.store
        if not self.fitting(found) and found.get("widen"):
            self._narrator.note("no store there holds the whole cart: looking further, as the service suggests")
            found = await self.find_stores(near, found["widen"])
        fitting = self.fitting(found)
        if not fitting:
            raise Stopped(self.describe_nothing(found))
        self._narrator.note(
            f"taking {fitting[0]['id']}, the first that holds the whole cart and offers {self._case.path}"
        )
        return int(fitting[0]["id"])

    def fitting(self, found: Document) -> list[Document]:
        """The stores that would do."""
        return [store for store in found["stores"] if store["has_all"] and self._case.path in store["paths"]]

    def describe_nothing(self, found: Document) -> Document:
        """Why no store would do: the place, the quantity, or the UPC itself."""
        cart = " and ".join(f"{self._case.quantity} of {upc}" for upc in self._case.upcs)
        if found["stores"]:
            detail = f"No store near {self._case.near} that offers {self._case.path} has {cart}."
        else:
            detail = f"No store near {self._case.near} carries {' or '.join(self._case.upcs)} for {self._case.path}."
        return make_problem("no_store", "No store can hand this over", detail, "choose_store")

    async def find_stores(self, near: str, within: Document) -> Document:
        """What the service found within a radius."""
        items = ",".join(f"{upc}:{self._case.quantity}" for upc in self._case.upcs)
        query = {"items": items, "near": near, "radius": str(within["radius"]), "unit": within["unit"]}
        query["path"] = self._case.path
        show = ("near", "radius", "as_of", "stale", "widen")
        call = Call("stores", "Find stores that hold the cart", "GET", "/v1/stores", self._with_key, query, show=show)
        found = await self._caller.ask(call)
        for store in found["stores"][:3]:
            self._narrator.note(f"{describe_store(store)}: {'the whole cart' if store['has_all'] else 'not all of it'}")
        return found

    async def ask_quote(self, store: int) -> None:
        show = ("items", "totals", "price_source", "as_of")
        body = self.describe_cart(store)
        await self._caller.ask(
            Call("quote", "Ask price and tax", "POST", "/v1/quotes", self._with_key, body=body, show=show)
        )

    def describe_cart(self, store: int) -> Document:
        items = [{"upc": upc, "quantity": self._case.quantity} for upc in self._case.upcs]
        return {"store_id": store, "path_to_purchase": self._case.path, "items": items}

    async def open_checkout(self, store: int) -> tuple[Document, str]:
        """A checkout that can be placed, and its token."""
        headers = {**self._with_key, "Idempotency-Key": str(uuid.uuid4())}
        body = {**self.describe_cart(store), "shopper": SHOPPER}
        show = ("id", "status", "token", "totals", "payment", "problems", "expires_at")
        call = Call("checkout", "Open a checkout", "POST", "/v1/checkouts", headers, body=body, show=show)
        checkout = await self._caller.ask(call)
        token: str = checkout.pop("token")
        self._caller.record.checkout = checkout
        if checkout["status"] == "incomplete":
            problem = make_problem("checkout_incomplete", "The checkout is incomplete", "It cannot be placed.", "fix")
            raise Stopped({**problem, "errors": checkout["problems"]})
        return checkout, token

    async def set_up_card(self, checkout_id: str, token: str) -> str:
        """The id of a SetupIntent that succeeded, confirmed as the shopper's browser would."""
        path, show = f"/v1/checkouts/{checkout_id}/setup-intent", ("id", "client_secret", "account", "api_base")
        call = Call("setup-intent", "Create a SetupIntent", "POST", path, bearer(token), body={}, show=show)
        created = await self._caller.ask(call)
        if created["api_base"] is None:
            self.expect_test_key(created["publishable_key"])
        confirmed = await self._caller.ask(self.describe_confirm(created))
        if confirmed["status"] == "requires_action":
            detail = "3-D Secure needs the shopper at a browser, which this command is not. Try another --card."
            raise Stopped(make_problem("requires_action", "The card asks for 3-D Secure", detail, "new_card"))
        if confirmed["status"] != "succeeded":
            detail = f"Its status is {confirmed['status']}."
            raise Stopped(make_problem("setup_not_succeeded", "The SetupIntent did not succeed", detail, "new_card"))
        return str(created["id"])

    def expect_test_key(self, publishable_key: str) -> None:
        if publishable_key.startswith("pk_live_"):
            detail = "The service uses the real Stripe with live keys, where test cards do not exist."
            raise Stopped(make_problem("live_keys", "This works with test keys only", detail, "stop"))
        self._narrator.note("the service uses the real Stripe: this works with test keys only")

    def describe_confirm(self, created: Document) -> Call:
        url = f"{created['api_base'] or STRIPE_API}/v1/setup_intents/{created['id']}/confirm"
        headers = bearer(created["publishable_key"])
        if created["account"]:
            headers["Stripe-Account"] = created["account"]
        form = {"client_secret": created["client_secret"], "payment_method": self._case.card}
        show = ("id", "status", "payment_method")
        return Call("confirm", "Confirm it at Stripe", "POST", url, headers, form=form, show=show)

    async def read_order(self, placed: Document) -> Document:
        path, show = f"/v1/orders/{placed['id']}", ("id", "status", "cart_hash", "placed_at", "items", "totals")
        order = await self._caller.ask(Call("order", "Read the order", "GET", path, bearer(placed["token"]), show=show))
        self._caller.record.order = order
        return order

    def show_order(self, order: Document, placed: Document) -> None:
        rows = {
            "order": order["id"],
            "store": f"{placed['store']['id']} {placed['store']['name']}",
            "cart hash": order["cart_hash"],
            "total": format_money(order["totals"]["total"]),
            "status": order["status"],
        }
        self._narrator.box(rows)
        self._narrator.link("The shopper's page of it:", placed["order"]["url"])
