"""Evaluation: what follows from the facts under a policy, with the evidence for every part.

The shapes mirror the public JSON of one evaluation (docs/contracts.md).  All numbers are exact
until `as_json` writes them; comparisons never use rounded values.  They are `Struct`s, as an answer holds
many: a frozen dataclass takes several times as long to make.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from fractions import Fraction

from msgspec import Struct, field

from fhir_mappings.facts import Issue, Source


class Status(StrEnum):
    """What a care-gap rule found.  Never a boolean: not knowing is an answer."""

    MET = "met"
    DUE_SOON = "due_soon"
    OVERDUE = "overdue"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"
    EXCLUDED = "excluded"
    DEFERRED = "deferred"


class Colour(StrEnum):
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"
    GREY = "grey"


class LtotStatus(StrEnum):
    YES = "yes"
    NO = "no"
    CANNOT_TELL = "cannot_tell"


class Evidence(Struct, frozen=True):
    """One reason for a finding, in words, with the resources it rests on."""

    kind: str
    text: str
    refs: tuple[str, ...] = ()
    when: date | None = None


class Contribution(Struct, frozen=True):
    """What one order or fill adds to the MME of a day.

    mg_per_day: base drug per day (patches: mcg per hour worn).  mme = mg_per_day x factor.
    sig_max: MME if the label's maximum were taken.  arithmetic: the sum as printed on the panel.
    method: "quantity", "sig", "free_text" or "patch".
    """

    ref: str
    ingredient: str
    drug_name: str
    mg_per_day: Fraction
    unit: str
    factor: Fraction
    factor_source: str
    mme: Fraction
    sig_max: Fraction | None
    method: str
    arithmetic: str
    start: date | None = None
    end: date | None = None
    prescriber: str = ""
    prn: bool = False
    outside: bool = False
    peak: Fraction | None = None
    note: str = ""


class Uncounted(Struct, frozen=True):
    """An opioid that is present but cannot be counted.  reason is a public code, text says it in words."""

    ref: str
    ingredient: str
    drug_name: str
    reason: str
    text: str
    active: bool = True


class Mme(Struct, frozen=True):
    """The daily morphine milligram equivalents at `as_of` and over the window.

    current None: an opioid is present but nothing could be counted, or only drugs without a factor are.
    current 0: every opioid is known to have ended.  complete False: the number is a lower bound.  window_complete
    False: so are `avg_90` and `peak_90`, and `avg_on_therapy` is of the days and doses that could be counted.
    timeline: None where an opioid was, or may have been, in supply and nothing of it could be counted.
    """

    current: Fraction | None
    complete: bool
    sig_max: Fraction | None
    avg_90: Fraction | None
    avg_on_therapy: Fraction | None
    avg_supply: Fraction | None
    peak_90: Fraction | None
    own: Fraction | None
    outside: Fraction | None
    contributions: tuple[Contribution, ...] = ()
    uncounted: tuple[Uncounted, ...] = ()
    flags: tuple[str, ...] = ()
    timeline: tuple[tuple[date, Fraction | None], ...] = ()
    window_complete: bool = True


class Ltot(Struct, frozen=True):
    """Long-term opioid therapy by the policy's definition, and under the other presets side by side.

    confidence: points by reason, for the order of work lists only.
    """

    status: LtotStatus
    definition: str
    state: str
    since: date | None
    covered_days_90: int
    definitions: Mapping[str, bool | None] = field(default_factory=dict[str, bool | None])
    evidence: tuple[Evidence, ...] = ()
    uncovered_days: int | None = None
    new: bool | None = None
    confidence: tuple[tuple[str, int], ...] = ()


class Exclusion(Struct, frozen=True):
    kind: str
    text: str
    refs: tuple[str, ...]
    since: date | None


class Risk(Struct, frozen=True):
    tier: str
    reasons: tuple[str, ...] = ()


class Gap(Struct, frozen=True):
    """One care-gap rule applied to one patient.  text is the sentence the clinician reads first."""

    id: str
    name: str
    status: Status
    colour: Colour
    text: str
    rule: str
    source: str
    due: date | None = None
    last: date | None = None
    refs: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    safety: bool = False


class Element(Struct, frozen=True):
    """One tracked data element: value, date, source, or why it is unknown."""

    name: str
    value: str | None
    when: date | None = None
    ref: str | None = None
    unknown_because: str = ""


class Evaluation(Struct, frozen=True):
    """The whole answer for one patient on one day."""

    patient: str
    as_of: date
    versions: Mapping[str, str]
    ltot: Ltot
    mme: Mme
    exclusions: tuple[Exclusion, ...]
    risk: Risk
    gaps: tuple[Gap, ...]
    elements: Mapping[str, Element]
    overlaps: tuple[Evidence, ...]
    sources: tuple[Source, ...]
    issues: tuple[Issue, ...]
