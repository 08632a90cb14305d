"""The vendors' own JavaScript clients judge the sandbox as it is served: a process of its own, over its port.

Each script in `clients/` runs once and prints what it met as JSON; the rules below read it.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checkout.sandbox import BRAND_TOKEN

CLIENTS = Path(__file__).parent / "clients"
SERVE = "from checkout.sandbox import run; run(port=0, state=None, on_ready=lambda port: print(port, flush=True))"

Met = dict[str, Any]


@pytest.fixture(scope="module")
def node() -> str:
    """The path of Node. Its absence fails the tests, unless whoever runs them said that it may be absent."""
    found = shutil.which("node")
    if found is None:
        message = "Node.js 20 or newer is needed here; CHECKOUT_TEST_WITHOUT_NODE=1 leaves these tests out"
        if os.environ.get("CHECKOUT_TEST_WITHOUT_NODE") == "1":
            pytest.skip(message)
        pytest.fail(message)
    if not (CLIENTS / "node_modules").is_dir():
        pytest.fail("the JavaScript clients are not installed; `make setup` installs them")
    return found


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    """The origin of a sandbox that runs as a process of its own."""
    with subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port.isdigit(), "the sandbox did not start"
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def run_script(node: str, name: str, *arguments: str) -> Met:
    done = subprocess.run(
        [node, str(CLIENTS / name), *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    met: Met = json.loads(done.stdout)
    return met


@pytest.fixture(scope="module")
def stripe(node: str, sandbox: str) -> Met:
    return run_script(node, "stripe.mjs", sandbox)


@pytest.fixture(scope="module")
def locally(node: str, sandbox: str) -> Met:
    return run_script(node, "locally.mjs", sandbox, BRAND_TOKEN)


@pytest.fixture(scope="module")
def cart(node: str, sandbox: str) -> Met:
    return run_script(node, "locally_cart.mjs", sandbox, BRAND_TOKEN)


def test_stripe_client_creates_and_confirms(stripe: Met) -> None:
    met = stripe["createAndConfirm"]
    assert (met["first"], met["done"]) == ("requires_payment_method", "succeeded")
    assert (met["last4"], met["checkout"], met["secretBelongs"]) == ("4242", "chk_1", True)
    assert met["requestId"].startswith("req_")
    assert met["apiVersion"] == "2026-10-28.endive"


def test_stripe_client_reads_a_decline(stripe: Met) -> None:
    met = stripe["decline"]
    assert met["refused"]["class"] == "StripeCardError"
    assert (met["refused"]["code"], met["refused"]["status"]) == ("card_declined", 402)
    assert (met["status"], met["lastError"]) == ("requires_payment_method", "card_declined")


def test_stripe_client_finishes_authentication(stripe: Met) -> None:
    met = stripe["authentication"]
    assert (met["asked"], met["after"]) == ("requires_action", "succeeded")
    assert met["back"] == "https://shop.test/back"


def test_stripe_client_meets_idempotency(stripe: Met) -> None:
    met = stripe["idempotency"]
    assert (met["same"], met["replayed"]) == (True, "true")
    assert (met["refused"]["class"], met["refused"]["status"]) == ("StripeIdempotencyError", 400)


def test_stripe_client_keeps_accounts_apart(stripe: Met) -> None:
    met = stripe["accounts"]
    assert (met["refused"]["status"], met["refused"]["code"]) == (404, "resource_missing")
    assert met["found"] is True


def test_stripe_versions_differ_in_payment_method_types(stripe: Met) -> None:
    met = stripe["versions"]
    assert met["refused"]["code"] == "payment_method_types_no_longer_supported"
    assert met["taken"] == ["card"]


def test_stripe_client_cancels_and_lists(stripe: Met) -> None:
    met = stripe["cancelAndList"]
    assert (met["status"], met["reason"], met["listed"]) == ("canceled", "abandoned", True)
    assert met["refused"]["code"] == "setup_intent_unexpected_state"


def test_locally_sdk_opens_a_session(locally: Met) -> None:
    assert locally["session"]["success"] is True


def test_locally_sdk_suggests_places(locally: Met) -> None:
    suggested = locally["suggested"]
    assert suggested["success"] is True
    assert suggested["data"]["query"] == "chicago"
    assert locally["place"]["data"]["lat"] == pytest.approx(41.88, abs=0.3)
    assert isinstance(suggested["data"]["session"]["id"], str)


def test_locally_sdk_switches_location(locally: Met) -> None:
    data = locally["switched"]["data"]
    assert locally["switched"]["success"] is True
    assert float(data["lat"]) == pytest.approx(locally["store"]["lat"], abs=0.001)
    assert isinstance(data["lng"], str)


def test_locally_sdk_starts_a_conversion(locally: Met) -> None:
    data = locally["started"]["data"]
    assert (locally["started"]["success"], data["upc"], data["company_id"]) == (True, locally["upc"], 1)
    assert float(data["user_geo"]["lat"]) == pytest.approx(locally["store"]["lat"], abs=0.001)


def test_locally_sdk_finds_the_store(locally: Met) -> None:
    markers = {marker["id"]: marker for marker in locally["stores"]["data"]["markers"]}
    marker = markers[locally["store"]["id"]]
    assert marker["name"] == locally["store"]["name"]
    assert marker["acquisition_options"]["bopis"] == 1


def test_locally_sdk_adds_to_a_cart(locally: Met) -> None:
    data = locally["added"]["data"]
    assert locally["added"]["success"] is True
    assert data["n_in_cart"] == 1
    assert data["cart_content"]["cart"]["origin"] == "www.example.com"
    price = locally["store"]["price"][locally["upc"]]
    assert round(data["cart_content"]["cart"]["subtotal"] * 100) == price


def test_locally_sdk_reads_its_cart(locally: Met) -> None:
    assert locally["cart"]["success"] is True
    assert locally["added"]["data"]["cart_hash"] in json.dumps(locally["cart"]["data"])


def test_locally_sdk_updates_with_lists_in_the_query(cart: Met) -> None:
    content = cart["updated"]["data"]["cart_content"]["cart"]
    assert [(item["upc"], item["qty"]) for item in content["items"]] == [(cart["upc"], 3)]


def test_locally_sdk_sends_billing_as_json_under_a_form(cart: Met) -> None:
    content = cart["billed"]["data"]["cart_content"]["cart"]
    assert (content["first_name"], content["zip"], content["email"]) == ("Ada", "60605", "ada@example.com")
    assert cart["checkout"]["data"]["cart_content"]["cart"] == content


def test_locally_sdk_orders_by_query(cart: Met) -> None:
    assert cart["email"]["success"] is True
    assert cart["ordered"]["success"] is True
    assert cart["ordered"]["data"]["target_uri"].startswith(f"/order/{cart['added']['data']['cart_hash']}/")


def test_every_other_call_of_the_locally_sdk_works(cart: Met) -> None:
    others = cart["others"]
    assert {name: answer["success"] for name, answer in others.items()} == dict.fromkeys(others, True)
    assert others["address"]["data"]["store_id"] == cart["store"]["id"]
    assert others["location"]["data"]["store"]["id"] == cart["store"]["id"]


def test_locally_sdk_reports_an_unknown_token(node: str, sandbox: str) -> None:
    refused = run_script(node, "locally_refused.mjs", sandbox)
    assert refused["success"] is False
    assert refused["message"] not in ("", "Unknown error")
