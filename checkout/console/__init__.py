"""The operations page: what an operator of the brand sees of the service, and does about it, in a browser.

Whoever holds the secret key makes a link that works once (`checkout console`); the browser that uses it may stay for
eight hours. No scripts are needed, and none run.
"""

from starlette.routing import BaseRoute, Route

from checkout.console import actions, deliveries, orders, queues, reviews
from checkout.console.entering import enter, go
from checkout.console.guarding import acting, showing

__all__ = ["routes"]

_FORM = ["GET", "POST"]

routes: list[BaseRoute] = [
    Route("/console", showing(orders.show_list), methods=["GET"]),
    Route("/console/enter/{link}", enter, methods=_FORM),
    Route("/console/leave", acting(go), methods=_FORM),
    Route("/console/find", acting(orders.find), methods=_FORM),
    Route("/console/orders/{order_id}", showing(orders.show), methods=["GET"]),
    Route("/console/orders/{order_id}/slip", showing(orders.show_slip), methods=["GET"]),
    Route("/console/orders/{order_id}/cancel-request", acting(orders.ask_for_cancel), methods=_FORM),
    Route("/console/orders/{order_id}/items/{upc}/{action}", acting(actions.act), methods=_FORM),
    Route("/console/checkouts/{checkout_id}", showing(reviews.show_checkout), methods=["GET"]),
    Route("/console/checkouts/{checkout_id}/settle", showing(reviews.ask_twice), methods=["GET"]),
    Route("/console/checkouts/{checkout_id}/settle", acting(reviews.settle), methods=["POST"]),
    Route("/console/shipping", showing(queues.show_parcels), methods=["GET"]),
    Route("/console/statements/{month}", showing(queues.show_statement), methods=["GET"]),
    Route("/console/feed", showing(queues.show_feed), methods=["GET"]),
    Route("/console/answers", showing(queues.show_answers), methods=["GET"]),
    Route("/console/reviews", showing(reviews.show_reviews), methods=["GET"]),
    Route("/console/holds", showing(reviews.show_holds), methods=["GET"]),
    Route("/console/deliveries", showing(deliveries.show_deliveries), methods=["GET"]),
    Route("/console/deliveries/{delivery_id}/redeliver", acting(deliveries.redeliver), methods=_FORM),
]
