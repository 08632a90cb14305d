"""What no page may do, seen from the browser: complain in its console, or ask anything of a third host."""

import re
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, WebError

# An answer of our API that is no success is part of a conversation; Chromium writes it to the console all the same.
_ANSWER_OF_API = re.compile(r"^Failed to load resource: .* status of (4\d\d|5\d\d)")
_WORTH_TELLING = ("error", "warning", "assert")


class Watch:
    """Collects complaints. `expected` holds patterns of those that a test provokes."""

    def __init__(self) -> None:
        self.expected: list[str] = []
        self.hosts: set[str] = set()
        self._seen: list[str] = []

    def over(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("request", self._request)

    def complaints(self) -> list[str]:
        return [line for line in self._seen if not any(re.search(pattern, line) for pattern in self.expected)]

    def _console(self, message: ConsoleMessage) -> None:
        path = urlsplit(message.location.get("url", "")).path
        if message.type not in _WORTH_TELLING or (path.startswith("/v1/") and _ANSWER_OF_API.match(message.text)):
            return
        self._seen.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _error(self, error: WebError) -> None:
        self._seen.append(f"uncaught: {error.error}")

    def _request(self, request: Request) -> None:
        host = urlsplit(request.url).hostname or ""
        self.hosts.add(host)
        if not (host in ("", "127.0.0.1", "localhost") or host.endswith(".localhost")):
            self._seen.append(f"third host: {request.url}")
