"""What a service answers in its role: a brand's sells, a retailer's takes orders in and answers them."""

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from checkout.callers import Credential, identify
from checkout.errors import NotHere
from checkout.settings import Role
from checkout.state import State

_RETAILERS_OWN = frozenset(
    {
        "/v1/intake",
        "/v1/orders/answers",
        "/v1/orders/{order_id}/items/{upc}/answer",
    }
)
_FOR_BOTH = frozenset(
    {
        "/v1/orders",
        "/v1/orders/{order_id}",
        "/v1/orders/{order_id}/timeline",
        "/v1/deliveries",
        "/v1/deliveries/{delivery_id}/redeliver",
        "/v1/console-links",
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/theme.css",
        "/problems/{code}",
        "/webhooks/locally",
    }
)


def routes_in(role: Role, routes: Iterable[BaseRoute]) -> list[BaseRoute]:
    """The routes as this role serves them: those of the other one are there only to say so."""
    return [_route_in(role, route) for route in routes]


def _route_in(role: Role, route: BaseRoute) -> BaseRoute:
    if not isinstance(route, Route) or route.path in _FOR_BOTH or route.path.startswith("/console"):
        return route
    if role == "retailer" and route.path == "/":
        return Route("/", _lead_to_console)
    served_by = "retailer" if route.path in _RETAILERS_OWN else "brand"
    return route if served_by == role else Route(route.path, _refuse, methods=sorted(route.methods or ()))


async def _refuse(request: Request[State]) -> Response:
    """Raises NotHere; of the API only to those who could call it in the other role, like every other call."""
    if request.url.path.startswith("/v1/"):
        identify(request.headers, request.state["settings"], Credential.SECRET_KEY)
    raise NotHere


async def _lead_to_console(_: Request[State]) -> Response:
    return RedirectResponse("/console", 303)
