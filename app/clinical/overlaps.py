"""Overlaps: days on which an opioid and a sedating drug were both in supply."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache
from operator import attrgetter
from typing import TypeVar

from msgspec import Struct

from app.clinical.episodes import Span, merged, shared
from app.clinical.evaluation import Evidence
from app.clinical.lasting import USUAL_SUPPLY
from app.clinical.policy import Policy
from app.clinical.supply import COUNTED_FILLS, Supply, supplies
from app.clinical.timeline import Timeline, lay_out
from app.clinical.words import counted, joined
from fhir_mappings.facts import Facts, Fill, Order

SEDATIVES = ("benzodiazepine", "z_drug", "barbiturate", "carisoprodol", "meprobamate", "oxybate")
LESS_SEDATING = ("gabapentinoid", "muscle_relaxant", "orexin_antagonist_hypnotic", "other_hypnotic")
_KINDS = (*SEDATIVES, *LESS_SEDATING)
_OPIOID = "opioid"
_NOT_TAKEN_AT_HOME = frozenset({"injectable", "antidiarrhoeal"})
_IN_USE = frozenset({"active", "unknown", "on-hold", ""})
_Prescribed = TypeVar("_Prescribed", Supply, Order, Fill)


class Overlap(Struct, frozen=True):
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
    found = supplies(facts, attrgetter("classes"), as_of.toordinal())
    return lay_out(found, policy.ltot.carry_cap_days)


class _Use(Struct, frozen=True):
    """How one group of drugs is in use: on known days of the window, open-ended, or perhaps ended long ago."""

    spans: tuple[Span, ...] = ()
    known: tuple[Supply, ...] = ()
    open: tuple[Supply, ...] = ()
    stale: tuple[Supply | Fill, ...] = ()
    reported: tuple[Order, ...] = ()

    @property
    def present(self) -> bool:
        return bool(self.spans or self.open or self.reported)

    def present_on(self, day: int) -> bool:
        return bool(self.open or self.reported or (self.spans and self.spans[-1][1] == day))


@lru_cache(maxsize=1024)
def _groups(classes: frozenset[str], category: str, ingredient: str | None) -> tuple[str, ...]:
    """What a drug is here: an opioid taken at home, whatever it is for, a sedating drug, or both in one product.

    Carisoprodol is listed apart from the other muscle relaxants.
    """
    opioid = (_OPIOID,) if "opioid" in classes and category not in _NOT_TAKEN_AT_HOME else ()
    if ingredient == "carisoprodol":
        return (*opioid, "carisoprodol")
    return (*opioid, *[kind for kind in _KINDS if kind in classes][:1])


def _uses(facts: Facts, policy: Policy, stock: Timeline, window: Span) -> dict[str, _Use]:
    """The use of each group of which the chart names a drug that may be in use."""
    first, last = window
    lasting = [s for s in stock.covering if first <= last and s.first <= last and s.last >= first]
    oldest = last - policy.mme.stale_after_days
    undated = [s for s in stock.unknown if _may_last(s, oldest, last)]
    reported = [o for o in facts.orders if o.reported and o.status in _IN_USE]
    without_date = [
        f for f in facts.fills if f.when is None and f.order is None and f.status in COUNTED_FILLS
    ]
    known_by, undated_by, reported_by = _by_group(lasting), _by_group(undated), _by_group(reported)
    without_date_by = _by_group(without_date)
    return {
        group: _Use(
            spans=tuple(shared(merged([(s.first, s.last) for s in known_by.get(group, ())]), [window])),
            known=tuple(known_by.get(group, ())),
            open=tuple([s for s in undated_by.get(group, ()) if s.start > oldest and s.status in _IN_USE]),
            stale=(
                *[s for s in undated_by.get(group, ()) if s.start <= oldest or s.status not in _IN_USE],
                *without_date_by.get(group, ()),
            ),
            reported=tuple(reported_by.get(group, ())),
        )
        for group in known_by | undated_by | reported_by | without_date_by
    }


def _may_last(supply: Supply, oldest: int, day: int) -> bool:
    """Whether a supply of unknown length may last to the day: an order in use, a fill not yet stale, one just done."""
    if supply.filled:
        return supply.start > oldest or supply.status in {"active", "on-hold"}
    return supply.status in _IN_USE or (supply.status == "completed" and supply.start > day - USUAL_SUPPLY)


def _by_group(found: Iterable[_Prescribed]) -> dict[str, list[_Prescribed]]:
    groups: dict[str, list[_Prescribed]] = {}
    for one in found:
        for group in _groups(one.drug.classes, one.drug.category, one.drug.ingredient):
            groups.setdefault(group, []).append(one)
    return groups


def overlaps(facts: Facts, policy: Policy, as_of: date, stock: Timeline | None = None) -> tuple[Overlap, ...]:
    """Every class of sedating drug in supply together with an opioid within the policy's look-back."""
    days = policy.number("G14", "lookback_days")
    window = (as_of.toordinal() - days + 1, as_of.toordinal())
    uses = _uses(facts, policy, stock or whole_stock(facts, policy, as_of), window)
    opioid = uses.get(_OPIOID)
    if opioid is None or not (opioid.present or opioid.stale):
        return ()
    found = [_overlap(kind, opioid, uses[kind], window) for kind in _KINDS if kind in uses]
    return tuple([one for one in found if one is not None])


def _overlap(kind: str, opioid: _Use, drug: _Use, window: Span) -> Overlap | None:
    together = shared(drug.spans, opioid.spans)
    undated, opioid_undated = bool(drug.open or drug.reported), bool(opioid.open or opioid.reported)
    may = (undated and opioid.present) or (drug.present and opioid_undated)
    doubtful = bool(drug.stale) or (drug.present and bool(opioid.stale))
    if not together and not may and not doubtful:
        return None
    seen = together or ([] if undated else drug.spans)
    part = [s for s in drug.known if not together or _meets(s, opioid.spans)]
    sources = (*part, *drug.open, *drug.stale)
    drugs = [item.drug for item in (*sources, *drug.reported)]
    return Overlap(
        kind=kind,
        drugs=tuple(sorted({one.ingredient or one.name for one in drugs})),
        days=sum(last - first + 1 for first, last in together) or None,
        window_days=window[1] - window[0] + 1,
        first=date.fromordinal(together[0][0]) if together else None,
        last=date.fromordinal(seen[-1][1]) if seen else None,
        refs=tuple(sorted({s.ref for s in sources} | {order.ref for order in drug.reported})),
        now=drug.present_on(window[1]) and opioid.present_on(window[1]),
        doubtful=doubtful,
        outside=any(s.outside for s in sources),
    )


def _meets(supply: Supply, spans: Sequence[Span]) -> bool:
    return any(supply.first <= last and supply.last >= first for first, last in spans)
