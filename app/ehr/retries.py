"""When a request is worth sending again, and how long to wait before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRIED_STATUSES = frozenset({429, 502, 503, 504})
FIRST_WAIT = 0.3
_EPOCH = 1_000_000_000


def wait_before(attempt: int, retry_after: str | None, now: datetime, jitter: Callable[[], float]) -> float:
    """Seconds to wait after failed attempt number `attempt` (from 0): what the EHR asks, else growing and
    random.  `jitter` gives numbers from 0 to 1."""
    asked = retry_after_seconds(retry_after, now)
    if asked is not None:
        return asked
    longest: float = FIRST_WAIT * 2**attempt
    return longest * (0.5 + jitter() / 2)


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """Seconds a `Retry-After` header asks for; None when unreadable.

    Given as seconds or as an HTTP date, or, as a reference server does, as seconds since 1970.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdecimal():
        seconds = float(text[:12])
        return max(0.0, seconds - now.timestamp()) if seconds >= _EPOCH else seconds
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - now).total_seconds())
