"""Short signatures: capabilities that are told to whoever asked and that nobody else can make up."""

from __future__ import annotations

import base64
import hashlib
import hmac

_BYTES = 16


class Signer:
    """HMAC-SHA256 under one secret, cut to 128 bits. ``purpose`` keeps signatures of one use out of all others."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def sign(self, purpose: str, text: str) -> str:
        """22 characters that are safe in an address."""
        digest = hmac.digest(self._secret, f"{purpose}\n{text}".encode("utf-8", "surrogatepass"), hashlib.sha256)
        return base64.urlsafe_b64encode(digest[:_BYTES]).rstrip(b"=").decode()

    def is_signed(self, purpose: str, text: str, signature: str) -> bool:
        """Return whether ``sign`` made this signature; takes the same time for every wrong one."""
        return hmac.compare_digest(self.sign(purpose, text).encode(), signature.encode("utf-8", "surrogatepass"))
