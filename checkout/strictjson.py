"""JSON as this service reads it: stricter than the standard library where leniency could mislead."""

import json
import math
import re
from typing import Any, NoReturn

from checkout.errors import MalformedJson

MAX_DEPTH = 32
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse(body: bytes) -> Any:
    """The value of a JSON document in UTF-8.

    Raises MalformedJson for bad syntax, a byte order mark, NaN and Infinity, duplicate keys, lone surrogates, numbers
    out of range, and nesting deeper than 32. Numbers with a fraction or an exponent become floats, which is exact
    enough to refuse them: no field of ours takes one.
    """
    try:
        value = _DECODER.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        # ValueError is every fault of syntax, of encoding, and an integer longer than Python agrees to convert.
        raise MalformedJson from None
    _check(value)
    return value


def canonical(value: Any) -> bytes:
    """One spelling for equal values (keys sorted, no blanks), to be hashed into a fingerprint."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise MalformedJson("The body names the same key twice in one object.")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise MalformedJson("The body holds a number that is out of range.")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedJson(f"The body holds {name}, which is not JSON.")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_finite, parse_constant=_refuse_constant)


def _check(document: Any) -> None:
    """Walk level by level, so that a deep document cannot exhaust our own stack."""
    level, depth = [document], 0
    while level:
        deeper: list[Any] = []
        for value in level:
            if isinstance(value, str):
                _check_text(value)
            elif isinstance(value, dict):
                deeper += (*value.keys(), *value.values())
            elif isinstance(value, list):
                deeper += value
        depth += any(isinstance(value, dict | list) for value in level)
        if depth > MAX_DEPTH:
            raise MalformedJson(f"The body is nested deeper than {MAX_DEPTH} levels.")
        level = deeper


def _check_text(text: str) -> None:
    if _SURROGATE.search(text):
        raise MalformedJson("The body holds half of a surrogate pair.")
