"""Which opioids count for what.

Long-term therapy: outpatient opioids for pain, buprenorphine for pain included; not cough medicines, hospital drugs or
treatment of opioid use disorder.  MME: the same, without buprenorphine, which has no factor.  Source: HEDIS and
Washington's Bree Collaborative exclusions; CDC 2022 for buprenorphine.
"""

from __future__ import annotations

from datetime import date

from app.clinical.supply import COUNTED_FILLS, MAY_LAST, Supply, prescribed
from app.clinical.timeline import Timeline
from fhir_mappings.facts import DrugFact, Facts, Fill, Order

_NEVER = frozenset({"cough_cold", "injectable", "antidiarrhoeal"})
_EXPLAINS_DAYS = 180
_TAKEN = frozenset({"active", "intended", "unknown", ""})


def is_opioid(drug: DrugFact) -> bool:
    return drug.is_opioid


def treats_opioid_use_disorder(supply: Supply) -> bool:
    """Treatment of opioid use disorder: by the product, or, for methadone, by what the order says."""
    if supply.drug.category == "oud_treatment":
        return supply.for_oud is not False
    return supply.for_oud is True and supply.drug.ingredient in {"methadone", "buprenorphine"}


def for_opioid_use_disorder(supply: Supply) -> bool:
    """Treatment of opioid use disorder alone: what the order says is for pain as well counts as for pain."""
    if not treats_opioid_use_disorder(supply):
        return False
    return not supply.for_pain or supply.drug.category == "oud_treatment"


def counts_for_therapy(supply: Supply) -> bool:
    """Whether the supply can make a person's therapy long-term."""
    drug = supply.drug
    return drug.is_opioid and drug.category not in _NEVER and not for_opioid_use_disorder(supply)


def has_no_factor_by_design(supply: Supply) -> bool:
    """Buprenorphine: CDC 2022 gives it no factor on purpose."""
    return supply.drug.ingredient == "buprenorphine"


def reported_only(facts: Facts, laid: Timeline, within_days: int, as_of: date) -> tuple[Order, ...]:
    """Opioids the patient is said to take, recently enough, that no prescription or fill here explains.

    A home medication often repeats a prescription, sometimes many times: one with the same ingredient as anything
    prescribed within half a year is left aside, and each ingredient is named once.  A cough syrup explains no tablets.
    """
    day = as_of.toordinal()
    told = [order for order in facts.opioid_orders if order.reported and not order.do_not_perform]
    if not told:
        return ()
    explained = _prescribed_lately(laid, day)
    found: dict[str, Order] = {}
    for order in sorted(told, key=lambda o: o.ref):
        begun = max(filter(None, (order.start, order.authored)), default=None)
        if (
            order.drug.category not in _NEVER
            and order.status in _TAKEN
            and order.drug.ingredient not in explained
            and (begun is None or day - within_days < begun.toordinal() <= day)
            and (order.end is None or order.end >= as_of)
        ):
            found.setdefault(order.drug.ingredient or order.drug.name, order)
    return tuple(found.values())


def undated_fills(facts: Facts, laid: Timeline, as_of: date) -> tuple[Fill, ...]:
    """Opioids handed over nobody knows when, whose order is not in the chart and that nothing prescribed explains."""
    undated = {
        fill.ref: fill
        for fill in facts.fills
        if fill.when is None
        and fill.drug.is_opioid
        and fill.drug.category not in _NEVER
        and fill.status in COUNTED_FILLS
    }
    if not undated:
        return ()
    explained = _prescribed_lately(laid, as_of.toordinal())
    orders = {order.ref for order in facts.orders}
    return tuple(
        fill
        for _, fill in sorted(undated.items())
        if fill.order not in orders and fill.drug.ingredient not in explained
    )


def _prescribed_lately(laid: Timeline, day: int) -> set[str | None]:
    """The ingredients prescribed within half a year or in supply; cough syrups and injections explain no others."""
    return {
        supply.drug.ingredient
        for supply in (*laid.covering, *laid.unknown)
        if supply.drug.category not in _NEVER and (supply.start > day - _EXPLAINS_DAYS or supply.covers(day))
    }


def injected_at_home(facts: Facts, within_days: int, as_of: date) -> tuple[Order, ...]:
    """Opioids ordered for home by pump or needle, recently enough and not said to have ended."""
    day = as_of.toordinal()
    return tuple(
        order
        for order in facts.opioid_orders
        if prescribed(order, "injected")
        and order.status in MAY_LAST
        and (order.start is None or day - within_days < order.start.toordinal() <= day)
        and (order.end is None or order.end >= as_of)
    )
