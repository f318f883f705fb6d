"""Records: what a clinician or data lead wrote down about a patient outside the chart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from operator import attrgetter


class RecordKind(StrEnum):
    """joined: on the list since `on`.  review: the finding of `gap` was looked at and a plan noted.
    deferral: `gap` is put off until `until`.  interval: this patient's own months for `gap`, up to `until`.
    tier: a clinician confirmed the risk tier.  declined: the patient declined what `gap` asks for."""

    JOINED = "joined"
    REVIEW = "review"
    DEFERRAL = "deferral"
    INTERVAL = "interval"
    TIER = "tier"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Record:
    """One entry.

    until: last day a deferral or an interval holds.  months: of an individual interval.  tier: as confirmed.
    """

    on: date
    kind: RecordKind
    gap: str = ""
    until: date | None = None
    months: int | None = None
    tier: str = ""
    text: str = ""
    author: str = ""

    @property
    def ref(self) -> str:
        """How evidence names it."""
        return f"record:{self.kind}{':' + self.gap if self.gap else ''}:{self.on.isoformat()}"

    @property
    def place(self) -> tuple[object, ...]:
        """Where it stands among others, oldest first: the same in any order of input, whatever is left open."""
        until, months = self.until or date.min, self.months or 0
        return self.on, self.kind, self.gap, until, months, self.tier, self.text, self.author


BY_PLACE = attrgetter("place")
