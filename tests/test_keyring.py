"""Tokens are derived, sealed secrets open only for their purpose."""

import pytest
from cryptography.exceptions import InvalidTag

from checkout.keyring import Keyring, same_secret, token_hash

KEYRING = Keyring(bytes(range(32)))


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_key_has_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Keyring(bytes(size))


def test_same_record_has_the_same_token() -> None:
    assert Keyring(bytes(range(32))).token("ct", "chk_1") == KEYRING.token("ct", "chk_1")


def test_token_carries_256_bits() -> None:
    prefix, _, digest = KEYRING.token("ct", "chk_1").partition("_")
    assert (prefix, len(digest)) == ("ct", 43)


def test_purpose_record_generation_and_key_make_other_tokens() -> None:
    tokens = {
        KEYRING.token("ct", "chk_1").removeprefix("ct"),
        KEYRING.token("ot", "chk_1").removeprefix("ot"),
        KEYRING.token("ct", "chk_2").removeprefix("ct"),
        KEYRING.token("ct", "chk_1", 2).removeprefix("ct"),
        Keyring(bytes(32)).token("ct", "chk_1").removeprefix("ct"),
    }
    assert len(tokens) == 5


def test_sealed_secret_opens_for_its_purpose() -> None:
    sealed = KEYRING.seal(b"jwt", "attempt 1")
    assert b"jwt" not in sealed
    assert KEYRING.unseal(sealed, "attempt 1") == b"jwt"


def test_sealing_twice_looks_different() -> None:
    assert KEYRING.seal(b"jwt", "attempt 1") != KEYRING.seal(b"jwt", "attempt 1")


def test_sealed_secret_opens_for_nothing_else() -> None:
    sealed = KEYRING.seal(b"jwt", "attempt 1")
    with pytest.raises(InvalidTag):
        KEYRING.unseal(sealed, "attempt 2")
    with pytest.raises(InvalidTag):
        Keyring(bytes(32)).unseal(sealed, "attempt 1")
    with pytest.raises(InvalidTag):
        KEYRING.unseal(sealed[:-1] + bytes([sealed[-1] ^ 1]), "attempt 1")


def test_hash_tells_nothing_but_equality() -> None:
    assert token_hash("ct_1") == token_hash("ct_1") != token_hash("ct_2")
    assert len(token_hash("ct_1")) == 64


def test_secrets_compare_whatever_callers_send() -> None:
    assert same_secret("csk_test_1", "csk_test_1")
    for given in ("", "csk_test_2", "csk_test_1 ", "é", "\ud800"):
        assert not same_secret(given, "csk_test_1")
