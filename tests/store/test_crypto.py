"""Sealed values open only where they were sealed; hashes find a value without storing it."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store.crypto import KeyRing, Place
from app.store.errors import SealBrokenError

OLD, NEW = bytes(range(32)), bytes(range(1, 33))
PLACE = Place("launches", "north/1", "sealed_tokens")


@given(st.text())
def test_what_was_sealed_opens_in_its_place(value: str) -> None:
    ring = KeyRing.from_settings(OLD)
    sealed = ring.seal(value, PLACE)
    assert ring.open(sealed, PLACE) == value
    assert len(value) < 4 or value not in sealed


@pytest.mark.parametrize(
    "other",
    [
        Place("launches", "north/2", "sealed_tokens"),
        Place("launches", "south/1", "sealed_tokens"),
        Place("launches", "north/1", "sealed_user"),
        Place("audit", "north/1", "sealed_tokens"),
        Place("launchesn", "orth/1", "sealed_tokens"),
    ],
)
def test_a_value_moved_to_another_row_or_column_does_not_open(other: Place) -> None:
    ring = KeyRing.from_settings(OLD)
    with pytest.raises(SealBrokenError, match="belongs to another row"):
        ring.open(ring.seal("token", PLACE), other)


@pytest.mark.parametrize("value", ["", "token", "tokens", "a token"])
def test_a_value_altered_anywhere_does_not_open(value: str) -> None:
    ring = KeyRing.from_settings(OLD)
    # Several nonces, so that every letter of the encoding is met in some place.
    for sealed in (ring.seal(value, PLACE) for _ in range(4)):
        for at, letter in enumerate(sealed):
            for other in f"{string.ascii_letters}{string.digits}+/-_.= \né".replace(letter, ""):
                with pytest.raises(SealBrokenError):
                    ring.open(sealed[:at] + other + sealed[at + 1 :], PLACE)


def test_the_same_value_is_sealed_differently_each_time() -> None:
    ring = KeyRing.from_settings(OLD)
    assert ring.seal("token", PLACE) != ring.seal("token", PLACE)


def test_after_a_change_of_the_master_key_old_values_still_open_and_match() -> None:
    before = KeyRing.from_settings(OLD)
    sealed, stored = before.seal("token", PLACE), before.keyed_hash("cookie", "c")
    after = KeyRing.from_settings(NEW, further=[OLD])
    assert after.open(sealed, PLACE) == "token"
    assert after.matches(stored, "cookie", "c")
    assert after.seal("token", PLACE).split(".")[1] == after.current_id != before.current_id


def test_without_the_old_master_key_nothing_opens() -> None:
    sealed = KeyRing.from_settings(OLD).seal("token", PLACE)
    with pytest.raises(SealBrokenError, match="a key this process does not have"):
        KeyRing.from_settings(NEW).open(sealed, PLACE)


def test_hashes_differ_by_purpose_and_by_key() -> None:
    ring = KeyRing.from_settings(OLD)
    hashes = {
        ring.keyed_hash("state", "x"),
        ring.keyed_hash("cookie", "x"),
        ring.keyed_hash("state", "y"),
        KeyRing.from_settings(NEW).keyed_hash("state", "x"),
    }
    assert len(hashes) == 4
    assert not ring.matches(ring.keyed_hash("state", "x"), "cookie", "x")


def test_a_ring_shows_no_key() -> None:
    shown = repr(KeyRing.from_settings(OLD))
    assert OLD.hex() not in shown
    assert repr(OLD) not in shown


@pytest.mark.parametrize("key", [b"", b"short", bytes(31), bytes(33)])
def test_a_master_key_of_another_length_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        KeyRing.from_settings(key)
