"""Signs texts with short signatures that only this service can produce."""

from __future__ import annotations

import base64
import hashlib
import hmac

_BYTES = 16


class Signer:
    """HMAC-SHA256 with one secret, cut to 128 bits. A signature for one ``purpose`` is invalid for all others."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def sign(self, purpose: str, text: str) -> str:
        """Return a signature of 22 characters that are safe in a URL."""
        digest = hmac.digest(self._secret, f"{purpose}\n{text}".encode("utf-8", "surrogatepass"), hashlib.sha256)
        return base64.urlsafe_b64encode(digest[:_BYTES]).rstrip(b"=").decode()

    def is_signed(self, purpose: str, text: str, signature: str) -> bool:
        """Return whether ``sign`` produced this signature, in constant time."""
        return hmac.compare_digest(self.sign(purpose, text).encode(), signature.encode("utf-8", "surrogatepass"))
