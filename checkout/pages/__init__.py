"""The pages for people: a guide to the running service, an order for its shopper, what a problem code means."""

from starlette.routing import BaseRoute, Mount, Route

from checkout.pages.guide import guide
from checkout.pages.order import order_page
from checkout.pages.problem import problem_page
from checkout.pages.static import Static

routes: list[BaseRoute] = [
    Route("/", guide),
    Route("/o/{link}", order_page),
    Route("/problems/{code}", problem_page),
    Mount("/static", Static()),
]
