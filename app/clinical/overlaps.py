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
    now: whether both may be in use on the day asked about.  doubtful: an active order without known days is so old
    that it may have ended.  outside: a part was prescribed elsewhere.
    """

    kind: str
    drugs: tuple[str, ...]
    days: int | None
    window_days: int
    first: date | None
    last: date | None
    refs: tuple[str, ...]
    now: bool
    doubtful: bool
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


def whole_stock(facts: Facts, policy: Policy, as_of: date) -> Timeline:
    """Every tracked drug of the chart laid out once; rules take from it what concerns them."""
    return laid_out(facts, policy, as_of, lambda drug: bool(drug.classes))


def laid_out(
    facts: Facts,
    policy: Policy,
    as_of: date,
    wanted: Callable[[DrugFact], bool],
    stock: Timeline | None = None,
) -> Timeline:
    """The supplies of the wanted drugs, early fills laid end to end; taken from `stock` where that is at hand."""
    if stock is not None:
        return stock.only(wanted)
    return lay_out(supplies(facts, wanted, as_of.toordinal()), policy.ltot.carry_cap_days)


@dataclass(frozen=True, slots=True)
class _Use:
    """How one group of drugs is in use: on known days, open-ended, or perhaps ended long ago."""

    days: frozenset[int]
    known: tuple[Supply, ...]
    open: tuple[Supply, ...]
    stale: tuple[Supply, ...]
    reported: tuple[Order, ...]

    @property
    def present(self) -> bool:
        return bool(self.days or self.open or self.reported)


def _use(
    facts: Facts,
    policy: Policy,
    stock: Timeline,
    as_of: date,
    days: range,
    wanted: Callable[[DrugFact], bool],
) -> _Use:
    timeline = stock.only(wanted)
    undated = [s for s in timeline.unknown if not s.filled and s.status in _IN_USE]
    oldest = as_of.toordinal() - policy.mme.stale_after_days
    reported = tuple(o for o in facts.orders if o.reported and o.status in {"active", ""} and wanted(o.drug))
    return _Use(
        days=_days(timeline.covering, days),
        known=tuple(s for s in timeline.covering if _days([s], days)),
        open=tuple(s for s in undated if s.start > oldest),
        stale=tuple(s for s in undated if s.start <= oldest),
        reported=reported,
    )


def overlaps(facts: Facts, policy: Policy, as_of: date, stock: Timeline | None = None) -> tuple[Overlap, ...]:
    """Every class of sedating drug in supply together with an opioid within the policy's look-back."""
    window = policy.number("G14", "lookback_days")
    days = range(as_of.toordinal() - window + 1, as_of.toordinal() + 1)
    stock = stock or whole_stock(facts, policy, as_of)
    opioid = _use(facts, policy, stock, as_of, days, taken_opioid)
    if not opioid.present and not opioid.stale:
        return ()
    found: list[Overlap] = []
    for kind in (*SEDATIVES, *LESS_SEDATING):
        drug = _use(facts, policy, stock, as_of, days, lambda drug, kind=kind: sedating_class(drug) == kind)
        one = _overlap(kind, opioid, drug, days)
        found += [one] if one is not None else []
    return tuple(found)


def _overlap(kind: str, opioid: _Use, drug: _Use, days: range) -> Overlap | None:
    together = sorted(drug.days & opioid.days)
    undated, opioid_undated = bool(drug.open or drug.reported), bool(opioid.open or opioid.reported)
    may = (undated and opioid.present) or (drug.present and opioid_undated)
    doubtful = bool(drug.stale) or (drug.present and bool(opioid.stale))
    if not together and not may and not doubtful:
        return None
    part = [s for s in drug.known if not together or _days([s], days) & opioid.days]
    sources = (*part, *drug.open, *drug.stale)
    return Overlap(
        kind=kind,
        drugs=tuple(
            sorted(
                {
                    d.ingredient or d.name
                    for d in (*(s.drug for s in sources), *(o.drug for o in drug.reported))
                }
            )
        ),
        days=len(together) if together else None,
        window_days=len(days),
        first=date.fromordinal(together[0]) if together else None,
        last=date.fromordinal(together[-1]) if together else None,
        refs=tuple(sorted({s.ref for s in sources} | {order.ref for order in drug.reported})),
        now=bool(together and together[-1] == days.stop - 1) or may,
        doubtful=doubtful,
        outside=any(s.outside for s in sources),
    )


def _days(found: Iterable[Supply], days: range) -> frozenset[int]:
    return frozenset(
        day for s in found for day in range(max(s.first, days.start), min(s.last, days.stop - 1) + 1)
    )
