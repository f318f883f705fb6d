"""FHIR dates and times as local calendar dates."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache


@lru_cache(maxsize=50_000)
def local_date(text: str | None, zone: tzinfo) -> date | None:
    """The calendar day at the clinic.  A year counts from 1 January, a month from its first day.

    A time with an offset is moved to the clinic's zone; a time without one is taken as local.  Years outside
    1900 to 2199 and anything unreadable give None.
    """
    if not text:
        return None
    try:
        if len(text) <= 10:
            day = date.fromisoformat(text + "-01-01"[len(text) - 4 :] if len(text) in {4, 7} else text)
        else:
            moment = datetime.fromisoformat(text)
            day = (moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=UTC)).date()
    except (ValueError, OverflowError):
        # A time that no clock shows (24:00, second 60) does not make its day unknown.
        return local_date(text[:10], zone) if len(text) > 10 and text[10] in "T " else None
    return day if 1900 <= day.year < 2200 else None


def last_local_date(text: str | None, zone: tzinfo) -> date | None:
    """The last calendar day of a period's end: a month lasts to its last day, a year to 31 December."""
    day = local_date(text, zone)
    if day is None or text is None or len(text) > 7:
        return day
    if len(text) == 4:
        return day.replace(month=12, day=31)
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def days_open(text: str | None, zone: tzinfo) -> int:
    """How many days later a date may be than `local_date` reads it: a month or a year names no day."""
    first, last = local_date(text, zone), last_local_date(text, zone)
    return (last - first).days if first is not None and last is not None else 0
