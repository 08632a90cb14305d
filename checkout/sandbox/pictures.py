"""Pictures of the catalogue's styles, drawn on request: a coloured card with the style's name."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from checkout.sandbox.products import PRODUCTS

_STYLES = list(dict.fromkeys((product.style, product.name) for product in PRODUCTS))


def picture(request: Request) -> Response:
    """`/images/{style}.svg`."""
    for index, (style, name) in enumerate(_STYLES):
        if style.lower() == request.path_params["name"].lower():
            return Response(_drawing(name, hue=36 * index), media_type="image/svg+xml")
    return PlainTextResponse("There is no such picture.", 404)


def _drawing(name: str, hue: int) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 300" role="img">'
        f'<title>{name}</title><rect width="400" height="300" fill="hsl({hue} 35% 88%)"/>'
        f'<path d="M0 300 L130 130 L210 220 L290 90 L400 300 Z" fill="hsl({hue} 35% 62%)"/>'
        f'<text x="200" y="275" text-anchor="middle" font-family="sans-serif" font-size="20">{name}</text></svg>'
    )
