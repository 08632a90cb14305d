"""The operators' calls of the API, and what their refusals mean to a person at a terminal."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from checkout.operating.sts_telling import items_of

Document = dict[str, Any]

# Rights that the API gives with the secret key, and that have no place on a terminal or in a file made from it.
_RIGHTS = frozenset({"token", "url", "locally_order_url", "client_secret"})
_PAGE = 100  # The most that the API lists at once.
_ALL = 1_000_000
_FEED = "/v1/feeds/available-to-sell"
_FILE_SECONDS = 900


class Stopped(Exception):
    """The command cannot go on; `lines` say why."""

    exit_code = 1

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = lines


class Refused(Stopped):
    """The service said no; `problem` is its answer, where it gave one."""

    problem: Document | None = None


class Unreachable(Stopped):
    """No answer came."""

    exit_code = 3


class Service:
    """A running service, asked with the secret key."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def reviews(self) -> Document:
        return self._ask("GET", "/v1/reviews")

    def holds(self) -> Document:
        return self._ask("GET", "/v1/holds")

    def settle(self, checkout_id: str, decision: Document) -> Document:
        """The settled checkout, without the rights that it tells."""
        settled: Document = without_rights(
            self._ask("POST", f"/v1/checkouts/{quote(checkout_id, safe='')}/settle", decision)
        )
        return settled

    def deliveries(self, *, state: str | None = None, subject: str | None = None, most: int) -> Document:
        """The newest deliveries, as many as there are up to `most`."""
        wanted = {name: value for name, value in (("state", state), ("subject", subject)) if value is not None}
        data: list[Document] = []
        cursor: str | None = None
        while len(data) < most:
            query = {**wanted, "limit": str(min(most - len(data), _PAGE)), **({"cursor": cursor} if cursor else {})}
            page = self._ask("GET", f"/v1/deliveries?{urlencode(query)}")
            data += page["data"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        return {"data": data, "next_cursor": cursor}

    def redeliver(self, names: Sequence[str]) -> Document:
        """Send these again, or where none is named all that were given up."""
        found = names or [each["id"] for each in reversed(self.deliveries(state="failed", most=_ALL)["data"])]
        return {"data": [self._ask("POST", f"/v1/deliveries/{quote(name, safe='')}/redeliver") for name in found]}

    def feed(self) -> Document:
        return self._ask("GET", _FEED)

    def import_feed(self, pieces: Iterable[bytes], *, forced: bool) -> Document:
        """Send a feed; a million rows take their time to be checked and kept."""
        return self._ask("PUT", f"{_FEED}?force=true" if forced else _FEED, file=pieces)

    def console_link(self) -> Document:
        """A link into the console. It is a right, which is what was asked for."""
        return self._ask("POST", "/v1/console-links")

    def order(self, order_id: str) -> Document:
        return self._ask("GET", f"/v1/orders/{quote(order_id, safe='')}")

    def sts_items(self, *, everything: bool) -> Document:
        """The items of ship-to-store orders, those first that wait for the brand."""
        statuses: tuple[str | None, ...] = (None,) if everything else ("open", "confirmed")
        orders = [order for status in statuses for order in self._orders(status, "sts")]
        return {"data": items_of(orders, everything=everything)}

    def _orders(self, status: str | None, path: str) -> Iterator[Document]:
        """All orders of a status and a path to purchase, the newest first."""
        query = {"path": path, "limit": str(_PAGE), **({"status": status} if status else {})}
        while True:
            page = self._ask("GET", f"/v1/orders?{urlencode(query)}")
            yield from page["data"]
            if page["next_cursor"] is None:
                return
            query["cursor"] = page["next_cursor"]

    def orders(self, status: str, *, most: int) -> Document:
        """Orders of a status, the open ones with those first whose time to answer runs out."""
        query = {"status": status, **({"sort": "answer_by"} if status == "open" else {})}
        data: list[Document] = []
        while True:
            limit = str(min(most - len(data), _PAGE))
            page = self._ask("GET", f"/v1/orders?{urlencode({**query, 'limit': limit})}")
            data += page["data"]
            if page["next_cursor"] is None or len(data) >= most:
                return {"data": data, "next_cursor": page["next_cursor"]}
            query["cursor"] = page["next_cursor"]

    def answer(self, answers: list[Document], *, key: str) -> Document:
        """Answer items of orders for their stores; the result of each."""
        return self.act("/v1/orders/answers", answers, key=key, name="answers")

    def intake(self) -> Document:
        return self._ask("GET", "/v1/intake")

    def begin_intake(self) -> Document:
        return self._ask("POST", "/v1/intake")

    def act(self, path: str, actions: list[Document], *, key: str, name: str = "actions") -> Document:
        """Ask for actions of items of orders; the result of each."""
        parts = [actions[first : first + _PAGE] for first in range(0, len(actions), _PAGE)]
        answers = [self._ask("POST", path, {name: part}, key=f"{key}-{number}") for number, part in enumerate(parts)]
        return {"data": [row for answer in answers for row in answer["data"]]}

    def statement(self, month: str) -> Document:
        return self._ask("GET", f"/v1/statements/{month}")

    def statement_text(self, month: str, form: str) -> str:
        """A month in another form: text/csv or text/html."""
        path = f"/v1/statements/{month}"
        response = self._send("GET", path, headers={"Accept": form})
        if not response.is_success:
            raise _refusal(response.status_code, _read(response), path)
        return response.text

    def story(self, name: str) -> Document:
        """A checkout or an order, under `record`, and all that happened to it, under `timeline`.

        `name` is its id, the hash of its cart or, while it needs looking after, the id of an attempt.
        """
        record_id = name if name.startswith(("chk_", "ord_")) else self._find(name)
        kind = "checkouts" if record_id.startswith("chk_") else "orders"
        path = f"/v1/{kind}/{quote(record_id, safe='')}"
        return {"record": shown(self._ask("GET", path)), "timeline": self._timeline(path)}

    def _find(self, name: str) -> str:
        """The id of the checkout in doubt, or with a hold, or the order that has this attempt or cart."""
        orders = [] if name.startswith("att_") else self._ask("GET", f"/v1/orders?cart_hash={quote(name)}")["data"]
        if orders:
            return str(orders[0]["id"])
        for waiting in self._in_doubt():
            if name in {waiting["attempt_id"], waiting["cart_hash"]}:
                return str(waiting["checkout_id"])
        raise not_found(name)

    def _in_doubt(self) -> list[Document]:
        """What waits for a person or has a hold; nothing at a retailer's service."""
        try:
            return [*self.reviews()["data"], *self.holds()["data"]]
        except Refused as refusal:
            if (refusal.problem or {}).get("code") != "not_here":
                raise
            return []

    def _timeline(self, path: str) -> list[Document]:
        """Everything that happened; only a checkout's timeline tells the upstream calls, and an order's leads to it."""
        timeline: list[Document] = self._ask("GET", f"{path}/timeline")["data"]
        checkout_id = next((entry["facts"]["checkout"] for entry in timeline if "checkout" in entry["facts"]), None)
        if checkout_id is None or path.endswith(checkout_id):
            return timeline
        return self._timeline(f"/v1/checkouts/{checkout_id}")

    def _ask(
        self,
        method: str,
        path: str,
        body: Document | None = None,
        *,
        key: str | None = None,
        file: Iterable[bytes] | None = None,
    ) -> Document:
        headers = {"Idempotency-Key": key} if key else {}
        sent: dict[str, Any] = {"json": body, "headers": headers}
        if file is not None:
            sent = {"content": file, "headers": {"Content-Type": "text/csv"}, "timeout": _FILE_SECONDS}
        response = self._send(method, path, **sent)
        answer = _read(response)
        if not response.is_success:
            refusal = _refusal(response.status_code, answer, path)
            refusal.problem = answer
            raise refusal
        return answer

    def _send(self, method: str, path: str, **sent: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, **sent)
        except httpx.TransportError as error:
            origin = str(self._client.base_url).rstrip("/")
            raise Unreachable(
                f"no answer from {origin} ({type(error).__name__}); --url names the service",
                "if it is stopped, its records can be read: --database FILE",
            ) from error


def _read(response: httpx.Response) -> Document:
    """The JSON object of an answer. Raises Refused where it is none: this is another service."""
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or not (response.is_success or "code" in answer):
        raise Refused(
            f"this is not the checkout API: {response.url} answered {response.status_code} in another form",
            "--url names the service alone, without a path",
        )
    return answer


_NEXT = {
    "unauthenticated": "the service does not know this key; give its CHECKOUT_SECRET_KEY with --key",
    "not_allowed": "these commands take the secret key (csk_...): --key, or CHECKOUT_SECRET_KEY",
    "nothing_to_settle": "`checkout explain ID` tells what became of it",
    "feed_shrank": "if that is right: --force",
    "not_here": "this call is for the other role: CHECKOUT_ROLE of the service, or --url of another one",
    "invalid_field": "`checkout review` and `checkout holds` show the hash of each cart",
    "database_unavailable": "nothing was decided or lost; try again, and look at the service's log",
}


def not_found(name: str) -> Refused:
    return Refused(
        f"nothing is known of {name}",
        "is it complete (chk_..., ord_..., or the hash of a cart), and of this service?",
        "`checkout review` and `checkout holds` list what is in doubt",
    )


def shown(record: Document) -> Document:
    """What is told of a checkout or an order before its story."""
    kept = without_rights(record)
    told = ("id", "object", "status", "problems", "store", "totals", "order")
    return {name: kept[name] for name in told if name in kept}


def _refusal(status: int, problem: Document, path: str) -> Refused:
    code = problem["code"]
    if code == "not_found" and path.startswith("/v1/deliveries/"):
        return Refused(f"there is no delivery {path.split('/')[3]}", "`checkout deliveries` lists them")
    if code == "not_found" and path.startswith(("/v1/checkouts/", "/v1/orders/")):
        return not_found(path.split("/")[3])
    lines = [f"{problem.get('detail') or 'refused'} ({code or status})"]
    lines += [_told(error) for error in problem.get("errors") or []]
    lines += [_NEXT[code]] if code in _NEXT else []
    return Refused(*lines)


def _told(error: Document) -> str:
    """One fault; those of a feed say their line themselves."""
    pointer = error.get("pointer") or "/"
    return str(error.get("detail")) if pointer.startswith("/rows/") else f"{pointer}: {error.get('detail')}"


def without_rights(value: Any) -> Any:
    """The JSON value without tokens and links that are a right to something."""
    if isinstance(value, dict):
        return {name: without_rights(inner) for name, inner in value.items() if name not in _RIGHTS}
    return [without_rights(inner) for inner in value] if isinstance(value, list) else value


@contextmanager
def open_service(url: str, key: str, transport: httpx.BaseTransport | None) -> Iterator[Service]:
    # A proxy from the environment is for the world outside, never for a service on this machine.
    direct: dict[str, httpx.BaseTransport | None] = {"all://127.0.0.1": None, "all://localhost": None}
    timeout = httpx.Timeout(60, connect=5)  # Settling insists on its record while the database is away.
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, transport=transport, mounts=direct, timeout=timeout) as client:
        yield Service(client)
