"""Controls of webhooks: where they go, in which form, what becomes of them, and forged ones."""

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from checkout.sandbox.asking import control, only, printable_or_null, read_object, url_or_null
from checkout.sandbox.forging import Forger
from checkout.sandbox.parts import Parts

_URLS = ("locally_url", "retailer_url", "stripe_url")
_TEXTS = (*_URLS, "locally_token", "retailer_token", "stripe_secret")
_RETAILER = {"retailer_url": "url", "retailer_token": "token", "retailer_store": "store_id"}
_SWITCHES = ("method", "auto_method", "attempts", "form", "content_type", "copies", "delay", "lose_every", "reorder")


class WebhookControls:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._forger = Forger(parts.books, parts.notices)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/_sandbox/webhooks", control(self.webhooks), methods=["GET", "POST"]),
            Route("/_sandbox/webhooks/forge", control(self.forge), methods=["POST"]),
        ]

    async def webhooks(self, request: Request) -> Any:
        if request.method == "POST":
            self._change(await read_object(request))
        switches = self._parts.switches.as_document()
        return {
            "locally_url": self._parts.notices.url,
            "retailer_url": self._parts.notices.retailer.url,
            "retailer_store": self._parts.notices.retailer.store_id,
            "stripe_url": self._parts.stripe_webhook["stripe_url"],
            **{name: switches[f"webhook_{name}"] for name in _SWITCHES},
            "sent": self._parts.notices.log_documents(),
        }

    def _change(self, body: dict[str, Any]) -> None:
        """Keys that are not sent stay as they are; a URL of null sends nothing any more."""
        only(body, {*_TEXTS, *_SWITCHES, "retailer_store"})
        for name in body.keys() & set(_TEXTS):
            printable_or_null(body, name)
        for name in _URLS:
            url_or_null(body, name)
        store_id = body.get("retailer_store")
        if store_id is not None and (type(store_id) is not int or store_id not in self._parts.world.stores):
            raise ValueError("retailer_store must be the id of a store, or null for all of them")
        # The only part that can refuse from here on comes first, so that a refused change changes nothing.
        self._parts.switches.change({f"webhook_{name}": body[name] for name in _SWITCHES if name in body})
        if "locally_url" in body or "locally_token" in body:
            notices = self._parts.notices
            notices.configure(body.get("locally_url", notices.url), body.get("locally_token") or notices.token)
        retailer = {ours: body[theirs] for theirs, ours in _RETAILER.items() if theirs in body}
        if retailer:
            retailer["token"] = retailer.get("token") or self._parts.notices.retailer.token
            self._parts.notices.configure_retailer(replace(self._parts.notices.retailer, **retailer))
        stripe: dict[str, str | None] = {name: body[name] for name in ("stripe_url", "stripe_secret") if name in body}
        if stripe:
            self._parts.set_stripe_webhook(stripe)

    async def forge(self, request: Request) -> Any:
        return await self._forger.forge(await read_object(request))
