"""Passwords: every character counts, no text raises, unknown users cost as much, and storms are bounded."""

from __future__ import annotations

import threading
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.errors import Busy, PasswordInvalid
from src.utils.passwords import PasswordHasher, check_password

HASHER = PasswordHasher(cost=4)


@pytest.mark.parametrize("password", ["12345678", "x" * 1024, "пароль78", "🔑" * 8, "\0" * 8])
def test_eight_to_1024_characters_are_a_password(password: str) -> None:
    check_password(password)


@pytest.mark.parametrize("password", ["", "1234567", "🔑" * 7, "x" * 1025])
def test_fewer_and_more_are_not(password: str) -> None:
    with pytest.raises(PasswordInvalid):
        check_password(password)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.characters(), min_size=1))
def test_any_text_fits_its_own_hash(password: str) -> None:
    assert HASHER.verify(password, HASHER.hash(password))


def test_lone_surrogates_and_nul_are_letters_like_others() -> None:
    stored = HASHER.hash("\ud800\0secret1")
    assert HASHER.verify("\ud800\0secret1", stored)
    for near in ("\ud801\0secret1", "\ud800", "\ud800\0", "\ud800\0secret2", "?\0secret1"):
        assert not HASHER.verify(near, stored)


@pytest.mark.parametrize("place", [0, 71, 72, 73, 200, 1023])
def test_nothing_is_cut(place: int) -> None:
    password = "a" * 1024
    stored = HASHER.hash(password)
    assert HASHER.verify(password, stored)
    assert not HASHER.verify(password[:place] + "b" + password[place + 1 :], stored)
    assert not HASHER.verify(password[:-1], stored)


def test_two_keyboards_spell_one_password() -> None:
    composed = unicodedata.normalize("NFC", "crème brûlée")
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    assert HASHER.verify(decomposed, HASHER.hash(composed))


def test_equal_passwords_have_different_hashes_of_the_given_cost() -> None:
    first, second = HASHER.hash("SecurePass123!"), HASHER.hash("SecurePass123!")
    assert first != second
    assert first.startswith("$2b$04$") and len(first) == 60
    assert PasswordHasher().hash("SecurePass123!").startswith("$2b$12$")


def test_nobody_has_no_password_and_costs_as_much() -> None:
    hasher = PasswordHasher(cost=9)
    stored = hasher.hash("SecurePass123!")

    def seconds(of: str | None) -> float:
        took = []
        for _ in range(5):
            begun = time.process_time()
            assert not hasher.verify("WrongPass123!", of)
            took.append(time.process_time() - begun)
        return min(took)

    known, unknown = seconds(stored), seconds(None)
    assert known > 0.005
    assert 0.7 < unknown / known < 1.4


def test_a_storm_is_refused_at_once_and_leaves_nothing_behind() -> None:
    hasher = PasswordHasher(cost=13, parallel=1, waiting=2)  # slow enough for all to come while the first is served
    start = threading.Barrier(12)
    answers: list[str] = []

    def knock() -> None:
        start.wait()
        try:
            hasher.verify("SecurePass123!", None)
            answers.append("done")
        except Busy as error:
            assert error.details["retry_after_seconds"] == 2
            answers.append("busy")

    threads = [threading.Thread(target=knock) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count("busy") >= 6, answers
    assert answers.count("done") >= 3, answers
    assert answers.index("busy") < 3  # who is refused does not wait for those who are not
    assert not hasher.verify("SecurePass123!", None)
