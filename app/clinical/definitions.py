"""Published and chosen definitions of long-term opioid therapy, side by side.

There is no agreed one: 78 definitions were found in 126 studies.  Each function answers for one day; what cannot be
computed from prescriptions alone (enrolment, a clinician's judgement) is None, never a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from app.clinical.episodes import Coverage
from app.clinical.policy import LtotPolicy

YEAR = 365


@dataclass(frozen=True, slots=True)
class Definition:
    """name: how people call it; rule: the sentence; reach: days back it looks; source: where it comes from."""

    id: str
    name: str
    rule: str
    reach: int
    holds: Callable[[Coverage, LtotPolicy], bool | None]
    source: str


def _default(found: Coverage, policy: LtotPolicy) -> bool:
    return found.covered(found.day - policy.window_days + 1, found.day) >= policy.min_covered_days


def blocks(found: Coverage) -> tuple[int, int, int]:
    """Covered days in each of the last three 30-day blocks, newest first."""
    day = found.day
    return (
        found.covered(day - 29, day),
        found.covered(day - 59, day - 30),
        found.covered(day - 89, day - 60),
    )


def _cdc(found: Coverage, _: LtotPolicy) -> bool:
    return all(days >= 21 for days in blocks(found))


def _consort(found: Coverage, _: LtotPolicy) -> bool:
    for start, end in found.episodes(90):
        if end - start + 1 <= 90 or end < found.day - YEAR:
            continue
        last = min(end, start + YEAR - 1)
        if found.supplied(start, last) >= 120 or found.count(start, last) >= 10:
            return True
    return False


def quarter_start(day: int) -> int:
    """First day of the calendar quarter."""
    when = date.fromordinal(day)
    return date(when.year, 3 * ((when.month - 1) // 3) + 1, 1).toordinal()


def _quarter(found: Coverage, _: LtotPolicy) -> bool:
    return found.supplied(quarter_start(found.day), found.day) >= 60


def _continuous(found: Coverage, _: LtotPolicy) -> bool:
    return any(end - start + 1 >= 90 and end >= found.day - YEAR for start, end in found.episodes(7))


def _cumulative(found: Coverage, _: LtotPolicy) -> bool:
    return found.supplied(found.day - YEAR + 1, found.day) >= 90


def current_episode(found: Coverage, longest_gap: int) -> tuple[int, int] | None:
    """The episode that lasts on `day`, or ended no longer ago than the gap."""
    episodes = found.episodes(longest_gap)
    if not episodes or found.day - episodes[-1][1] > longest_gap:
        return None
    return episodes[-1]


def held_between(found: Coverage, policy: LtotPolicy, first: int, last: int) -> bool:
    """Whether the policy's definition held on any day of a period.

    Covered days of a window are at their most when a span ends, so only those days and the last one are asked.
    """
    holds = DEFINITIONS[policy.definition].holds
    days = [end for _, end in found.spans if first <= end < last]
    return any(holds(found.until(day), policy) for day in (*days, last) if day >= first)


def _six_building_blocks(found: Coverage, policy: LtotPolicy) -> bool | None:
    """Also expected use counts, which only the clinician knows: short of 90 days the answer is open."""
    episode = current_episode(found, policy.lapse_days)
    if episode is None:
        return False
    return True if found.day - episode[0] + 1 >= 90 else None


def _washington(found: Coverage, policy: LtotPolicy) -> bool:
    episode = current_episode(found, policy.lapse_days)
    return episode is not None and found.day - episode[0] + 1 > 84


def _va(found: Coverage, _: LtotPolicy) -> bool:
    recent = found.covered(found.day - 89, found.day) > 0
    return recent and found.supplied(found.day - 179, found.day) >= 90


def _not_from_prescriptions(_: Coverage, __: LtotPolicy) -> None:
    return None


def _neprash(found: Coverage, _: LtotPolicy) -> bool:
    first = quarter_start(found.day)
    for _quarter_back in range(4):
        last = first - 1
        first = quarter_start(last)
        if found.supplied(first, last) <= 60:
            return False
    return True


def _three_fills(found: Coverage, _: LtotPolicy) -> bool:
    return found.count(found.day - YEAR + 1, found.day) >= 3


DEFINITIONS: Mapping[str, Definition] = {
    one.id: one
    for one in (
        Definition("D0", "default", "at least 70 of the last 90 days covered", 90, _default,
                   "Group Health / Kaiser; windows are a design choice"),
        Definition("D1", "CDC decision support", "at least 21 covered days in each of the last three 30-day blocks",
                   90, _cdc, "CDC opioid decision support guide"),
        Definition("D2", "CONSORT", "an episode over 90 days with at least 120 days' supply or 10 fills in a year",
                   2 * YEAR, _consort, "Von Korff 2008"),
        Definition("D3", "Bree chronic", "at least 60 days' summed supply in the calendar quarter", 92, _quarter,
                   "Washington Bree Collaborative"),
        Definition("D4", "CDC quality measures", "at least 60 days' supply in the quarter", 92, _quarter,
                   "CDC 2018 quality improvement measures (from memory)"),
        Definition("D5", "CMS460 basis", "at least 90 days without a gap of more than 7 days", YEAR + 90, _continuous,
                   "CMS460"),
        Definition("D6", "PQA cumulative", "at least 90 days' summed supply in a year", YEAR, _cumulative, "PQA"),
        Definition("D7", "Six Building Blocks policy", "regular opioids for, or expected for, 90 days or more", YEAR,
                   _six_building_blocks, "Six Building Blocks model policy"),
        Definition("D8", "Washington rules", "opioids for more than 12 weeks", YEAR, _washington,
                   "Washington Administrative Code"),
        Definition("D9", "VA", "at least 90 days' supply in 180 days and active in the last 90", 180, _va,
                   "VA definition (from memory, low confidence)"),
        Definition("D10", "HEDIS new use", "needs enrolment data", YEAR, _not_from_prescriptions, "HEDIS COU"),
        Definition("D11", "Neprash", "more than 60 days' supply in each of the last four full quarters", 2 * YEAR,
                   _neprash, "Neprash 2021"),
        Definition("D12", "fill count", "at least three fills in 12 months", YEAR, _three_fills,
                   "fill-count definitions of several studies"),
    )
}  # fmt: skip
