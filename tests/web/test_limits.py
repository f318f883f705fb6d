"""How many launches one address may begin in a minute, and how little is remembered for that."""

from datetime import UTC, datetime, timedelta

from app.web.limits import REMEMBERED, WINDOW, RateLimit

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_an_address_has_its_minute_and_then_the_next_one() -> None:
    limit = RateLimit(3)
    assert [limit.allows("a", START + number * SECOND) for number in range(5)] == [True] * 3 + [False] * 2
    assert limit.allows("b", START + 5 * SECOND)
    assert not limit.allows("a", START + WINDOW - SECOND)
    assert limit.allows("a", START + WINDOW)


def test_refused_launches_do_not_prolong_the_wait() -> None:
    limit = RateLimit(1)
    assert limit.allows("a", START)
    assert not any(limit.allows("a", START + number * SECOND) for number in range(1, 60))
    assert limit.allows("a", START + WINDOW)


def test_addresses_not_seen_for_a_minute_are_forgotten() -> None:
    limit = RateLimit(120)
    for number in range(3000):
        limit.allows(f"10.0.{number // 250}.{number % 250}", START + number * SECOND / 10)
    assert len(limit._seen) <= 10 * WINDOW.seconds + 1
    limit.allows("late", START + 3000 * SECOND)
    assert list(limit._seen) == ["late"]


def test_many_addresses_at_once_are_bounded() -> None:
    limit = RateLimit(1)
    for number in range(REMEMBERED + 500):
        assert limit.allows(str(number), START)
    assert len(limit._seen) == REMEMBERED
