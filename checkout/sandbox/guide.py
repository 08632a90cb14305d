"""What stands at the root of the sandbox: its paths, as JSON for programs and as a page for people."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from checkout.sandbox.incoming import BRAND_TOKEN, RETAILER_TOKEN

HEADLESS = "/headless/api/1.0"
V2 = "/api/v2"

_CONTROLS: Mapping[str, str] = {
    "GET /_sandbox/stores": "the stores with their orders; a store's own screen is one click away",
    "GET /_sandbox/stores/{id}": "a store's order screen: confirm, decline, picked up, refund, message",
    "GET /_sandbox/ledger": "orders, holds, charges, carts and calls",
    "GET /_sandbox/catalogue": "products and stores, with stock and prices",
    "GET|POST|DELETE /_sandbox/faults": "make calls fail",
    "GET|POST /_sandbox/clock": "tell or advance the time",
    "POST /_sandbox/stock": "change stock or price",
    "GET|POST /_sandbox/settings": "switch the sandbox's assumptions",
    "POST /_sandbox/stores/{id}": "change what a store has set up: paths, tax rate, Stripe, ship-to-store, PushCart",
    "GET|PUT /_sandbox/stores/{id}/inventory": "the store's inventory file: upc, qty, price",
    "GET|POST /_sandbox/feed": "the brand's available-to-sell feed: its address, and what was read there",
    "POST /_sandbox/feed/scan": "read the feed now",
    "GET /_sandbox/statements/{month}": "what became payable to brand and stores in a month",
    "GET|POST /_sandbox/webhooks": "where webhooks go, in which form, and what became of them",
    "POST /_sandbox/webhooks/forge": "send forged webhooks",
    "GET|POST /_sandbox/orders/{hash}": "one order; let its charge fail",
    "POST /_sandbox/orders/{hash}/items/{upc}": "act for store, brand or shopper",
    "POST /_sandbox/orders/{hash}/{upc}": "the same in the Cart API's words",
    "GET /_sandbox/mails": "mail that was sent to the sandbox; /_sandbox/mails.json says where",
    "DELETE /_sandbox": "start afresh",
}
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>The sandbox</title>
<link rel="stylesheet" href="/_sandbox/screen.css">
<main><h1>The sandbox</h1>
<p>A stand-in for Locally.com and Stripe. No card is charged, no store is asked.</p>
<ul class="stores">
<li><a href="/_sandbox/stores">Stores with orders</a>: answer as a store does, and move the clock</li>
<li><a href="/_sandbox/mails">Mail</a>: what was sent to shoppers</li>
<li><a href="/_sandbox/ledger">The ledger</a>: orders, holds, charges and calls, as JSON</li>
<li><a href="/_sandbox/catalogue">The catalogue</a>: products and stores, as JSON</li>
<li><a href="/_sandbox/feed">The feed</a>: what the brand ships to stores, as JSON</li>
<li><a href="/_sandbox/settings">The settings</a>: what Locally's documents leave open, as JSON</li>
</ul>
</main></html>
"""


def guide(request: Request) -> Response:
    """A browser asks for HTML; whoever does not gets JSON."""
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(_PAGE, headers={"Vary": "Accept"})
    return JSONResponse(
        {
            "what": "A stand-in for Locally.com and Stripe. No card is charged, no store is asked.",
            "locally": {
                "headless": HEADLESS,
                "cart_api": V2,
                "tokens": {"brand": BRAND_TOKEN, "retailer": RETAILER_TOKEN},
            },
            "stripe": "/v1",
            "stripe_js": "/stripe.js",
            "controls": dict(_CONTROLS),
        },
        headers={"Vary": "Accept"},
    )
