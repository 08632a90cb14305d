"""The operators' commands, against the service itself and against answers of its documentation."""

import asyncio
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from starlette.types import ASGIApp
from structlog.testing import capture_logs

import checkout
from checkout.__main__ import main
from checkout.attempts import AttemptEvent
from checkout.openapi import examples
from checkout.operating import commands
from checkout.operating.calling import shown, without_rights
from checkout.operating.deliveries import tell_deliveries, tell_redelivered
from checkout.operating.telling import money, sentence, tell_holds, tell_reviews, tell_settled, tell_story
from tests.placing_world import running_world
from tests.service import SECRET_KEY
from tests.test_api_operators import SOON_IN_REVIEW
from tests.upstreams import answers, lost_answer

LATER = datetime(2026, 11, 22, 17, 35, tzinfo=UTC)  # Two hours and five minutes after the examples.
NAMES = ["explain", "review", "settle", "holds", "deliveries", "redeliver", "console"]
ARGUMENTS = {
    "explain": ["chk_1"],
    "review": [],
    "settle": ["chk_1", "--not-placed"],
    "holds": [],
    "deliveries": [],
    "redeliver": ["dlv_1"],
    "console": [],
}


def in_review(checkout: dict[str, Any]) -> bool:
    return [problem["code"] for problem in checkout["problems"]] == ["order_in_review"]


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
    async with running_world("sqlite", tmp_path, **SOON_IN_REVIEW) as world:
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
        assert (await world.place(checkout, card, wait=1)).status_code == 202
        await world.until(checkout, in_review)
        (cart_hash,) = await world.orders()
        reviewed = await ask("review")
        assert checkout["id"] in reviewed
        assert cart_hash in reviewed
        assert checkout["id"] in await ask("holds")
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
        assert json.loads(await ask("explain", cart_hash, "--json")) == by_order


async def test_wrong_hash_is_explained(tmp_path: Path) -> None:
    async with running_world("sqlite", tmp_path, **SOON_IN_REVIEW) as world:
        bridge = Bridge(world.service.app, asyncio.get_running_loop())
        checkout, card = await world.ready()
        world.upstreams.on("cart/commit", lost_answer)
        world.upstreams.always("v2/cart", answers(500, "down"))
        assert (await world.place(checkout, card, wait=1)).status_code == 202
        wrong = await asyncio.to_thread(run, bridge, "settle", checkout["id"], "--placed", "ABCDE")
        assert wrong.exit_code == 1
        assert "/placed: This is not the hash of the cart" in wrong.stderr
        assert (await world.service.read(checkout))["status"] == "placing"


@pytest.mark.parametrize(
    ("name", "example", "tell"),
    [
        ("review", examples.REVIEWS, lambda told: tell_reviews(told, LATER)),
        ("holds", examples.HOLDS, tell_holds),
        ("deliveries", examples.DELIVERIES, tell_deliveries),
    ],
)
def test_lists_are_read_with_the_secret_key(name: str, example: Any, tell: Callable[[Any], str]) -> None:
    document = example.model_dump(mode="json")
    service = Answering(200, document)
    assert run(service, name).stdout.splitlines()[0] == tell(document).splitlines()[0]
    assert json.loads(run(service, name, "--json").stdout) == document
    assert {request.headers["authorization"] for request in service.requests} == {f"Bearer {SECRET_KEY}"}


def test_review_tells_the_evidence() -> None:
    told = tell_reviews(examples.REVIEWS.model_dump(mode="json"), LATER)
    for part in ("chk_3fGh7Jk9Lm", "a3f1c9", "248.06 USD (bopis)", "37175 Main Street Sports", "21 times, 1 of them"):
        assert part in told
    assert "its answer was lost" in told
    assert "2026-11-22 15:30:00 UTC (2 h 05 min ago)" in told
    assert "2026-11-22 15:30:00 UTC, no answer" in told


def test_holds_are_a_table_with_totals() -> None:
    head, row, _, total, meaning = tell_holds(examples.HOLDS.model_dump(mode="json")).splitlines()
    assert head.split() == ["STATE", "AMOUNT", "RELEASED", "BY", "REASON", "CART", "CHECKOUT"]
    assert head.index("CHECKOUT") == row.index("chk_3fGh7Jk9Lm")
    assert total == "1 may be open: 248.06 USD in all."
    assert meaning.startswith("open: Locally said")


def test_holds_fit_a_terminal_of_a_hundred_columns() -> None:
    holds = examples.HOLDS.model_dump(mode="json")
    widest = {"state": "possible", "reason": "commit_unknown", "cart_hash": "A3F1C9B2", "checkout_id": f"chk_{0:032}"}
    amount = {"amount": 1234567, "currency": "USD"}
    rows = [{**hold, **widest, "amount": amount} for hold in holds["data"]]
    assert max(map(len, tell_holds({**holds, "data": rows}).splitlines())) <= 100


def test_story_tells_each_call_and_time() -> None:
    record = without_rights(examples.PLACED.model_dump(mode="json"))
    timeline = examples.STORY.model_dump(mode="json")["data"]
    lines = tell_story({"record": record, "timeline": timeline}).splitlines()
    assert lines[0] == "chk_3fGh7Jk9Lm: placed, 248.06 USD at 37175 Main Street Sports"
    assert "Sunday, 2026-11-22 (UTC)" in lines
    assert "  15:30:00.000      cart/commit took 20000 ms: unknown (request 8d2e1f)." in lines
    assert lines[-1] == "The order is ord_8nB2vC4xZ1, open."


def test_call_without_an_end_says_so() -> None:
    entry = {"event": "call.cart/commit", "facts": {"attempt": "att_1", "outcome": None, "milliseconds": None}}
    assert sentence(entry).strip() == "cart/commit was sent; no end of it is on record."


def test_facts_that_are_missing_read_unknown() -> None:
    assert sentence({"event": "attempt.received", "facts": {"attempt": "att_1"}}).endswith("request unknown.")


def test_new_events_keep_their_name() -> None:
    assert sentence({"event": "store.moved", "facts": {"to": 3}}) == "store.moved: to 3"
    assert sentence({"event": "store.moved", "facts": {}}) == "store.moved"


def test_new_status_of_an_item_is_told() -> None:
    entry = {"event": "item.picked_up", "facts": {"upc": "068648100001", "status": "picked_up", "source": "sweep"}}
    assert sentence(entry) == "The item 068648100001 is picked up at Locally."


@pytest.mark.parametrize("event", AttemptEvent)
def test_every_event_of_an_attempt_has_a_sentence(event: AttemptEvent) -> None:
    assert sentence({"event": f"attempt.{event}", "facts": {}}).endswith(".")


def test_every_other_event_has_a_sentence_too() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in Path(checkout.__file__).parent.rglob("*.py"))
    events = set(re.findall(r'add_to_timeline\(.*?"([a-z_]+\.[a-z_]+)"', code))
    assert {"checkout.created", "setup_intent.created", "order.placed", "order.found_late"} <= events
    assert [event for event in sorted(events) if sentence({"event": event, "facts": {}}) == event] == []


@pytest.mark.parametrize(
    ("code", "said"), [("order_unconfirmed", "is being read back"), ("order_in_review", "review`")]
)
def test_story_in_doubt_ends_with_what_comes_next(code: str, said: str) -> None:
    document = examples.PLACED.model_dump(mode="json")
    record = {**document, "status": "placing", "order": None, "problems": [{"code": code}]}
    assert said in tell_story({"record": shown(record), "timeline": []}).splitlines()[-1]


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
        ["explain", "a/b"],
        ["deliveries", "--subject", "a/b"],
        ["deliveries", "--state", "lost"],
        ["redeliver"],
        ["redeliver", "dlv_1", "--failed"],
        ["redeliver", "msg_1"],
        ["review", "--url", "http://service.test", "--database", "checkout.db"],
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
    assert "--database FILE" in result.stderr


@pytest.mark.parametrize("name", NAMES)
def test_refusal_is_told_with_its_code(name: str) -> None:
    problem = {"code": "nothing_to_settle", "detail": "No attempt is in doubt.", "errors": []}
    result = run(Answering(409, problem), name, *ARGUMENTS[name])
    assert (result.exit_code, result.stdout) == (1, "")
    told, advice = result.stderr.splitlines()
    assert told == "checkout: No attempt is in doubt. (nothing_to_settle)"
    assert "checkout explain ID" in advice


def test_link_into_the_console_stands_alone_on_its_line() -> None:
    link = examples.CONSOLE_LINK.model_dump(mode="json")
    service = Answering(201, link)
    url, told = run(service, "console").stdout.splitlines()
    assert url == link["url"]
    assert told == "Open it in a browser. It works once, until 2026-11-22 15:40:00 UTC."
    assert json.loads(run(service, "console", "--json").stdout) == link
    assert {(request.method, request.url.path) for request in service.requests} == {("POST", "/v1/console-links")}


def test_wrong_key_and_wrong_service_are_told() -> None:
    assert "does not know this key" in run(Answering(401, {"code": "unauthenticated"}), "review").stderr
    assert "take the secret key" in run(Answering(403, {"code": "not_allowed"}), "review").stderr
    assert "this is not the checkout API" in run(Answering(200, "<html>"), "review").stderr
    assert "this is not the checkout API" in run(Answering(404, {"detail": "Not Found"}), "review").stderr


@pytest.mark.parametrize("name", ["explain", "settle"])
def test_unknown_checkout_is_named_with_what_to_try(name: str) -> None:
    told = run(Answering(404, {"code": "not_found", "detail": "There is no such resource."}), name, *ARGUMENTS[name])
    assert (told.exit_code, told.stderr.splitlines()[0]) == (1, "checkout: nothing is known of chk_1")
    assert "`checkout review`" in told.stderr


def test_review_gives_the_commands_that_decide() -> None:
    told = run(Answering(200, examples.REVIEWS.model_dump(mode="json")), "review").stdout
    for command in (
        "explain chk_3fGh7Jk9Lm",
        "settle chk_3fGh7Jk9Lm --placed a3f1c9",
        "settle chk_3fGh7Jk9Lm --not-pla",
    ):
        assert f"checkout {command}" in told
    assert told.count("--url http://service.test") == 3
    assert "--url" not in tell_reviews(examples.REVIEWS.model_dump(mode="json"), LATER)


def test_review_masks_the_shopper() -> None:
    document = examples.REVIEWS.model_dump(mode="json")
    told = tell_reviews(document, LATER)
    assert "j***@e***.com ***" in told
    assert "Harper" not in json.dumps(document)


def test_attempt_in_doubt_leads_to_its_checkout() -> None:
    asked: list[str] = []

    class Service(Answering):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            asked.append(request.url.path)
            found = {"/v1/reviews": examples.REVIEWS, "/v1/holds": examples.HOLDS}.get(request.url.path)
            self._body = found.model_dump(mode="json") if found else {"code": "not_found"}
            self._status = 200 if found else 404
            return super().handle_request(request)

    assert "chk_3fGh7Jk9Lm" in run(Service(200, {}), "explain", "att_5kR9tY2wQ7").stderr
    assert asked == ["/v1/reviews", "/v1/holds", "/v1/checkouts/chk_3fGh7Jk9Lm"]
    assert "nothing is known of att_other" in run(Service(200, {}), "explain", "att_other").stderr


@pytest.mark.parametrize("name", NAMES)
def test_every_command_takes_url_database_key_and_json(name: str) -> None:
    (command,) = [each for each in commands if each.name == name]
    assert {"--url", "--database", "--key", "--json"} <= {option for each in command.params for option in each.opts}
    assert main.commands[name] is command


def test_key_comes_from_the_environment_or_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHECKOUT_SECRET_KEY", raising=False)
    service = Answering(200, examples.HOLDS.model_dump(mode="json"))
    for written, set_to, expected in (
        ("", "", "csk_test_demo"),
        ("CHECKOUT_SECRET_KEY=csk_test_file", "", "csk_test_file"),
        ("CHECKOUT_SECRET_KEY=csk_test_file", "csk_test_mine", "csk_test_mine"),
    ):
        (tmp_path / ".env").write_text(written, encoding="utf-8")
        if set_to:
            monkeypatch.setenv("CHECKOUT_SECRET_KEY", set_to)
        assert CliRunner().invoke(main, ["holds", "--url", "http://service.test"], obj=service).exit_code == 0
        assert service.requests[-1].headers["authorization"] == f"Bearer {expected}"


def test_deliveries_are_a_table_with_the_last_try() -> None:
    document = examples.DELIVERIES.model_dump(mode="json")
    head, row = tell_deliveries(document).splitlines()
    assert head.split()[:6] == ["DELIVERY", "STATE", "TYPE", "OF", "TO", "TRIES"]
    assert row.split()[:7] == [
        "dlv_42",
        "waiting",
        "order.updated",
        "ord_8nB2vC4xZ1",
        "www.example.com",
        "1",
        "timeout",
    ]
    (delivery,) = document["data"]
    unsent = {**delivery, "tries": [], "endpoint": {"id": "we_1", "host": None}}
    assert "we_1" in tell_deliveries({"data": [unsent], "next_cursor": None})
    assert tell_deliveries({"data": [], "next_cursor": None}) == "There is no delivery."


def test_what_was_given_up_leads_to_the_command_that_sends_again() -> None:
    document = examples.DELIVERIES.model_dump(mode="json")
    failed = [{**document["data"][0], "state": "failed", "next_try_at": None}]
    told = run(Answering(200, {"data": failed, "next_cursor": None}), "deliveries").stdout
    assert "checkout redeliver --failed --url http://service.test" in told
    assert "redeliver" not in tell_deliveries(document)
    assert "--limit" in tell_deliveries({**document, "next_cursor": "dlv_42"})


class Pages(httpx.BaseTransport):
    """Deliveries that were given up, one a page, and a call that sends each again."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.asked: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.raw_path.decode()}")
        (delivery,) = examples.DELIVERIES.model_dump(mode="json")["data"]
        if request.method == "POST":
            return httpx.Response(202, json={**delivery, "id": request.url.path.split("/")[3]})
        place = self.names.index(request.url.params["cursor"]) + 1 if "cursor" in request.url.params else 0
        last = place + 1 == len(self.names)
        data = [{**delivery, "id": self.names[place]}] if self.names else []
        return httpx.Response(200, json={"data": data, "next_cursor": None if last or not data else self.names[place]})


def test_everything_given_up_is_sent_again_oldest_first() -> None:
    service = Pages("dlv_9", "dlv_7", "dlv_2")
    told = run(service, "redeliver", "--failed").stdout.splitlines()
    assert [line.split()[0] for line in told] == ["dlv_2", "dlv_7", "dlv_9"]
    assert service.asked[0] == "GET /v1/deliveries?state=failed&limit=100"
    assert service.asked[3:] == [f"POST /v1/deliveries/{name}/redeliver" for name in ("dlv_2", "dlv_7", "dlv_9")]
    assert run(Pages(), "redeliver", "--failed").stdout == "No delivery was given up.\n"


def test_named_deliveries_are_sent_again() -> None:
    service = Pages("dlv_1")
    sent = json.loads(run(service, "redeliver", "dlv_5", "dlv_6", "--json").stdout)
    assert [each["id"] for each in sent["data"]] == ["dlv_5", "dlv_6"]
    assert [asked.split()[0] for asked in service.asked] == ["POST", "POST"]
    assert tell_redelivered(sent).splitlines()[0] == "dlv_5 goes again: order.updated of ord_8nB2vC4xZ1."


def test_list_ends_at_its_limit() -> None:
    service = Pages("dlv_9", "dlv_7", "dlv_2")
    listed = json.loads(run(service, "deliveries", "--limit", "2", "--subject", "ord_1", "--json").stdout)
    assert [each["id"] for each in listed["data"]] == ["dlv_9", "dlv_7"]
    assert listed["next_cursor"] == "dlv_7"
    assert service.asked[1] == "GET /v1/deliveries?subject=ord_1&limit=1&cursor=dlv_9"


def test_unknown_delivery_is_named() -> None:
    told = run(Answering(404, {"code": "not_found", "detail": "There is no such resource."}), "redeliver", "dlv_1")
    assert (told.exit_code, told.stderr.splitlines()[0]) == (1, "checkout: there is no delivery dlv_1")
    assert "`checkout deliveries`" in told.stderr


def test_amounts_without_known_decimals_stay_whole() -> None:
    assert money({"amount": 1234, "currency": "JPY"}) == "1234 JPY (minor units)"
    assert money(None) == "an unknown amount"
