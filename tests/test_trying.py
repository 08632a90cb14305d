"""`checkout try` against a small stand-in of the public API and of Stripe's confirm call."""

import json
import socket
from collections.abc import Callable
from typing import Any

import httpx
from click.testing import CliRunner, Result
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from checkout.trying import DEMO_UPC, try_command

Document = dict[str, Any]

TOTAL = {"amount": 24750, "currency": "USD"}
HIGHER = {"amount": 25850, "currency": "USD"}
ORDER = {"id": "ord_1", "token": "ot_order0123456789", "url": "http://shop.test/o/ol_link0123456789", "status": "open"}
SECRETS = ["ct_checkout0123456789", "ot_order0123456789", "secret_abcdefghijkl", "cpk_test_1234567890"]


def make_store(store_id: int, *, has_all: bool) -> Document:
    distance = {"value": 2.4, "unit": "mi"}
    paths = ["bopis", "ropis", "sts"]
    return {"id": store_id, "name": f"Shop {store_id}", "distance": distance, "paths": paths, "has_all": has_all}


class StandIn:
    """The API as `checkout try` sees it; `answers` are what placing answers, the last one for ever."""

    def __init__(self, *answers: Callable[[], Response]) -> None:
        self.calls: list[tuple[str, httpx.Headers, Any]] = []
        self.answers = list(answers) or [self.placed]
        self.polls = ["placed"]
        self.stores = [make_store(1, has_all=False), make_store(2, has_all=True), make_store(3, has_all=True)]
        self.widen: Document | None = None
        self.problems: list[Document] = []
        self.payment: Document | None = {"required": True}
        self.setup: Document = {
            "account": None,
            "api_base": "http://stripe.test",
            "publishable_key": "pk_test_1234567890",
        }
        self.confirmed = JSONResponse({"id": "seti_1", "status": "succeeded"})
        self.total = TOTAL
        self.odd_answer: Response | None = None

    def checkout(self, status: str) -> Document:
        return {
            "id": "chk_1",
            "status": status,
            "store": {"id": 2, "name": "Shop 2"},
            "totals": {"total": self.total},
            "payment": self.payment,
            "problems": self.problems,
            "order": ORDER if status == "placed" else None,
        }

    def placed(self) -> Response:
        return JSONResponse(self.checkout("placed"))

    def under_way(self) -> Response:
        return JSONResponse(self.checkout("placing"), 202, {"Retry-After": "0"})

    def refused(self, status: int, code: str, what_next: str, pause: str = "1") -> Response:
        problem = {"title": f"Title of {code}", "status": status, "code": code, "detail": "Why.", "next": what_next}
        errors = [{"pointer": "/items/0", "code": code, "detail": "This one."}]
        return JSONResponse(
            {**problem, "errors": errors, "checkout": self.checkout("ready")}, status, {"Retry-After": pause}
        )

    def price_rose(self) -> Response:
        self.total = HIGHER
        return self.refused(409, "price_changed", "accept_total")

    def lost(self) -> Response:
        raise httpx.ReadError("the answer was lost")

    async def answer(self, request: Request) -> Response:
        raw = await request.body()
        is_json = request.headers.get("content-type") == "application/json"
        self.calls.append((str(request.url), httpx.Headers(request.headers.raw), json.loads(raw) if is_json else raw))
        return self.route(request.method, request.url.path)

    def route(self, method: str, path: str) -> Response:
        if path == "/v1/checkouts/chk_1/place":
            return self.answers.pop(0)() if len(self.answers) > 1 else self.answers[0]()
        if path == "/v1/checkouts/chk_1":
            return JSONResponse(self.checkout(self.polls.pop(0) if len(self.polls) > 1 else self.polls[0]))
        if path == "/v1/checkouts":
            status = "incomplete" if self.problems else "ready"
            return JSONResponse({**self.checkout(status), "token": "ct_checkout0123456789"}, 201)
        return self.read(path)

    def read(self, path: str) -> Response:
        if self.odd_answer is not None:
            return self.odd_answer
        if path == "/v1/setup_intents/seti_1/confirm":
            return self.confirmed
        bodies: Document = {
            "/v1/places": {"places": [{"label": "Chicago, IL 60605", "lat": 41.86, "lng": -87.62}]},
            "/v1/stores": {"stores": self.stores, "widen": self.widen},
            "/v1/quotes": {"totals": {"total": TOTAL}, "price_source": "locally"},
            "/v1/checkouts/chk_1/setup-intent": {
                "id": "seti_1",
                "client_secret": "seti_1_secret_abcdefghijkl",
                **self.setup,
            },
            "/v1/orders/ord_1": {
                "id": "ord_1",
                "status": "open",
                "cart_hash": "hash1",
                "totals": {"total": self.total},
            },
        }
        return JSONResponse(bodies[path])

    def run(self, *arguments: str, **environment: str) -> Result:
        app = Starlette(routes=[Route("/{path:path}", self.answer, methods=["GET", "POST"])])
        arguments = ("--url", "http://shop.test", "--key", "cpk_test_1234567890", *arguments)
        return CliRunner(env={"CHECKOUT_TRY_UPC": None, **environment}).invoke(
            try_command, arguments, obj=httpx.ASGITransport(app)
        )

    def run_json(self, *arguments: str) -> tuple[int, Document]:
        result = self.run("--json", *arguments)
        return result.exit_code, json.loads(result.output)

    def sent(self, path: str) -> list[tuple[httpx.Headers, Any]]:
        return [(headers, body) for url, headers, body in self.calls if url.endswith(path)]


def name_steps(document: Document) -> list[str]:
    return [step["step"] for step in document["steps"]]


def test_purchase_ends_with_an_order() -> None:
    result = StandIn().run()
    assert result.exit_code == 0, result.output
    box = result.output.rpartition("\n+--")[0].rpartition("\n+--")[2]
    for text in ("ord_1", "2 Shop 2", "hash1", "247.50 USD", "open"):
        assert f"{text} " in box
    assert result.output.endswith(f"\n{ORDER['url']}\n")
    assert result.stderr == ""


def test_story_names_method_path_and_time() -> None:
    output = StandIn().run().output
    assert "\n4. Open a checkout\n   POST /v1/checkouts\n" in output
    assert "   POST http://stripe.test/v1/setup_intents/seti_1/confirm\n" in output
    assert " ms\n" in output


def test_story_keeps_secrets_short() -> None:
    output = StandIn().run().output
    assert "ct_chec..." in output
    assert "seti_1_secret_abcd..." in output
    assert [secret for secret in SECRETS if secret in output] == []


def test_story_spells_money_out() -> None:
    output = StandIn().run().output
    assert 'totals            {"total": "247.50 USD"}' in output
    assert "expected_total    247.50 USD" in output


def test_story_is_plain_without_a_terminal() -> None:
    assert "\x1b[" not in StandIn().run().output


def test_json_prints_order_checkout_and_steps() -> None:
    exit_code, document = StandIn().run_json()
    assert exit_code == 0
    assert list(document) == ["order", "checkout", "steps"]
    assert document["order"]["id"] == "ord_1"
    assert document["checkout"]["status"] == "placed"
    steps = ["places", "stores", "quote", "checkout", "setup-intent", "confirm", "place", "order"]
    assert name_steps(document) == steps
    assert {step["status"] for step in document["steps"]} == {200, 201}
    assert all(step["ms"] >= 0 for step in document["steps"])


def test_calls_carry_the_right_credentials() -> None:
    shop = StandIn()
    shop.run()
    bearers = [headers["authorization"].removeprefix("Bearer ") for _, headers, _ in shop.calls]
    brand, checkout, stripe, order = SECRETS[3], SECRETS[0], "pk_test_1234567890", SECRETS[1]
    assert bearers == [brand, brand, brand, brand, checkout, stripe, checkout, order]


def test_first_store_with_whole_cart_is_chosen() -> None:
    shop = StandIn()
    shop.run("--upc", "111111111117", "--upc", "222222222224", "--quantity", "2")
    [(headers, body)] = shop.sent("/v1/checkouts")
    assert body["store_id"] == 2
    assert body["items"] == [{"upc": "111111111117", "quantity": 2}, {"upc": "222222222224", "quantity": 2}]
    assert len(headers["idempotency-key"]) >= 20


def test_store_asked_for_is_taken() -> None:
    shop = StandIn()
    shop.run("--store", "77")
    assert shop.sent("/v1/checkouts")[0][1]["store_id"] == 77


def test_upc_comes_from_environment_else_demo() -> None:
    shop = StandIn()
    shop.run()
    shop.run(CHECKOUT_TRY_UPC="333333333331 444444444448")
    bought = [[item["upc"] for item in body["items"]] for _, body in shop.sent("/v1/checkouts")]
    assert bought == [[DEMO_UPC], ["333333333331", "444444444448"]]


def test_coordinates_need_no_place_lookup() -> None:
    shop = StandIn()
    _, document = shop.run_json("--near", "41.88, -87.63")
    assert name_steps(document)[0] == "stores"
    assert "near=41.88%2C-87.63" in shop.calls[0][0]


def test_no_store_is_a_refusal_after_widening() -> None:
    shop = StandIn()
    shop.stores, shop.widen = [make_store(1, has_all=False)], {"radius": 50, "unit": "mi"}
    exit_code, document = shop.run_json()
    assert exit_code == 1
    assert name_steps(document) == ["places", "stores", "stores"]
    assert "radius=50" in shop.calls[-1][0]
    assert document["problem"]["next"] == "choose_store"


def test_incomplete_checkout_names_what_is_missing() -> None:
    shop = StandIn()
    shop.problems = [{"code": "no_price", "pointer": "/items/0", "detail": "No price is known."}]
    result = shop.run()
    assert result.exit_code == 1
    assert "/items/0: No price is known." in result.stderr
    assert shop.sent("/place") == []


def test_ropis_needs_no_setup_intent() -> None:
    shop = StandIn()
    shop.payment = None
    exit_code, document = shop.run_json("--path", "ropis")
    assert exit_code == 0
    assert name_steps(document) == ["places", "stores", "quote", "checkout", "place", "order"]
    assert shop.sent("/place")[0][1] == {"expected_total": TOTAL}


def test_card_is_confirmed_at_the_named_account() -> None:
    shop = StandIn()
    shop.setup["account"] = "acct_7"
    shop.run("--card", "pm_card_mastercard")
    [(headers, body)] = shop.sent("/confirm")
    assert headers["stripe-account"] == "acct_7"
    assert body == b"client_secret=seti_1_secret_abcdefghijkl&payment_method=pm_card_mastercard"


def test_no_api_base_means_the_real_stripe() -> None:
    shop = StandIn()
    shop.setup["api_base"] = None
    result = shop.run()
    assert result.exit_code == 0
    assert "https://api.stripe.com/v1/setup_intents/seti_1/confirm" in [url for url, _, _ in shop.calls]
    assert "test keys only" in result.output


def test_live_key_of_real_stripe_is_refused() -> None:
    shop = StandIn()
    shop.setup = {"account": None, "api_base": None, "publishable_key": "pk_live_1234567890"}
    exit_code, document = shop.run_json()
    assert exit_code == 1
    assert document["problem"]["code"] == "live_keys"
    assert shop.sent("/confirm") == []


def test_card_declined_by_stripe_is_refused() -> None:
    shop = StandIn()
    error = {"type": "card_error", "code": "card_declined", "message": "Your card was declined."}
    shop.confirmed = JSONResponse({"error": error}, 402)
    exit_code, document = shop.run_json("--card", "pm_card_chargeDeclined")
    assert exit_code == 1
    assert document["order"] is None
    assert document["checkout"]["id"] == "chk_1"
    assert (document["problem"]["code"], document["problem"]["status"]) == ("card_declined", 402)
    assert document["steps"][-1]["step"] == "confirm"


def test_card_declined_at_placing_is_refused() -> None:
    shop = StandIn()
    shop.answers = [lambda: shop.refused(402, "card_declined", "new_card")]
    result = shop.run()
    assert result.exit_code == 1
    for text in ("Title of card_declined", "Why.", "/items/0: This one.", "use another card (--card)"):
        assert text in result.stderr
    assert len(shop.sent("/place")) == 1


def test_three_d_secure_stops_the_purchase() -> None:
    shop = StandIn()
    shop.confirmed = JSONResponse({"id": "seti_1", "status": "requires_action"})
    result = shop.run("--card", "pm_card_authenticationRequired")
    assert result.exit_code == 1
    assert "3-D Secure" in result.stderr
    assert shop.sent("/place") == []


def test_order_under_way_is_waited_for() -> None:
    shop = StandIn()
    shop.answers, shop.polls = [shop.under_way], ["placing", "placed"]
    result = shop.run()
    assert result.exit_code == 0
    assert "not settled yet" in result.output
    assert len(shop.sent("/place")) == 1


def test_waiting_is_one_step() -> None:
    shop = StandIn()
    shop.answers, shop.polls = [shop.under_way], ["placing", "placing", "placed"]
    _, document = shop.run_json()
    assert name_steps(document)[-3:] == ["place", "wait", "order"]


def test_outcome_after_waiting_is_asked_once() -> None:
    shop = StandIn()
    shop.answers, shop.polls = [shop.under_way, lambda: shop.refused(402, "card_declined", "new_card")], ["ready"]
    exit_code, document = shop.run_json()
    assert exit_code == 1
    assert document["problem"]["code"] == "card_declined"
    assert name_steps(document)[-3:] == ["place", "wait", "place"]


def test_request_in_progress_is_waited_for() -> None:
    shop = StandIn()
    shop.answers = [lambda: shop.refused(409, "request_in_progress", "retry", pause="0")]
    exit_code, document = shop.run_json()
    assert exit_code == 0
    assert name_steps(document)[-3:] == ["place", "wait", "order"]


def test_unsettled_order_is_never_called_failed() -> None:
    shop = StandIn()
    shop.answers, shop.polls = [shop.under_way], ["placing"]
    exit_code, document = shop.run_json("--timeout", "0.05")
    assert exit_code == 3
    assert (document["problem"]["code"], document["problem"]["next"]) == ("unsettled", "wait")
    assert "may still become an order" in document["problem"]["detail"]


def test_changed_price_is_accepted_once() -> None:
    shop = StandIn()
    shop.answers = [shop.price_rose, shop.placed]
    exit_code, _ = shop.run_json()
    assert exit_code == 0
    (first, first_body), (second, second_body) = shop.sent("/place")
    assert (first_body["expected_total"], second_body["expected_total"]) == (TOTAL, HIGHER)
    assert first["idempotency-key"] == second["idempotency-key"]
    assert len(first["idempotency-key"]) >= 20


def test_second_change_of_price_is_refused() -> None:
    shop = StandIn()
    shop.answers = [shop.price_rose]
    exit_code, document = shop.run_json()
    assert exit_code == 1
    assert document["problem"]["code"] == "price_changed"
    assert len(shop.sent("/place")) == 2


def test_unknown_authorization_is_tried_once_more() -> None:
    shop = StandIn()
    shop.answers = [lambda: shop.refused(503, "authorization_unknown", "retry"), shop.placed]
    assert shop.run().exit_code == 0
    assert len({headers["idempotency-key"] for headers, _ in shop.sent("/place")}) == 1


def test_unknown_authorization_obeys_new_card() -> None:
    shop = StandIn()
    shop.answers = [lambda: shop.refused(503, "authorization_unknown", "new_card")]
    assert shop.run().exit_code == 1
    assert len(shop.sent("/place")) == 1


def test_lost_answer_is_read_back() -> None:
    shop = StandIn()
    shop.answers = [shop.lost]
    exit_code, document = shop.run_json()
    assert exit_code == 0
    assert [(step["step"], step["status"]) for step in document["steps"][-3:]] == [
        ("place", None),
        ("wait", 200),
        ("order", 200),
    ]


def run_against_nobody(*arguments: str) -> Result:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        return CliRunner().invoke(try_command, ["--url", f"http://127.0.0.1:{unheard.getsockname()[1]}", *arguments])


def test_service_down_says_what_to_do() -> None:
    result = run_against_nobody()
    assert result.exit_code == 3
    assert "start it with `make demo`" in result.stderr


def test_service_down_is_one_json_object() -> None:
    result = run_against_nobody("--json")
    document = json.loads(result.output)
    assert result.exit_code == 3
    assert (document["order"], document["checkout"], document["problem"]["code"]) == (None, None, "unreachable")
    assert [(step["step"], step["status"]) for step in document["steps"]] == [("places", None)]


def test_foreign_server_is_no_crash() -> None:
    app = Starlette()
    result = CliRunner().invoke(try_command, ["--url", "http://shop.test"], obj=httpx.ASGITransport(app))
    assert result.exit_code == 1
    assert "This is not the checkout API" in result.stderr


def test_wrong_usage_exits_with_two() -> None:
    for arguments in (["--url", "shop"], ["--path", "sdd"], ["--quantity", "0"], ["--timeout", "0"]):
        assert CliRunner().invoke(try_command, arguments).exit_code == 2


def test_help_documents_exit_codes() -> None:
    assert "Exit codes: 0 an order" in CliRunner().invoke(try_command, ["--help"]).output


def test_story_fits_eighty_columns() -> None:
    """Long values go on in the next line; only addresses may be wider, because they are copied."""
    lines = StandIn().run().output.splitlines()
    assert [line for line in lines if len(line) > 80 and "://" not in line and "/v1/" not in line] == []
    assert any(line.startswith(" " * 31) and line.strip() for line in lines)


def test_unknown_key_says_which_option_to_use() -> None:
    shop = StandIn()
    shop.odd_answer = shop.refused(401, "unauthenticated", "fix")
    result = shop.run()
    assert result.exit_code == 1
    assert "The service does not know this key" in result.output
    assert "with --key or CHECKOUT_TRY_KEY" in " ".join(result.output.split())


def test_unknown_upc_is_named() -> None:
    shop = StandIn()
    shop.stores = []
    result = shop.run("--upc", "012345678905")
    assert result.exit_code == 1
    assert "No store near 60605 carries 012345678905 for bopis." in result.output
    assert "--upc" in result.output


def test_detail_that_repeats_the_title_is_left_out() -> None:
    shop = StandIn()
    problem = {"title": "Some fields are not valid", "code": "invalid_field", "detail": "Some fields are not valid."}
    shop.odd_answer = JSONResponse(problem, 422)
    assert shop.run().output.partition("No order: ")[2].count("Some fields are not valid") == 1
