"""The way of an order: its steps with their times, and all that happened, as its timeline tells. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from checkout.database import TimelineEntry
from checkout.money import Money
from checkout.orders import WITHOUT_SALE, ItemStatus, Order, PathToPurchase
from checkout.wording.items import describe_item, name_item
from checkout.wording.languages import Language, mark


class Step(NamedTuple):
    """One step of an order's way. `state` is `done`, `now`, `next` or `bad`; `at` is when it was, or is due."""

    words: str
    state: str
    at: datetime | None = None
    is_deadline: bool = False


class _Stage(NamedTuple):
    """A step before and after it is done, and the statuses by which the timeline tells when it was."""

    before: str
    after: str
    statuses: frozenset[str] = frozenset()


_HELD = frozenset({ItemStatus.CONFIRMED, ItemStatus.CHARGE_FAILED})
_PICKED_UP = _Stage(mark("Picked up"), mark("Picked up"), frozenset({ItemStatus.PICKED_UP}))
_STAGES = (
    _Stage(mark("The store answers"), mark("The store confirmed"), _HELD),
    _Stage(mark("Held for you at the store"), mark("Held for you at the store")),
    _PICKED_UP,
)
_STS_STAGES = (
    _Stage(mark("The brand answers"), mark("The brand confirmed"), frozenset({ItemStatus.CONFIRMED})),
    _Stage(mark("On its way to the store"), mark("On its way to the store"), frozenset({ItemStatus.SHIPPED})),
    _Stage(mark("Ready for pickup"), mark("Ready for pickup"), frozenset({ItemStatus.READY_FOR_PICKUP})),
    _PICKED_UP,
)
_RECEIVED = mark("Order received")
_REFUNDED = mark("Refunded")
_STRANGE = mark("In the hands of the store")
_ELSEWHERE = mark("Ordered at another store")
_ENDS: dict[str | None, str] = {
    ItemStatus.DECLINED: mark("The store said no"),
    ItemStatus.AUTO_CANCELED: mark("The store did not answer"),
    ItemStatus.REJECTED: mark("The brand said no"),
    None: mark("Canceled"),
}
# How many of the steps lie behind an item in this status; what is not named is past the answer.
_REACHED: dict[str, int] = {ItemStatus.PICKED_UP: 3}
_STS_REACHED: dict[str, int] = {
    ItemStatus.SHIPPED: 1,
    ItemStatus.READY_FOR_PICKUP: 3,
    ItemStatus.CHARGE_FAILED: 3,
    ItemStatus.PICKED_UP: 4,
    ItemStatus.PARTIALLY_REFUNDED: 3,
}
_KNOWN = frozenset(ItemStatus)
_DROPPED_OUT = WITHOUT_SALE | {ItemStatus.REFUNDED}


def progress_of(order: Order, timeline: Iterable[TimelineEntry], language: Language) -> list[Step]:
    """The way of the order from received to picked up, or to its end, with where it stands."""
    times = _latest(timeline)
    received = Step(language.say(_RECEIVED), "done", order.placed_at)
    if order.status == "canceled":
        return [received, *_canceled(order, times, language)]
    stages = _STS_STAGES if order.path_to_purchase is PathToPurchase.STS else _STAGES
    if order.status == "refunded":
        passed = [stage for stage in stages if _when(stage, times)]
        behind = [Step(language.say(stage.after), "done", _when(stage, times)) for stage in passed]
        return [received, *behind, Step(language.say(_REFUNDED), "bad", times.get(ItemStatus.REFUNDED))]
    if not {item.status for item in order.items} <= _KNOWN:
        return [received, Step(language.say(_STRANGE), "now")]  # What it means for the way is not ours to guess.
    done = _stages_done(order, stages, times)
    steps = [_step(stage, place, done, times, language) for place, stage in enumerate(stages)]
    if not done:
        steps[0] = steps[0]._replace(at=order.answer_by, is_deadline=True)
    return [received, *steps]


def _step(stage: _Stage, place: int, done: int, times: dict[str, datetime], language: Language) -> Step:
    if place < done:
        return Step(language.say(stage.after), "done", _when(stage, times))
    return Step(language.say(stage.before), "now" if place == done else "next")


def _canceled(order: Order, times: dict[str, datetime], language: Language) -> list[Step]:
    statuses = {item.status for item in order.items}
    cause = statuses.pop() if len(statuses) == 1 else None
    at = times.get(cause) if cause else max((times[status] for status in statuses if status in times), default=None)
    ended = Step(language.say(_ENDS.get(cause, _ENDS[None])), "bad", at)
    if order.rescued_by is None:
        return [ended]
    return [ended, Step(language.say(_ELSEWHERE), "done", times.get("order.rescued"))]


def _latest(timeline: Iterable[TimelineEntry]) -> dict[str, datetime]:
    """When an item last took each status, and when each other event was last."""
    times: dict[str, datetime] = {}
    for entry in timeline:
        status = entry.facts.get("status") if entry.event.startswith("item.") else entry.event
        if isinstance(status, str):
            times[status] = entry.at
    return times


def _when(stage: _Stage, times: dict[str, datetime]) -> datetime | None:
    return max((times[status] for status in stage.statuses if status in times), default=None)


def _stages_done(order: Order, stages: Sequence[_Stage], times: dict[str, datetime]) -> int:
    """How many steps lie behind the order. The slowest of its items counts."""
    if order.status == "open":
        return 0
    left = {item.status for item in order.items} - _DROPPED_OUT
    # Something may be paid back before or after it is picked up: only the timeline tells.
    was_picked_up = left == {ItemStatus.PARTIALLY_REFUNDED} and ItemStatus.PICKED_UP in times
    if order.status == "completed" or was_picked_up:
        return len(stages)
    is_sts = order.path_to_purchase is PathToPurchase.STS
    reached, least = (_STS_REACHED, 1) if is_sts else (_REACHED, 2)
    return min((reached.get(status, least) for status in left), default=1)


class Happening(NamedTuple):
    """One thing that happened, as the shopper reads it."""

    at: datetime
    words: str


_EVENTS = {
    "order.placed": mark("The order was placed."),
    "order.cancel_requested": mark("You asked to cancel the order."),
    "order.rescued": mark("You ordered at another store what the store could not provide."),
    "order.rescues": mark("You ordered here what another store could not provide."),
    "order.refunded": mark("Money was paid back."),
}


def tell_timeline(order: Order, timeline: Iterable[TimelineEntry], language: Language) -> list[Happening]:
    """What happened to the order, oldest first; what goes on behind the scenes is left out."""
    names = {item.upc: name_item(item) for item in order.items}
    found: list[Happening] = []
    for entry in timeline:
        words = _words_of(entry, order, names, language)
        if words and (not found or found[-1].words != words):
            found.append(Happening(entry.at, words))
    return found


def _words_of(entry: TimelineEntry, order: Order, names: dict[str, str], language: Language) -> str | None:
    amount, currency = entry.facts.get("amount"), entry.facts.get("currency")
    if entry.event == "order.refunded" and isinstance(amount, int) and isinstance(currency, str):
        money = language.money(Money(amount=amount, currency=currency))
        return language.say("%(amount)s was paid back.", amount=money)
    if entry.event in _EVENTS:
        return language.say(_EVENTS[entry.event])
    status = entry.facts.get("status")
    if not entry.event.startswith("item.") or not isinstance(status, str):
        return None
    words = describe_item(status, order.path_to_purchase, language)
    name = names.get(str(entry.facts.get("upc")))
    if name is None or len(names) == 1:
        return words
    return language.say("%(name)s: %(value)s", name=name, value=words)


def messages_of(order: Order, language: Language) -> Sequence[tuple[str, str, datetime | None]]:
    """The messages of the order: who wrote, what, and when. A sender we do not know is named as Locally does."""
    known = {"retailer": order.store.name, "customer": language.say("You"), "locally": "Locally"}
    return [
        (known.get(message.sender.strip().lower(), message.sender), message.text, message.created_at)
        for message in order.messages
    ]
