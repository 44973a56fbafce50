"""Checks passwords and hashes them with bcrypt, with a limit that keeps many logins from blocking the service.

bcrypt reads 72 bytes and its library refuses more, so it gets the base64 of a SHA-384 (64 letters): every character of
a password counts, and none can end it early. Text is normalised to NFC first (RFC 8265), because keyboards differ in
how they encode the same accented letter.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

import bcrypt

from src.errors import Busy, PasswordInvalid

MIN_CHARACTERS = 8
MAX_CHARACTERS = 1024
# 0.23 s on one core of a 2024 server; OWASP recommends at least 10.
DEFAULT_COST = 12


def check_password(password: str) -> None:
    """Raise ``PasswordInvalid`` unless a new password has 8 to 1024 characters."""
    if len(password) < MIN_CHARACTERS:
        raise PasswordInvalid()
    if len(password) > MAX_CHARACTERS:
        raise PasswordInvalid(f"The password must have at most {MAX_CHARACTERS} characters.")


class PasswordHasher:
    """bcrypt with a limit on running and waiting hashes.

    A hash takes a core for a quarter of a second (without holding the interpreter's lock). ``parallel`` hashes run at
    once, ``waiting`` more callers wait, and further callers get ``Busy`` at once, so that logins never occupy all
    threads of a process.
    """

    def __init__(self, *, cost: int = DEFAULT_COST, parallel: int = 2, waiting: int = 16) -> None:
        self._cost = cost
        self._running = threading.BoundedSemaphore(parallel)
        self._inside = threading.BoundedSemaphore(parallel + waiting)
        # Takes as long to check as a real hash and matches no password.
        self._dummy_hash = f"$2b${cost:02d}${'.' * 22}{'.' * 31}"

    def hash(self, password: str) -> str:
        """Return the hash to store.

        Raises:
            Busy: too many are waiting already.
        """
        with self._turn():
            return bcrypt.hashpw(_digest(password), bcrypt.gensalt(self._cost)).decode()

    def verify(self, password: str, stored: str | None) -> bool:
        """Return whether the password matches; without a stored hash (no such user), ``False`` after the same time.

        Raises:
            Busy: too many are waiting already.
        """
        with self._turn():
            matches = bcrypt.checkpw(_digest(password), (stored or self._dummy_hash).encode())
        return matches and stored is not None

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._inside.acquire(blocking=False):
            raise Busy(retry_after_seconds=2)
        try:
            with self._running:
                yield
        finally:
            self._inside.release()


def _digest(password: str) -> bytes:
    # JSON can contain a lone surrogate, which is not a character; it is hashed like any other.
    text = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    return base64.b64encode(hashlib.sha384(text).digest())
