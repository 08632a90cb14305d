"""One shape for every failure, one document for every route, and no input that makes a 500."""

import asyncio
import json
import re
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route
from starlette.types import ASGIApp
from structlog.testing import capture_logs

from checkout import api, errors
from checkout.openapi import OPERATIONS
from checkout.problems import Problem
from checkout.sandbox import create_sandbox
from tests.service import PUBLISHABLE_KEY, SECRET_KEY, STORE_ID, UPC, Service, key, running_service

NEXT = {"retry", "fix", "new_card", "accept_total", "choose_store", "restart", "wait", "contact", "stop"}
# The document describes itself nowhere, nor what only Locally's scanner reads.
UNDESCRIBED = {"/openapi.json", "/feeds/{token}/available-to-sell.csv"}


def canonical(answer: httpx.Response) -> Problem:
    """The problem of an answer, after a look at all that failures have in common."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert re.fullmatch(r"req_\w+", answer.headers["Request-Id"])
    assert answer.headers["Cache-Control"] == "no-store"
    problem = Problem.model_validate_json(answer.content, strict=True)
    assert problem.status == answer.status_code
    assert problem.next in NEXT
    assert problem.instance == f"urn:request:{answer.headers['Request-Id']}"
    assert (problem.title, problem.detail, problem.type) != ("", "", "")
    assert set(answer.json()) - {"checkout"} == set(Problem.model_fields) - {"checkout"}
    return problem


async def fail(service: Service, method: str, path: str, **request: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {SECRET_KEY}", **request.pop("headers", {})}
    return await service.client.request(method, path, headers=headers, **request)


async def test_every_failure_has_the_canonical_shape(service: Service) -> None:
    checkout = await service.create()
    path = f"/v1/checkouts/{checkout['id']}"
    cart = {"store_id": STORE_ID, "path_to_purchase": "bopis", "items": [{"upc": UPC, "quantity": 1}]}
    keyed = {"Idempotency-Key": key()}
    failures = {
        400: await fail(service, "POST", "/v1/quotes", content=b"{", headers={"Content-Type": "application/json"}),
        401: await service.client.get("/v1/orders"),
        403: await fail(service, "GET", "/v1/orders", headers={"Origin": "https://evil.example"}),
        404: await fail(service, "GET", "/v1/nothing"),
        405: await fail(service, "DELETE", path),
        409: await service.place(checkout, "seti_1"),
        412: await fail(service, "PATCH", path, json={}, headers={"If-Match": '"9"'}),
        413: await fail(service, "POST", "/v1/quotes", content=b" " * 70_000),
        415: await fail(service, "POST", "/v1/quotes", content=b"{}"),
        422: await fail(service, "POST", "/v1/checkouts", json={**cart, "x": 1}, headers=keyed),
    }
    assert {status: canonical(answer).status for status, answer in failures.items()} == {
        status: status for status in failures
    }


@pytest.mark.parametrize("path", ["/v1/", "/v1", "/v1/checkouts/", "/v1/quotes/x", "/nowhere", "/v1//orders"])
async def test_unknown_paths_have_the_canonical_shape(service: Service, path: str) -> None:
    assert canonical(await fail(service, "GET", path)).code == "not_found"


async def test_wrong_method_names_every_right_one(service: Service) -> None:
    for path, methods in (("/v1/checkouts/chk_1", {"GET", "HEAD", "PATCH"}), ("/v1/quotes", {"POST"})):
        answer = await fail(service, "PUT", path)
        assert canonical(answer).code == "method_not_allowed"
        assert set(answer.headers["Allow"].split(", ")) == methods


async def test_head_is_answered_like_get(service: Service) -> None:
    checkout = await service.create()
    answer = await fail(service, "HEAD", f"/v1/checkouts/{checkout['id']}")
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"1"')


class Broken(httpx.AsyncBaseTransport):
    """A transport with a bug of its own, as ours might have one."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise LookupError("the cause, which is nobody's business")


async def test_bug_is_a_500_without_its_cause() -> None:
    async with running_service(Broken()) as service:
        with capture_logs() as logged:
            answer = await service.call("GET", "/v1/places?q=60605", Origin="https://www.brand.example")
        assert [line["request_id"] for line in logged if line["event"] == "bug"] == [answer.headers["Request-Id"]]
        assert canonical(answer).code == "internal_error"
        assert answer.status_code == 500
        assert "cause" not in answer.text
        assert answer.headers["Access-Control-Allow-Origin"] == "https://www.brand.example"
        assert (await service.client.get("/healthz")).status_code == 200


class Unreachable(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route to host", request=request)


async def test_unreachable_upstream_is_a_503() -> None:
    async with running_service(Unreachable()) as service:
        answer = await service.call("GET", "/v1/places?q=60605")
        assert canonical(answer).code == "upstream_unavailable"
        assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (503, True)


async def test_successes_carry_id_and_are_not_kept(service: Service) -> None:
    seen = set()
    for path in ("/v1/places?q=60605", "/v1/places?q=60605", "/v1/orders"):
        answer = await fail(service, "GET", path)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
        seen.add(answer.headers["Request-Id"])
    assert len(seen) == 3


async def test_health_has_the_documented_bodies(service: Service) -> None:
    document = (await service.client.get("/openapi.json")).json()
    for path in ("/healthz", "/readyz"):
        answer = await service.client.get(path)
        example = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["example"]
        assert answer.status_code == 200
        assert set(answer.json()) == set(example)


def test_routes_are_those_of_the_document() -> None:
    routed = {
        (re.sub(r"{\w+_id}", "{id}", route.path), method)
        for route in api.routes
        if isinstance(route, Route) and route.path not in UNDESCRIBED
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert routed == {(operation.path, operation.method.upper()) for operation in OPERATIONS}


async def test_documented_requests_are_understood(service: Service) -> None:
    """Their store and goods are made up, so the answer is a no; but never one to their form."""
    checkout, reserved = await service.create(), await service.create(path_to_purchase="ropis")
    order = (await service.place(reserved, None)).json()["order"]
    for operation in OPERATIONS:
        if operation.request is None or errors.NotHere in operation.errors:  # A retailer's: see test_pushcart.
            continue
        named = order if operation.path.startswith("/v1/orders/") else checkout
        for media_type in operation.request.media_types:
            path = operation.path.replace("{id}", named["id"]).replace("{upc}", UPC)
            headers = {"Content-Type": media_type, "Idempotency-Key": key()}
            content = json.dumps(operation.request.example)
            answer = await fail(service, operation.method, path, content=content, headers=headers)
            assert answer.status_code not in {400, 404, 405, 415}, operation.name
            assert answer.status_code < 500
            if answer.status_code >= 400:
                assert canonical(answer).code != "invalid_field", (operation.name, answer.text)


def documented_codes(document: dict[str, Any], path: str, method: str, status: int) -> set[str]:
    answer = document["paths"][path][method]["responses"].get(str(status), {"content": {}})
    return set(answer["content"].get("application/problem+json", {"examples": {}})["examples"])


async def test_answers_are_documented(service: Service) -> None:
    document = (await service.client.get("/openapi.json")).json()
    checkout = await service.create()
    for operation in OPERATIONS:
        path = operation.path.replace("{id}", checkout["id"])
        for headers in ({}, {"Authorization": ""}, {"Origin": "null"}, {"Content-Type": "text/plain"}):
            answer = await fail(service, operation.method, path, content=b"{", headers=headers)
            if answer.status_code >= 400:
                codes = documented_codes(document, operation.path, operation.method, answer.status_code)
                assert canonical(answer).code in codes, (operation.name, answer.text)


# Texts that have made trouble somewhere: blanks, NUL, text direction, combining marks, other digits, long ones.
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["", " ", "\x00", "\u202e", "e\u0301", "\u0661\u0662", UPC, f"{UPC}:1", "-1", "1e400", "%00", "../"]
    ),
    st.integers(1, 3000).map(lambda length: "9" * length),
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**40), 10**40),
        st.floats(allow_nan=False, allow_infinity=False),
        TEXTS,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        *("store_id", "path_to_purchase", "items", "shopper", "host_domain", "locale", "return_url", "expected_total"),
        *(
            "setup_intent_id",
            "setup_intent_origin",
            "upc",
            "quantity",
            "message",
            "unit_price",
            "tax_per_unit",
            "email",
        ),
        *("phone", "zip", "country", "first_name", "is_opt_in_consent", "amount", "currency"),
    ]
)
LINES = st.fixed_dictionaries(
    {"upc": st.just(UPC), "quantity": st.integers(1, 99)},
    optional={
        name: st.fixed_dictionaries({"amount": st.integers(0, 10**12), "currency": st.sampled_from(["USD", "EUR"])})
        for name in ("unit_price", "tax_per_unit")
    },
)
SHOPPERS = st.dictionaries(NAMES, VALUES, max_size=4)
CARTS = st.fixed_dictionaries(
    {
        "store_id": st.sampled_from([STORE_ID, 41510, 1]),
        "path_to_purchase": st.sampled_from(["bopis", "ropis", "sts", "sdd"]),
        "items": st.lists(LINES, min_size=1, max_size=2),
    },
    optional={"shopper": SHOPPERS, "locale": VALUES, "return_url": VALUES},
)
BODIES = st.one_of(VALUES, st.dictionaries(NAMES, VALUES, max_size=5), CARTS)
QUERIES = st.dictionaries(
    st.sampled_from(["q", "items", "near", "radius", "unit", "path", "status", "since", "cursor", "limit", "x"]),
    TEXTS | st.sampled_from(["41.88,-87.63", "25", "mi", "bopis", "open", "2026-11-22T00:00:00Z"]),
    max_size=4,
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "If-Match": st.sampled_from(['"1"', "*", "W/", ",", "\xff"]),
        "Prefer": st.sampled_from(["wait=0", "wait=999", "wait=x", ";;"]),
        "Cache-Control": st.just("no-cache"),
    },
)
REQUESTS = st.tuples(st.sampled_from(OPERATIONS), QUERIES, BODIES, HEADERS, st.booleans(), TEXTS)


async def answer_all(requests: list[Any], world: ASGIApp) -> None:
    async with running_service(sandbox=world) as service:
        checkout = await service.create(path_to_purchase="ropis")
        for operation, query, body, headers, trusted, name in requests:
            token = SECRET_KEY if trusted else PUBLISHABLE_KEY
            named = quote(name, safe="") if len(name) > 20 else checkout["id"]
            given = {name: value.encode("latin-1") for name, value in headers.items()}
            answer = await service.client.request(
                operation.method,
                operation.path.replace("{id}", named),
                params=query,
                json=body,
                headers={"Authorization": f"Bearer {token}", "Idempotency-Key": key(), **given},
            )
            assert answer.status_code < 500, (operation.name, query, body, answer.text)
            if answer.status_code >= 400:
                canonical(answer)


@settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.lists(REQUESTS, min_size=8, max_size=12))
def test_no_input_makes_a_500(requests: list[Any]) -> None:
    asyncio.run(answer_all(requests, create_sandbox()))
