"""The JSON API: handlers that parse, call and render."""

from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route

from checkout.api import (
    checkouts,
    console,
    deliveries,
    feeds,
    health,
    lookup,
    operators,
    orders,
    pushcart,
    rescues,
    ship_to_store,
    statements,
    stores,
)

_PACKED = [Middleware(GZipMiddleware, compresslevel=5)]  # A feed becomes a quarter of its size.

routes = [
    Route("/v1/stores", stores.find_stores, methods=["GET"]),
    Route("/v1/places", stores.find_places, methods=["GET"]),
    Route("/v1/quotes", stores.quote, methods=["POST"]),
    Route("/v1/checkouts", checkouts.create, methods=["POST"]),
    Route("/v1/checkouts/{checkout_id}", checkouts.read_or_change, methods=["GET", "PATCH"]),
    Route("/v1/checkouts/{checkout_id}/setup-intent", checkouts.hand_out_setup_intent, methods=["POST"]),
    Route("/v1/checkouts/{checkout_id}/place", checkouts.place, methods=["POST"]),
    Route("/v1/checkouts/{checkout_id}/cancel", checkouts.cancel, methods=["POST"]),
    Route("/v1/checkouts/{checkout_id}/timeline", operators.read_timeline, methods=["GET"]),
    Route("/v1/checkouts/{checkout_id}/settle", operators.settle, methods=["POST"]),
    Route("/v1/reviews", operators.read_reviews, methods=["GET"]),
    Route("/v1/holds", operators.read_holds, methods=["GET"]),
    Route("/v1/orders", orders.list_all, methods=["GET"]),
    Route("/v1/orders/answers", pushcart.answer_many, methods=["POST"]),
    Route("/v1/orders/lookup", lookup.look_up, methods=["POST"]),
    Route("/v1/orders/{order_id}", orders.read, methods=["GET"]),
    Route("/v1/orders/{order_id}/timeline", orders.read_events, methods=["GET"]),
    Route("/v1/orders/{order_id}/rescues", rescues.find_or_open, methods=["GET", "POST"]),
    Route("/v1/orders/{order_id}/cancel-request", rescues.ask_for_cancel, methods=["POST"]),
    Route("/v1/orders/{order_id}/items/{upc}/ship-to-store", ship_to_store.act, methods=["POST"]),
    Route("/v1/orders/{order_id}/items/{upc}/answer", pushcart.answer, methods=["POST"]),
    Route("/v1/intake", pushcart.read_intake, methods=["GET", "POST"]),
    Route("/v1/statements/{month}", statements.read, methods=["GET"]),
    Route("/v1/ship-to-store/actions", ship_to_store.act_on_many, methods=["POST"]),
    Route("/v1/deliveries", deliveries.list_all, methods=["GET"]),
    Route("/v1/deliveries/{delivery_id}/redeliver", deliveries.redeliver, methods=["POST"]),
    Route("/v1/console-links", console.make, methods=["POST"]),
    Route("/v1/feeds/available-to-sell", feeds.take_or_tell, methods=["GET", "PUT"]),
    Route("/feeds/{token}/available-to-sell.csv", feeds.hand_out, methods=["GET"], middleware=_PACKED),
    Route("/healthz", health.healthz, methods=["GET"]),
    Route("/readyz", health.readyz, methods=["GET"]),
    Route("/openapi.json", health.openapi, methods=["GET"]),
]
