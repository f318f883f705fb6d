"""Refills: fills before the last supply ran out, and how many prescribers and pharmacies were involved."""

from __future__ import annotations

from datetime import date, timedelta

from msgspec import Struct

from app.clinical.opioids import counts_for_therapy
from app.clinical.policy import Policy
from app.clinical.timeline import Timeline
from app.clinical.words import counted
from fhir_mappings.facts import Facts


class EarlyFill(Struct, frozen=True):
    """A fill while the one before still lasted.  days_early: days before the first uncovered day."""

    ref: str
    drug: str
    when: date
    days_early: int


def early_fills(opioids: Timeline, policy: Policy, as_of: date) -> tuple[EarlyFill, ...]:
    """Dispensed opioid fills early by the policy's days or more within its window, oldest first.

    Only fills count: an order says nothing of when it was picked up.  The stock carried over is taken into account.
    """
    start = as_of.toordinal() - policy.number("G21", "within_days") + 1
    least = policy.number("G21", "early_days")
    return tuple(
        EarlyFill(s.ref, s.drug.name, date.fromordinal(s.start), s.first - s.start)
        for s in opioids.covering
        if s.filled and s.start >= start and s.first - s.start >= least and counts_for_therapy(s)
    )


class ManyPrescribers(Struct, frozen=True):
    """Distinct names on opioid fills and orders within the policy's window of `days`.

    both: prescribers and pharmacies are as many as the policy's limits.
    """

    prescribers: frozenset[str]
    pharmacies: frozenset[str]
    outside: frozenset[str]
    both: bool
    days: int
    refs: frozenset[str]

    @property
    def text(self) -> str:
        """ "2 prescribers and 1 pharmacy in 180 days"."""
        pharmacies = counted(len(self.pharmacies), "pharmacy", "pharmacies")
        return f"{counted(len(self.prescribers), 'prescriber')} and {pharmacies} in {self.days} days"


def many_prescribers(facts: Facts, opioids: Timeline, policy: Policy, as_of: date) -> ManyPrescribers:
    """Prescribers and pharmacies of opioids.  Source: CMS Overutilization Monitoring (both at their limits)."""
    numbers = policy.gaps["G23"].numbers
    start = as_of - timedelta(days=numbers["within_days"] - 1)
    recent = as_of - timedelta(days=numbers["outside_days"] - 1)
    fills = [
        fill
        for fill in facts.fills
        if fill.drug.is_opioid
        and fill.when
        and start <= fill.when <= as_of
        and fill.status != "entered-in-error"
    ]
    first = start.toordinal()
    supplies = [s for s in opioids.covering if s.start >= first]
    prescribers = frozenset([s.prescriber for s in supplies if s.prescriber])
    pharmacies = frozenset([fill.pharmacy for fill in fills if fill.pharmacy])
    return ManyPrescribers(
        prescribers=prescribers,
        pharmacies=pharmacies,
        outside=frozenset(
            [f.prescriber for f in fills if f.outside and f.prescriber and f.when and f.when >= recent]
        ),
        both=len(prescribers) >= numbers["prescribers"] and len(pharmacies) >= numbers["pharmacies"],
        days=numbers["within_days"],
        refs=frozenset([s.ref for s in supplies] + [fill.ref for fill in fills]),
    )
