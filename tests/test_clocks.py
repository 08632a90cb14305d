"""Which time it is: the machine's, or the sandbox's where the service is told to follow it."""

import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from checkout.app import create_app
from checkout.clocks import SandboxFollower, ages, machine_clock
from checkout.sandbox import create_sandbox
from tests.processes import ask, running_demo
from tests.service import PUBLISHABLE_KEY, SANDBOX_URL, SERVICE_URL, SHOPPER, STORE_ID, UPC, key, make_settings, running


def answering(answer: Callable[[], httpx.Response]) -> httpx.AsyncClient:
    def handle(_: httpx.Request) -> httpx.Response:
        return answer()

    return httpx.AsyncClient(transport=httpx.MockTransport(handle), base_url=SANDBOX_URL)


def telling(ahead: timedelta) -> httpx.AsyncClient:
    return answering(lambda: httpx.Response(200, json={"now": (machine_clock() + ahead).isoformat()}))


def how_far_ahead(clock: SandboxFollower) -> float:
    return (clock() - machine_clock()).total_seconds()


def refuse() -> httpx.Response:
    raise httpx.ConnectError("nobody there")


async def test_follower_runs_as_far_ahead_as_the_sandbox() -> None:
    clock = SandboxFollower(telling(timedelta(hours=2)))
    assert abs(how_far_ahead(clock)) < 1
    await clock.refresh()
    assert 7199 < how_far_ahead(clock) < 7201
    await clock.close()


async def test_time_that_an_answer_takes_is_no_difference() -> None:
    clock = SandboxFollower(telling(timedelta(seconds=-1)))
    await clock.refresh()
    assert abs(how_far_ahead(clock)) < 0.1
    await clock.close()


async def test_kept_answers_age_with_every_leap() -> None:
    leaps = iter([timedelta(hours=2), timedelta(hours=2, seconds=1), timedelta(0)])
    clock = SandboxFollower(
        answering(lambda: httpx.Response(200, json={"now": (machine_clock() + next(leaps)).isoformat()}))
    )
    age, before = ages(clock), ages(clock)()
    for expected in (7200, 7200, 14400):
        await clock.refresh()
        assert abs(age() - before - expected) < 1.5
    await clock.close()


def test_answers_age_with_the_machine_where_no_sandbox_is_followed() -> None:
    assert ages(machine_clock) is time.monotonic


@pytest.mark.parametrize(
    "answer",
    [
        refuse,
        lambda: httpx.Response(500, text="<html>"),
        lambda: httpx.Response(200, json=[]),
        lambda: httpx.Response(200, json={"now": "noon"}),
        lambda: httpx.Response(200, json={"now": None}),
        lambda: httpx.Response(200, json={"now": "2026-05-04T12:00:00"}),
    ],
)
async def test_clock_goes_on_where_the_sandbox_is_silent(answer: Callable[[], httpx.Response]) -> None:
    clock = SandboxFollower(answering(answer))
    await clock.refresh()
    assert abs(how_far_ahead(clock)) < 0.1
    await clock.close()


async def answered_after_two_hours(**settings: str) -> AsyncIterator[dict[str, object]]:
    """A checkout as it is read before and after the sandbox's clock was advanced by two hours."""
    sandbox = httpx.ASGITransport(create_sandbox())
    app = create_app(make_settings(**settings), upstreams=sandbox)
    body = {"store_id": STORE_ID, "path_to_purchase": "bopis", "items": [{"upc": UPC, "quantity": 1}]}
    async with (
        running(app) as service,
        httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url=SERVICE_URL) as client,
        httpx.AsyncClient(transport=sandbox, base_url=SANDBOX_URL) as controls,
    ):
        headers = {"Authorization": f"Bearer {PUBLISHABLE_KEY}", "Idempotency-Key": key()}
        created = (await client.post("/v1/checkouts", json={**body, "shopper": SHOPPER}, headers=headers)).json()
        yield created
        await controls.post("/_sandbox/clock", json={"advance": "PT2H"})
        token = {"Authorization": f"Bearer {created['token']}"}
        yield (await client.get(f"/v1/checkouts/{created['id']}", headers=token)).json()


async def test_service_told_so_follows_the_sandbox() -> None:
    statuses = [checkout["status"] async for checkout in answered_after_two_hours(sandbox_clock="1")]
    assert statuses == ["ready", "expired"]


async def test_service_keeps_its_own_time_otherwise() -> None:
    statuses = [checkout["status"] async for checkout in answered_after_two_hours()]
    assert statuses == ["ready", "ready"]


def test_open_checkout_of_the_demo_expires(tmp_path: Path) -> None:
    with running_demo(tmp_path) as demo:
        facts = demo.facts()
        body = {"store_id": STORE_ID, "path_to_purchase": "bopis", "items": [{"upc": UPC, "quantity": 1}]}
        url, cpk = f"{facts['url']}/v1/checkouts", facts["publishable_key"]
        created = ask("POST", url, token=cpk, body={**body, "shopper": SHOPPER}, Idempotency_Key=key()).json()
        assert created["status"] == "ready"
        advanced = ask("POST", f"{facts['sandbox_url']}/_sandbox/clock", body={"advance": "PT2H"})
        assert advanced.is_success
        own, token = f"{url}/{created['id']}", created["token"]
        assert ask("GET", own, token=token).json()["status"] == "expired"
        changed = ask("PATCH", own, token=token, body={"items": [{"upc": UPC, "quantity": 2}]})
        assert (changed.status_code, changed.json()["code"]) == (409, "checkout_expired")
        assert changed.json()["next"] == "restart"
