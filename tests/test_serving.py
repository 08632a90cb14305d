"""`checkout serve` as a process of its own, beside a `checkout sandbox` on another port."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from checkout.__main__ import main
from checkout.serving import CannotServe, open_socket, url_of
from tests.processes import Running, ask, buy, is_over, run, run_here, running
from tests.service import ENVIRON, PUBLISHABLE_KEY, SECRET_KEY, SHOPPER, STORE_ID, UPC, key

REQUIRED = (
    "CHECKOUT_LOCALLY_API_TOKEN",
    "CHECKOUT_LOCALLY_COMPANY_ID",
    "CHECKOUT_STRIPE_SECRET_KEY",
    "CHECKOUT_STRIPE_PUBLISHABLE_KEY",
    "CHECKOUT_PUBLISHABLE_KEY",
    "CHECKOUT_SECRET_KEY",
    "CHECKOUT_ENCRYPTION_KEY",
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with running("sandbox", "--port", "0", "--json", cwd=tmp_path_factory.mktemp("sandbox")) as process:
        yield process.facts()


@pytest.fixture
def environ(sandbox: dict[str, str]) -> dict[str, str]:
    """What a service beside the sandbox has to be told; its database is `checkout.db` where it starts."""
    required = {name: ENVIRON[name] for name in REQUIRED}
    url = sandbox["url"]
    return {
        **required,
        "CHECKOUT_LOCALLY_API_TOKEN": sandbox["brand_token"],
        "CHECKOUT_LOCALLY_BASE_URL": url,
        "CHECKOUT_STRIPE_API_BASE": url,
    }


@pytest.fixture
def service(environ: dict[str, str], tmp_path: Path) -> Iterator[Running]:
    with running("serve", "--port", "0", cwd=tmp_path, **environ) as process:
        yield process


class Placing(threading.Thread):
    """A checkout that is being placed while the test does something else."""

    def __init__(self, url: str, stripe_url: str, wait: int) -> None:
        super().__init__(daemon=True)
        self.answer: httpx.Response | None = None
        self.url, self._stripe_url, self._wait = url, stripe_url, wait
        self.checkout = self._create()
        self.path = f"/v1/checkouts/{self.checkout['id']}"
        self._intent = self._take_card()
        self.start()

    def _create(self) -> dict[str, Any]:
        items = [{"upc": UPC, "quantity": 1}]
        body = {"store_id": STORE_ID, "path_to_purchase": "bopis", "items": items, "shopper": SHOPPER}
        answer = ask("POST", f"{self.url}/v1/checkouts", token=PUBLISHABLE_KEY, body=body, Idempotency_Key=key())
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def _take_card(self) -> str:
        intent = ask("POST", f"{self.url}{self.path}/setup-intent", token=self.checkout["token"], body={}).json()
        form = {"client_secret": intent["client_secret"], "payment_method": "pm_card_visa"}
        confirm = f"{self._stripe_url}/v1/setup_intents/{intent['id']}/confirm"
        keyed = {"Authorization": f"Bearer {intent['publishable_key']}"}
        assert httpx.post(confirm, data=form, headers=keyed, trust_env=False).json()["status"] == "succeeded"
        return str(intent["id"])

    def run(self) -> None:
        body = {"setup_intent_id": self._intent, "expected_total": self.checkout["totals"]["total"]}
        self.answer = ask(
            "POST",
            f"{self.url}{self.path}/place",
            token=self.checkout["token"],
            body=body,
            Idempotency_Key=key(),
            Prefer=f"wait={self._wait}",
        )


def wait_for_call(sandbox: dict[str, str], call: str, earlier: int) -> None:
    """Wait until the sandbox has got one more call of a kind."""
    assert is_over(lambda: count_calls(sandbox, call) <= earlier), f"{call} never came"


def count_calls(sandbox: dict[str, str], call: str) -> int:
    calls = ask("GET", f"{sandbox['url']}/_sandbox/ledger").json()["calls"]
    return sum(entry["call"] == call for entry in calls)


def slow_commit(sandbox: dict[str, str], seconds: float = 1.5) -> int:
    """Let the next commit answer late; gives how many there were."""
    fault = {"call": "cart/commit", "kind": "slow", "seconds": seconds}
    assert ask("POST", f"{sandbox['url']}/_sandbox/faults", body=fault).is_success
    return count_calls(sandbox, "cart/commit")


def lines_of(result: Any) -> list[str]:
    """What a command that gave up said, without the name in front."""
    assert result.stdout == ""
    return [line.removeprefix("checkout: ") for line in result.stderr.splitlines()]


def test_environment_alone_is_enough(service: Running, tmp_path: Path) -> None:
    url = service.url()
    health, ready = ask("GET", f"{url}/healthz"), ask("GET", f"{url}/readyz")
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert buy(url, PUBLISHABLE_KEY, cwd=tmp_path)["order"]["status"] == "open"
    assert (tmp_path / "checkout.db").is_file()


def test_settings_are_read_from_env_file(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("\n".join(f"{name}={value}" for name, value in environ.items()))
    with running("serve", "--port", "0", cwd=tmp_path, CHECKOUT_BRAND="set") as service:
        assert ask("GET", f"{service.url()}/healthz").status_code == 200


def test_each_missing_setting_is_one_line(tmp_path: Path) -> None:
    result = run("serve", "--port", "0", cwd=tmp_path)
    assert result.returncode == 2
    assert sorted(lines_of(result)) == sorted(f"{name} is missing" for name in REQUIRED)


def test_faults_of_every_kind_are_told_at_once(environ: dict[str, str], tmp_path: Path) -> None:
    wrong = {"CHECKOUT_PATHS": "teleport", "CHECKOUT_DATABASE_URL": "mysql://x", "CHECKOUT_PLACE_WAIT": "soon"}
    given = {name: value for name, value in environ.items() if name != "CHECKOUT_SECRET_KEY"}
    result = run_here("serve", "--port", "0", cwd=tmp_path, **given, **wrong)
    assert result.exit_code == 2
    assert sorted(line.split()[0].rstrip(":") for line in lines_of(result)) == sorted([*wrong, "CHECKOUT_SECRET_KEY"])


def test_mixed_modes_stop_the_start(environ: dict[str, str], tmp_path: Path) -> None:
    result = run_here("serve", "--port", "0", cwd=tmp_path, **{**environ, "CHECKOUT_SECRET_KEY": "csk_live_1"})
    lines = lines_of(result)
    assert result.exit_code == 2
    assert any(line.startswith("CHECKOUT_SECRET_KEY: live, but CHECKOUT_LOCALLY_API_TOKEN") for line in lines)
    assert all(line.startswith("CHECKOUT_") for line in lines)


@pytest.mark.parametrize(
    ("name", "value"),
    [("CHECKOUT_DATABASE_URL", "sqlite:////dev/null/x.db"), ("CHECKOUT_CATALOGUE", "no_such_file.csv")],
)
def test_setting_that_fails_at_the_start_is_one_line(
    environ: dict[str, str], tmp_path: Path, name: str, value: str
) -> None:
    result = run("serve", "--port", "0", cwd=tmp_path, **{**environ, name: value})
    (line,) = lines_of(result)
    assert result.returncode == 2
    assert line.startswith(f"{name}: ")


def test_second_service_on_the_database_is_refused(service: Running, environ: dict[str, str], tmp_path: Path) -> None:
    service.url()
    result = run("serve", "--port", "0", cwd=tmp_path, **environ)
    (line,) = lines_of(result)
    assert result.returncode == 2
    assert line.startswith("CHECKOUT_DATABASE_URL: another service is running on checkout.db")


def test_taken_port_is_one_clear_line(environ: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for name, more in (("serve", environ), ("sandbox", {}), ("demo", {})):
            result = run(name, "--port", str(port), cwd=tmp_path, **more)
            (line,) = lines_of(result)
            assert result.returncode == 2
            assert line == f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another with --port"


def test_service_starts_while_upstreams_are_down(environ: dict[str, str], tmp_path: Path) -> None:
    nowhere = {"CHECKOUT_LOCALLY_BASE_URL": "http://127.0.0.1:1", "CHECKOUT_STRIPE_API_BASE": "http://127.0.0.1:1"}
    with running("serve", "--port", "0", cwd=tmp_path, **{**environ, **nowhere}) as service:
        url = service.url()
        assert ask("GET", f"{url}/readyz").status_code == 200
        places = ask("GET", f"{url}/v1/places?q=60605", token=PUBLISHABLE_KEY)
        assert (places.status_code, places.json()["code"]) == (503, "upstream_unavailable")


def test_term_lets_a_request_finish(service: Running, sandbox: dict[str, str]) -> None:
    earlier = slow_commit(sandbox)
    placing = Placing(service.url(), sandbox["url"], wait=20)
    wait_for_call(sandbox, "cart/commit", earlier)
    assert service.stop() == 0
    placing.join(10)
    assert placing.answer is not None
    assert (placing.answer.status_code, placing.answer.json()["status"]) == (200, "placed")


def test_term_takes_readiness_first(environ: dict[str, str], tmp_path: Path) -> None:
    with running("serve", "--port", "0", cwd=tmp_path, CHECKOUT_DRAIN_NOTICE="3", **environ) as service:
        url = service.url()
        assert ask("GET", f"{url}/readyz").status_code == 200
        service.process.send_signal(signal.SIGTERM)
        assert is_over(lambda: ask("GET", f"{url}/readyz").status_code == 200, 2)
        assert ask("GET", f"{url}/healthz").status_code == 200
        assert service.process.wait(30) == 0


def test_term_ends_within_the_drain_and_loses_nothing(
    sandbox: dict[str, str], environ: dict[str, str], tmp_path: Path
) -> None:
    """One commit is answered while the service ends, another never would be."""
    drain = {"CHECKOUT_DRAIN": "8", "CHECKOUT_DRAIN_NOTICE": "1", "CHECKOUT_WRITE_TIMEOUT": "300"}
    with running("serve", "--port", "0", cwd=tmp_path, **drain, **environ) as service:
        url = service.url()
        earlier = slow_commit(sandbox, 3)
        slow = Placing(url, sandbox["url"], wait=20)
        wait_for_call(sandbox, "cart/commit", earlier)
        assert ask("POST", f"{sandbox['url']}/_sandbox/faults", body={"call": "cart/commit", "kind": "hang"}).is_success
        hung = Placing(url, sandbox["url"], wait=0)
        wait_for_call(sandbox, "cart/commit", earlier + 1)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(60) == 0
        slow.join(10)
        hung.join(10)
        assert slow.answer is not None
        assert hung.answer is not None
        assert (slow.answer.status_code, slow.answer.json()["status"]) == (200, "placed")
        assert hung.answer.status_code == 202
    with running("serve", "--port", "0", cwd=tmp_path, **environ) as again:
        read = f"{again.url()}{hung.path}"
        assert is_over(lambda: ask("GET", read, token=SECRET_KEY).json()["status"] != "placed", 30)
    assert count_calls(sandbox, "cart/commit") == earlier + 2


def test_held_connection_does_not_outlast_the_drain(environ: dict[str, str], tmp_path: Path) -> None:
    short = {"CHECKOUT_DRAIN": "2", "CHECKOUT_DRAIN_NOTICE": "0"}
    with running("serve", "--port", "0", cwd=tmp_path, **short, **environ) as service:
        host, port = service.url().removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as held:
            held.sendall(b"POST /v1/checkouts HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            time.sleep(0.3)
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(20) == 0


def test_placing_under_way_outlives_its_process(
    service: Running, sandbox: dict[str, str], environ: dict[str, str], tmp_path: Path
) -> None:
    """The commit in flight is waited for and written, although its request was answered long before."""
    earlier = slow_commit(sandbox)
    placing = Placing(service.url(), sandbox["url"], wait=0)
    wait_for_call(sandbox, "cart/commit", earlier)
    placing.join(10)
    assert placing.answer is not None
    assert placing.answer.status_code == 202
    assert service.stop() == 0
    with running("serve", "--port", "0", cwd=tmp_path, **environ) as again:
        read = ask("GET", f"{again.url()}{placing.path}", token=SECRET_KEY).json()
    assert read["status"] == "placed"
    assert count_calls(sandbox, "cart/commit") == earlier + 1


def test_log_tells_no_secrets(service: Running, sandbox: dict[str, str]) -> None:
    placing = Placing(service.url(), sandbox["url"], wait=20)
    placing.join(20)
    assert placing.answer is not None
    order = placing.answer.json()["order"]
    assert order["url"].startswith(f"{placing.url}/o/")
    assert ask("GET", order["url"]).status_code == 200
    for path in (f"//o/{order['url'].rpartition('/')[2]}", f"/v1/orders/{order['token']}"):  # Put together wrongly.
        assert ask("GET", placing.url + path).status_code in {401, 404}
    service.stop()
    secrets = (placing.checkout["token"], order["token"], order["url"].rpartition("/")[2], SECRET_KEY, PUBLISHABLE_KEY)
    assert placing.path in service.err
    assert [secret for secret in secrets if secret in service.err] == []


def test_url_names_an_address_that_answers() -> None:
    with open_socket("0.0.0.0", 0) as listener:  # noqa: S104  For the moment of this test, and nobody accepts.
        assert url_of(listener).startswith("http://127.0.0.1:")


def test_unknown_host_is_one_clear_line() -> None:
    with pytest.raises(CannotServe, match=r"cannot listen on 192\.0\.2\.1:0: "):
        open_socket("192.0.2.1", 0)


@pytest.mark.parametrize("port", ["65536", "-1", "http"])
def test_impossible_port_is_wrong_usage(port: str) -> None:
    for name in ("serve", "sandbox", "demo"):
        result = CliRunner().invoke(main, [name, "--port", port])
        assert result.exit_code == 2
        assert "'--port'" in result.output


def test_help_does_not_wait_for_the_service() -> None:
    heavy = {"alembic", "httpx", "sqlalchemy", "starlette", "stripe", "uvicorn"}
    program = f"import sys, checkout.__main__; print(sorted({heavy} & sys.modules.keys()))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert shown.stdout == "[]\n"
