"""The sandbox on a port: its faults break real sockets, and what arrived is carried out whoever hangs up."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from checkout.sandbox import create_sandbox
from checkout.sandbox.listener import Listener
from tests.sandbox_shopper import HEADLESS, Shopper, shopper_at

SERVE = """
import sys; from pathlib import Path; from checkout.sandbox import run
run(port=0, state=Path(sys.argv[1]) if sys.argv[1:] else None, on_ready=lambda port: print(port, flush=True))
"""


@pytest.fixture
async def port() -> AsyncIterator[int]:
    bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    listener = Listener(create_sandbox(), "127.0.0.1", 0, bound.set_result)
    serving = asyncio.create_task(listener.serve())
    yield await bound
    listener.should_exit = True
    await serving


@pytest.fixture
async def shopper(port: int) -> AsyncIterator[Shopper]:
    async with shopper_at(f"http://127.0.0.1:{port}") as one:
        yield one


async def validate_under(shopper: Shopper, kind: str, **more: object) -> Callable[[], Awaitable[httpx.Response]]:
    draft = await shopper.draft(card_token=await shopper.card())
    await shopper.control("faults", {"call": "cart/validate", "kind": kind} | more)
    return lambda: shopper.validate(draft)


async def outcome(shopper: Shopper) -> tuple[object, object, int]:
    ledger = await shopper.ledger()
    return ledger["calls"][-1]["done"], ledger["calls"][-1]["status"], len(ledger["holds"])


async def hold_appears(shopper: Shopper) -> None:
    async with asyncio.timeout(5):
        while not (await shopper.ledger())["holds"]:  # noqa: ASYNC110 - the ledger is asked over HTTP.
            await asyncio.sleep(0.01)


async def test_lost_request_closes_with_nothing_done(shopper: Shopper) -> None:
    validate = await validate_under(shopper, "lost_request")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        await validate()
    assert await outcome(shopper) == (False, None, 0)


async def test_lost_answer_closes_after_all_is_done(shopper: Shopper) -> None:
    validate = await validate_under(shopper, "lost_answer")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        await validate()
    assert await outcome(shopper) == (True, None, 1)


async def test_reset_breaks_off_in_mid_answer(shopper: Shopper, port: int) -> None:
    await validate_under(shopper, "reset")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /headless/api/1.0/cart/validate HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
    head, body = await reader.readuntil(b"\r\n\r\n"), await reader.read(5)
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1000)
    writer.close()
    promised = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    assert 0 < len(body) < promised


async def test_reset_is_a_read_error_after_all_is_done(shopper: Shopper) -> None:
    validate = await validate_under(shopper, "reset")
    with pytest.raises(httpx.ReadError):
        await validate()
    assert await outcome(shopper) == (True, None, 1)


async def test_hang_never_answers(shopper: Shopper) -> None:
    validate = await validate_under(shopper, "hang")
    shopper.client.timeout = httpx.Timeout(10, read=0.2)
    with pytest.raises(httpx.ReadTimeout):
        await validate()
    assert await outcome(shopper) == (True, None, 1)


async def test_slow_is_done_before_it_answers(shopper: Shopper) -> None:
    validate = await validate_under(shopper, "slow", seconds=0.3)
    waiting = asyncio.ensure_future(validate())
    await hold_appears(shopper)
    assert await outcome(shopper) == (True, None, 1)
    assert (await waiting).status_code == 200


@pytest.mark.parametrize(("kind", "status"), [("status_500", 500), ("garbage", 200)])
async def test_answering_faults_keep_the_connection(shopper: Shopper, kind: str, status: int) -> None:
    validate = await validate_under(shopper, kind)
    assert (await validate()).status_code == status
    assert (await validate()).json()["success"] is True


async def test_lost_request_may_be_done_after_all(shopper: Shopper) -> None:
    validate = await validate_under(shopper, "lost_request", done=True)
    with pytest.raises(httpx.RemoteProtocolError):
        await validate()
    assert await outcome(shopper) == (True, None, 1)


async def test_arrived_request_is_finished_without_its_caller(shopper: Shopper, port: int) -> None:
    draft = await shopper.draft(card_token=await shopper.card())
    request = shopper.client.build_request("POST", f"{HEADLESS}/cart/validate", json=draft)
    lines = [f"{name}: {value}" for name, value in request.headers.items()]
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("\r\n".join([f"POST {HEADLESS}/cart/validate HTTP/1.1", *lines, "", ""]).encode() + request.content)
    writer.close()
    await hold_appears(shopper)
    assert (await shopper.ledger())["calls"][-1]["done"] is True


async def test_half_a_request_is_not_carried_out(shopper: Shopper, port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST {HEADLESS}/cart/validate HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{{".encode())
    writer.close()
    await writer.wait_closed()
    await shopper.get(f"{HEADLESS}/cart")
    assert [call["call"] for call in (await shopper.ledger())["calls"]] == ["cart"]


def start(state: Path | None = None) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-c", SERVE, *([str(state)] if state else [])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_sandbox_quietly(how: signal.Signals) -> None:
    process, port = start()
    assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 200
    process.send_signal(how)
    output, errors = process.communicate(timeout=10)
    assert (process.returncode, output, errors) == (0, "", "")


def test_hanging_caller_does_not_hold_up_the_end() -> None:
    process, port = start()
    origin = f"http://127.0.0.1:{port}"
    httpx.post(f"{origin}/_sandbox/faults", json={"call": "location/suggest", "kind": "hang"})
    with httpx.Client(base_url=origin, timeout=10) as client:
        ender = subprocess.Popen(
            [sys.executable, "-c", f"import os, time; time.sleep(0.3); os.kill({process.pid}, 15)"]
        )
        with pytest.raises(httpx.TransportError):
            client.get(f"{HEADLESS}/location/suggest")
        ender.wait()
    process.communicate(timeout=10)
    assert process.returncode == 0


async def test_killed_sandbox_goes_on_from_its_state_file(tmp_path: Path) -> None:
    state = tmp_path / "sandbox.db"
    process, port = start(state)
    async with shopper_at(f"http://127.0.0.1:{port}") as before:
        first = await before.order(1)
        ledger = await before.ledger()
        process.kill()
        process.communicate()
    process, port = start(state)
    async with shopper_at(f"http://127.0.0.1:{port}") as after:
        assert await after.ledger() == ledger
        await after.client.delete("/_sandbox")
        assert await after.order(1) != first
        assert (await after.ledger())["holds"][0]["id"] != ledger["holds"][0]["id"]
    process.terminate()
    process.communicate()


async def test_call_under_way_is_not_kept_by_a_fresh_sandbox(tmp_path: Path) -> None:
    state = tmp_path / "sandbox.db"
    process, port = start(state)
    async with shopper_at(f"http://127.0.0.1:{port}") as shopper:
        await shopper.control("faults", {"call": "v2/carts", "kind": "slow", "seconds": 0.3})
        waiting = asyncio.ensure_future(shopper.get("/api/v2/carts"))
        async with asyncio.timeout(5):
            while not (await shopper.ledger())["calls"]:  # noqa: ASYNC110 - the ledger is asked over HTTP.
                await asyncio.sleep(0.01)
        await shopper.client.delete("/_sandbox")
        assert (await waiting)["status"] is True
    process.terminate()
    process.communicate()
    process, port = start(state)
    async with shopper_at(f"http://127.0.0.1:{port}") as reopened:
        assert (await reopened.ledger())["calls"] == []
    process.terminate()
    process.communicate()
