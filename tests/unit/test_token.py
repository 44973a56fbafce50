"""Tokens: what is issued is read back, and nothing else is accepted."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.errors import TokenExpired, TokenInvalid
from src.utils.token import Tokens, token_hash

NOW = datetime(2026, 1, 18, 10, 0, tzinfo=UTC)
PUBLIC, PRIVATE = "public-secret-" * 6, "private-secret-" * 6
TOKENS = Tokens(
    public_secret=PUBLIC, private_secret=PRIVATE, public_life=timedelta(hours=24), private_life=timedelta(days=7)
)
USER, SESSION = "65a000000000000000000001", "65a000000000000000000002"
GOOD: dict[str, Any] = {
    "user_id": USER,
    "session_id": SESSION,
    "type": "private",
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 60,
}
WRONG_TYPES: list[dict[str, Any]] = [
    *({"exp": "9999999999"}, {"exp": True}, {"exp": 9e12}, {"exp": None}, {"iat": "1"}),
    # JSON knows integers of any size: beyond the year 9999, beyond a float, beyond what Python reads as a number.
    *({"exp": 10**12}, {"exp": 10**18}, {"exp": 10**400}, {"exp": 10**600}, {"iat": 10**400}, {"iat": -(10**400)}),
    *({"iat": -1}, {"iat": 10**12}),
    *({"user_id": 5}, {"user_id": None}, {"session_id": ["x"]}, {"type": 1}, {"type": None}),
]


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def spelled(parts: list[bytes]) -> str:
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def signed(claims: dict[str, Any], secret: str = PRIVATE, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, secret, algorithm)


def test_a_private_token_says_who_and_which_login_for_seven_days() -> None:
    claims = TOKENS.read_private(TOKENS.issue_private(USER, SESSION, NOW), NOW)
    assert (claims.user_id, claims.session_id) == (USER, SESSION)
    assert (claims.issued_at, claims.expires_at) == (NOW, NOW + timedelta(days=7))


def test_a_private_token_has_the_documented_claims() -> None:
    token = TOKENS.issue_private(USER, SESSION, NOW)
    claims = jwt.decode(token, PRIVATE, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False})
    assert claims == {**GOOD, "exp": int(NOW.timestamp()) + 7 * 86400}


def test_public_tokens_differ_and_count_for_a_day() -> None:
    first, second = TOKENS.issue_public(NOW), TOKENS.issue_public(NOW)
    assert first != second
    assert TOKENS.read_public(first, NOW).expires_at == NOW + timedelta(hours=24)


@pytest.mark.parametrize(("seconds", "counts"), [(7 * 86400 - 1, True), (7 * 86400, False), (7 * 86400 + 1, False)])
def test_a_token_counts_until_the_second_in_which_it_expires(seconds: int, counts: bool) -> None:
    token = TOKENS.issue_private(USER, SESSION, NOW)
    later = NOW + timedelta(seconds=seconds)
    if counts:
        assert TOKENS.read_private(token, later).user_id == USER
    else:
        with pytest.raises(TokenExpired):
            TOKENS.read_private(token, later)


def test_no_tier_passes_for_the_other() -> None:
    with pytest.raises(TokenInvalid):
        TOKENS.read_private(TOKENS.issue_public(NOW), NOW)
    with pytest.raises(TokenInvalid):
        TOKENS.read_public(TOKENS.issue_private(USER, SESSION, NOW), NOW)
    with pytest.raises(TokenInvalid):  # even if the signature fits
        TOKENS.read_private(signed({**GOOD, "type": "public"}), NOW)


def test_both_tiers_with_one_secret_are_refused() -> None:
    with pytest.raises(ValueError, match="differ"):
        Tokens(public_secret="x", private_secret="x", public_life=timedelta(1), private_life=timedelta(1))


@pytest.mark.parametrize("missing", ["exp", "iat", "type", "user_id", "session_id"])
def test_every_claim_is_required(missing: str) -> None:
    assert TOKENS.read_private(signed(GOOD), NOW).user_id == USER
    with pytest.raises(TokenInvalid):
        TOKENS.read_private(signed({name: value for name, value in GOOD.items() if name != missing}), NOW)


@pytest.mark.parametrize("wrong", WRONG_TYPES, ids=str)
def test_claims_of_a_wrong_type_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(TokenInvalid):
        TOKENS.read_private(signed({**GOOD, **wrong}), NOW)


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_only_the_pinned_algorithm_counts(algorithm: str) -> None:
    with pytest.raises(TokenInvalid):
        TOKENS.read_private(signed(GOOD, PRIVATE, algorithm), NOW)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, "HS256 "])
def test_unsigned_tokens_are_refused(algorithm: str | None) -> None:
    body = f"{encoded({'alg': algorithm, 'typ': 'JWT'})}.{encoded(GOOD)}"
    signature = signed(GOOD).rsplit(".", 1)[1]
    for text in (f"{body}.", f"{body}.{signature}", body, f"{body}.AA"):
        with pytest.raises(TokenInvalid):
            TOKENS.read_private(text, NOW)


def test_no_other_spelling_of_a_valid_token_is_accepted() -> None:
    token = TOKENS.issue_private(USER, SESSION, NOW)
    header, payload, signature = token.split(".")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same_bits = letters.index(signature[-1]) & ~3
    others = [letters[same_bits + low] for low in range(4) if letters[same_bits + low] != signature[-1]]
    spellings = [f"{header}.{payload}.{signature[:-1]}{letter}" for letter in others]
    # The signature of these is right to a lenient reader: that is the danger.
    assert all(base64.urlsafe_b64decode(s.split(".")[2] + "=") for s in spellings)
    spellings += [token + end for end in ("=", "==", ".", "\n", " ", "\0", "A", "%3D")]
    spellings += [
        " " + token,
        "." + token,
        token.replace(".", "..", 1),
        token.replace("-", "+").replace("_", "/") + "=",
    ]
    spellings += [f"{header}=.{payload}.{signature}", f"{header}.{payload}.{signature}.{signature}", token.lower()]
    for spelling in spellings:
        with pytest.raises(TokenInvalid):
            TOKENS.read_private(spelling, NOW)
    assert TOKENS.read_private(token, NOW).user_id == USER


def test_every_changed_letter_is_noticed() -> None:
    token = TOKENS.issue_public(NOW)
    for place, letter in enumerate(token):
        changed = token[:place] + ("A" if letter != "A" else "B") + token[place + 1 :]
        with pytest.raises(TokenInvalid):
            TOKENS.read_public(changed, NOW)


@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(st.binary(max_size=9), min_size=1, max_size=4).map(spelled)))
def test_arbitrary_text_is_only_ever_invalid(text: str) -> None:
    with pytest.raises(TokenInvalid):
        TOKENS.read_private(text, NOW)


def test_monstrous_tokens_are_refused_unread() -> None:
    nested = base64.urlsafe_b64encode(b"[" * 100_000).decode().rstrip("=")
    for text in ("A" * 10_000_000, f"{nested}.{nested}.{nested}", signed({**GOOD, "more": "x" * 5000})):
        with pytest.raises(TokenInvalid):
            TOKENS.read_private(text, NOW)


def test_the_hash_of_a_token_is_its_sha256() -> None:
    assert token_hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert len(token_hash("\ud800")) == 64
