"""Limits how often a password may be guessed, without letting an attacker lock the owner out.

Within windows of 15 minutes:

- one address may try ``PER_PAIR`` times at one account, and ``PER_ADDRESS`` times at all accounts together
  (generous, because an office or a mobile network shares one address);
- an account at which ``UNDER_ATTACK`` attempts have failed, from any addresses, is under attack: until its window
  ends, each address has only ``PER_PAIR_UNDER_ATTACK`` attempts at it.

No counter ever closes an account as a whole: every address has its own first attempts. The owner can therefore log in
from another address than the attacker's however long the attack lasts, and a botnet of n addresses gets 3n guesses in
15 minutes instead of 10n.

Attempts are counted before the password is checked, otherwise many concurrent attempts would pass; a correct password
removes its own count. IPv6 addresses count by /64, the usual network of one household. Keys are hashes, because the
text in the field for the e-mail address is untrusted and may even be a password.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from src.errors import TooManyAttempts
from src.services.window_counters import WindowCounters
from src.utils.addresses import network_of

WINDOW_SECONDS = 15 * 60
PER_PAIR = 10
PER_PAIR_UNDER_ATTACK = 3
PER_ADDRESS = 100
UNDER_ATTACK = 50


@dataclass(frozen=True, slots=True)
class Attempt:
    """One permitted attempt: the keys under which it was counted."""

    account: str
    address: str
    pair: str


class AttemptLimiter:
    """Counts password attempts. ``enabled=False`` permits every attempt."""

    def __init__(self, counters: WindowCounters, *, enabled: bool = True) -> None:
        self._counters = counters
        self._enabled = enabled

    def begin(self, account: str, address: str) -> Attempt:
        """Count one attempt of this network address at this account (an e-mail address, whether it exists or not).

        Raises:
            TooManyAttempts: with ``retry_after_seconds``. Such an attempt is not counted at the address.
        """
        attempt = _attempt(account, address)
        if self._enabled:
            under_attack = self._add(attempt.account, 0)[0] >= UNDER_ATTACK
            self._check(attempt.pair, PER_PAIR_UNDER_ATTACK if under_attack else PER_PAIR)
            self._check(attempt.address, PER_ADDRESS)
            self._add(attempt.account, 1)
        return attempt

    def succeeded(self, attempt: Attempt) -> None:
        """Remove the counts of an attempt with the correct password, and the failed attempts of this address."""
        if self._enabled:
            self._counters.clear(attempt.pair)
            self._add(attempt.address, -1)
            self._add(attempt.account, -1)

    def _check(self, key: str, allowed: int) -> None:
        number, seconds_left = self._add(key, 1)
        if number > allowed:
            raise TooManyAttempts(retry_after_seconds=max(1, round(seconds_left)))

    def _add(self, key: str, number: int) -> tuple[int, float]:
        count = self._counters.add(key, number, window_seconds=WINDOW_SECONDS)
        return count.number, count.seconds_left


def _attempt(account: str, address: str) -> Attempt:
    network = network_of(address)
    return Attempt(
        account=_key("account", account),
        address=_key("address", network),
        pair=_key("pair", f"{network} {account}"),
    )


def _key(what: str, text: str) -> str:
    return f"attempts:{what}:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
