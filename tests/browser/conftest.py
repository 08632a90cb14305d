"""A real Chromium for the tests of pages, and what every page has to keep: a clean console and no third host.

Playwright's sync interface runs an event loop in the test's thread while it is open. Its fixtures live for the files
of this folder, not for the whole run, so that the asynchronous tests of other files find the thread as they need it.
"""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, Page, Playwright, expect, sync_playwright

from tests.browser.watching import Watch
from tests.processes import running_demo

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
# Nothing is looked up beyond this machine: what a page asks of another host fails, and is told by `Watch`.
_ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
    "--no-first-run",
]
_PATIENCE_MILLISECONDS = 20_000  # A machine that runs all tests at once is slow.


expect.set_options(timeout=_PATIENCE_MILLISECONDS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.timeout(120))


def chromium_arguments() -> dict[str, Any]:
    """How to start it, wherever it is."""
    return {"executable_path": CHROMIUM, "args": _ARGUMENTS}


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """How to start it. Its absence fails the tests, unless whoever runs them said that it may be absent."""
    if CHROMIUM is None:
        message = "Chromium is needed here: apt install chromium-headless-shell, or CHROMIUM=/path/to/it"
        if os.environ.get("CHECKOUT_TEST_WITHOUT_BROWSER") == "1":
            pytest.skip(message)
        pytest.fail(message)
    return chromium_arguments()


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="package")
def browser_type(playwright: Playwright) -> BrowserType:
    return playwright.chromium


@pytest.fixture(scope="package")
def browser(browser_type: BrowserType, browser_type_launch_args: dict[str, Any]) -> Iterator[Browser]:
    running = browser_type.launch(**browser_type_launch_args)
    yield running
    running.close()


@pytest.fixture
def browser_context_args() -> dict[str, Any]:
    """A file or a test may override it."""
    return {"locale": "en-US", "viewport": {"width": 1024, "height": 900}}


@pytest.fixture
def watch() -> Watch:
    """What the pages of a test complained of. A test that provokes a complaint names it in `watch.expected`."""
    return Watch()


@pytest.fixture
def context(browser: Browser, browser_context_args: dict[str, Any], watch: Watch) -> Iterator[BrowserContext]:
    opened = browser.new_context(**browser_context_args)
    opened.set_default_timeout(_PATIENCE_MILLISECONDS)
    watch.over(opened)
    yield opened
    opened.close()
    assert not watch.complaints()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture(scope="package")
def own_port() -> int:
    """Where a test may serve a page of its own: the demo lets that origin show the checkout."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture(scope="package")
def demo(own_port: int) -> Iterator[dict[str, str]]:
    """The facts of a demo that runs: the service, the sandbox and the brand's site, each on an origin of its own."""
    changed = {
        "CHECKOUT_NOT_PLACED_AFTER": "2",
        "CHECKOUT_NOT_PLACED_AFTER_REFUSAL": "1",
        "CHECKOUT_ORIGINS": f"http://localhost:{own_port}",
    }
    with tempfile.TemporaryDirectory() as folder, running_demo(Path(folder), **changed) as running:
        yield running.facts()
