"""Counting: one supply on one day to its MME with the sum in words, or the reason why it cannot be counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from fractions import Fraction

from msgspec import Struct

from app.clinical.dose import DailyDose, NoDose, daily_dose, plain
from app.clinical.evaluation import Contribution, Uncounted
from app.clinical.opioids import (
    counts_for_therapy,
    has_no_factor_by_design,
    treats_opioid_use_disorder,
)
from app.clinical.policy import Policy
from app.clinical.supply import Supply
from valuesets import Factor, Terms

_NO_FACTOR = "the factor table has no factor for it"


def is_counted(supply: Supply) -> bool:
    """Whether the supply belongs into the sum at all."""
    return counts_for_therapy(supply) and not has_no_factor_by_design(supply)


def methadone_per_day(found: Iterable[Supply], day: int) -> Fraction:
    """All methadone in the sum together: tables with bands choose by the day's whole dose."""
    total = Fraction(0)
    for supply in found:
        if supply.drug.ingredient == "methadone" and is_counted(supply):
            dose = daily_dose(supply, day)
            total += dose.amount if isinstance(dose, DailyDose) else 0
    return total


class Counter(Struct, frozen=True):
    """Turns supplies into contributions under one policy."""

    policy: Policy
    terms: Terms
    methadone: Fraction

    def factor(self, supply: Supply, dose: DailyDose) -> Factor | None:
        key = supply.drug.form_key
        if key is None:
            return None
        per_day = self.methadone if supply.drug.ingredient == "methadone" else dose.amount
        found = self.terms.factor(self.policy.mme.factor_table, key, per_day)
        if found is None or found.factor is None or found.unit != dose.unit:
            return None
        return None if found.status == "carried_forward" and not self.policy.mme.legacy_factors else found

    def count(self, supply: Supply, day: int) -> Contribution | Uncounted:
        """What a supply adds on a day, with its sum in words; or why it cannot be counted."""
        dose = daily_dose(supply, day)
        if isinstance(dose, NoDose):
            return uncounted(supply, dose.reason, dose.text)
        factor = self.factor(supply, dose)
        if factor is None or factor.factor is None:
            return uncounted(supply, "no_factor", _NO_FACTOR)
        mme = dose.amount * factor.factor
        most = dose.most * factor.factor if dose.most is not None else None
        peak = dose.peak * factor.factor if dose.peak is not None else None
        return Contribution(
            ref=supply.ref,
            ingredient=supply.drug.ingredient or "",
            drug_name=supply.drug.name,
            mg_per_day=dose.amount,
            unit=dose.unit,
            factor=factor.factor,
            factor_source=factor.source,
            mme=mme,
            sig_max=most,
            method=dose.method,
            arithmetic=f"{dose.arithmetic} × {plain(factor.factor)} = {plain(mme)}",
            start=None if supply.undated else date.fromordinal(supply.first),
            end=date.fromordinal(supply.last) if supply.known else None,
            prescriber=supply.prescriber,
            prn=dose.prn,
            outside=supply.outside,
            peak=peak,
            note="; ".join([*self._differing(dose, mme, most, peak), *_remarks(supply, factor)]),
        )

    def _differing(
        self, dose: DailyDose, mme: Fraction, most: Fraction | None, peak: Fraction | None
    ) -> Iterator[str]:
        """What the directions come to, where that is not what is counted."""
        tolerance = self.policy.mme.quantity_sig_tolerance
        if (
            most is not None
            and dose.method == "quantity"
            and most != mme
            and abs(most - mme) > tolerance * mme
        ):
            up_to = f"up to {plain(most)} MME if taken at the label's maximum"
            yield up_to if most > mme else f"more than the directions allow, which is {plain(most)} MME"
        if peak is not None and peak > mme:
            yield f"{plain(peak)} MME on dosing days"


def _remarks(supply: Supply, factor: Factor) -> Iterator[str]:
    if factor.status == "carried_forward":
        yield "legacy factor: the current table does not name this drug"
    if supply.drug.ingredient == "methadone" and supply.drug.counted == "review" and supply.for_oud is None:
        yield "a methadone product mostly used for opioid use disorder; its purpose is not stated"
    if treats_opioid_use_disorder(supply):
        yield "ordered for pain and for opioid use disorder"
    if supply.assumed_refills:
        yield "refills taken as filled; no fill is recorded"
    elif not supply.filled:
        yield "ordered, fill not confirmed"


def uncounted(supply: Supply, reason: str, text: str, *, active: bool = True) -> Uncounted:
    name = supply.drug.ingredient or "opioid"
    return Uncounted(supply.ref, name, supply.drug.name, reason, text, active)
