"""The stand-in for Stripe.js: a script for the page, and the frames in which cards are typed and challenges answered.

What it calls is the sandbox's own Stripe, so that a SetupIntent in the browser is the one that the service reads.
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

_FILES = Path(__file__).parent / "stripe_js"
_SCRIPTS = ("card.js", "challenge.js", "wallet.js", "words.js")
_FRAMES = ("card", "challenge", "wallet")
# Frames talk to the sandbox alone, and any page may show them: the pages that do are on origins of their own.
_FRAME_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'"
_HEADERS = {"Cache-Control": "no-cache", "Cross-Origin-Resource-Policy": "cross-origin"}


def browser_routes() -> list[BaseRoute]:
    """`/stripe.js` and what it loads."""
    return [
        Route("/stripe.js", _script, methods=["GET"]),
        Route("/stripe-js/{name}", _part, methods=["GET"]),
    ]


def _script(_: Request) -> Response:
    return FileResponse(_FILES / "stripe.js", media_type="text/javascript", headers=_HEADERS)


def _part(request: Request) -> Response:
    name = request.path_params["name"]
    if name in _FRAMES:
        headers = {**_HEADERS, "Content-Security-Policy": _FRAME_POLICY}
        return FileResponse(_FILES / f"{name}.html", media_type="text/html", headers=headers)
    if name in _SCRIPTS:
        return FileResponse(_FILES / name, media_type="text/javascript", headers=_HEADERS)
    if name == "frame.css":
        return FileResponse(_FILES / name, media_type="text/css", headers=_HEADERS)
    return PlainTextResponse("Not found", 404)
