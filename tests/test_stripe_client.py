"""Our few Stripe calls: what goes out, and one case for each kind of answer."""

import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from structlog.testing import capture_logs

from checkout.errors import CheckoutError, RefusedUpstream, UpstreamBusy, UpstreamUnavailable
from checkout.settings import Settings, load_settings
from checkout.stripe_client import SetupIntent, StripeClient, open_stripe

SECRET = "seti_1_secret_2"
BODY: dict[str, Any] = {
    "id": "seti_1",
    "object": "setup_intent",
    "status": "succeeded",
    "client_secret": SECRET,
    "livemode": False,
    "metadata": {"checkout_id": "chk_1", "brand": "acme", "store_id": "37175"},
    "payment_method_types": ["card"],
    "payment_method": "pm_1",
    "next_action": None,
}


class Upstream:
    """Gives its answers in turn, the last one again and again, and keeps what was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = answers

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers[min(len(self.requests), len(self._answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)


def ok(body: Any = BODY) -> httpx.Response:
    return httpx.Response(200, json=body, headers={"Request-Id": "req_1"})


def error(status: int, kind: str = "invalid_request_error", code: str | None = None, **headers: str) -> httpx.Response:
    body = {"error": {"type": kind, "code": code, "message": "No."}}
    return httpx.Response(status, json=body, headers=headers)


def settings() -> Settings:
    return load_settings(
        {},
        locally_api_token="test_token",
        locally_company_id=1,
        stripe_secret_key="sk_test_1",
        stripe_publishable_key="pk_test_1",
        publishable_key="cpk_test_1",
        secret_key="csk_test_1",
        encryption_key=bytes(32),
        stripe_api_base="https://stripe.test",
    )


@asynccontextmanager
async def stripe_saying(upstream: Upstream) -> AsyncIterator[StripeClient]:
    async def sleep(_: float) -> None:
        return

    async with open_stripe(settings(), transport=httpx.MockTransport(upstream), sleep=sleep) as client:
        yield client


async def create(upstream: Upstream, account: str | None = None) -> SetupIntent:
    async with stripe_saying(upstream) as client:
        return await client.create_setup_intent(
            checkout_id="chk_1", brand="acme", store_id=37175, account=account, idempotency_key="key-1"
        )


async def read(upstream: Upstream, setup_intent_id: str = "seti_1") -> SetupIntent | None:
    async with stripe_saying(upstream) as client:
        return await client.read_setup_intent(setup_intent_id, None)


async def cancel(upstream: Upstream, setup_intent_id: str = "seti_1") -> None:
    async with stripe_saying(upstream) as client:
        await client.cancel_setup_intent(setup_intent_id, "acct_1")


async def test_created_setup_intent_takes_cards_only() -> None:
    upstream = Upstream(ok())
    created = await create(upstream)
    (request,) = upstream.requests
    assert (request.method, str(request.url)) == ("POST", "https://stripe.test/v1/setup_intents")
    assert dict(parse_qsl(request.content.decode())) == {
        "allowed_payment_method_types[0]": "card",
        "usage": "off_session",
        "metadata[checkout_id]": "chk_1",
        "metadata[brand]": "acme",
        "metadata[store_id]": "37175",
    }
    assert created.client_secret is not None
    assert created.client_secret.get_secret_value() == SECRET


async def test_requests_carry_key_version_and_authorization() -> None:
    upstream = Upstream(ok())
    await create(upstream)
    headers = upstream.requests[0].headers
    assert headers["idempotency-key"] == "key-1"
    assert headers["stripe-version"] == "2026-10-28.endive"
    assert headers["authorization"] == "Bearer sk_test_1"
    assert "stripe-account" not in headers


async def test_stripe_is_told_no_telemetry() -> None:
    upstream = Upstream(ok())
    async with stripe_saying(upstream) as client:
        for _ in range(2):
            await client.read_setup_intent("seti_1", None)
    assert len(upstream.requests) == 2
    assert all("x-stripe-client-telemetry" not in request.headers for request in upstream.requests)


async def test_account_is_named_where_there_is_one() -> None:
    upstream = Upstream(ok())
    await create(upstream, account="acct_1")
    assert upstream.requests[0].headers["stripe-account"] == "acct_1"


async def test_setup_intent_is_parsed() -> None:
    found = await read(Upstream(ok()))
    assert found is not None
    assert found.model_dump(exclude={"client_secret"}) == {
        "id": "seti_1",
        "status": "succeeded",
        "livemode": False,
        "metadata": {"checkout_id": "chk_1", "brand": "acme", "store_id": "37175"},
        "payment_method_types": ("card",),
        "payment_method": "pm_1",
        "request_id": "req_1",
        "failure": None,
    }


async def test_client_secret_shows_nowhere() -> None:
    with capture_logs() as logs:
        found = await read(Upstream(ok()))
    assert SECRET not in repr(found)
    assert SECRET not in repr(logs)
    assert [(log["call"], log["request_id"]) for log in logs] == [("setup_intents/retrieve", "req_1")]


async def test_unknown_setup_intent_is_none() -> None:
    assert await read(Upstream(error(404, code="resource_missing"))) is None


@pytest.mark.parametrize("setup_intent_id", ["", "pi_1", "seti_1/cancel", "seti_1?x", "../customers"])
async def test_odd_id_is_never_asked_for(setup_intent_id: str) -> None:
    upstream = Upstream(ok())
    assert await read(upstream, setup_intent_id) is None
    await cancel(upstream, setup_intent_id)
    assert upstream.requests == []


async def test_canceled_setup_intent_is_called_abandoned() -> None:
    upstream = Upstream(ok({**BODY, "status": "canceled"}))
    await cancel(upstream)
    (request,) = upstream.requests
    assert (request.url.path, request.content) == (
        "/v1/setup_intents/seti_1/cancel",
        b"cancellation_reason=abandoned",
    )
    assert request.headers["stripe-account"] == "acct_1"


@pytest.mark.parametrize(("status", "code"), [(400, "setup_intent_unexpected_state"), (404, "resource_missing")])
async def test_canceling_what_is_over_is_no_error(status: int, code: str) -> None:
    upstream = Upstream(error(status, code=code))
    await cancel(upstream)
    assert len(upstream.requests) == 1


GARBAGE = httpx.Response(200, content=b"<html>Oops</html>")


@pytest.mark.parametrize("call", [create, read, cancel])
@pytest.mark.parametrize(
    ("answer", "kind", "requests"),
    [
        (httpx.ConnectError("refused"), UpstreamUnavailable, 3),
        (httpx.ReadTimeout("silence"), UpstreamUnavailable, 3),
        (httpx.RemoteProtocolError("hung up"), UpstreamUnavailable, 3),
        (error(500, "api_error"), UpstreamUnavailable, 3),
        (httpx.Response(503, content=b"<html>"), UpstreamUnavailable, 3),
        (error(409, code="lock_timeout"), UpstreamUnavailable, 3),
        (GARBAGE, UpstreamUnavailable, 1),
        (error(429, code="rate_limit"), UpstreamBusy, 1),
        (error(401), RefusedUpstream, 1),
        (error(403), RefusedUpstream, 1),
        (error(402, "card_error", "card_declined"), RefusedUpstream, 1),
        (error(400, code="parameter_unknown"), RefusedUpstream, 1),
        (error(400, "idempotency_error"), RefusedUpstream, 1),
    ],
)
async def test_failures_become_our_kinds(
    call: Callable[[Upstream], Any], answer: httpx.Response | Exception, kind: type[CheckoutError], requests: int
) -> None:
    upstream = Upstream(answer)
    with pytest.raises(kind) as caught:
        await call(upstream)
    assert type(caught.value) is kind
    assert len(upstream.requests) == requests


@pytest.mark.parametrize("body", [{}, {"id": "seti_1"}, {**BODY, "livemode": "perhaps"}])
@pytest.mark.parametrize("call", [create, read])
async def test_incomplete_answer_is_unavailable(call: Callable[[Upstream], Any], body: Any) -> None:
    with pytest.raises(UpstreamUnavailable):
        await call(Upstream(ok(body)))


@pytest.mark.parametrize("status", [200, 400, 401, 500])
@pytest.mark.parametrize(
    "body", [b"[]", b"null", b"7", b'"x"', b'{"error": null}', b'{"error": "x"}', b'{"error": []}']
)
@pytest.mark.parametrize("call", [create, read])
async def test_answer_of_another_shape_is_unavailable(
    call: Callable[[Upstream], Any], body: bytes, status: int
) -> None:
    with pytest.raises(UpstreamUnavailable):
        await call(Upstream(httpx.Response(status, content=body)))


async def test_missing_account_on_create_is_refused() -> None:
    with pytest.raises(RefusedUpstream):
        await create(Upstream(error(404, code="resource_missing")))


async def test_repeats_carry_the_same_key() -> None:
    upstream = Upstream(httpx.ReadTimeout("silence"), error(500, "api_error"), ok())
    await create(upstream)
    assert [request.headers["idempotency-key"] for request in upstream.requests] == ["key-1"] * 3


async def test_stripe_forbidding_repeats_is_obeyed() -> None:
    upstream = Upstream(error(500, "api_error", None, **{"Stripe-Should-Retry": "false"}))
    with pytest.raises(UpstreamUnavailable):
        await create(upstream)
    assert len(upstream.requests) == 1


def test_sdk_is_imported_late() -> None:
    probe = "import sys, checkout.stripe_client; sys.exit('stripe' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
