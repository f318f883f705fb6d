"""What the panel's templates receive: words, shapes and coordinates, nothing left to decide."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """How a finding looks: each tone is a shape and a colour, and a word always stands beside them."""

    OVERDUE = "overdue"
    WARNING = "warning"
    OK = "ok"
    INFO = "info"
    UNKNOWN = "unknown"

    @property
    def shape(self) -> str:
        return _SHAPES[self]


_SHAPES = {Tone.OVERDUE: "●", Tone.WARNING: "◆", Tone.OK: "✓", Tone.INFO: "■", Tone.UNKNOWN: "?"}


@dataclass(frozen=True, slots=True)
class Banner:
    """Whose chart this is.  full: the EHR shows no banner of its own, so the whole record number is given."""

    name: str
    born: str
    sex: str
    mrn: str
    deceased: bool = False
    full: bool = False


@dataclass(frozen=True, slots=True)
class Why:
    """The text that opens in place under a finding; `about` names the finding for screen readers."""

    about: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordPart:
    """One form of an item.

    answers: buttons as (value sent, word).  scores: numbers asked for, as (name, label, highest).  delegate: asks for
    whom one looked.
    """

    answers: tuple[tuple[str, str], ...]
    scores: tuple[tuple[str, str, int], ...] = ()
    delegate: bool = False


@dataclass(frozen=True, slots=True)
class RecordForm:
    """What can be recorded about one item, in forms that need no script.

    reasons: for putting the item off, (); months: for how long.  intervals: months between two for this person alone,
    (); holds: for how many months that may be set.
    """

    about: str
    gap: str
    today: str
    parts: tuple[RecordPart, ...] = ()
    reasons: tuple[str, ...] = ()
    months: tuple[int, ...] = ()
    intervals: tuple[int, ...] = ()
    holds: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordLink:
    """Opens the form of one item.  key: names it in addresses; query: what else the address has to say.

    form: the form itself, on a page that was asked for with this item's form open.
    """

    key: str
    about: str
    word: str = "Record"
    query: str = ""
    form: RecordForm | None = None


@dataclass(frozen=True, slots=True)
class RecordedRow:
    """One entry made in a visit.  state: of writing it to the EHR, "" where nothing is to be said."""

    id: str
    text: str
    by: str
    state: str = ""
    retry: bool = False
    withdraw: bool = False


@dataclass(frozen=True, slots=True)
class DoseLine:
    """One order or fill of the sum, with its arithmetic; mme is what the eye adds up."""

    text: str
    mme: str


@dataclass(frozen=True, slots=True)
class Bar:
    """The number against its marks, in hundredths of the bar's width."""

    value: str
    marks: tuple[tuple[str, str], ...]
    open_ended: bool
    description: str


@dataclass(frozen=True, slots=True)
class Answer:
    """On long-term opioid therapy or not, first thing on the panel."""

    tone: Tone
    headline: str
    detail: str
    why: Why
    record: RecordLink | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """The daily MME.  uncounted stands beside the headline with equal weight, never in a footnote.

    caveats: those of the notes without which the number misleads.
    """

    tone: Tone
    headline: str
    notes: tuple[str, ...]
    caveats: tuple[str, ...]
    uncounted: tuple[str, ...]
    uncounted_orders: int
    bar: Bar | None
    lines: tuple[DoseLine, ...]
    total: str
    why: Why


@dataclass(frozen=True, slots=True)
class Finding:
    """A care gap or an overlap as one row."""

    tone: Tone
    word: str
    title: str
    text: str
    dates: str
    why: Why
    record: RecordLink | None = None


@dataclass(frozen=True, slots=True)
class GapGroups:
    """Care gaps in the order in which they are read.

    cannot_tell: findings that would crowd out what is overdue; folded into one line that names each of them.
    """

    open_count: int
    needs_action: tuple[Finding, ...]
    cannot_tell: tuple[Finding, ...]
    tally: str
    up_to_date: tuple[Finding, ...]
    set_apart: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that limits what the panel can say; retry: reading again may help."""

    tone: Tone
    text: str
    retry: bool = False


@dataclass(frozen=True, slots=True)
class Period:
    """One row of the chart's table: a span of days with one MME."""

    start: str
    end: str
    mme: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A step chart in a fixed coordinate system, and the same content as rows."""

    months: int
    width: int
    height: int
    left: int
    base: int
    area: str
    line: str
    unknown: tuple[tuple[str, str], ...]
    levels: tuple[tuple[str, str, bool], ...]
    ticks: tuple[tuple[str, str], ...]
    description: str
    periods: tuple[Period, ...]


@dataclass(frozen=True, slots=True)
class SourceRow:
    name: str
    read: str
    tone: Tone
    state: str


@dataclass(frozen=True, slots=True)
class Sources:
    """What was read, when, what failed and what is not included."""

    summary: str
    rows: tuple[SourceRow, ...]
    not_included: tuple[str, ...]
    issues: tuple[str, ...]
    issue_count: int


@dataclass(frozen=True, slots=True)
class ElementRow:
    name: str
    value: str
    detail: str


@dataclass(frozen=True, slots=True)
class PanelView:
    """The whole panel, ready for the templates."""

    banner: Banner
    answer: Answer
    number: Number
    notices: tuple[Notice, ...]
    gaps: GapGroups
    overlaps: tuple[Finding, ...]
    risk: Finding
    charts: tuple[Chart, ...]
    elements: tuple[ElementRow, ...]
    sources: Sources
    recorded: tuple[RecordedRow, ...]
    versions: str
    as_of: str
    read_at: str
    printed: str
    announcement: str
    summary: str
