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

    def story(self, record_id: str) -> Document:
        """A checkout or an order, under `record`, and all that happened to it, under `timeline`."""
        kind = "checkouts" if record_id.startswith("chk_") else "orders"
        path = f"/v1/{kind}/{quote(record_id, safe='')}"
        record = without_rights(self._ask("GET", path))
        shown = {
            name: record[name] for name in ("id", "object", "status", "store", "totals", "order") if name in record
        }
        return {"record": shown, "timeline": self._timeline(path)}

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
            raise Unreachable(f"no answer from {origin} ({type(error).__name__}); --url names the service") from error
        answer = _read(response)
        if not response.is_success:
            raise _refusal(response.status_code, answer)
        return answer


def _read(response: httpx.Response) -> Document:
    """The JSON object of an answer. Raises Refused where it is none: this is another service."""
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise Refused(f"this is not the checkout API: it answered {response.status_code} without a JSON object")
    return answer


def _refusal(status: int, problem: Document) -> Refused:
    if problem.get("code") == "unauthenticated":
        return Refused("the service does not know this key; give its CHECKOUT_SECRET_KEY with --key")
    lines = [f"{problem.get('detail') or 'refused'} ({problem.get('code') or status})"]
    lines += [f"{error.get('pointer') or '/'}: {error.get('detail')}" for error in problem.get("errors") or []]
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
