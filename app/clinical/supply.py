"""Supply: which days one order or fill covers, before refills are laid end to end.

Evidence in order of strength: a fill, else the order it belongs to.  Days are proleptic ordinals here (date.toordinal),
because intervals are added and compared far more often than they are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from fractions import Fraction
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from app.clinical.lasting import LONGEST_BOUNDS, longest_days, supply_days
from fhir_mappings.facts import DrugFact, Facts, Fill, Order, Sig

DUPLICATE_DAYS = 3
_COUNTED_INTENTS = frozenset(
    {"order", "original-order", "instance-order", "reflex-order", "filler-order", ""}
)
_COUNTED_STATUS = frozenset({"active", "on-hold", "completed", "stopped", "ended", "unknown", ""})
COUNTED_FILLS = frozenset({"completed", "in-progress", "unknown", ""})
_ENDED = frozenset({"stopped", "ended"})
_ALSO_SUPPLIES = frozenset({"MedicationDispense", "MedicationStatement"})
MAY_LAST = frozenset({"active", "on-hold", "unknown", ""})
_REFILLED = frozenset({"active", "unknown", ""})


class Supply(Struct, frozen=True):
    """What one order or fill supplies.  A `Struct`, as a chart has many: a frozen dataclass takes far longer to make.

    start: first day as written.  days: number of days, None when the chart does not tell.  first, last: the days it
    covers after early refills were laid end to end (equal to start and its end until then).
    recorded_days, quantity: as recorded, never imputed.  assumed_refills: refills counted without a fill.
    longest: the last day it can last, at the least use its directions allow, where its days are worked out from the
    greatest use, or where no day of its beginning is stated; the end of bounds too long for one supply.
    undated: without a date, taken to begin on the day asked.  to_fill_by: `ends_by` is the last day on which it may be
    filled, not the last on which it may be taken.
    """

    ref: str
    drug: DrugFact
    start: int
    days: int | None
    first: int
    last: int
    sigs: tuple[Sig, ...]
    quantity: Fraction | None
    quantity_unit: str
    recorded_days: Fraction | None
    status: str
    prescriber: str
    order: str | None
    filled: bool = False
    replaces: str | None = None
    outside: bool = False
    for_oud: bool | None = None
    for_pain: bool = False
    assumed_refills: int = 0
    ends_by: int | None = None
    longest: int | None = None
    undated: bool = False
    to_fill_by: bool = False

    @property
    def known(self) -> bool:
        return self.days is not None

    def covers(self, day: int) -> bool:
        return self.days is not None and self.first <= day <= self.last


BY_START = attrgetter("start", "ref")


def all_read(facts: Facts) -> bool:
    """Whether no supply can be missing: orders were read completely, and so were fills where the site has them."""
    return facts.source("MedicationRequest").complete and facts.partial.isdisjoint(_ALSO_SUPPLIES)


def supplies(facts: Facts, wanted: Callable[[DrugFact], object], as_of: int) -> list[Supply]:
    """The supplies of all drugs `wanted`, in no order; nothing that starts after `as_of`.

    Cancelled, draft, planned, reported, inpatient and entered-in-error resources supply nothing.  An active order
    without any date stands for an unknown supply that may last today.
    """
    orders = _without_repeats(
        [
            o
            for o in facts.orders
            if wanted(o.drug) and prescribed(o) and (o.start is not None or o.status in MAY_LAST)
        ]
    )
    today = date.fromordinal(as_of)
    fills = [
        fill
        for fill in facts.fills
        if wanted(fill.drug) and fill.when is not None and fill.when <= today and fill.status in COUNTED_FILLS
    ]
    if not orders and not fills:
        return []
    if fills:
        not_home = {o.ref for o in facts.orders if o.setting != "outpatient" or o.do_not_perform}
        fills = _without_repeated_fills(f for f in fills if f.taken_home or f.order not in not_home)
    by_ref = {order.ref: order for order in orders}
    links = _links(orders, fills)
    linked = set(links.values())
    found = [_of_fill(fill, by_ref.get(links.get(fill.ref, ""))) for fill in fills]
    found += [_of_order(order, as_of) for order in orders if order.ref not in linked]
    return [supply for supply in found if supply.start <= as_of]


def prescribed(order: Order, setting: str = "outpatient") -> bool:
    """A prescription that may have supplied something outside hospital."""
    return (
        order.setting == setting
        and order.status in _COUNTED_STATUS
        and order.intent in _COUNTED_INTENTS
        and not order.reported
        and not order.do_not_perform
    )


def other_product(one: DrugFact, other: DrugFact) -> bool:
    """Whether both are known to hold something else besides the opioid: oxycodone alone, and with acetaminophen."""
    return one.beside is not None and other.beside is not None and one.beside != other.beside


def _same_drug(one: DrugFact, other: DrugFact) -> bool:
    """Ingredient, strength and release; products known by their NDC only do not tell the release."""
    same_release = one.release == other.release or not one.release or not other.release
    same_strength = one.strength == other.strength and one.strength_unit == other.strength_unit
    same = one.ingredient == other.ingredient and same_strength and same_release
    return same and not other_product(one, other)


def _without_repeats(orders: Iterable[Order]) -> list[Order]:
    """Some EHRs send one prescription twice (as original-order and order): alike in everything, it counts once."""
    same_day: dict[tuple[str | None, str, date | None], list[Order]] = {}
    for order in orders:
        drug = order.drug
        name = drug.name if drug.strength is None else ""
        same_day.setdefault((drug.ingredient, name, order.start), []).append(order)
    kept: list[Order] = []
    for group in same_day.values():
        kept += group if len(group) == 1 else _distinct(group)
    return kept


def _distinct(orders: Iterable[Order]) -> Iterable[Order]:
    seen: dict[tuple[object, ...], Order] = {}
    alike = sorted(orders, key=lambda o: (o.intent != "order", o.ref))
    told = all(order.drug.beside is not None for order in alike)
    for order in alike:
        drug = order.drug
        key = (
            drug.strength, drug.release, drug.beside if told else None, order.quantity, order.supply_days,
            order.sigs, order.sig_text, order.prescriber, order.status,
        )  # fmt: skip
        seen.setdefault(key, order)
    return seen.values()


def _without_repeated_fills(fills: Iterable[Fill]) -> list[Fill]:
    """One fill seen by the EHR and by the PDMP counts once: same drug and quantity, at most three days apart."""
    kept: list[Fill] = []
    by_ref = {fill.ref: fill for fill in fills}
    for fill in sorted(by_ref.values(), key=lambda f: (from_pdmp(f), f.when or date.min, f.ref)):
        twin = any(
            from_pdmp(other) != from_pdmp(fill)
            and _same_drug(other.drug, fill.drug)
            and other.quantity == fill.quantity
            and _near(other.when, fill.when)
            for other in kept
        )
        if not twin:
            kept.append(fill)
    return kept


def from_pdmp(fill: Fill) -> bool:
    """A row of a prescription monitoring programme rather than of this EHR."""
    return not fill.ref.startswith("MedicationDispense/") or fill.outside


def _near(one: date | None, other: date | None) -> bool:
    return one is not None and other is not None and abs((one - other).days) <= DUPLICATE_DAYS


def _links(orders: Sequence[Order], fills: Iterable[Fill]) -> dict[str, str]:
    """Which order each fill fills: as the fill says, else the order it repeats."""
    known = {order.ref for order in orders}
    links: dict[str, str] = {}
    for fill in fills:
        if fill.order is not None and fill.order in known:
            links[fill.ref] = fill.order
            continue
        for order in sorted(orders, key=lambda o: o.ref):
            same_prescriber = (
                not fill.prescriber or not order.prescriber or fill.prescriber == order.prescriber
            )
            if (
                same_prescriber
                and _same_drug(order.drug, fill.drug)
                and order.quantity == fill.quantity
                and _near(order.start, fill.when)
            ):
                links[fill.ref] = order.ref
                break
    return links


def _of_fill(fill: Fill, order: Order | None) -> Supply:
    start = fill.when.toordinal() if fill.when else 0
    sigs = fill.sigs or (order.sigs if order else ())
    quantity = fill.quantity
    recorded = fill.supply_days
    days = supply_days(fill.drug, recorded, quantity, fill.quantity_unit, sigs)
    partial = (
        order is not None
        and order.quantity is not None
        and quantity is not None
        and quantity < order.quantity
    )
    told = recorded is not None
    if days is None and order is not None and not partial and order.supply_days is not None:
        days = int(order.supply_days)
        told = True
    return Supply(
        ref=fill.ref,
        drug=fill.drug if fill.drug.strength is not None or order is None else order.drug,
        start=start,
        days=days,
        first=start,
        last=start + (days or 0) - 1,
        sigs=sigs,
        quantity=quantity,
        quantity_unit=fill.quantity_unit,
        recorded_days=recorded,
        status=order.status if order else "unknown",
        prescriber=fill.prescriber or (order.prescriber if order else ""),
        order=order.ref if order else fill.order,
        filled=True,
        replaces=order.replaces if order else None,
        outside=fill.outside and order is None,
        for_oud=order.for_oud if order else None,
        for_pain=order.for_pain if order else False,
        longest=None
        if days is None or told
        else _at_least_use(start, days, longest_days(fill.drug, quantity, fill.quantity_unit, sigs)),
    )


def _at_least_use(start: int, days: int, longest: int | None, fills: int = 1) -> int | None:
    """The last day of so many fills at the least use, where that is later than at the greatest."""
    return start + longest * fills - 1 if longest is not None and longest * fills > days else None


def _of_order(order: Order, as_of: int) -> Supply:
    """Without a fill the order is taken as filled on its first day, with every refill while it is active."""
    start = order.start.toordinal() if order.start else as_of
    drug, sigs, quantity, unit = order.drug, order.sigs, order.quantity, order.quantity_unit
    one = supply_days(drug, order.supply_days, quantity, unit, sigs) if order.start else None
    ends_by = order.end.toordinal() if order.end is not None else None
    bounds = ends_by if order.end_basis in {"bounds", "text"} else None
    if one is None and bounds is not None and 0 <= bounds - start < LONGEST_BOUNDS:
        one = bounds - start + 1
    refills = order.refills_allowed or 0 if one is not None and order.status in _REFILLED else 0
    days = one * (1 + refills) if one is not None else None
    last = start + (days or 0) - 1
    if bounds is not None:
        last = min(last, bounds)
    longest = bounds if days is None else None
    if days is not None and order.supply_days is None:
        longest = _at_least_use(start, days, longest_days(drug, quantity, unit, sigs), 1 + refills)
    if days is not None and order.start_open:
        longest = (longest or last) + order.start_open
    if days is not None and longest is not None and bounds is not None:
        longest = min(longest, bounds)
    if order.status in _ENDED:
        # A stopped order supplies nothing today; the day it stopped on is not recorded.
        last = min(last, as_of - 1)
    # By position, which takes half as long as by name.
    return Supply(
        order.ref, drug, start, days, start, last, sigs, quantity, unit, order.supply_days, order.status,
        order.prescriber, order.ref,
        replaces=order.replaces,
        for_oud=order.for_oud,
        for_pain=order.for_pain,
        assumed_refills=refills,
        ends_by=ends_by,
        longest=longest,
        undated=order.start is None,
        to_fill_by=order.end_basis == "validity",
    )  # fmt: skip


def moved(supply: Supply, first: int, last: int) -> Supply:
    """The same supply on other days."""
    if (first, last) == (supply.first, supply.last):
        return supply
    return replace(supply, first=first, last=last)
