"""Shoppers who buy at a service that is killed: they repeat what broke off, in several tabs, as real pages do."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.proof.load_processes import Fleet
from tests.service import PUBLISHABLE_KEY, SHOPPER, STORE_ID, UPC, key

DECLINING, VISA = "pm_card_chargeCustomerFail", "pm_card_visa"
_ASK_AGAIN = 0.5  # Seconds; the service says 2, which is for people.
_FINAL = frozenset({"placed", "card_declined", "order_not_placed"})
_WAIT = frozenset({"placing", "request_in_progress"})


@dataclass(frozen=True, slots=True)
class Told:
    """What one request to place was answered: a problem's code, or the status of the checkout."""

    key: str
    status: int
    code: str
    next: str
    body: bytes
    replayed: bool
    sent_at: datetime

    @property
    def is_final(self) -> bool:
        return self.code in _FINAL


def read_told(using: str, answer: httpx.Response, sent_at: datetime) -> Told:
    body = answer.json()
    return Told(
        key=using,
        status=answer.status_code,
        code=str(body.get("code") or body.get("status")),
        next=str(body.get("next", "")),
        body=answer.content,
        replayed=answer.headers.get("idempotent-replayed") == "true",
        sent_at=sent_at,
    )


@dataclass
class Purchase:
    """One shopper and her one checkout. Her e-mail address is how the sandbox's ledger knows her."""

    number: int
    path: str
    card: str
    checkout: dict[str, Any] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)  # By key: what was sent with it.
    declined: set[str] = field(default_factory=set)  # Keys that a declining card was sent with.

    @property
    def email(self) -> str:
        return f"shopper-{self.number}@example.com"

    @property
    def place_path(self) -> str:
        return f"/v1/checkouts/{self.checkout['id']}/place"


class Crowd:
    """So many shoppers at once, one purchase after the other, until they are told to go home."""

    def __init__(self, fleet: Fleet, rng: random.Random) -> None:
        self._fleet = fleet
        self._rng = rng
        self._numbers = self._let_in = 0
        self.purchases: list[Purchase] = []
        self.unexpected: list[str] = []
        self.in_flight = 0
        self.ended = 0
        self.broken = 0
        self.seconds = 0.3  # What a request to place takes, about.
        self.going_home = False

    def let_in(self, purchases: int) -> None:
        """Let so many purchases more begin."""
        self._let_in += purchases

    async def run(self, shoppers: int) -> None:
        """So many are always under way; each that ends lets in another only where more were let in."""
        self.let_in(shoppers)
        async with asyncio.TaskGroup() as group:
            for _ in range(shoppers):
                group.create_task(self._shop())

    async def _shop(self) -> None:
        while not self.going_home:
            if self._numbers >= self._let_in:
                await asyncio.sleep(0.02)
                continue
            self._numbers += 1
            bopis = self._rng.random() < 0.4
            card = DECLINING if self._rng.random() < 0.08 else VISA
            await self._buy(Purchase(self._numbers, "bopis" if bopis else "ropis", card))
            self.ended += 1

    async def _buy(self, purchase: Purchase) -> None:
        await self._open(purchase)
        self.purchases.append(purchase)
        card = await self._take_card(purchase, purchase.card)
        tabs = [self._place(purchase, card, hurried=self._rng.random() < 0.1)]
        if self._rng.random() < 0.2:
            tabs.append(self._place_from_another_tab(purchase, card))
        await asyncio.gather(*tabs)

    async def ready(self) -> tuple[Purchase, tuple[str, str]]:
        """A checkout that could be placed, with either of two cards."""
        self._numbers += 1
        purchase = Purchase(self._numbers, "bopis", VISA)
        await self._open(purchase)
        cards = [str(await self._take_card(purchase, VISA)) for _ in range(2)]
        assert not self.unexpected, self.unexpected
        return purchase, (cards[0], cards[1])

    async def settled(self, purchase: Purchase, within: float) -> str:
        """The status of a checkout once nothing is under way any more, or after so many seconds."""
        until = time.monotonic() + within
        while (now := (await self.read(purchase))["status"]) == "placing" and time.monotonic() < until:  # noqa: ASYNC110  Asked over HTTP.
            await asyncio.sleep(0.1)
        return str(now)

    async def read(self, purchase: Purchase) -> dict[str, Any]:
        path = f"/v1/checkouts/{purchase.checkout['id']}"
        return dict((await self.ask("GET", path, token=purchase.checkout["token"])).json())

    async def _open(self, purchase: Purchase) -> None:
        body = {
            "store_id": STORE_ID,
            "path_to_purchase": purchase.path,
            "items": [{"upc": UPC, "quantity": 1}],
            "shopper": {**SHOPPER, "email": purchase.email},
        }
        using = key()
        while (answer := await self.ask("POST", "/v1/checkouts", body, using=using)).status_code != 201:
            self._note(answer, {"request_in_progress", "upstream_unavailable"})
            await asyncio.sleep(_ASK_AGAIN)
        purchase.checkout = answer.json()

    async def _take_card(self, purchase: Purchase, card: str) -> str | None:
        """A SetupIntent confirmed with a card, as the browser does it; none for a reservation."""
        if purchase.path == "ropis":
            return None
        token, path = purchase.checkout["token"], f"/v1/checkouts/{purchase.checkout['id']}/setup-intent"
        while (answer := await self.ask("POST", path, {}, token=token)).status_code not in {200, 201}:
            self._note(answer, {"upstream_unavailable", "too_many_cards", "not_open", "placing", "conflict"})
            if answer.json()["code"] not in {"upstream_unavailable", "conflict"}:
                return None  # Another tab is placing it, or has placed it.
            await asyncio.sleep(_ASK_AGAIN)
        intent = answer.json()
        sent = {"client_secret": intent["client_secret"], "payment_method": card}
        headers = {"Authorization": f"Bearer {intent['publishable_key']}"}
        confirm = f"{self._fleet.sandbox_url}/v1/setup_intents/{intent['id']}/confirm"
        await self._fleet.client.post(confirm, data=sent, headers=headers)
        return str(intent["id"])

    async def _place_from_another_tab(self, purchase: Purchase, card: str | None) -> None:
        await asyncio.sleep(self._rng.uniform(0, self.seconds))
        await self._place(purchase, card)

    async def _place(self, purchase: Purchase, card: str | None, *, hurried: bool = False) -> None:
        """Place until there is a final answer: the same key whatever broke, a new one with a new card."""
        using, is_declining = key(), purchase.card == DECLINING
        while True:
            if is_declining:
                purchase.declined.add(using)
            told = await self._place_once(purchase, using, card, hurried=hurried)
            hurried = False
            if told.next == "new_card":
                card, using, is_declining = await self._take_card(purchase, VISA), key(), False
                if card is None:
                    return  # Another tab is at it.
            elif told.is_final:
                return
            elif told.status != 202 and told.code not in _WAIT and told.next not in {"retry", "wait"}:
                self.unexpected.append(f"{purchase.email}: {told.status} {told.code}")
                return
            await asyncio.sleep(_ASK_AGAIN * self._rng.uniform(0.2, 1))

    async def _place_once(self, purchase: Purchase, using: str, card: str | None, *, hurried: bool) -> Told:
        body = {"expected_total": purchase.checkout["totals"]["total"]}
        if card is not None:
            body["setup_intent_id"] = card
        purchase.bodies[using] = body
        sent_at, began = datetime.now(UTC), time.monotonic()
        self.in_flight += 1
        try:
            if hurried:
                await self._hang_up(purchase, using, body)
            answer = await self.ask("POST", purchase.place_path, body, token=purchase.checkout["token"], using=using)
        finally:
            self.in_flight -= 1
        self.seconds += 0.1 * (min(time.monotonic() - began, 1.0) - self.seconds)
        told = read_told(using, answer, sent_at)
        purchase.told.append(told)
        return told

    async def _hang_up(self, purchase: Purchase, using: str, body: dict[str, Any]) -> None:
        """Send the request and go away before its answer."""
        try:
            async with asyncio.timeout(self._rng.uniform(0, self.seconds)):
                await self.ask("POST", purchase.place_path, body, token=purchase.checkout["token"], using=using)
        except TimeoutError:
            return

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str = PUBLISHABLE_KEY, using: str = ""
    ) -> httpx.Response:
        """One request to any instance, sent again for as long as connections break."""
        headers = {"Authorization": f"Bearer {token}", **({"Idempotency-Key": using} if using else {})}
        while True:
            if urls := self._fleet.serving_urls():
                url = self._rng.choice(urls)
                try:
                    return await self._fleet.client.request(method, url + path, json=body, headers=headers)
                except httpx.TransportError:
                    self.broken += 1
            await asyncio.sleep(0.05)

    def _note(self, answer: httpx.Response, expected: set[str]) -> None:
        code = answer.json().get("code")
        if code not in expected:
            self.unexpected.append(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {code}")
