"""Everything that is derived from CHECKOUT_ENCRYPTION_KEY: bearer tokens, their hashes, and sealing at rest."""

import base64
import hashlib
import hmac
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12  # What AES-GCM is specified for.


class Keyring:
    """Derives tokens and seals secrets; the same key always derives the same tokens."""

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise ValueError("the encryption key must have 32 bytes")
        self._token_key = _derive(key, b"checkout tokens 1")
        self._email_key = _derive(key, b"checkout e-mail 1")
        self._cipher = AESGCM(_derive(key, b"checkout sealing 1"))

    def token(self, prefix: str, record_id: str, generation: int = 1) -> str:
        """A bearer token of 256 bits for one record, such as `ct_...`; another generation is another token."""
        message = f"{prefix}|{record_id}|{generation}".encode()
        digest = hmac.new(self._token_key, message, hashlib.sha256).digest()
        return f"{prefix}_{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"

    def email_hash(self, email: str) -> str:
        """What an e-mail address is found by, in capitals or not: HMAC-SHA256 in hex, which tells no address."""
        return hmac.new(self._email_key, email.strip().lower().encode(), hashlib.sha256).hexdigest()

    def seal(self, secret: bytes, purpose: str) -> bytes:
        """Encrypt with AES-GCM; `purpose` must be given again to open it."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, purpose.encode())

    def unseal(self, sealed: bytes, purpose: str) -> bytes:
        """Decrypt what `seal` made. Raises cryptography's InvalidTag if key, purpose or bytes are not the same."""
        return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose.encode())


def token_hash(token: str) -> str:
    """What is stored of a token: SHA-256 in hex. Tokens carry 256 bits, so no salt or slow hash is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def same_secret(given: str, known: str) -> bool:
    """Compare in constant time, whatever characters a caller sends."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), known.encode())


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(key)
