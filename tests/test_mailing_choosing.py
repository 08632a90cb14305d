"""Which mail a change calls for, and whose it is: nobody gets two messages, or none."""

import re
from itertools import pairwise

import pytest

from checkout.mailing import choosing
from checkout.mailing.choosing import LOCALLY_WRITES, MailKind, choose_notice, is_still_true
from checkout.orders import ItemStatus, Order, PathToPurchase
from tests.mail_world import order_of
from tests.records import usd

STS = PathToPurchase.STS


def kind_of(was: Order | None, order: Order, *, mute: bool) -> MailKind | None:
    notice = choose_notice(was, order, mute_comms=mute)
    return notice.kind if notice else None


# What happens to one item; what we write when Locally is silent, and when it is not.
CHANGES = [
    ("ordered", "confirmed", PathToPurchase.BOPIS, MailKind.CONFIRMED, None),
    ("ordered", "confirmed", PathToPurchase.ROPIS, MailKind.CONFIRMED, None),
    ("ordered", "declined", PathToPurchase.BOPIS, MailKind.DECLINED, MailKind.RESCUE),
    ("ordered", "auto_canceled", PathToPurchase.ROPIS, MailKind.DECLINED, MailKind.RESCUE),
    ("ordered", "canceled", PathToPurchase.BOPIS, MailKind.CANCELED, MailKind.CANCELED),
    ("ordered", "charge_failed", PathToPurchase.BOPIS, MailKind.CHARGE_FAILED, MailKind.CHARGE_FAILED),
    ("confirmed", "picked_up", PathToPurchase.BOPIS, MailKind.PICKED_UP, MailKind.PICKED_UP),
    ("confirmed", "refunded", PathToPurchase.BOPIS, MailKind.REFUNDED, MailKind.REFUNDED),
    ("picked_up", "partially_refunded", PathToPurchase.BOPIS, MailKind.REFUNDED, MailKind.REFUNDED),
    ("pending_brand", "confirmed", STS, MailKind.CONFIRMED, None),
    ("pending_brand", "processing", STS, MailKind.CONFIRMED, None),
    ("confirmed", "processing", STS, None, None),
    ("pending_brand", "rejected", STS, MailKind.DECLINED, None),
    ("processing", "shipped", STS, MailKind.SHIPPED, None),
    ("shipped", "ready_for_pickup", STS, MailKind.READY_FOR_PICKUP, None),
    ("ready_for_pickup", "picked_up", STS, MailKind.PICKED_UP, MailKind.PICKED_UP),
    ("confirmed", "ordered", PathToPurchase.BOPIS, None, None),
    ("ordered", "Some New Word", PathToPurchase.BOPIS, None, None),
    ("confirmed", "confirmed", PathToPurchase.BOPIS, None, None),
]


@pytest.mark.parametrize(("before", "after", "path", "silenced", "beside_locally"), CHANGES)
def test_each_change_is_told_once(
    before: str, after: str, path: PathToPurchase, silenced: MailKind | None, beside_locally: MailKind | None
) -> None:
    was, order = order_of(before, path=path), order_of(after, path=path)
    assert kind_of(was, order, mute=True) is silenced
    assert kind_of(was, order, mute=False) is beside_locally


@pytest.mark.parametrize("status", ItemStatus)
def test_every_status_but_waiting_is_told_by_somebody(status: ItemStatus) -> None:
    told = kind_of(order_of("unheard of"), order_of(status), mute=True)
    assert (told is None) == (status in {ItemStatus.ORDERED, ItemStatus.PENDING_BRAND})


def test_new_order_is_told_by_one_of_us() -> None:
    assert kind_of(None, order_of(), mute=True) is MailKind.PLACED
    assert kind_of(None, order_of(), mute=False) is None


def test_items_that_change_together_make_one_mail() -> None:
    was, order = order_of("ordered", "ordered", "ordered"), order_of("confirmed", "declined", "confirmed")
    assert kind_of(was, order, mute=True) is MailKind.DECLINED


def test_what_changes_later_makes_a_mail_of_its_own() -> None:
    first, second, third = (
        order_of(*each) for each in (("ordered",) * 2, ("confirmed", "ordered"), ("confirmed",) * 2)
    )
    notices = [choose_notice(was, now, mute_comms=True) for was, now in ((first, second), (second, third))]
    assert None not in notices
    assert len(set(notices)) == 2


def test_same_change_read_again_is_the_same_mail() -> None:
    was, order = order_of("ordered"), order_of("confirmed")
    assert choose_notice(was, order, mute_comms=True) == choose_notice(was, order, mute_comms=True)


def test_change_of_mind_is_told() -> None:
    answers = [order_of(status) for status in ("ordered", "confirmed", "declined", "confirmed")]
    notices = [choose_notice(was, now, mute_comms=True) for was, now in pairwise(answers)]
    assert len(set(notices)) == 3


def test_second_refund_is_another_mail() -> None:
    def refunded(amount: int) -> Order:
        order = order_of("partially_refunded")
        return order.changed(items=(order.items[0].changed(refunded=usd(amount)),))

    first = choose_notice(order_of("picked_up"), refunded(100), mute_comms=False)
    second = choose_notice(refunded(100), refunded(300), mute_comms=False)
    assert first is not None
    assert second is not None
    assert first.kind is second.kind is MailKind.REFUNDED
    assert first.reference != second.reference


def test_rescue_is_offered_only_where_there_is_one() -> None:
    declined = order_of("declined")
    rescued = declined.changed(items=(declined.items[0].changed(rescued_by="ord_2"),), rescued_by="ord_2")
    assert kind_of(order_of("ordered"), rescued, mute=False) is None
    assert is_still_true(MailKind.RESCUE, declined)
    assert not is_still_true(MailKind.RESCUE, rescued)


@pytest.mark.parametrize(
    ("kind", "status", "path"),
    [(silenced, after, path) for _, after, path, silenced, _ in CHANGES if silenced]
    + [(own, after, path) for _, after, path, _, own in CHANGES if own],
)
def test_what_calls_for_a_mail_keeps_it_true(kind: MailKind, status: str, path: PathToPurchase) -> None:
    assert is_still_true(kind, order_of(status, path=path))


@pytest.mark.parametrize(
    ("kind", "now"),
    [
        (MailKind.PLACED, "canceled"),
        (MailKind.CONFIRMED, "declined"),
        (MailKind.CONFIRMED, "charge_failed"),
        (MailKind.DECLINED, "confirmed"),
        (MailKind.CHARGE_FAILED, "picked_up"),
        (MailKind.READY_FOR_PICKUP, "picked_up"),
        (MailKind.SHIPPED, "ready_for_pickup"),
    ],
)
def test_mail_that_became_untrue_is_known(kind: MailKind, now: str) -> None:
    assert not is_still_true(kind, order_of(now))


def test_documented_table_is_the_rule() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` .*\| (yes|no) +\|$", choosing.__doc__ or "", re.MULTILINE))
    assert rows.keys() == set(MailKind)
    assert {kind for kind, told in rows.items() if told == "yes"} == LOCALLY_WRITES
