"""3-D Secure without a bank: a small page for `redirect_to_url`, and one POST for callers without a browser."""

import html
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from checkout.sandbox.reading import parse_json
from checkout.sandbox.stripe_errors import StripeError
from checkout.sandbox.stripe_objects import SetupIntent
from checkout.sandbox.stripe_records import Records
from checkout.sandbox.stripe_setup import SetupLife

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>3-D Secure (sandbox)</title>
<main><h1>3-D Secure test page</h1>
<p>A bank would ask here whether the shopper wants to save this card. This is the sandbox: choose the answer.</p>
<form method="post">
<button name="outcome" value="succeed">Complete authentication</button>
<button name="outcome" value="fail">Fail authentication</button>
</form></main></html>
"""
_OUTCOMES = ("succeed", "fail")


class Authentication:
    """The routes with which a test or a person answers the challenge."""

    def __init__(self, records: Records, life: SetupLife) -> None:
        self._records = records
        self._life = life

    def routes(self) -> list[BaseRoute]:
        page = "/_sandbox/stripe/3ds/{setup_intent}/{source}"
        return [
            Route("/_sandbox/stripe/authenticate", self.answer_for_shopper, methods=["POST"]),
            Route(page, self.show, methods=["GET"]),
            Route(page, self.answer, methods=["POST"]),
        ]

    async def answer_for_shopper(self, request: Request) -> Response:
        """`{"setup_intent": "seti_...", "outcome": "succeed" | "fail"}`; answers with the SetupIntent as it is then."""
        try:
            wish = parse_json(await request.body())
            setup_intent = self._records.setup_intents.anywhere(wish["setup_intent"])
            outcome = wish.get("outcome", "succeed")
        except (ValueError, KeyError, TypeError, AttributeError):
            return _plain_error(400, 'Send {"setup_intent": "seti_...", "outcome": "succeed" or "fail"}.')
        if setup_intent is None:
            return _plain_error(404, "There is no such SetupIntent.")
        if outcome not in _OUTCOMES:
            return _plain_error(400, "The outcome is succeed or fail.")
        try:
            self._life.authenticate(setup_intent, passed=outcome == "succeed", call=None)
        except StripeError as error:
            return _plain_error(error.status, str(error))
        return JSONResponse(setup_intent.body())

    async def show(self, request: Request) -> Response:
        if self._challenged(request) is None:
            return _finished()
        return HTMLResponse(_PAGE, headers={"Cache-Control": "no-store"})

    async def answer(self, request: Request) -> Response:
        setup_intent = self._challenged(request)
        if setup_intent is None:
            return _finished()
        passed = b"outcome=succeed" in await request.body()
        self._life.authenticate(setup_intent, passed=passed, call=None)
        if setup_intent.return_url is None:
            return HTMLResponse(f"<!doctype html><title>Done</title><p>The SetupIntent is {setup_intent.status}.</p>")
        return RedirectResponse(_way_back(setup_intent), 303)

    def _challenged(self, request: Request) -> SetupIntent | None:
        """The SetupIntent that still waits for this very challenge."""
        setup_intent = self._records.setup_intents.anywhere(request.path_params["setup_intent"])
        if setup_intent is None or setup_intent.status != "requires_action":
            return None
        return setup_intent if setup_intent.authentication_source == request.path_params["source"] else None


def _way_back(setup_intent: SetupIntent) -> str:
    """The return URL with what Stripe appends to it."""
    appended = {
        "setup_intent": setup_intent.id,
        "setup_intent_client_secret": setup_intent.client_secret,
        "redirect_status": "succeeded" if setup_intent.status == "succeeded" else "failed",
    }
    url = setup_intent.return_url or ""
    address, hash_mark, fragment = url.partition("#")
    return f"{address}{'&' if '?' in address else '?'}{urlencode(appended)}{hash_mark}{fragment}"


def _finished() -> Response:
    text = html.escape("This authentication is finished or was never asked for.")
    return HTMLResponse(f"<!doctype html><title>3-D Secure</title><p>{text}</p>", 404)


def _plain_error(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status)
