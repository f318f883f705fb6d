"""Overlaps: days on which an opioid and a sedating drug were both in supply."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from app.clinical.evaluation import Evidence
from app.clinical.policy import Policy
from app.clinical.supply import Supply, supplies
from app.clinical.timeline import Timeline, lay_out
from app.clinical.words import counted, joined
from fhir_mappings.facts import DrugFact, Facts, Order

SEDATIVES = ("benzodiazepine", "z_drug", "barbiturate", "carisoprodol", "meprobamate", "oxybate")
LESS_SEDATING = ("gabapentinoid", "muscle_relaxant", "orexin_antagonist_hypnotic", "other_hypnotic")
_NOT_TAKEN_AT_HOME = frozenset({"injectable", "antidiarrhoeal"})
_IN_USE = frozenset({"active", "unknown", "on-hold", ""})


@dataclass(frozen=True, slots=True)
class Overlap:
    """One class of sedating drug beside the opioid.

    days: days with both in the window; None when a supply without known days may overlap.
    now: whether both may be in use on the day asked about.  outside: a part was prescribed elsewhere.
    """

    kind: str
    drugs: tuple[str, ...]
    days: int | None
    window_days: int
    first: date | None
    last: date | None
    refs: tuple[str, ...]
    now: bool
    outside: bool

    @property
    def sedative(self) -> bool:
        """Benzodiazepines and the like, as against gabapentinoids and muscle relaxants."""
        return self.kind in SEDATIVES

    @property
    def text(self) -> str:
        names = joined(self.drugs)
        elsewhere = ", in part prescribed elsewhere" if self.outside else ""
        if self.days is None:
            return f"{names} on the list, days of supply not known{elsewhere}"
        return f"{names} on {self.days} of the last {counted(self.window_days, 'day')}{elsewhere}"

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.kind, self.text, self.refs, self.last)


def sedating_class(drug: DrugFact) -> str | None:
    """The class a drug is listed under; carisoprodol apart from the other muscle relaxants."""
    if drug.ingredient == "carisoprodol":
        return "carisoprodol"
    return next((kind for kind in (*SEDATIVES, *LESS_SEDATING) if kind in drug.classes), None)


def taken_opioid(drug: DrugFact) -> bool:
    """Any opioid taken at home, whatever it is for."""
    return drug.is_opioid and drug.category not in _NOT_TAKEN_AT_HOME


def laid_out(facts: Facts, policy: Policy, as_of: date, wanted: Callable[[DrugFact], bool]) -> Timeline:
    """The supplies of the wanted drugs, early fills laid end to end."""
    return lay_out(supplies(facts, wanted, as_of.toordinal()), policy.ltot.carry_cap_days)


def overlaps(facts: Facts, policy: Policy, as_of: date) -> tuple[Overlap, ...]:
    """Every class of sedating drug in supply together with an opioid within the policy's look-back."""
    opioids = laid_out(facts, policy, as_of, taken_opioid)
    window = policy.number("G14", "lookback_days")
    days = range(as_of.toordinal() - window + 1, as_of.toordinal() + 1)
    opioid_days = _days(opioids.covering, days)
    open_opioid = bool(_open(opioids.unknown) or _reported(facts, taken_opioid))
    found = (
        _overlap(kind, facts, policy, as_of, days, opioid_days, open_opioid=open_opioid)
        for kind in (*SEDATIVES, *LESS_SEDATING)
    )
    return tuple(one for one in found if one is not None)


def _overlap(
    kind: str,
    facts: Facts,
    policy: Policy,
    as_of: date,
    days: range,
    opioid_days: frozenset[int],
    *,
    open_opioid: bool,
) -> Overlap | None:
    def wanted(drug: DrugFact) -> bool:
        return sedating_class(drug) == kind

    timeline = laid_out(facts, policy, as_of, wanted)
    known = [s for s in timeline.covering if _days([s], days)]
    together = sorted(_days(known, days) & opioid_days)
    undated = _open(timeline.unknown)
    reported = _reported(facts, wanted)
    may_overlap = (bool(undated or reported) and bool(opioid_days or open_opioid)) or (
        bool(known) and open_opioid
    )
    if not together and not may_overlap:
        return None
    part = [s for s in known if not together or _days([s], days) & opioid_days]
    drugs = [s.drug for s in (*part, *undated)] + [order.drug for order in reported]
    today = as_of.toordinal()
    return Overlap(
        kind=kind,
        drugs=tuple(sorted({drug.ingredient or drug.name for drug in drugs})),
        days=len(together) if together else None,
        window_days=len(days),
        first=date.fromordinal(together[0]) if together else None,
        last=date.fromordinal(together[-1]) if together else None,
        refs=tuple(sorted({s.ref for s in (*part, *undated)} | {order.ref for order in reported})),
        now=bool(together and together[-1] == today) or may_overlap,
        outside=any(s.outside for s in (*part, *undated)),
    )


def _days(found: Iterable[Supply], days: range) -> frozenset[int]:
    return frozenset(
        day for s in found for day in range(max(s.first, days.start), min(s.last, days.stop - 1) + 1)
    )


def _open(found: Iterable[Supply]) -> list[Supply]:
    """Supplies without known days that may still last."""
    return [s for s in found if not s.filled and s.status in _IN_USE]


def _reported(facts: Facts, wanted: Callable[[DrugFact], bool]) -> list[Order]:
    """Home medications as told: taken, but for how long nobody wrote down."""
    return [o for o in facts.orders if o.reported and o.status in {"active", ""} and wanted(o.drug)]
