"""Of all who want to write an entry to the EHR, one at a time may."""

import threading
from datetime import date, timedelta

import pytest

from app.clinical.entries import Entry, EntryKind
from app.store.attempts import Attempts
from app.store.claims import WRITE_CLAIM, WriteClaim, WriteClaims
from app.store.db import Store
from app.store.records import Records
from app.store.sessions import Sessions
from tests.store.conftest import NOW, open_launch


@pytest.fixture
def entry(store: Store, attempts: Attempts, sessions: Sessions) -> str:
    """The id of a kept entry."""
    launch = open_launch(attempts, sessions).launch
    return Records(store).add(launch, Entry(EntryKind.AGREEMENT, date(2026, 3, 2)), NOW).entry.id


@pytest.fixture
def claims(store: Store) -> WriteClaims:
    return WriteClaims(store)


def test_while_one_holds_the_claim_nobody_else_gets_it(claims: WriteClaims, entry: str) -> None:
    assert claims.take("north", entry, NOW) is not None
    assert claims.take("north", entry, NOW + WRITE_CLAIM - timedelta(seconds=1)) is None


def test_a_claim_given_back_is_free(claims: WriteClaims, entry: str) -> None:
    held = claims.take("north", entry, NOW)
    assert held is not None
    claims.give_back(held)
    assert claims.take("north", entry, NOW) is not None


def test_a_claim_left_behind_passes_on_once_its_time_is_over(claims: WriteClaims, entry: str) -> None:
    first = claims.take("north", entry, NOW)
    second = claims.take("north", entry, NOW + WRITE_CLAIM)
    assert first is not None
    assert second is not None
    claims.give_back(first)
    assert claims.take("north", entry, NOW + WRITE_CLAIM) is None


def test_of_many_at_once_one_gets_it(claims: WriteClaims, entry: str) -> None:
    got: list[WriteClaim | None] = []
    start = threading.Barrier(6)

    def take() -> None:
        start.wait()
        got.append(claims.take("north", entry, NOW))

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 6
    assert sum(one is not None for one in got) == 1


def test_a_left_claim_passes_to_one_of_many(claims: WriteClaims, entry: str) -> None:
    claims.take("north", entry, NOW)
    later = NOW + WRITE_CLAIM
    assert [claims.take("north", entry, later) is not None for _ in range(3)] == [True, False, False]


def test_another_tenant_cannot_claim_it(claims: WriteClaims, entry: str) -> None:
    assert claims.take("south", entry, NOW) is None
    assert claims.take("north", entry, NOW) is not None
