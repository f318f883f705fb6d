"""Overlaps: days on which an opioid and a sedating drug were both in supply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from app.clinical.episodes import Span, merged, shared
from app.clinical.evaluation import Evidence
from app.clinical.policy import Policy
from app.clinical.supply import Supply, supplies
from app.clinical.timeline import Timeline, lay_out
from app.clinical.words import counted, joined
from fhir_mappings.facts import DrugFact, Facts, Order

SEDATIVES = ("benzodiazepine", "z_drug", "barbiturate", "carisoprodol", "meprobamate", "oxybate")
LESS_SEDATING = ("gabapentinoid", "muscle_relaxant", "orexin_antagonist_hypnotic", "other_hypnotic")
_OPIOID = "opioid"
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


def whole_stock(facts: Facts, policy: Policy, as_of: date) -> Timeline:
    """Every tracked drug of the chart laid out once; rules take from it what concerns them."""
    found = supplies(facts, lambda drug: bool(drug.classes), as_of.toordinal())
    return lay_out(found, policy.ltot.carry_cap_days)


@dataclass(frozen=True, slots=True)
class _Use:
    """How one group of drugs is in use: on known days of the window, open-ended, or perhaps ended long ago."""

    spans: tuple[Span, ...] = ()
    known: tuple[Supply, ...] = ()
    open: tuple[Supply, ...] = ()
    stale: tuple[Supply, ...] = ()
    reported: tuple[Order, ...] = ()

    @property
    def present(self) -> bool:
        return bool(self.spans or self.open or self.reported)


def _groups(drug: DrugFact) -> tuple[str, ...]:
    """What a drug is here: an opioid taken at home, whatever it is for, a sedating drug, or both in one product.

    Carisoprodol is listed apart from the other muscle relaxants.
    """
    return _groups_of(drug.classes, drug.category, drug.ingredient == "carisoprodol")


@lru_cache(maxsize=1024)
def _groups_of(classes: frozenset[str], category: str, carisoprodol: bool) -> tuple[str, ...]:
    opioid = (_OPIOID,) if "opioid" in classes and category not in _NOT_TAKEN_AT_HOME else ()
    if carisoprodol:
        return (*opioid, "carisoprodol")
    return (*opioid, *[kind for kind in (*SEDATIVES, *LESS_SEDATING) if kind in classes][:1])


def _uses(facts: Facts, policy: Policy, stock: Timeline, window: Span) -> dict[str, _Use]:
    """The use of each group of which the chart names a drug."""
    supplied: dict[str, list[Supply]] = {}
    for supply in (*stock.covering, *stock.unknown):
        for group in _groups(supply.drug):
            supplied.setdefault(group, []).append(supply)
    reported: dict[str, list[Order]] = {}
    for order in facts.orders:
        if order.reported and order.status in {"active", ""}:
            for group in _groups(order.drug):
                reported.setdefault(group, []).append(order)
    oldest = window[1] - policy.mme.stale_after_days
    return {
        group: _use(supplied.get(group, []), reported.get(group, []), window, oldest)
        for group in supplied | reported
    }


def _use(found: Sequence[Supply], reported: Sequence[Order], window: Span, oldest: int) -> _Use:
    first, last = window
    lasting = [s for s in found if s.days is not None and s.first <= last and s.last >= first]
    known = tuple(lasting) if first <= last else ()
    undated = [s for s in found if s.days is None and not s.filled and s.status in _IN_USE]
    return _Use(
        spans=tuple(shared(merged((s.first, s.last) for s in known), [window])),
        known=known,
        open=tuple(s for s in undated if s.start > oldest),
        stale=tuple(s for s in undated if s.start <= oldest),
        reported=tuple(reported),
    )


def overlaps(facts: Facts, policy: Policy, as_of: date, stock: Timeline | None = None) -> tuple[Overlap, ...]:
    """Every class of sedating drug in supply together with an opioid within the policy's look-back."""
    days = policy.number("G14", "lookback_days")
    window = (as_of.toordinal() - days + 1, as_of.toordinal())
    uses = _uses(facts, policy, stock or whole_stock(facts, policy, as_of), window)
    opioid = uses.get(_OPIOID)
    if opioid is None or not (opioid.present or opioid.stale):
        return ()
    found = (
        _overlap(kind, opioid, uses[kind], window) for kind in (*SEDATIVES, *LESS_SEDATING) if kind in uses
    )
    return tuple(one for one in found if one is not None)


def _overlap(kind: str, opioid: _Use, drug: _Use, window: Span) -> Overlap | None:
    together = shared(drug.spans, opioid.spans)
    undated, opioid_undated = bool(drug.open or drug.reported), bool(opioid.open or opioid.reported)
    may = (undated and opioid.present) or (drug.present and opioid_undated)
    doubtful = bool(drug.stale) or (drug.present and bool(opioid.stale))
    if not together and not may and not doubtful:
        return None
    part = [s for s in drug.known if not together or shared([(s.first, s.last)], opioid.spans)]
    sources = (*part, *drug.open, *drug.stale)
    drugs = [item.drug for item in (*sources, *drug.reported)]
    return Overlap(
        kind=kind,
        drugs=tuple(sorted({one.ingredient or one.name for one in drugs})),
        days=sum(last - first + 1 for first, last in together) or None,
        window_days=window[1] - window[0] + 1,
        first=date.fromordinal(together[0][0]) if together else None,
        last=date.fromordinal(together[-1][1]) if together else None,
        refs=tuple(sorted({s.ref for s in sources} | {order.ref for order in drug.reported})),
        now=bool(together and together[-1][1] == window[1]) or may,
        doubtful=doubtful,
        outside=any(s.outside for s in sources),
    )
