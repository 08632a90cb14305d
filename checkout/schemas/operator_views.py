"""What operators see: attempts that need a person, and holds that may be open."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from checkout.database import Review
from checkout.logins import LoginLink
from checkout.money import Money
from checkout.orders import PathToPurchase, Shopper
from checkout.schemas.order_views import mask_shopper
from checkout.schemas.responses import Body, Time


class ReviewStoreBody(Body):
    id: int
    name: str


class LastReadBody(Body):
    """When we last asked Locally for the order, and what it showed."""

    at: Time
    showed: str


class ReviewBody(Body):
    """An attempt that needs a person, with the evidence. `since` is when its outcome became unknown.

    The shopper is masked: enough to recognise her when she calls.
    """

    checkout_id: str
    attempt_id: str
    cart_hash: str | None
    since: Time | None
    in_review_since: Time
    amount: Money
    store: ReviewStoreBody
    shopper: Shopper
    path_to_purchase: PathToPurchase
    setup_intent_id: str | None
    commit_refused: bool
    reads: int
    healthy_reads: int
    last_read: LastReadBody | None


class ReviewListBody(Body):
    """Everything that needs a person, oldest first."""

    data: tuple[ReviewBody, ...]
    next_cursor: str | None


class HoldBody(Body):
    """A hold that may be open: `possible` where we never learnt, `open` where Locally said so."""

    id: str
    checkout_id: str
    attempt_id: str
    state: Literal["possible", "open"]
    reason: str
    amount: Money
    setup_intent_id: str | None
    cart_hash: str | None
    created_at: Time
    release_expected_at: Time


class HoldListBody(Body):
    """Every hold that may be open, newest first, and what they come to in each currency."""

    data: tuple[HoldBody, ...]
    totals: tuple[Money, ...]
    next_cursor: str | None


class ConsoleLinkBody(Body):
    """A link into the console, told this once; it works once, until `expires_at`."""

    url: str
    expires_at: Time


def console_link_body(public_url: str, link: LoginLink) -> ConsoleLinkBody:
    return ConsoleLinkBody(url=f"{public_url}/console/enter/{link.token}", expires_at=link.expires_at)


def review_list_body(reviews: Iterable[Review]) -> ReviewListBody:
    return ReviewListBody(data=tuple(_review_body(each) for each in reviews), next_cursor=None)


def _review_body(review: Review) -> ReviewBody:
    attempt, checkout = review.attempt, review.checkout
    totals = checkout.totals
    agreed = Money(amount=attempt.expected_amount, currency=checkout.currency)
    return ReviewBody(
        checkout_id=checkout.id,
        attempt_id=attempt.id,
        cart_hash=attempt.cart_hash,
        since=attempt.unknown_since,
        in_review_since=review.in_review_since or attempt.updated_at,
        amount=totals.total if totals else agreed,
        store=ReviewStoreBody(id=checkout.store.id, name=checkout.store.name),
        shopper=mask_shopper(checkout.shopper),
        path_to_purchase=checkout.path_to_purchase,
        setup_intent_id=attempt.setup_intent_id,
        commit_refused=attempt.commit_refused,
        reads=attempt.reads,
        healthy_reads=attempt.healthy_reads,
        last_read=LastReadBody(at=review.last_read[0], showed=review.last_read[1]) if review.last_read else None,
    )


def hold_list_body(rows: Iterable[Mapping[str, Any]]) -> HoldListBody:
    """The rows of `list_holds` as the public sees them."""
    data = tuple(_hold_body(row) for row in rows)
    sums: Counter[str] = Counter()
    for hold in data:
        sums[hold.amount.currency] += hold.amount.amount
    totals = tuple(Money(amount=sums[currency], currency=currency) for currency in sorted(sums))
    return HoldListBody(data=data, totals=totals, next_cursor=None)


def _hold_body(row: Mapping[str, Any]) -> HoldBody:
    same = ("checkout_id", "attempt_id", "state", "reason", "setup_intent_id", "cart_hash", "created_at")
    return HoldBody(
        id=f"hold_{row['id']}",
        amount=Money(amount=row["amount"], currency=row["currency"]),
        release_expected_at=row["release_expected_at"],
        **{name: row[name] for name in same},
    )
