"""What needs a person: attempts in doubt with their evidence, and holds; a decision is asked for twice."""

from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from checkout.console.finding import go_to
from checkout.console.guarding import Form, Visit
from checkout.console.rendering import render
from checkout.database import list_holds, list_reviews, read_story
from checkout.database.console import list_doubts
from checkout.errors import FieldError, InvalidField, NothingToSettle
from checkout.placing import READ_BACK, Decision
from checkout.schemas import ReviewListBody, hold_list_body, review_list_body
from checkout.schemas.operator_views import ReviewBody
from checkout.state import State
from checkout.wording.happenings import tell

PLACED, NOT_PLACED = "placed", "not_placed"


class _Choice(NamedTuple):
    """One of the two decisions, as the second question asks for it."""

    title: str
    consequence: str
    button: str


_CHOICES = {
    PLACED: _Choice(
        "There is an order",
        "The checkout becomes placed, with this order, and the shopper gets her mail. It cannot be taken back.",
        "Yes, there is an order",
    ),
    NOT_PLACED: _Choice(
        "There is no order",
        "The checkout is closed for good, and the shopper may start another. Should there be an order all the same, "
        "she may end up with two.",
        "Yes, there is no order",
    ),
}


async def show_reviews(request: Request[State], visit: Visit) -> Response:
    """Attempts in doubt, which somebody may decide, and actions in doubt, which reading their carts will."""
    settings, reviews = request.state["settings"], (await _list(request.state)).data
    doubts = await request.state["database"].read(lambda tx: list_doubts(tx, settings.brand))
    return render(settings, "reviews.html", visit=visit, reviews=reviews, doubts=doubts)


async def ask_twice(request: Request[State], visit: Visit) -> Response:
    """The second question: what the decision means, and that somebody has looked."""
    review = await _review_of(request)
    decision = request.query_params.get("decision", "")
    if decision not in _CHOICES:
        return go_to("/console/reviews")
    return render(
        request.state["settings"],
        "settle.html",
        visit=visit,
        review=review,
        decision=decision,
        choice=_CHOICES[decision],
    )


async def settle(request: Request[State], visit: Visit, form: Form) -> Response:
    """Carry out the decision; for an order its hash is typed, so that it was surely looked up."""
    checkout_id = request.path_params["checkout_id"]
    cart_hash, decision = form.get("cart_hash", "").strip(), form.get("decision")
    if "looked" not in form or decision not in _CHOICES or (decision == PLACED and not cart_hash):
        detail = "Look for the cart at Locally first, and say that you did."
        raise InvalidField(detail, fields=(FieldError("/looked", "missing", detail),))
    # Whose checkout it is, is known here; placing asks for nothing but its id.
    found = await request.state["checkouts"].find(checkout_id)
    made = Decision(cart_hash if decision == PLACED else None, by=visit.name, source="console")
    await request.state["placing"].settle(found.checkout.id, made)
    return go_to(f"/console/checkouts/{found.checkout.id}?done=settled")


async def show_checkout(request: Request[State], visit: Visit) -> Response:
    """A checkout with its whole story, upstream calls included; it may have become an order, or never will."""
    found = await request.state["checkouts"].find(request.path_params["checkout_id"])
    story = await request.state["database"].read(lambda tx: read_story(tx, found.checkout.id))
    return render(
        request.state["settings"],
        "checkout.html",
        visit=visit,
        checkout=found.checkout,
        order=found.order,
        story=[(entry.at, tell(entry.event, entry.facts)) for entry in story],
        notice="It is settled." if request.query_params.get("done") == "settled" else None,
    )


async def show_holds(request: Request[State], visit: Visit) -> Response:
    settings, now = request.state["settings"], request.state["clock"]()
    rows = await request.state["database"].read(lambda tx: list_holds(tx, settings.brand, now))
    return render(settings, "holds.html", visit=visit, holds=hold_list_body(rows))


async def _review_of(request: Request[State]) -> ReviewBody:
    """Raises NothingToSettle where nothing of this checkout waits for a person (any more)."""
    checkout_id = request.path_params["checkout_id"]
    reviews = (await _list(request.state)).data
    found = next((review for review in reviews if review.checkout_id == checkout_id), None)
    if found is None:
        raise NothingToSettle
    return found


async def _list(state: State) -> ReviewListBody:
    brand = state["settings"].brand
    return review_list_body(await state["database"].read(lambda tx: list_reviews(tx, brand, READ_BACK)))
