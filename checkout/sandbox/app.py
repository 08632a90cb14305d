"""Composition: all parts of the sandbox put together behind its front."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

from checkout.sandbox.brand_controls import BrandControls
from checkout.sandbox.cart_v2 import CartApi
from checkout.sandbox.controls import Controls
from checkout.sandbox.front import Front
from checkout.sandbox.guide import HEADLESS, V2, guide
from checkout.sandbox.incoming import Caller, Incoming, Refusal, Reply, cart_api, headless, refuse
from checkout.sandbox.locating import Locating
from checkout.sandbox.marketing import Marketing
from checkout.sandbox.order_controls import OrderControls
from checkout.sandbox.order_moves import OrderMoves
from checkout.sandbox.ordering import Ordering
from checkout.sandbox.parts import Parts
from checkout.sandbox.pictures import picture
from checkout.sandbox.screen import Screen
from checkout.sandbox.shopping import Shopping
from checkout.sandbox.store_controls import StoreControls
from checkout.sandbox.stripe_browser import browser_routes
from checkout.sandbox.validating import Validating
from checkout.sandbox.webhook_controls import WebhookControls


def create_sandbox(*, state: Path | None = None) -> Starlette:
    """The sandbox as an ASGI app, without lifespan. With a `state` file it goes on where it was left."""
    parts = Parts(state)
    routes = [
        Route("/", guide, methods=["GET"]),
        Route("/images/{name}.svg", picture, methods=["GET"]),
        *Controls(parts).routes(),
        *StoreControls(parts).routes(),
        *BrandControls(parts).routes(),
        *OrderControls(parts).routes(),
        *WebhookControls(parts).routes(),
        *Screen(parts).routes(),
        *parts.mailbox.routes(),
        *parts.stripe.control_routes(),
        *_locating_routes(parts.locating),
        *_cart_routes(parts.shopping, parts.validating, parts.ordering),
        Route(HEADLESS + "/{rest:path}", headless(_unknown), methods=["GET", "POST"]),
        *_v2_routes(parts.cart_api, parts.moves, parts.marketing),
        *parts.stripe.routes(),
        *browser_routes(),
    ]
    front = Middleware(Front, faults=parts.faults, ledger=parts.ledger, tick=parts.timers.run_due)
    app = Starlette(routes=routes, middleware=[front])
    app.state.parts = parts  # For tests that judge by the books and reset them thousands of times.
    return app


def _locating_routes(locating: Locating) -> list[BaseRoute]:
    calls = {
        "/location/suggest": locating.location_suggest,
        "/location/switch/{lat}/{lng}": locating.location_switch,
        "/location/address/suggest": locating.address_suggest,
        "/location/address/validate": locating.address_validate,
        "/conversion/start": locating.start,
        "/conversion/store_data": locating.store_data,
        "/conversion/product_data": locating.product_data,
        "/conversion/buy_online_ecommerce_data": locating.ecommerce_data,
        "/conversion/common": locating.common,
        "/conversion/location_data/{type}/{store_id}": locating.location_data,
        "/product/locate": locating.locate,
    }
    return [Route(HEADLESS + path, headless(handler), methods=["GET"]) for path, handler in calls.items()]


def _cart_routes(shopping: Shopping, validating: Validating, ordering: Ordering) -> list[BaseRoute]:
    calls = [
        ("GET", "/session/id", shopping.session_id),
        ("GET", "/session/user", shopping.session_user),
        ("GET", "/cart/items/add", shopping.add_item),
        ("POST", "/cart/items/add", shopping.add_item),
        ("GET", "/cart", shopping.read_cart),
        ("POST", "/cart", shopping.adjust),
        ("GET", "/cart/checkout", shopping.read_cart),
        ("POST", "/cart/validate_email", shopping.validate_email),
        ("POST", "/cart/billing", shopping.billing),
        ("POST", "/cart/auth", shopping.authorize),
        ("POST", "/cart/order", shopping.order),
        ("POST", "/cart/validate", validating.validate),
        ("POST", "/cart/commit", ordering.commit),
        ("POST", "/analytics", shopping.note),
        ("GET", "/email/template/send", shopping.note),
    ]
    return [Route(HEADLESS + path, headless(handler), methods=[method]) for method, path, handler in calls]


def _v2_routes(api: CartApi, moves: OrderMoves, marketing: Marketing) -> list[BaseRoute]:
    return [
        Route(V2 + "/carts", cart_api(api.list_carts), methods=["GET"]),
        Route(V2 + "/carts/{page}", cart_api(api.list_carts), methods=["GET"]),
        Route(V2 + "/cart/{cart_hash}", cart_api(api.detail), methods=["GET"]),
        Route(V2 + "/cart/{cart_hash}/{upc}", cart_api(moves.update), methods=["POST"]),
        Route(V2 + "/brand/{company_id}/stores", cart_api(marketing.stores), methods=["GET"]),
        Route(V2 + "/brand/{company_id}/upc/{upcs}/stores", cart_api(marketing.stores_by_upc), methods=["GET"]),
        Route(V2 + "/{rest:path}", cart_api(_unknown_in_v2), methods=["GET", "POST"]),
    ]


def _unknown(_: Caller, __: Incoming) -> Reply:
    raise refuse(404, "Not found")


def _unknown_in_v2(_: Caller, __: Incoming) -> Reply:
    raise Refusal(404, {"status": False, "message": "Not found"})
