"""What answers share: `expand[]` and paged lists."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from checkout.sandbox.stripe_errors import Body, StripeError, invalid_parameter, no_such
from checkout.sandbox.stripe_forms import Params
from checkout.sandbox.stripe_gate import Call
from checkout.sandbox.stripe_records import Records

_DEEPEST_EXPANSION = 4
_EXPANDABLE = frozenset({"customer", "latest_attempt", "on_behalf_of", "payment_method", "setup_intent"})
_NULL_EXPANDABLE = frozenset({"application", "mandate", "single_use_mandate"})


def expanded(body: Body, call: Call, records: Records) -> Body:
    """The body with the ids that `expand[]` names replaced by their objects."""
    for path in call.params.items("expand") or []:
        parts = path.split(".")
        if len(parts) > _DEEPEST_EXPANSION:
            raise invalid_parameter(f"You cannot expand more than 4 levels of a property: {path}", "expand")
        body = _expand(body, parts, lambda object_id: records.find(call.owner, object_id), path)
    return body


def _expand(body: Body, parts: list[str], find: Callable[[str], Body | None], path: str) -> Body:
    name, rest = parts[0], parts[1:]
    if name == "data" and body.get("object") == "list" and rest:
        return {**body, "data": [_expand(item, rest, find, path) for item in body["data"]]}
    if name not in body or name not in _EXPANDABLE | _NULL_EXPANDABLE:
        raise invalid_parameter(f"This property cannot be expanded ({path}).", "expand")
    value: Any = body[name]
    if isinstance(value, str):
        value = find(value) or value
    if rest and isinstance(value, dict):
        value = _expand(value, rest, find, path)
    return {**body, name: value}


def page(items: Iterable[Body], params: Params, url: str) -> Body:
    """One page of a list, newest first, by `limit`, `starting_after` and `ending_before`."""
    rows = (item for item in items if _was_created(item["created"], params))
    limit = _limit(params)
    after, before = params.text("starting_after"), params.text("ending_before")
    if after is not None and before is not None:
        raise StripeError(400, "You may pass only one of starting_after and ending_before.", param="starting_after")
    if before is not None:
        earlier = _up_to(rows, before, "ending_before")
        return _list(earlier[-limit:], len(earlier) > limit, url)
    if after is not None:
        _up_to(rows, after, "starting_after")
    later = list(islice(rows, limit + 1))
    return _list(later[:limit], len(later) > limit, url)


def _limit(params: Params) -> int:
    limit = params.integer("limit")
    if limit is not None and not 1 <= limit <= 100:
        raise invalid_parameter("Invalid limit: must be 1 to 100", "limit")
    return limit or 10


def _list(data: list[Body], has_more: bool, url: str) -> Body:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def _up_to(rows: Iterator[Body], object_id: str, param: str) -> list[Body]:
    """The rows before the one of this id; takes that one from the iterator, too."""
    passed: list[Body] = []
    for row in rows:
        if row["id"] == object_id:
            return passed
        passed.append(row)
    raise no_such("object", object_id, param)


def _was_created(created: int, params: Params) -> bool:
    """Whether a time fits `created=T` or `created[gt|gte|lt|lte]=T`."""
    if "created" not in params:
        return True
    if not isinstance(params.plain()["created"], dict):
        return created == params.integer("created")
    span = params.nested("created") or Params({})
    span.allow("gt", "gte", "lt", "lte")
    tests: dict[str, Callable[[int], bool]] = {
        "gt": lambda bound: created > bound,
        "gte": lambda bound: created >= bound,
        "lt": lambda bound: created < bound,
        "lte": lambda bound: created <= bound,
    }
    bounds = {name: span.integer(name) for name in tests}
    return all(bound is None or tests[name](bound) for name, bound in bounds.items())
