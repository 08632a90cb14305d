"""What a problem code means: the page behind the `type` of a problem document."""

from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from checkout.errors import CheckoutError
from checkout.pages.branding import brand_of
from checkout.pages.rendering import not_found_page, render_page
from checkout.problems import TABLE, Next
from checkout.state import State

ADVICE: dict[Next, str] = {
    "retry": "Send the same request again, with the same Idempotency-Key where it had one; first wait for as many "
    "seconds as Retry-After says.",
    "fix": "Correct the request, then send it again. Each entry of errors points at one place to correct.",
    "new_card": "Ask the shopper for the card again: take a new SetupIntent and confirm it.",
    "accept_total": "Show the shopper the new total. If she agrees, place the checkout with it as expected_total.",
    "choose_store": "Let the shopper choose another store, another way to buy, or other items.",
    "restart": "Start a new checkout with the same items, store and shopper.",
    "wait": "Do not send it again under another key. Read the checkout, after Retry-After where it is given, until it "
    "has settled.",
    "contact": "Repeating does not help. Contact whoever runs this service and name the request id.",
    "stop": "Nothing can be done with this request. Read the record again to see where it stands.",
}


class Explanation(NamedTuple):
    """A problem code for people; a code that stands for several facts may have several statuses and ways on."""

    code: str
    title: str
    meaning: str
    statuses: tuple[int, ...]
    advice: tuple[str, ...]


async def problem_page(request: Request[State]) -> Response:
    explanation = EXPLANATIONS.get(request.path_params["code"])
    if explanation is None:
        return not_found_page(brand_of(request.state["settings"]))
    return render_page("problem.html", problem=explanation)


def _explain_all() -> dict[str, Explanation]:
    """Every code that callers can meet, under the name that stands in its address."""
    kinds: dict[str, list[type[CheckoutError]]] = {}
    for kind, row in TABLE.items():
        code = CheckoutError.code if row.status == 500 else kind.code  # A 500 says nothing of its cause.
        kinds.setdefault(code, []).append(kind)
    return {code.replace("_", "-"): _explain(code, alike) for code, alike in kinds.items()}


def _explain(code: str, kinds: list[type[CheckoutError]]) -> Explanation:
    """What the classes with one code tell: the first that has words of its own speaks for all."""
    speaker = next((kind for kind in kinds if "default_detail" in vars(kind)), None)
    rows = [TABLE[kind] for kind in (speaker or kinds[0], *kinds)]
    return Explanation(
        code=code,
        title=rows[0].title,
        meaning=speaker.default_detail if speaker else f"{rows[0].title}.",
        statuses=tuple(dict.fromkeys(row.status for row in rows)),
        advice=tuple(dict.fromkeys(ADVICE[row.next] for row in rows)),
    )


EXPLANATIONS = _explain_all()
