"""JSON bodies: what is read, what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout.errors import MalformedJson
from checkout.strictjson import canonical, parse

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(_JSON)
def test_ordinary_json_is_read_unchanged(value: object) -> None:
    assert parse(json.dumps(value, ensure_ascii=False).encode()) == value


def test_escaped_surrogate_pair_is_one_character() -> None:
    assert parse(rb'"\ud83d\ude00"') == "\U0001f600"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": 1} 2',
        b'"line\nbreak"',
        b"01",
        b"\xff",
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
    ],
)
def test_bad_syntax_or_encoding_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        parse(body)


@pytest.mark.parametrize("body", [b"NaN", b"Infinity", b'{"a": -Infinity}', b"[1e999]", b"-1e400"])
def test_numbers_beyond_json_are_malformed(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        parse(body)


def test_absurdly_long_number_is_malformed() -> None:
    with pytest.raises(MalformedJson):
        parse(b"9" * 5000)


@pytest.mark.parametrize("body", [b'{"a": 1, "a": 1}', rb'{"a": 1, "\u0061": 2}', b'[{"b": {"a": 1, "a": 2}}]'])
def test_duplicate_key_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedJson, match="twice"):
        parse(body)


@pytest.mark.parametrize("body", [rb'"\ud800"', rb'{"\udfff": 1}', rb'["a", ["\ude00\ud83d"]]'])
def test_lone_surrogate_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedJson, match="surrogate"):
        parse(body)


def test_nesting_to_32_levels_is_read() -> None:
    assert parse(b"[" * 32 + b"]" * 32)
    assert parse(b'{"a":' * 32 + b"1" + b"}" * 32)


@pytest.mark.parametrize("depth", [33, 1_000, 30_000])
def test_nesting_deeper_than_32_is_malformed(depth: int) -> None:
    with pytest.raises(MalformedJson):
        parse(b"[" * depth + b"]" * depth)


def test_canonical_form_ignores_order_and_blanks() -> None:
    assert canonical(parse(b'{"b": [1, 2], "a": "\xc3\xa9"}')) == canonical(parse(rb'{"a":"\u00e9","b":[1,2]}'))


def test_canonical_form_tells_values_apart() -> None:
    spellings = [canonical(value) for value in (1, "1", True, None, 1.5, [1], {"1": 1}, [], {})]
    assert len(set(spellings)) == len(spellings)
