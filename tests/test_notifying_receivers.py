"""The receivers that the documents show take what we send, and refuse what we did not."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from checkout.notifying.endpoints import endpoints_of
from checkout.openapi import examples
from tests.notifying_world import OLD_SECRET, SECRET, endpoint
from tests.processes import clean_environ
from tests.service import make_settings
from tests.test_official_clients import CLIENTS

PAGE = (Path(__file__).parent.parent / "docs" / "webhooks.md").read_text(encoding="utf-8")
BODY = examples.ORDER_EVENT.model_dump_json().encode()
FOREIGN = "whsec_" + "QUJD" * 8


def code_of(heading: str, language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE.partition(f"## {heading}\n")[2], re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def signed(*secrets: str, at: datetime | None = None, body: bytes = BODY) -> dict[str, str]:
    settings = make_settings(webhooks=json.dumps([endpoint("shop.example", *secrets)]))
    return endpoints_of(settings)[0].headers("msg_1", body, at or datetime.now(UTC))


def cases() -> list[tuple[dict[str, str], bytes, bool]]:
    """Headers, body, and whether the message is ours."""
    now = datetime.now(UTC)
    return [
        (signed(SECRET), BODY, True),
        (signed(OLD_SECRET, SECRET), BODY, True),
        (signed(FOREIGN), BODY, False),
        (signed(SECRET), BODY.replace(b"ordered", b"refused"), False),
        (signed(SECRET, at=now - timedelta(minutes=6)), BODY, False),
        (signed(SECRET, at=now + timedelta(minutes=6)), BODY, False),
        ({**signed(SECRET), "webhook-id": "msg_2"}, BODY, False),
        ({**signed(SECRET), "webhook-signature": "v1,"}, BODY, False),
    ]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_receiver(*command: str, said: Path) -> Iterator[Callable[[dict[str, str], bytes], int]]:
    """A receiver as a process of its own; gives what posts a message to it and tells its answer's status."""
    port = free_port()
    environ = clean_environ(WEBHOOK_SECRET=SECRET, PORT=str(port))
    with (
        said.open("wb") as out,
        subprocess.Popen(command, env=environ, stdout=out, stderr=subprocess.DEVNULL) as process,
    ):
        try:
            ends = time.monotonic() + 30
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    assert process.poll() is None
                    assert time.monotonic() < ends
                    time.sleep(0.05)
            with httpx.Client(trust_env=False, timeout=30) as client:
                yield (
                    lambda headers, body: (
                        client.post(f"http://127.0.0.1:{port}/", content=body, headers=headers).status_code
                    )
                )
        finally:
            process.kill()


@pytest.mark.parametrize("language", ["python", "js"])
def test_documented_receiver_takes_ours_and_no_other(language: str, tmp_path: Path) -> None:
    if language == "python":
        program = tmp_path / "receiver.py"
        program.write_text(code_of("In Python", "python"), encoding="utf-8")
        command = [sys.executable, str(program)]
    else:
        # Node looks for packages beside the program and above it.
        (tmp_path / "node_modules").symlink_to(CLIENTS / "node_modules")
        program = tmp_path / "receiver.mjs"
        program.write_text(code_of("In Node", "js"), encoding="utf-8")
        command = ["node", str(program)]
    said = tmp_path / "said"
    with running_receiver(*command, said=said) as post:
        for headers, body, is_ours in cases():
            assert post(headers, body) == (204 if is_ours else 401), headers
        ends = time.monotonic() + 10
        while not said.read_text() and time.monotonic() < ends:
            time.sleep(0.02)
    assert said.read_text() == "order.updated ord_8nB2vC4xZ1 open\n"  # Taken twice with one id, and told once.


def test_documented_check_by_hand_takes_ours_and_no_other() -> None:
    names: dict[str, Any] = {}
    exec(code_of("Without a library", "python"), names)  # noqa: S102  What our own documents say.
    assert [names["is_ours"](SECRET, headers, body) for headers, body, _ in cases()] == [each[2] for each in cases()]


def test_documented_check_by_hand_in_node_takes_ours_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "check.mjs").write_text(code_of("Without a library", "js"), encoding="utf-8")
    told = [[SECRET, headers, body.decode()] for headers, body, _ in cases()]
    program = """
        import { isOurs } from "./check.mjs";
        const cases = JSON.parse(process.argv[1]);
        console.log(JSON.stringify(cases.map((each) => isOurs(...each))));
    """
    done = subprocess.run(
        ["node", "--input-type=module", "-e", program, json.dumps(told)],
        cwd=tmp_path,
        env={**os.environ},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert json.loads(done.stdout) == [is_ours for _, _, is_ours in cases()]
