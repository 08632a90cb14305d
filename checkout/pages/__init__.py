"""The pages for people: a guide to the running service, an order for its shopper, what a problem code means."""

from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import BaseRoute, Mount, Route

from checkout.pages.branding import theme_css
from checkout.pages.checkout import checkout_page, store_list
from checkout.pages.guide import demo_site, guide
from checkout.pages.order import ask_cancel, order_page, rescue
from checkout.pages.order_lookup import ask_for_links, lookup_page
from checkout.pages.problem import problem_page
from checkout.pages.static import Static

# Nothing in these is a secret that its packed length could tell, and packing takes a millisecond.
_PACKED = [Middleware(GZipMiddleware)]

routes: list[BaseRoute] = [
    Route("/", guide),
    Route("/demo", demo_site),
    Route("/checkout", checkout_page, middleware=_PACKED),
    Route("/checkout/stores", store_list, middleware=_PACKED),
    Route("/theme.css", theme_css),
    Route("/o", lookup_page, methods=["GET"]),
    Route("/o", ask_for_links, methods=["POST"]),
    Route("/o/{link}", order_page),
    Route("/o/{link}/cancel-request", ask_cancel, methods=["POST"]),
    Route("/o/{link}/rescues", rescue, methods=["POST"]),
    Route("/problems/{code}", problem_page),
    Mount("/static", Static(), middleware=_PACKED),
]
