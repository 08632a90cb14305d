"""Controls of the brand's side of ship-to-store: its feed, and the statements of what it is owed."""

from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from checkout.sandbox.asking import control, flag_of, only, printable_or_null, read_object, url_or_null
from checkout.sandbox.parts import Parts


class BrandControls:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/_sandbox/feed", control(self.feed), methods=["GET", "POST"]),
            Route("/_sandbox/feed/scan", control(self.scan), methods=["POST"]),
            Route("/_sandbox/statements/{month}", control(self.statement), methods=["GET"]),
        ]

    async def feed(self, request: Request) -> Any:
        """Where Locally scans for the feed. The answer comes when the first scan is over, unless that is for later."""
        feed = self._parts.feed
        if request.method == "POST":
            body = await read_object(request)
            only(body, {"url", "later"})
            if "url" not in body:
                raise ValueError("url is required: the feed's address, or null for none")
            printable_or_null(body, "url")
            url_or_null(body, "url")
            feed.configure(body["url"], later=flag_of(body, "later", default=False))
            await feed.settle()
        return feed.document()

    async def scan(self, _: Request) -> Any:
        if self._parts.feed.url is None:
            raise ValueError("url is not set: POST /_sandbox/feed first")
        self._parts.feed.scan_now()
        await self._parts.feed.settle()
        return self._parts.feed.document()

    async def statement(self, request: Request) -> Any:
        return self._parts.statements.statement(request.path_params["month"])
