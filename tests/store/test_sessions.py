"""A launch belongs to one address and one browser, ends in time, and its tokens are refreshed by one at a
time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from app.store.attempts import Attempts
from app.store.crypto import KeyRing
from app.store.db import Store
from app.store.errors import LaunchForbiddenError, LaunchOverError, LaunchReplayedError, SealBrokenError
from app.store.sessions import REFRESH_CLAIM, Sessions
from smart_launch.errors import TokenError
from smart_launch.secret import Secret
from tests.store.conftest import (
    ABSOLUTE,
    IDLE,
    MASTER_KEY,
    NOW,
    USER,
    Database,
    consumed,
    make_response,
    open_launch,
)


def test_a_launch_is_loaded_by_address_and_cookie(attempts: Attempts, sessions: Sessions) -> None:
    opened = open_launch(attempts, sessions)
    launch = sessions.load(opened.launch.id, opened.cookie.reveal(), NOW)
    assert launch == opened.launch
    assert (launch.tenant_id, launch.patient, launch.user) == ("north", "pat-1", USER)
    assert launch.tokens.access_token.reveal() == "access-1"
    assert launch.need_patient_banner is False
    assert launch.expires_at == NOW + ABSOLUTE


def test_ids_and_cookies_are_new_and_long(attempts: Attempts, sessions: Sessions) -> None:
    opened = [open_launch(attempts, sessions, mark=f"m{n}") for n in range(5)]
    values = {value for one in opened for value in (one.launch.id, one.cookie.reveal())}
    assert len(values) == 10
    assert all(len(value) >= 32 for value in values)


def test_two_charts_side_by_side_never_mix(attempts: Attempts, sessions: Sessions) -> None:
    first = open_launch(attempts, sessions, mark="a", patient="pat-a")
    second = open_launch(attempts, sessions, mark="b", patient="pat-b")
    assert sessions.load(first.launch.id, first.cookie.reveal(), NOW).patient == "pat-a"
    assert sessions.load(second.launch.id, second.cookie.reveal(), NOW).patient == "pat-b"
    assert first.launch.patient_fingerprint != second.launch.patient_fingerprint
    with pytest.raises(LaunchForbiddenError, match="LT-402"):
        sessions.load(first.launch.id, second.cookie.reveal(), NOW)


def test_an_unknown_address_and_a_foreign_browser_look_the_same(
    attempts: Attempts, sessions: Sessions
) -> None:
    opened = open_launch(attempts, sessions)
    said = set()
    own = opened.cookie.reveal()
    tried = [(opened.launch.id, "guess"), (opened.launch.id, "\udc80\0"), ("A" * 32, own), ("", own)]
    for launch_id, cookie in [*tried, (f"{opened.launch.id},x", own), ("\0" * 32, own), ("é\udc80", own)]:
        with pytest.raises(LaunchForbiddenError) as caught:
            sessions.load(launch_id, cookie, NOW)
        said.add(str(caught.value))
    assert len(said) == 1


def test_a_replayed_launch_value_opens_no_second_session(attempts: Attempts, sessions: Sessions) -> None:
    for mark in ("a", "b"):
        attempt = consumed(attempts, "north", mark, "same-launch")
        if mark == "a":
            sessions.open(attempt, Secret("code-a"), USER, make_response(), NOW)
        else:
            with pytest.raises(LaunchReplayedError, match="LT-105"):
                sessions.open(attempt, Secret("code-b"), USER, make_response(), NOW)


def test_a_replayed_code_opens_no_second_session(attempts: Attempts, sessions: Sessions) -> None:
    sessions.open(consumed(attempts, mark="a", launch=None), Secret("code"), USER, make_response(), NOW)
    with pytest.raises(LaunchReplayedError):
        sessions.open(consumed(attempts, mark="b", launch=None), Secret("code"), USER, make_response(), NOW)


def test_without_a_patient_no_launch_is_opened(attempts: Attempts, sessions: Sessions) -> None:
    with pytest.raises(TokenError, match="without a patient"):
        sessions.open(consumed(attempts), Secret("code"), USER, make_response(patient=None), NOW)


def test_an_idle_launch_ends_and_use_keeps_it_open(attempts: Attempts, sessions: Sessions) -> None:
    opened = open_launch(attempts, sessions)
    cookie, launch_id = opened.cookie.reveal(), opened.launch.id
    almost = NOW + IDLE - timedelta(seconds=1)
    assert sessions.load(launch_id, cookie, almost).idle_expires_at == NOW + IDLE
    sessions.touch(opened.launch, almost)
    assert sessions.load(launch_id, cookie, NOW + IDLE).idle_expires_at == almost + IDLE
    with pytest.raises(LaunchOverError, match="LT-401"):
        sessions.load(launch_id, cookie, almost + IDLE)
    with pytest.raises(LaunchOverError):
        sessions.touch(opened.launch, almost + IDLE)


def test_the_absolute_end_comes_however_busy_the_user_is(attempts: Attempts, sessions: Sessions) -> None:
    opened = open_launch(attempts, sessions)
    at = NOW
    while at + IDLE / 2 < NOW + ABSOLUTE:
        at += IDLE / 2
        assert sessions.touch(opened.launch, at).idle_expires_at <= NOW + ABSOLUTE
    with pytest.raises(LaunchOverError):
        sessions.load(opened.launch.id, opened.cookie.reveal(), NOW + ABSOLUTE)


def test_an_ended_launch_is_over_and_its_secrets_are_gone(
    attempts: Attempts, sessions: Sessions, store: Store
) -> None:
    opened = open_launch(attempts, sessions)
    assert sessions.end(opened.launch, "logout", NOW)
    assert not sessions.end(opened.launch, "logout", NOW)
    with pytest.raises(LaunchOverError):
        sessions.load(opened.launch.id, opened.cookie.reveal(), NOW)
    with store.tenant("north") as session:
        row = session.execute(text("SELECT sealed_tokens, sealed_user, sealed_patient FROM launches")).one()
    assert tuple(row) == (None, None, None)


def test_overdue_launches_are_found_with_their_tokens(attempts: Attempts, sessions: Sessions) -> None:
    opened = open_launch(attempts, sessions)
    assert sessions.overdue("north", NOW + IDLE - timedelta(seconds=1), limit=9) == ()
    assert sessions.overdue("south", NOW + IDLE, limit=9) == ()
    (found,) = sessions.overdue("north", NOW + IDLE, limit=9)
    assert found.tokens == opened.launch.tokens
    sessions.end(found, "idle", NOW + IDLE)
    assert sessions.overdue("north", NOW + IDLE, limit=9) == ()


def test_of_many_overdue_launches_the_longest_unused_are_found_first(
    attempts: Attempts, sessions: Sessions
) -> None:
    opened = [open_launch(attempts, sessions, mark=f"m{n}").launch for n in range(3)]
    sessions.touch(opened[0], NOW + timedelta(minutes=2))
    sessions.touch(opened[2], NOW + timedelta(minutes=1))
    found = sessions.overdue("north", NOW + ABSOLUTE, limit=2)
    assert [launch.id for launch in found] == [opened[1].id, opened[2].id]


def test_rotated_tokens_are_stored_and_seen_by_everyone(attempts: Attempts, sessions: Sessions) -> None:
    opened = open_launch(attempts, sessions)
    claim = sessions.claim_refresh(opened.launch, NOW)
    assert claim is not None
    renewed = sessions.save_rotated_tokens(claim, make_response(access="access-2", refresh="refresh-2"), NOW)
    loaded = sessions.load(opened.launch.id, opened.cookie.reveal(), NOW)
    assert loaded == renewed
    assert loaded.tokens.refresh_token == Secret("refresh-2")
    assert loaded.token_version == opened.launch.token_version + 1
    assert sessions.claim_refresh(opened.launch, NOW) is None
    assert sessions.claim_refresh(loaded, NOW) is not None


def test_of_twenty_at_once_one_refreshes(attempts: Attempts, sessions: Sessions) -> None:
    opened = open_launch(attempts, sessions)
    with ThreadPoolExecutor(20) as pool:
        claims = list(pool.map(lambda _: sessions.claim_refresh(opened.launch, NOW), range(20)))
    assert sum(claim is not None for claim in claims) == 1


def test_a_claim_ends_when_given_back_or_after_a_while(attempts: Attempts, sessions: Sessions) -> None:
    opened = open_launch(attempts, sessions)
    claim = sessions.claim_refresh(opened.launch, NOW)
    assert claim is not None
    sessions.release_refresh(claim)
    assert sessions.claim_refresh(opened.launch, NOW) is not None
    assert sessions.claim_refresh(opened.launch, NOW + REFRESH_CLAIM / 2) is None
    assert sessions.claim_refresh(opened.launch, NOW + REFRESH_CLAIM) is not None


def test_a_late_answer_does_not_overwrite_newer_tokens(attempts: Attempts, sessions: Sessions) -> None:
    opened = open_launch(attempts, sessions)
    slow = sessions.claim_refresh(opened.launch, NOW)
    fast = sessions.claim_refresh(opened.launch, NOW + REFRESH_CLAIM)
    assert slow is not None
    assert fast is not None
    sessions.save_rotated_tokens(fast, make_response(access="newer"), NOW + REFRESH_CLAIM)
    kept = sessions.save_rotated_tokens(slow, make_response(access="older"), NOW + REFRESH_CLAIM)
    assert kept.tokens.access_token == Secret("newer")


def test_an_ended_launch_takes_no_tokens(attempts: Attempts, sessions: Sessions) -> None:
    opened = open_launch(attempts, sessions)
    claim = sessions.claim_refresh(opened.launch, NOW)
    assert claim is not None
    sessions.end(opened.launch, "logout", NOW)
    with pytest.raises(LaunchOverError):
        sessions.save_rotated_tokens(claim, make_response(access="access-2"), NOW)


def test_the_files_hold_no_token_name_or_patient_id(
    attempts: Attempts, sessions: Sessions, database: Database, store: Store
) -> None:
    opened = open_launch(attempts, sessions, patient="pat-canary-4711")
    with store.tenant("north") as session:
        dump = str(session.execute(text("SELECT * FROM launches")).all()).encode()
    if not database.is_postgresql:
        folder = Path(database.owner_url.removeprefix("sqlite:///")).parent
        dump += b"".join(path.read_bytes() for path in folder.glob("ltot.db*"))
    for value in ("access-1", "refresh-1", "pat-canary-4711", "Ada Quill", opened.cookie.reveal(), "code-a"):
        assert value.encode() not in dump


def test_a_token_copied_into_another_launch_does_not_open(
    attempts: Attempts, sessions: Sessions, store: Store
) -> None:
    first = open_launch(attempts, sessions, mark="a")
    second = open_launch(attempts, sessions, mark="b", patient="pat-2")
    with store.tenant("north") as session:
        session.execute(
            text(
                "UPDATE launches SET sealed_tokens ="
                " (SELECT sealed_tokens FROM launches WHERE id = :a) WHERE id = :b"
            ),
            {"a": first.launch.id, "b": second.launch.id},
        )
    with pytest.raises(SealBrokenError):
        sessions.load(second.launch.id, second.cookie.reveal(), NOW)


def test_an_open_launch_survives_a_change_of_the_master_key(
    attempts: Attempts, sessions: Sessions, store: Store
) -> None:
    opened = open_launch(attempts, sessions)
    ring = KeyRing.from_settings(bytes(range(1, 33)), further=[MASTER_KEY])
    later = Sessions(Store(store.engine, ring), idle=IDLE, absolute=ABSOLUTE)
    assert later.load(opened.launch.id, opened.cookie.reveal(), NOW).patient == "pat-1"


def test_a_shown_launch_hides_patient_user_and_tokens(attempts: Attempts, sessions: Sessions) -> None:
    opened = open_launch(attempts, sessions, patient="pat-canary")
    shown = repr(opened)
    for value in ("pat-canary", "user-7", "Ada Quill", "access-1", "refresh-1", opened.cookie.reveal()):
        assert value not in shown
