"""Bytes of a request read strictly: the text that passes here can be kept, answered and shown again."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

_DEEPEST = 64


def parse_json(raw: bytes) -> Any:
    """The value of a JSON text, its fractions as exact decimals.

    Raises ValueError for what is no JSON in UTF-8, and for NaN, infinities, lone surrogates, numbers beyond any
    use and nesting deeper than 64.
    """
    try:
        value = json.loads(raw, parse_float=_decimal, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    _check(value, _DEEPEST)
    return value


def read_query(request: Request) -> list[tuple[str, str]]:
    """The pairs of the query, from the bytes that came: they need not be UTF-8."""
    return parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("a number out of range") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _check(value: Any, levels: int) -> None:
    if levels == 0:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        # Raises UnicodeEncodeError, which is a ValueError, for a lone surrogate.
        value.encode()
    elif isinstance(value, (dict, list)):
        for inner in value if isinstance(value, list) else [*value.keys(), *value.values()]:
            _check(inner, levels - 1)
