"""Which actions items of ship-to-store orders may take, what they are sent as, and what shows that they took effect."""

import pytest

from checkout.errors import ActionNotAllowed, InvalidField
from checkout.fulfilment import STS_RULES, Tracking, legal_actions, rules_of, sts_wish
from checkout.fulfilment.rules import Step, is_shown, plan
from checkout.orders import ItemStatus, OrderItem
from tests.records import usd
from tests.tracked import item_of, order_of

# By status: what is allowed, and what counts as done already.
LIFE = {
    "pending_brand": ({"confirm", "reject", "process"}, set()),
    "confirmed": ({"process", "ship", "refund"}, {"confirm"}),
    "processing": ({"ship", "refund"}, {"confirm", "process"}),
    "shipped": (set(), {"confirm", "process", "ship"}),
    "ready_for_pickup": (set(), {"confirm", "process", "ship"}),
    "picked_up": (set(), {"confirm", "process", "ship"}),
    "rejected": (set(), {"reject"}),
    "refunded": (set(), {"refund"}),
}


def charged(status: str, refunded: int = 0) -> OrderItem:
    paid = status not in {"pending_brand", "rejected", "auto_canceled", "ordered", "on_hold"}
    return item_of(status=status, charged=usd(9812 if paid else 0), refunded=usd(refunded) if refunded else None)


@pytest.mark.parametrize("action", STS_RULES)
@pytest.mark.parametrize("status", [*LIFE, "auto_canceled", "ordered", "on_hold"])
def test_each_action_fits_each_status_or_not(status: str, action: str) -> None:
    allowed, done = LIFE.get(status, (set(), set()))
    item = charged(status, refunded=9812 if status == "refunded" else 0)
    if action in allowed:
        assert plan(action, STS_RULES, item, None, 0) is not None
    elif action in done:
        assert plan(action, STS_RULES, item, None, 9812 if status == "refunded" else 0) is None
    else:
        with pytest.raises(ActionNotAllowed):
            plan(action, STS_RULES, item, None, 0)


@pytest.mark.parametrize("status", LIFE)
def test_refusal_names_what_is_allowed(status: str) -> None:
    item = charged(status)
    assert set(legal_actions(STS_RULES, item)) == LIFE[status][0]
    with pytest.raises(ActionNotAllowed) as refused:
        plan("steal", STS_RULES, item, None, 0)
    assert all(action in refused.value.detail for action in LIFE[status][0])


def test_refund_is_of_what_is_left() -> None:
    item = charged("confirmed", refunded=1000)
    assert plan("refund", STS_RULES, item, None, 1000) == Step(8812, 9812)
    assert plan("refund", STS_RULES, item, usd(812), 1000) == Step(812, 1812)
    assert plan("refund", STS_RULES, item, None, 9812) is None


@pytest.mark.parametrize("amount", [0, 8813, 10**12])
def test_refund_is_never_more_than_is_left(amount: int) -> None:
    with pytest.raises(InvalidField) as refused:
        plan("refund", STS_RULES, charged("confirmed", refunded=1000), usd(amount), 1000)
    assert [fault.pointer for fault in refused.value.fields] == ["/refund_amount/amount"]


def test_unknown_rest_is_not_refunded_in_parts() -> None:
    """Locally says that a part went back, and not how much."""
    rules = {"refund": STS_RULES["refund"]._replace(follows=frozenset({ItemStatus.PARTIALLY_REFUNDED}))}
    with pytest.raises(ActionNotAllowed):
        plan("refund", rules, charged("partially_refunded"), usd(1), 0)


@pytest.mark.parametrize(
    ("status", "refunded", "target", "shown"),
    [
        ("confirmed", 0, 1000, False),
        ("confirmed", 999, 1000, False),
        ("confirmed", 1000, 1000, True),
        ("confirmed", 2000, 1000, True),
        ("refunded", 0, 1000, True),
        ("partially_refunded", 0, 1000, True),
        ("partially_refunded", 500, 1000, False),
    ],
)
def test_amount_shows_a_refund(status: str, refunded: int, target: int, shown: bool) -> None:
    assert is_shown(STS_RULES["refund"], charged(status, refunded), target) is shown


def test_status_shows_any_other_action() -> None:
    for action, shown in {"confirm": "confirmed", "reject": "rejected", "process": "processing"}.items():
        assert is_shown(STS_RULES[action], charged(shown), None)
        assert not is_shown(STS_RULES[action], charged("pending_brand"), None)


def test_each_action_has_its_word_for_locally() -> None:
    said = {action: sts_wish(action).changes for action in STS_RULES}
    assert said == {
        "confirm": {"sts_status": "confirm-brand"},
        "reject": {"sts_status": "reject-brand"},
        "process": {"sts_status": "processing"},
        "ship": {"sts_status": "shipped"},
        "refund": {"status": "refund"},
    }


def test_message_tells_how_to_follow_the_parcel() -> None:
    full = sts_wish("ship", tracking=Tracking("UPS", "1Z9", "https://ups.example/1Z9"), message="Soon there.")
    assert full.changes["message"] == "Soon there.\nUPS 1Z9 https://ups.example/1Z9"
    assert sts_wish("ship", tracking=Tracking(number="1Z9")).changes["message"] == "1Z9"
    assert "message" not in sts_wish("ship", tracking=Tracking()).changes


def test_brand_answers_for_ship_to_store_alone() -> None:
    assert set(rules_of(order_of("sts"))) == set(STS_RULES)
    assert "ship" not in rules_of(order_of("bopis"))
