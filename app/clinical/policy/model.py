"""The types of a policy.  The defaults are the default pack (app/policies/default.toml holds their sources)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from types import MappingProxyType

from app.clinical.policy.numbers import GAP_NUMBERS, GAPS_OFF

TIERS = ("low", "moderate", "high")
EXCLUSION_KINDS = ("cancer", "sickle_cell", "hospice", "palliative", "age")
DEFINITIONS = tuple(f"D{number}" for number in range(13))


class PolicyError(ValueError):
    """The policy text cannot be used; the message names the field and what it may be."""


@dataclass(frozen=True, slots=True)
class MmePolicy:
    """How MME is computed and read.

    factor_table: id of the factor table.  thresholds: MME per day drawn as marks, ascending; the first and last
    are the ones the dose rules use.  quantity_sig_tolerance: share by which quantity and directions may differ
    before both are shown.  stale_after_days: days after which a documented MME, or an active order whose supply
    cannot be dated, is no longer taken as current.  legacy_factors: whether drugs the table does not name may
    use the older table's factor (labelled as such).
    """

    factor_table: str = "cdc-2022"
    thresholds: tuple[int, ...] = (50, 90)
    quantity_sig_tolerance: Fraction = Fraction(1, 5)
    stale_after_days: int = 120
    legacy_factors: bool = True


@dataclass(frozen=True, slots=True)
class LtotPolicy:
    """Who is on long-term opioid therapy.  All in days.

    carry_cap_days: most stock carried over from early fills.  lapse_days, exit_days: uncovered days after which
    therapy counts as lapsed, as ended.  new_lookback_days: no LtOT within it makes LtOT new.
    not_ltot_days: how long a clinician's "not LtOT" holds; reask_days: further covered days that end it.
    """

    definition: str = "D0"
    min_covered_days: int = 70
    window_days: int = 90
    carry_cap_days: int = 30
    lapse_days: int = 30
    exit_days: int = 60
    new_lookback_days: int = 180
    not_ltot_days: int = 180
    reask_days: int = 28


@dataclass(frozen=True, slots=True)
class Interval:
    """Months between two doings of one activity, by risk tier; None: not asked for at that tier."""

    low: int | None
    moderate: int | None
    high: int | None

    def months(self, tier: str) -> int | None:
        """An unknown tier follows the moderate schedule."""
        if tier == "low":
            return self.low
        return self.high if tier == "high" else self.moderate


DEFAULT_INTERVALS: Mapping[str, Interval] = MappingProxyType({
    "visit": Interval(12, 6, 3),
    "pdmp": Interval(6, 3, 3),
    "udt": Interval(12, 6, 4),
    "agreement": Interval(12, 12, 12),
    "peg": Interval(3, 3, 3),
    "pill_count": Interval(None, None, 6),
    "ort": Interval(24, 24, 24),
    "phq": Interval(12, 12, 12),
    "gad7": Interval(12, 12, 12),
    "ptsd": Interval(12, 12, 12),
    "stop_bang": Interval(24, 24, 24),
    "substance_screen": Interval(12, 12, 12),
    "tier": Interval(12, 12, 12),
    "counselling": Interval(12, 12, 12),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class GapPolicy:
    """One care-gap rule: on or off, from which day, and its numbers (units in their names, else MME per day)."""

    enabled: bool = True
    from_date: date | None = None
    numbers: Mapping[str, int] = field(default_factory=lambda: MappingProxyType[str, int]({}))


def default_gaps() -> Mapping[str, GapPolicy]:
    """Every rule as the default pack has it."""
    rules = {gap: GapPolicy(gap not in GAPS_OFF, None, MappingProxyType(n)) for gap, n in GAP_NUMBERS.items()}
    return MappingProxyType(rules)


def _all_exclusions() -> Mapping[str, bool]:
    return MappingProxyType(dict.fromkeys(EXCLUSION_KINDS, True))


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything a clinic decided.  sources: by setting ("mme.thresholds"), where its value comes from."""

    id: str = "default"
    version: str = "1"
    title: str = ""
    mme: MmePolicy = MmePolicy()
    ltot: LtotPolicy = LtotPolicy()
    exclusions: Mapping[str, bool] = field(default_factory=_all_exclusions)
    intervals: Mapping[str, Interval] = field(default_factory=lambda: DEFAULT_INTERVALS)
    gaps: Mapping[str, GapPolicy] = field(default_factory=default_gaps)
    due_soon_days: int = 30
    grace_days: int = 90
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType[str, str]({}))

    def __hash__(self) -> int:
        """By name: policies are equal only when everything in them is."""
        return hash((self.id, self.version))

    @property
    def label(self) -> str:
        """Id and version as stamped on every evaluation: "default 1"."""
        return f"{self.id} {self.version}"

    def number(self, gap: str, name: str) -> int:
        """One number of one rule."""
        return self.gaps[gap].numbers[name]

    def source(self, setting: str, otherwise: str = "") -> str:
        """Where a setting's value comes from."""
        return self.sources.get(setting, otherwise)
