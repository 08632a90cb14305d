"""The pages for people: a guide to the running service, an order for its shopper, what a problem code means."""

from starlette.routing import BaseRoute, Mount, Route

from checkout.pages.branding import theme_css
from checkout.pages.checkout import checkout_page, store_list
from checkout.pages.guide import demo_site, guide
from checkout.pages.order import order_page
from checkout.pages.problem import problem_page
from checkout.pages.static import Static

routes: list[BaseRoute] = [
    Route("/", guide),
    Route("/demo", demo_site),
    Route("/checkout", checkout_page),
    Route("/checkout/stores", store_list),
    Route("/theme.css", theme_css),
    Route("/o/{link}", order_page),
    Route("/problems/{code}", problem_page),
    Mount("/static", Static()),
]
