"""The JSON API: handlers that parse, call and render."""

from starlette.routing import Route

from checkout.api import checkouts, health, operators, orders, stores

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
    Route("/v1/orders/{order_id}", orders.read, methods=["GET"]),
    Route("/v1/orders/{order_id}/timeline", orders.read_events, methods=["GET"]),
    Route("/healthz", health.healthz, methods=["GET"]),
    Route("/readyz", health.readyz, methods=["GET"]),
    Route("/openapi.json", health.openapi, methods=["GET"]),
]
