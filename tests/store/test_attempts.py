"""An attempt is answered once, within ten minutes, by the browser that started it."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.store.attempts import Attempts
from app.store.db import Store
from app.store.errors import AttemptSpentError, AttemptUnmatchedError
from smart_launch.secret import Secret
from tests.store.conftest import NOW, consumed, start_attempt


def test_the_answer_gets_back_what_was_kept(attempts: Attempts) -> None:
    request, cookie = start_attempt(attempts)
    attempt = attempts.consume(request.state, cookie.reveal(), NOW + timedelta(minutes=9))
    assert attempt.tenant_id == "north"
    assert (attempt.state, attempt.nonce, attempt.verifier) == (
        request.state,
        request.nonce,
        request.verifier,
    )
    assert (attempt.scopes, attempt.redirect_uri) == (request.scopes, request.redirect_uri)


def test_an_answer_is_accepted_once(attempts: Attempts) -> None:
    request, cookie = start_attempt(attempts)
    attempts.consume(request.state, cookie.reveal(), NOW)
    with pytest.raises(AttemptSpentError, match="LT-105"):
        attempts.consume(request.state, cookie.reveal(), NOW)


def test_after_ten_minutes_it_is_too_late(attempts: Attempts) -> None:
    request, cookie = start_attempt(attempts)
    with pytest.raises(AttemptSpentError):
        attempts.consume(request.state, cookie.reveal(), NOW + timedelta(minutes=10))


def test_another_browser_is_refused_and_does_not_use_the_attempt_up(attempts: Attempts) -> None:
    request, cookie = start_attempt(attempts)
    _, other = start_attempt(attempts, mark="b", launch="launch-2")
    for foreign in (other.reveal(), "", "guess"):
        with pytest.raises(AttemptUnmatchedError, match="LT-104"):
            attempts.consume(request.state, foreign, NOW)
    assert attempts.consume(request.state, cookie.reveal(), NOW).tenant_id == "north"


def test_an_unknown_state_is_refused(attempts: Attempts) -> None:
    _, cookie = start_attempt(attempts)
    for state in ("never-issued", "x,y", "%", "\0", "\udc80"):
        with pytest.raises(AttemptUnmatchedError):
            attempts.consume(Secret(state), cookie.reveal(), NOW)


def test_two_attempts_of_two_tenants_stay_apart(attempts: Attempts) -> None:
    first, first_cookie = start_attempt(attempts, "north", "a")
    second, second_cookie = start_attempt(attempts, "south", "b")
    assert attempts.consume(second.state, second_cookie.reveal(), NOW).tenant_id == "south"
    assert attempts.consume(first.state, first_cookie.reveal(), NOW).tenant_id == "north"


def test_the_same_launch_value_is_recognised_within_a_tenant_only(attempts: Attempts) -> None:
    same = {consumed(attempts, "north", mark).launch_hash for mark in ("a", "b")}
    assert len(same) == 1
    assert consumed(attempts, "south", "c").launch_hash not in same
    assert consumed(attempts, "north", "d", launch=None).launch_hash is None


def test_nothing_usable_is_stored(attempts: Attempts, store: Store) -> None:
    request, cookie = start_attempt(attempts)
    with store.tenant("north") as session:
        row = str(session.execute(text("SELECT * FROM launch_attempts")).one())
    for secret in (request.state, request.nonce, request.verifier, cookie, Secret("launch-1")):
        assert secret.reveal() not in row


def test_a_consumed_attempt_keeps_no_verifier(attempts: Attempts, store: Store) -> None:
    consumed(attempts)
    with store.tenant("north") as session:
        assert session.scalar(text("SELECT sealed_secrets FROM launch_attempts")) is None


def test_expired_attempts_are_removed(attempts: Attempts) -> None:
    request, cookie = start_attempt(attempts)
    assert attempts.remove_expired("north", NOW + timedelta(minutes=9)) == 0
    assert attempts.remove_expired("south", NOW + timedelta(minutes=10)) == 0
    assert attempts.remove_expired("north", NOW + timedelta(minutes=10)) == 1
    with pytest.raises(AttemptUnmatchedError):
        attempts.consume(request.state, cookie.reveal(), NOW)
