"""Six ways to find people on long-term therapy, each as evidence with its known weakness answered.

The ways and their weaknesses come from the population-management work of the Six Building Blocks clinics (JABFM 2021):
prescriptions, agreement on file, documented dose, opioid order query, designated diagnosis, PDMP.  None decides alone;
the first is the policy's definition (app.clinical.ltot).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from app.clinical.dose import plain
from app.clinical.evaluation import Evidence
from app.clinical.months import add_months
from app.clinical.supply import Supply, from_pdmp, prescribed
from app.clinical.words import counted, day
from fhir_mappings.facts import Document, Facts, Fill, Problem, Result

YEAR = timedelta(days=365)
DOCUMENTED_MME_DAYS = 120
PDMP_MONTHS = 4
PDMP_MONTHS_NEEDED = 3
_PDMP_OLD_DAYS = 45


@dataclass(frozen=True, slots=True)
class Therapy:
    """What the prescriptions say: counted supplies, those of unknown length, and the definition's answer."""

    covering: Sequence[Supply]
    unknown: Sequence[Supply]
    holds: bool | None

    def opioid_in_a_year(self, as_of: date) -> bool:
        first = (as_of - YEAR).toordinal()
        return any(s.last > first for s in self.covering) or any(s.start > first for s in self.unknown)


def ways(facts: Facts, therapy: Therapy, as_of: date) -> list[Evidence]:
    """One piece of evidence per way, found or not.  "Not found" is only said where the source was fully read."""
    found = (
        _agreement(facts, therapy, as_of),
        _documented(facts, therapy, as_of),
        _order_query(facts, therapy, as_of),
        _diagnosis(facts, therapy, as_of),
        _pdmp(facts, as_of),
    )
    return [evidence for evidence in found if evidence is not None]


def confidence(
    facts: Facts, holds: bool | None, word: bool | None, as_of: date
) -> tuple[tuple[str, int], ...]:
    """Points by reason, for the order of work lists only.  word: a clinician's yes or no, which settles it.

    The points are this project's choice; together they count up to 100.
    """
    if word is not None:
        return (("a clinician said yes", 100) if word else ("a clinician said no", 0),)
    noted = newest_documented(facts, as_of)
    recent = noted is not None and noted.when is not None and (as_of - noted.when).days <= DOCUMENTED_MME_DAYS
    months = _fill_months(pdmp_fills(facts, as_of))
    items = (
        ("meets the definition", 50, holds is True),
        ("diagnosis Z79.891", 20, bool(designated(facts, as_of))),
        ("agreement on file", 15, bool(agreements(facts, as_of))),
        ("documented MME", 5, recent),
        ("PDMP fills in three of four months", 20, months >= PDMP_MONTHS_NEEDED),
    )
    return tuple((name, points) for name, points, found in items if found)


def agreements(facts: Facts, as_of: date) -> list[Document]:
    """Current opioid agreements with a date, oldest first."""
    found = [
        document
        for document in facts.documents
        if "opioid_treatment_agreement" in document.elements
        and document.current
        and document.when is not None
        and document.when <= as_of
    ]
    return sorted(found, key=lambda document: (document.when or as_of, document.ref))


def designated(facts: Facts, as_of: date) -> list[Problem]:
    """Problems coded as long-term opioid use (Z79.891) that are not known to have ended."""
    found = [
        problem
        for problem in facts.problems
        if "ltot_designation:explicit" in problem.groups
        and problem.confirmed
        and problem.active is not False
        and (problem.recorded or problem.onset or as_of) <= as_of
    ]
    return sorted(found, key=lambda problem: problem.ref)


def newest_documented(facts: Facts, as_of: date) -> Result | None:
    """The newest MME somebody wrote down."""
    noted = [
        result
        for result in facts.results_by_element.get("mme_documented", ())
        if result.valid and result.when and result.when <= as_of
    ]
    return max(noted, key=lambda result: (result.when or as_of, result.ref), default=None)


def pdmp_fills(facts: Facts, as_of: date) -> list[Fill]:
    """Opioid rows of the prescription monitoring programme of the last four months, oldest first."""
    first = add_months(as_of, -PDMP_MONTHS)
    rows = [
        f for f in facts.fills if from_pdmp(f) and f.drug.is_opioid and f.when and first < f.when <= as_of
    ]
    return sorted(rows, key=lambda fill: (fill.when or first, fill.ref))


def _fill_months(fills: Iterable[Fill]) -> int:
    return len({(fill.when.year, fill.when.month) for fill in fills if fill.when})


def _agreement(facts: Facts, therapy: Therapy, as_of: date) -> Evidence | None:
    """Agreements are also signed for other controlled substances, and not every person on opioids has one."""
    signed = agreements(facts, as_of)
    if not signed:
        missed = "; long-term therapy has none here" if therapy.holds else ""
        return _not_found("agreement", f"No opioid agreement on file{missed}", facts, "DocumentReference")
    text = "Opioid agreement on file"
    if not therapy.opioid_in_a_year(as_of):
        text += ", but no opioid found in 12 months: it may be for another drug"
    return Evidence("agreement", f"{text}.", (signed[-1].ref,), signed[-1].when)


def _documented(facts: Facts, therapy: Therapy, as_of: date) -> Evidence | None:
    """A documented dose is often not set back to 0 after a stop, and says nothing of how long."""
    noted = newest_documented(facts, as_of)
    if noted is None:
        return None
    age = (as_of - (noted.when or as_of)).days
    today = as_of.toordinal()
    in_use = any(s.covers(today) for s in therapy.covering)
    in_use = in_use or any(today - s.start <= DOCUMENTED_MME_DAYS for s in therapy.unknown)
    if age > DOCUMENTED_MME_DAYS and not in_use:
        text = f"A documented MME is {age} days old and no opioid is in supply: it is not used."
    elif noted.value is None:
        text = "An MME is documented, but not as a number."
    else:
        text = f"An MME of {plain(noted.value)} is documented; alone it does not make therapy long-term."
    return Evidence("documented_mme", text, (noted.ref,), noted.when)


def _order_query(facts: Facts, therapy: Therapy, as_of: date) -> Evidence | None:
    """Any opioid prescription in a year, by ingredient: finds everyone, also those with one short course."""
    year_ago = as_of - YEAR
    recent = [
        order
        for order in facts.opioid_orders
        if order.start and year_ago < order.start <= as_of and prescribed(order)
    ]
    if not recent:
        return _not_found("order_query", "No opioid prescription in 12 months", facts, "MedicationRequest")
    text = f"{counted(len(recent), 'opioid prescription')} in 12 months"
    if therapy.unknown and not therapy.covering:
        text += f"; {'its' if len(recent) == 1 else 'their'} supply is not known"
    elif not therapy.covering:
        text += ", of a kind that does not count for long-term therapy"
    elif not therapy.holds:
        text += "; prescriptions alone do not tell long-term from short use"
    refs = tuple(sorted([order.ref for order in recent]))
    return Evidence("order_query", f"{text}.", refs, max([order.start for order in recent if order.start]))


def _diagnosis(facts: Facts, therapy: Therapy, as_of: date) -> Evidence | None:
    """The code for long-term use depends on consistent coding; it is suggested, never required."""
    coded = designated(facts, as_of)
    if not coded:
        hint = "; it could be, and is never required" if therapy.holds else ""
        return _not_found("diagnosis", f"Z79.891 is not coded{hint}", facts, "Condition")
    text = "Long-term opioid use (Z79.891) is coded"
    if not therapy.opioid_in_a_year(as_of):
        text += ", but no opioid is found in 12 months"
    return Evidence("diagnosis", f"{text}.", (coded[0].ref,), coded[0].recorded or coded[0].onset)


def _pdmp(facts: Facts, as_of: date) -> Evidence | None:
    """Opioid fills by month; reports lag, so the newest one is named."""
    rows = pdmp_fills(facts, as_of)
    if not rows:
        return _not_found("pdmp", f"No opioid fill in the PDMP in {PDMP_MONTHS} months", facts, "PDMP")
    last = rows[-1].when or as_of
    text = f"PDMP: {counted(len(rows), 'opioid fill')} in {counted(_fill_months(rows), 'month')} of the last "
    text += f"{PDMP_MONTHS}, the newest on {day(last)}"
    if (as_of - last).days > _PDMP_OLD_DAYS:
        text += "; newer fills may not have been reported yet"
    return Evidence("pdmp", f"{text}.", tuple(fill.ref for fill in rows), last)


def _not_found(kind: str, text: str, facts: Facts, source: str) -> Evidence | None:
    """Absence needs proof: nothing is said where a source was not connected or not read to its end."""
    read = facts.source(source)
    if read.connected and read.complete:
        return Evidence(kind, f"{text}; {read.read} {source} read.")
    return None
