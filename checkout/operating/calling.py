"""The operators' calls of the API, and what their refusals mean to a person at a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx

Document = dict[str, Any]

# Rights that the API gives with the secret key, and that have no place on a terminal or in a file made from it.
_RIGHTS = frozenset({"token", "url", "locally_order_url", "client_secret"})


class Stopped(Exception):
    """The command cannot go on; `lines` say why."""

    exit_code = 1

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = lines


class Refused(Stopped):
    """The service said no."""


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
        for waiting in (*self.reviews()["data"], *self.holds()["data"]):
            if name in {waiting["attempt_id"], waiting["cart_hash"]}:
                return str(waiting["checkout_id"])
        orders = [] if name.startswith("att_") else self._ask("GET", f"/v1/orders?cart_hash={quote(name)}")["data"]
        if not orders:
            raise not_found(name)
        return str(orders[0]["id"])

    def _timeline(self, path: str) -> list[Document]:
        """Everything that happened; only a checkout's timeline tells the upstream calls, and an order's leads to it."""
        timeline: list[Document] = self._ask("GET", f"{path}/timeline")["data"]
        checkout_id = next((entry["facts"]["checkout"] for entry in timeline if "checkout" in entry["facts"]), None)
        if checkout_id is None or path.endswith(checkout_id):
            return timeline
        return self._timeline(f"/v1/checkouts/{checkout_id}")

    def _ask(self, method: str, path: str, body: Document | None = None) -> Document:
        try:
            response = self._client.request(method, path, json=body)
        except httpx.TransportError as error:
            origin = str(self._client.base_url).rstrip("/")
            raise Unreachable(
                f"no answer from {origin} ({type(error).__name__}); --url names the service",
                "if it is stopped, its records can be read: --database FILE",
            ) from error
        answer = _read(response)
        if not response.is_success:
            raise _refusal(response.status_code, answer, path)
        return answer


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
    if code == "not_found" and path.startswith(("/v1/checkouts/", "/v1/orders/")):
        return not_found(path.split("/")[3])
    lines = [f"{problem.get('detail') or 'refused'} ({code or status})"]
    lines += [f"{error.get('pointer') or '/'}: {error.get('detail')}" for error in problem.get("errors") or []]
    lines += [_NEXT[code]] if code in _NEXT else []
    return Refused(*lines)


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
