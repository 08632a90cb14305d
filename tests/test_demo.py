"""`checkout demo` and `checkout try` as a newcomer uses them: real processes, real sockets, files on disk."""

import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from checkout.__main__ import main
from checkout.demo import PUBLISHABLE_KEY, SECRET_KEY, Facts, as_text
from checkout.trying import DEMO_UPC
from tests.processes import Running, ask, buy, is_over, is_up, run, run_here, running, running_demo

BRAND_URL = "http://brand.localhost:8001"
NAMES = ["url", "sandbox_url", "brand_url", "publishable_key", "secret_key", "webhook_token", "locally_token"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_demo(tmp_path_factory.mktemp("demo")) as process:
        process.facts()
        yield process


@pytest.fixture
def facts(demo: Running) -> dict[str, str]:
    return demo.facts()


def ledger(facts: dict[str, str]) -> dict[str, Any]:
    return dict(ask("GET", f"{facts['sandbox_url']}/_sandbox/ledger").json())


def test_demo_prints_one_line_with_seven_names(demo: Running, facts: dict[str, str]) -> None:
    assert list(facts) == NAMES
    assert all(facts.values())
    assert demo.out.count("\n") == 1


def test_demo_serves_when_it_speaks(facts: dict[str, str]) -> None:
    for path in ("/healthz", "/readyz", "/", "/openapi.json"):
        assert ask("GET", facts["url"] + path).status_code == 200, path
    orders = ask("GET", f"{facts['url']}/v1/orders", token=facts["secret_key"])
    assert orders.status_code == 200


def test_purchase_stands_in_the_ledger(facts: dict[str, str], tmp_path: Path) -> None:
    told = run("try", "--json", "--url", facts["url"], "--key", facts["publishable_key"], cwd=tmp_path)
    bought = json.loads(told.stdout)
    assert told.returncode == 0
    order, total = bought["order"], bought["order"]["totals"]["total"]
    assert list(bought) == ["order", "checkout", "steps"]
    assert all(step["ms"] >= 0 for step in bought["steps"])
    books = ledger(facts)
    (ordered,) = [entry for entry in books["orders"] if entry["hash"] == order["cart_hash"]]
    assert [(item["upc"], item["qty"]) for item in ordered["items"]] == [(DEMO_UPC, 1)]
    (hold,) = [entry for entry in books["holds"] if entry["cart_hash"] == order["cart_hash"]]
    assert (hold["amount"], hold["currency"], hold["state"]) == (total["amount"], total["currency"], "open")
    assert total == bought["checkout"]["totals"]["total"]


def test_sandbox_tells_the_service_of_orders(demo: Running, facts: dict[str, str], tmp_path: Path) -> None:
    bought = buy(facts["url"], facts["publishable_key"], cwd=tmp_path)["order"]["cart_hash"]
    file = Path(demo.process.args[-2])  # type: ignore[index,arg-type]  # The list that it was started with.

    def waits() -> bool:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as records:
            rows = records.execute("SELECT outcome FROM inbox WHERE subject = ?", [bought])
            return bool(rows.fetchone() != ("order_read",))

    assert is_over(waits)


def test_store_that_confirms_moves_the_order(facts: dict[str, str], tmp_path: Path) -> None:
    bought = buy(facts["url"], facts["publishable_key"], cwd=tmp_path)["order"]
    address = f"{facts['url']}/v1/orders/{bought['id']}"
    item = f"{facts['sandbox_url']}/_sandbox/orders/{bought['cart_hash']}/items/{DEMO_UPC}"
    assert ask("POST", item, body={"action": "confirm"}).status_code == 200
    assert is_over(lambda: ask("GET", address, token=facts["secret_key"]).json()["status"] == "open")
    told = ask("GET", f"{address}/timeline", token=facts["secret_key"]).json()["data"]
    assert [entry["facts"]["source"] for entry in told if entry["event"] == "item.confirmed"] == ["webhook"]


def test_imported_feed_is_what_locally_sells(tmp_path: Path) -> None:
    with running_demo(tmp_path) as demo:
        facts, upc = demo.facts(), "868648150859"
        feed = f"{facts['sandbox_url']}/_sandbox/feed"
        assert ask("GET", feed).json()["on"] is True
        sample = Path(__file__).parent.parent / "docs" / "samples" / "available-to-sell.csv"
        assert run_here("feed", "import", str(sample), "--url", facts["url"], cwd=tmp_path).exit_code == 0
        assert ask("POST", f"{feed}/scan").json()["scan"]["read"] == 40
        options = ("--path", "sts", "--upc", upc)
        bought = buy(facts["url"], facts["publishable_key"], *options, cwd=tmp_path)
        order, totals = bought["order"], bought["checkout"]["totals"]
        assert totals["shipping"]["amount"] == 4900
        for action in ("confirm", "ship"):
            assert run_here("sts", action, order["id"], "--url", facts["url"], cwd=tmp_path).exit_code == 0
        item = f"{facts['sandbox_url']}/_sandbox/orders/{order['cart_hash']}/items/{upc}"
        for action in ("ready", "picked_up"):
            assert ask("POST", item, body={"action": action}).status_code == 200
        month = ask("GET", f"{facts['sandbox_url']}/_sandbox/clock").json()["now"][:7]
        owed = totals["subtotal"]["amount"] + 4900

        def is_short() -> bool:
            told = run_here("statement", month, "--json", "--url", facts["url"], cwd=tmp_path)
            return bool(sum(total["amount"]["amount"] for total in json.loads(told.stdout)["totals"]) != owed)

        assert is_over(is_short)


@pytest.mark.parametrize(
    "options", [("--path", "ropis"), ("--path", "sts"), ("--near", "Toronto"), ("--quantity", "2")]
)
def test_every_case_ends_with_an_order(facts: dict[str, str], tmp_path: Path, options: tuple[str, ...]) -> None:
    order = buy(facts["url"], facts["publishable_key"], *options, cwd=tmp_path)["order"]
    assert order["cart_hash"] in [entry["hash"] for entry in ledger(facts)["orders"]]
    assert order["totals"]["total"]["currency"] == ("CAD" if "Toronto" in options else "USD")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--card", "pm_card_chargeDeclined"), "generic_decline"),
        (("--card", "pm_card_chargeCustomerFail"), "card_declined"),
        (("--card", "pm_card_authenticationRequired"), "requires_action"),
        (("--upc", "012345678905"), "no_store"),
        (("--key", "cpk_test_of_another"), "unauthenticated"),
        (("--near", "Atlantis"), "place_unknown"),
    ],
    ids=str,
)
def test_refusal_exits_with_one_and_says_why(
    facts: dict[str, str], tmp_path: Path, options: tuple[str, ...], code: str
) -> None:
    before = len(ledger(facts)["orders"])
    result = run_here("try", "--json", "--url", facts["url"], *options, cwd=tmp_path)
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["order"], answer["problem"]["code"]) == (1, None, code)
    assert len(ledger(facts)["orders"]) == before


def test_declined_card_leaves_no_open_hold(facts: dict[str, str], tmp_path: Path) -> None:
    before = [hold["id"] for hold in ledger(facts)["holds"] if hold["state"] == "open"]
    told = run("try", "--url", facts["url"], "--card", "pm_card_chargeCustomerFail", cwd=tmp_path)
    assert told.returncode == 1
    assert [hold["id"] for hold in ledger(facts)["holds"] if hold["state"] == "open"] == before


def test_default_item_is_stocked_near_the_default_place(facts: dict[str, str]) -> None:
    query = f"items={DEMO_UPC}:1&near=41.8676,-87.6232&radius=25&unit=mi"
    for path in ("bopis", "ropis", "sts"):
        found = ask("GET", f"{facts['url']}/v1/stores?{query}&path={path}", token=facts["publishable_key"])
        assert [store for store in found.json()["stores"] if store["has_all"]], path


def test_two_demos_run_side_by_side(facts: dict[str, str], tmp_path: Path) -> None:
    with running_demo(tmp_path) as other:
        others = other.facts()
        assert {others["url"], others["sandbox_url"]}.isdisjoint({facts["url"], facts["sandbox_url"]})
        bought = buy(others["url"], others["publishable_key"], cwd=tmp_path)["order"]["cart_hash"]
        assert bought in [entry["hash"] for entry in ledger(others)["orders"]]
        listed = ask("GET", f"{facts['url']}/v1/orders/{bought}", token=facts["secret_key"])
        assert listed.status_code == 404


def test_restart_keeps_orders_on_both_sides(tmp_path: Path) -> None:
    with running_demo(tmp_path) as first:
        facts = first.facts()
        bought = buy(facts["url"], facts["publishable_key"], cwd=tmp_path)
        assert first.stop() == 0
        assert is_over(lambda: is_up(facts["sandbox_url"]))
        assert (first.out.count("\n"), first.err) == (1, "")
    path = f"/v1/orders/{bought['order']['id']}"
    token = bought["checkout"]["order"]["token"]
    with running_demo(tmp_path) as second:
        facts = second.facts()
        assert ask("GET", facts["url"] + path, token=token).json()["cart_hash"] == bought["order"]["cart_hash"]
        assert [entry["hash"] for entry in ledger(facts)["orders"]] == [bought["order"]["cart_hash"]]
        again = buy(facts["url"], facts["publishable_key"], cwd=tmp_path)["order"]
        assert again["cart_hash"] != bought["order"]["cart_hash"]


@pytest.mark.parametrize(("how", "status"), [(signal.SIGTERM, 0), (signal.SIGKILL, -9)])
def test_end_of_the_demo_ends_the_sandbox(tmp_path: Path, how: signal.Signals, status: int) -> None:
    with running_demo(tmp_path) as demo:
        facts = demo.facts()
        assert is_up(facts["sandbox_url"])
        assert demo.stop(how) == status
        assert is_over(lambda: is_up(facts["sandbox_url"]))
        assert (demo.out.count("\n"), demo.err) == (1, "")


def test_second_demo_on_one_database_changes_nothing(demo: Running, tmp_path: Path) -> None:
    folder = Path(demo.process.args[-2]).parent  # type: ignore[index,arg-type]  # The list that it was started with.
    before = (folder / "checkout.db.catalogue.json").read_bytes()
    options = ("--port", "0", "--sandbox-port", "0", "--database", str(folder / "checkout.db"))
    result = run_here("demo", *options, cwd=tmp_path)
    assert result.exit_code == 2
    assert result.stderr.startswith("checkout: CHECKOUT_DATABASE_URL: another service is running on checkout.db")
    assert (folder / "checkout.db.catalogue.json").read_bytes() == before


def test_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run_here("demo", "--port", "0", "--database", str(tmp_path / "file" / "c.db"), cwd=tmp_path)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("checkout: cannot keep the demo's files beside ")


def test_taken_sandbox_port_is_said_once(facts: dict[str, str], tmp_path: Path) -> None:
    port = facts["sandbox_url"].rpartition(":")[2]
    result = run("demo", "--port", "0", "--sandbox-port", port, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith(f"checkout: cannot listen on 127.0.0.1:{port}: Address already in use")
    assert "Traceback" not in result.stderr


def test_key_file_is_for_its_owner_alone(demo: Running) -> None:
    folder = Path(demo.process.args[-2]).parent  # type: ignore[index,arg-type]  # As above.
    assert (folder / "checkout.db.key").stat().st_mode & 0o077 == 0


def test_environment_and_a_url_override_the_demo(tmp_path: Path) -> None:
    mine = {"CHECKOUT_PUBLISHABLE_KEY": "cpk_test_mine", "CHECKOUT_PATHS": "bopis"}
    database = f"sqlite:///{tmp_path / 'named' / 'c.db'}"
    ports = ("--port", "0", "--sandbox-port", "0", "--brand-port", "0")
    with running("demo", *ports, "--database", database, "--json", cwd=tmp_path, **mine) as demo:
        facts = demo.facts()
        assert facts["publishable_key"] == "cpk_test_mine"
        assert buy(facts["url"], "cpk_test_mine", cwd=tmp_path)["order"]["brand"] == "demo"
    assert {"c.db", "c.db.sandbox", "c.db.key"} <= {file.name for file in (tmp_path / "named").iterdir()}


def test_text_names_what_to_do_next() -> None:
    facts = Facts("http://127.0.0.1:8000", "http://127.0.0.1:9000", BRAND_URL, PUBLISHABLE_KEY, SECRET_KEY, "w", "l")
    text = as_text(facts)
    assert "\n  .venv/bin/checkout try\n" in text
    for page in ("stores", "mails", "ledger"):
        assert f"http://127.0.0.1:9000/_sandbox/{page} " in text
    assert BRAND_URL in text
    assert max(map(len, text.splitlines())) <= 80


def test_text_names_the_options_that_this_demo_needs() -> None:
    facts = Facts("http://127.0.0.1:8001", "http://127.0.0.1:9000", BRAND_URL, "cpk_test_mine", SECRET_KEY, "w", "l")
    assert "checkout try --url http://127.0.0.1:8001 --key cpk_test_mine\n" in as_text(facts)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "carts of a brand's site become orders at local stores"),
        ("demo", "Run service, sandbox and a brand's site with everything filled in"),
        ("serve", "Run the service alone."),
        ("sandbox", "a stand-in for Locally and Stripe"),
        ("try", "Buy something over the public HTTP API"),
    ],
)
def test_help_says_what_a_command_does(name: str, said: str) -> None:
    result = CliRunner().invoke(main, [*name.split(), "--help"])
    assert result.exit_code == 0
    assert said in " ".join(result.output.split())
    assert max(map(len, result.output.splitlines())) <= 80


def test_every_option_has_an_explanation() -> None:
    for command in main.commands.values():
        for parameter in command.params:
            assert getattr(parameter, "hidden", False) or getattr(parameter, "help", None), parameter.name


def test_version_is_told() -> None:
    assert CliRunner().invoke(main, ["--version"]).output.startswith("checkout, version ")
