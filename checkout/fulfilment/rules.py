"""Which action an item may take in which status, and what shows that it took it. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from checkout.errors import ActionNotAllowed, FieldError, InvalidField
from checkout.money import Money
from checkout.orders import ItemStatus, OrderItem


class Rule(NamedTuple):
    """One action: the statuses of the item that it may follow, and those that show that it took effect.

    One that leaves no trace in the cart costs nobody anything, so that it may always be sent again.
    """

    follows: frozenset[str]
    shows: frozenset[str] = frozenset()
    is_refund: bool = False

    @property
    def leaves_trace(self) -> bool:
        return self.is_refund or bool(self.shows)


Rules = Mapping[str, Rule]


class Step(NamedTuple):
    """What is to be sent: for a refund how much now, and how much will have gone back in all, in minor units."""

    amount: int | None = None
    target: int | None = None


def is_shown(rule: Rule, item: OrderItem, target: int | None) -> bool:
    """Whether the item shows the action; of a refund, that so much has gone back in all (`target`, minor units)."""
    if not rule.is_refund:
        return item.status in rule.shows
    if item.status == ItemStatus.REFUNDED:
        return True
    if item.refunded is None:  # Where nobody says how much, the first refund is the only one: see `plan`.
        return item.status == ItemStatus.PARTIALLY_REFUNDED
    return target is not None and item.refunded.amount >= target


def plan(action: str, rules: Rules, item: OrderItem, amount: Money | None, refunded: int) -> Step | None:
    """What to send for an action; None if it has taken effect already.

    `amount` is the part to refund, None for all that is left; `refunded` what is known to have gone back. Raises
    ActionNotAllowed, which names what is allowed, and InvalidField for an amount that is too much.
    """
    rule = rules.get(action)
    if rule is None:
        raise _not_allowed(rules, item, refunded)
    if not rule.is_refund:
        if item.status in rule.shows:
            return None
        if item.status not in rule.follows:
            raise _not_allowed(rules, item, refunded)
        return Step()
    left = _left(item, refunded)
    if amount is None and (item.status == ItemStatus.REFUNDED or (refunded and not left)):
        return None
    if not _may(rule, item, refunded):
        raise _not_allowed(rules, item, refunded)
    if amount is not None and item.charged is not None:
        _require_within(amount, item.charged.currency, left)
    now = left if amount is None else amount.amount
    return Step(now, refunded + now)


def legal_actions(rules: Rules, item: OrderItem, refunded: int | None = None) -> tuple[str, ...]:
    """What may be asked of an item now."""
    known = refunded if refunded is not None else told_refunded(item)
    return tuple(action for action, rule in rules.items() if _may(rule, item, known))


def told_refunded(item: OrderItem) -> int:
    """What has gone back as far as Locally tells, in minor units."""
    return item.refunded.amount if item.refunded else 0


def _may(rule: Rule, item: OrderItem, refunded: int) -> bool:
    if item.status not in rule.follows:
        return False
    if not rule.is_refund:
        return True
    # A second part of an unknown rest might be more than what is left.
    is_vague = item.status == ItemStatus.PARTIALLY_REFUNDED and not refunded
    return _left(item, refunded) > 0 and not is_vague


def _left(item: OrderItem, refunded: int) -> int:
    """What of the charge has not gone back."""
    return max((item.charged.amount if item.charged else 0) - refunded, 0)


def _require_within(amount: Money, currency: str, left: int) -> None:
    if amount.currency != currency:
        raise _wrong_amount("/currency", f"This order is in {currency}.")
    if not 0 < amount.amount <= left:
        raise _wrong_amount("/amount", f"This must be from 1 to {left} minor units, which is what is left.")


def _wrong_amount(where: str, detail: str) -> InvalidField:
    return InvalidField(fields=(FieldError(f"/refund_amount{where}", "invalid", detail),))


def _not_allowed(rules: Rules, item: OrderItem, refunded: int) -> ActionNotAllowed:
    legal = legal_actions(rules, item, refunded)
    detail = f"The item is {item.status.replace('_', ' ')}. {_name(legal)}"
    return ActionNotAllowed(detail, fields=(FieldError("/action", "action_not_allowed", _name(legal)),))


def _name(legal: Iterable[str]) -> str:
    return f"Allowed now: {', '.join(legal)}." if legal else "Nothing can be asked of it now."
