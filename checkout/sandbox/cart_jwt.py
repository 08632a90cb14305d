"""Cart JWTs: signed with HS256 under a secret of this sandbox, carrying the cart's hash; they never expire."""

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

from checkout.sandbox.shelf import Shelf


class Mint:
    def __init__(self, shelf: Shelf) -> None:
        kept = shelf.load("secrets").get("jwt")
        self._secret = bytes.fromhex(kept["hex"]) if kept else secrets.token_bytes(32)
        shelf.put("secrets", "jwt", {"hex": self._secret.hex()})

    def issue(self, cart_hash: str, issued_at: int) -> str:
        claims = {"iss": "locally-sandbox", "cart_hash": cart_hash, "iat": issued_at}
        unsigned = f"{_pack({'alg': 'HS256', 'typ': 'JWT'})}.{_pack(claims)}"
        return f"{unsigned}.{self._signature(unsigned)}"

    def cart_hash(self, jwt: str) -> str | None:
        """The hash in a JWT that this mint issued, None for any other text."""
        unsigned, _, signature = jwt.rpartition(".")
        if not unsigned or not hmac.compare_digest(self._signature(unsigned).encode(), signature.encode()):
            return None
        claims = unsigned.split(".")[1]
        text = base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
        return str(json.loads(text)["cart_hash"])

    def _signature(self, unsigned: str) -> str:
        return _encode(hmac.new(self._secret, unsigned.encode(), hashlib.sha256).digest())


def _pack(value: dict[str, Any]) -> str:
    return _encode(json.dumps(value, separators=(",", ":")).encode())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
