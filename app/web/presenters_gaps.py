"""Care gaps as rows: overdue, cannot tell, due soon; what is met is folded away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from app.clinical.evaluation import Gap, Status
from app.clinical.explain import gap_lines
from app.clinical.words import counted, day
from app.web.views import Finding, GapGroups, RecordLink, Tone, Why
from app.web.wording import phrase, reasons, sentence

_LOOKS = {
    Status.OVERDUE: (Tone.OVERDUE, "Overdue"),
    Status.UNKNOWN: (Tone.UNKNOWN, "Cannot tell"),
    Status.DUE_SOON: (Tone.WARNING, "Due soon"),
    Status.MET: (Tone.OK, "Up to date"),
    Status.DEFERRED: (Tone.INFO, "Deferred"),
    Status.EXCLUDED: (Tone.INFO, "Excluded"),
    Status.NOT_APPLICABLE: (Tone.INFO, "Does not apply"),
}
OPEN = (Status.OVERDUE, Status.UNKNOWN, Status.DUE_SOON)
_COUNTED = {"Needs a look": "to look at"}
_UNKNOWN_ROWS = 4
_SET_APART = (Status.DEFERRED, Status.EXCLUDED, Status.NOT_APPLICABLE)


def gap_groups(gaps: tuple[Gap, ...], links: Mapping[str, RecordLink] = MappingProxyType({})) -> GapGroups:
    """The gaps in reading order, safety items first within each status.  links: what can be recorded, by gap.

    More than four findings that cannot be told, and are no safety items, share one line.
    """
    crowd = [gap for gap in gaps if gap.status is Status.UNKNOWN and not gap.safety]
    folded = tuple(crowd) if len(crowd) > _UNKNOWN_ROWS else ()
    return GapGroups(
        open_count=sum(gap.status in OPEN for gap in gaps),
        needs_action=_rows(tuple(gap for gap in gaps if gap not in folded), OPEN, links),
        cannot_tell=_rows(folded, OPEN, links),
        tally=tally(gaps),
        up_to_date=_rows(gaps, (Status.MET,), {}),
        set_apart=_rows(gaps, _SET_APART, {}),
    )


def tally(gaps: tuple[Gap, ...]) -> str:
    """How many items need action, by status: "3 items need action: 2 overdue, 1 cannot tell."."""
    words = Counter(_word(gap) for status in OPEN for gap in gaps if gap.status is status)
    total = words.total()
    if not total:
        return "No item needs action."
    parts = ", ".join(f"{number} {_COUNTED.get(word, word.lower())}" for word, number in words.items())
    return f"{counted(total, 'item')} {'needs' if total == 1 else 'need'} action: {parts}."


def _word(gap: Gap) -> str:
    """A yellow item without a date is not due; somebody has to look at it."""
    return _LOOKS[gap.status][1] if gap.status is not Status.DUE_SOON or gap.due else "Needs a look"


def _rows(
    gaps: tuple[Gap, ...], statuses: tuple[Status, ...], links: Mapping[str, RecordLink]
) -> tuple[Finding, ...]:
    chosen = [gap for gap in gaps if gap.status in statuses]
    chosen.sort(
        key=lambda gap: (statuses.index(gap.status), not gap.safety, gap.due is None, gap.due, gap.id)
    )
    return tuple(_row(gap, links.get(gap.id)) for gap in chosen)


def _row(gap: Gap, link: RecordLink | None) -> Finding:
    tone, _ = _LOOKS[gap.status]
    title = phrase(gap.name)
    return Finding(tone, _word(gap), title, sentence(gap.text), _dates(gap), _why(gap, title), link)


def _dates(gap: Gap) -> str:
    parts = []
    if gap.last and day(gap.last) not in gap.text:
        parts.append(f"last {day(gap.last)}")
    if gap.due and gap.status in (Status.DUE_SOON, Status.MET, Status.DEFERRED):
        parts.append(f"due {day(gap.due)}")
    elif gap.due and gap.status is Status.OVERDUE:
        parts.append(f"was due {day(gap.due)}")
    return " · ".join(parts)


def _why(gap: Gap, title: str) -> Why:
    """A rule that does not concern the patient says so in its row and has nothing to open."""
    if gap.status is Status.NOT_APPLICABLE:
        return Why(title)
    return Why(f"{title} ({gap.id})", reasons(gap_lines(gap)))
