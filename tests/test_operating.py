"""The operators' commands, against the service itself and against answers of its documentation."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from starlette.types import ASGIApp
from structlog.testing import capture_logs

from checkout.__main__ import main
from checkout.attempts import AttemptEvent
from checkout.openapi import examples
from checkout.operating import commands
from checkout.operating.calling import without_rights
from checkout.operating.telling import money, sentence, tell_holds, tell_reviews, tell_settled, tell_story
from tests.placing_world import running_world
from tests.service import SECRET_KEY
from tests.upstreams import answers, lost_answer

NAMES = ["explain", "review", "settle", "holds"]
ARGUMENTS = {"explain": ["chk_1"], "review": [], "settle": ["chk_1", "--not-placed"], "holds": []}


class Bridge(httpx.BaseTransport):
    """Carries a command's requests from its thread to a service that runs in the loop of the test."""

    def __init__(self, app: ASGIApp, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = httpx.ASGITransport(app)
        self._loop = loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(self._send(request), self._loop).result(10)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        sent = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
        answer = await self._transport.handle_async_request(sent)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())


class Answering(httpx.BaseTransport):
    """The same answer to every request, which is kept."""

    def __init__(self, status: int, body: Any) -> None:
        self._status, self._body = status, body
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        content = self._body if isinstance(self._body, str) else json.dumps(self._body)
        return httpx.Response(self._status, content=content.encode())


class Silent(httpx.BaseTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)


def run(transport: httpx.BaseTransport, *arguments: str) -> Result:
    where = ("--url", "http://service.test", "--key", SECRET_KEY)
    return CliRunner().invoke(main, [*arguments, *where], obj=transport, catch_exceptions=False)


async def test_commands_lead_from_doubt_to_decision(tmp_path: Path) -> None:
    async with running_world("sqlite", tmp_path, readback_until="0.2", place_wait="10") as world:
        bridge = Bridge(world.service.app, asyncio.get_running_loop())

        async def ask(*arguments: str) -> str:
            with capture_logs():  # The service logs to the same output, in this process.
                result = await asyncio.to_thread(run, bridge, *arguments)
            assert result.exit_code == 0, result.output
            assert world.service.settings.secret_key.get_secret_value() not in result.output
            return result.stdout

        checkout, card = await world.ready()
        world.upstreams.on("cart/commit", lost_answer)
        world.upstreams.always("v2/cart", answers(500, "down"))
        assert (await world.place(checkout, card)).status_code == 202
        (cart_hash,) = await world.orders()
        reviewed = await ask("review")
        assert checkout["id"] in reviewed
        assert cart_hash in reviewed
        assert checkout["id"] in await ask("holds")
        world.upstreams.clear()
        settled = json.loads(await ask("settle", checkout["id"], "--placed", cart_hash, "--json"))
        assert (settled["status"], set(settled["order"])) == ("placed", {"id", "status"})
        assert await ask("review") == "Nothing needs a person.\n"
        assert await ask("holds") == "No hold may be open.\n"
        story = await ask("explain", checkout["id"])
        assert f"A person decided with the key ...{SECRET_KEY[-4:]}: placed (cart {cart_hash})." in story
        assert story.rstrip().endswith(f"The order is {settled['order']['id']}, open.")
        by_order = json.loads(await ask("explain", settled["order"]["id"], "--json"))
        by_checkout = json.loads(await ask("explain", checkout["id"], "--json"))
        assert by_order["timeline"] == by_checkout["timeline"]
        assert by_order["record"]["object"] == "order"


async def test_wrong_hash_is_explained(tmp_path: Path) -> None:
    async with running_world("sqlite", tmp_path, readback_until="0.2", place_wait="10") as world:
        bridge = Bridge(world.service.app, asyncio.get_running_loop())
        checkout, card = await world.ready()
        world.upstreams.on("cart/commit", lost_answer)
        world.upstreams.always("v2/cart", answers(500, "down"))
        assert (await world.place(checkout, card)).status_code == 202
        wrong = await asyncio.to_thread(run, bridge, "settle", checkout["id"], "--placed", "ABCDE")
        assert wrong.exit_code == 1
        assert "/placed: This is not the hash of the cart" in wrong.stderr
        assert (await world.service.read(checkout))["status"] == "placing"


@pytest.mark.parametrize(
    ("name", "example", "tell"),
    [("review", examples.REVIEWS, tell_reviews), ("holds", examples.HOLDS, tell_holds)],
)
def test_lists_are_read_with_the_secret_key(name: str, example: Any, tell: Callable[[Any], str]) -> None:
    document = example.model_dump(mode="json")
    service = Answering(200, document)
    assert run(service, name).stdout == tell(document) + "\n"
    assert json.loads(run(service, name, "--json").stdout) == document
    assert {request.headers["authorization"] for request in service.requests} == {f"Bearer {SECRET_KEY}"}


def test_review_tells_the_evidence() -> None:
    told = tell_reviews(examples.REVIEWS.model_dump(mode="json"))
    for part in ("chk_3fGh7Jk9Lm", "a3f1c9", "248.06 USD (bopis)", "37175 Main Street Sports", "21 times, 1 of them"):
        assert part in told
    assert "its answer was lost" in told
    assert "2026-11-22 15:30:00 UTC, no answer" in told


def test_holds_are_a_table_with_totals() -> None:
    head, row, _, total = tell_holds(examples.HOLDS.model_dump(mode="json")).splitlines()
    assert head.split() == ["HOLD", "STATE", "AMOUNT", "RELEASED", "BY", "REASON", "CART", "CHECKOUT"]
    assert head.index("CHECKOUT") == row.index("chk_3fGh7Jk9Lm")
    assert total == "1 may be open: 248.06 USD in all."


def test_story_tells_each_call_and_time() -> None:
    record = without_rights(examples.PLACED.model_dump(mode="json"))
    timeline = examples.STORY.model_dump(mode="json")["data"]
    lines = tell_story({"record": record, "timeline": timeline}).splitlines()
    assert lines[0] == "chk_3fGh7Jk9Lm: placed, 248.06 USD at 37175 Main Street Sports"
    assert "Sunday, 2026-11-22 (UTC)" in lines
    assert "  15:30:00.000      cart/commit took 20000 ms: unknown." in lines
    assert lines[-1] == "The order is ord_8nB2vC4xZ1, open."


def test_call_without_an_end_says_so() -> None:
    entry = {"event": "call.cart/commit", "facts": {"attempt": "att_1", "outcome": None, "milliseconds": None}}
    assert sentence(entry).strip() == "cart/commit was sent; no end of it is on record."


def test_facts_that_are_missing_read_unknown() -> None:
    assert sentence({"event": "attempt.received", "facts": {"attempt": "att_1"}}).endswith("request unknown.")


def test_new_events_keep_their_name() -> None:
    assert sentence({"event": "store.moved", "facts": {"to": 3}}) == "store.moved: to 3"
    assert sentence({"event": "store.moved", "facts": {}}) == "store.moved"


@pytest.mark.parametrize("event", AttemptEvent)
def test_every_event_of_an_attempt_has_a_sentence(event: AttemptEvent) -> None:
    assert sentence({"event": f"attempt.{event}", "facts": {}}).endswith(".")


def test_settled_checkout_is_told_either_way() -> None:
    placed = examples.PLACED.model_dump(mode="json")
    assert tell_settled(placed) == "chk_3fGh7Jk9Lm is placed: the order is ord_8nB2vC4xZ1."
    assert tell_settled({**placed, "order": None}) == "chk_3fGh7Jk9Lm is closed: there is no order."


def test_rights_are_left_out_of_what_is_printed() -> None:
    service = Answering(200, examples.PLACED.model_dump(mode="json"))
    printed = run(service, "settle", "chk_1", "--placed", "a3f1c9", "--json").stdout
    assert "ot_example" not in printed
    assert "ol_example" not in printed
    assert json.loads(service.requests[0].content) == {"placed": "a3f1c9"}


def test_not_placed_is_sent_as_such() -> None:
    service = Answering(200, {**examples.CANCELED.model_dump(mode="json"), "status": "expired"})
    assert run(service, "settle", "chk_1", "--not-placed").exit_code == 0
    assert json.loads(service.requests[0].content) == {"not_placed": True}


@pytest.mark.parametrize(
    "arguments",
    [
        ["settle", "chk_1"],
        ["settle", "chk_1", "--placed", "A", "--not-placed"],
        ["explain", "att_1"],
        ["review", "--url", "ftp://x"],
    ],
)
def test_wrong_usage_sends_nothing(arguments: list[str]) -> None:
    service = Answering(200, {})
    result = CliRunner().invoke(main, arguments, obj=service)
    assert (result.exit_code, service.requests) == (2, [])


@pytest.mark.parametrize("name", NAMES)
def test_silent_service_is_unreachable(name: str) -> None:
    result = run(Silent(), name, *ARGUMENTS[name])
    assert (result.exit_code, result.stdout) == (3, "")
    assert "no answer from http://service.test" in result.stderr


@pytest.mark.parametrize("name", NAMES)
def test_refusal_is_told_with_its_code(name: str) -> None:
    problem = {"code": "nothing_to_settle", "detail": "No attempt is in doubt.", "errors": []}
    result = run(Answering(409, problem), name, *ARGUMENTS[name])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "checkout: No attempt is in doubt. (nothing_to_settle)\n"


def test_wrong_key_and_wrong_service_are_told() -> None:
    assert "does not know this key" in run(Answering(401, {"code": "unauthenticated"}), "review").stderr
    assert "this is not the checkout API" in run(Answering(200, "<html>"), "review").stderr


@pytest.mark.parametrize("name", NAMES)
def test_every_command_takes_url_key_and_json(name: str) -> None:
    (command,) = [each for each in commands if each.name == name]
    assert {"--url", "--key", "--json"} <= {option for each in command.params for option in each.opts}
    assert main.commands[name] is command


def test_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Answering(200, examples.HOLDS.model_dump(mode="json"))
    for value, expected in ((None, "csk_test_demo"), ("csk_test_mine", "csk_test_mine")):
        monkeypatch.delenv("CHECKOUT_SECRET_KEY", raising=False)
        if value:
            monkeypatch.setenv("CHECKOUT_SECRET_KEY", value)
        assert CliRunner().invoke(main, ["holds", "--url", "http://service.test"], obj=service).exit_code == 0
        assert service.requests[-1].headers["authorization"] == f"Bearer {expected}"


def test_amounts_without_known_decimals_stay_whole() -> None:
    assert money({"amount": 1234, "currency": "JPY"}) == "1234 JPY (minor units)"
    assert money(None) == "an unknown amount"
