"""Calendar months: 31 Jan + 1 month is the last day of February."""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from functools import lru_cache

_IN_EVERY_MONTH = 28


@lru_cache(maxsize=4096)
def add_months(start: date, months: int) -> date:
    """The same day of the month, or the month's last day when it is shorter.  months may be negative."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    if start.day <= _IN_EVERY_MONTH:
        return date(year, month + 1, start.day)
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))


def age_on(born: date, on: date) -> int:
    """Completed years."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))
