"""Six ways to find people on long-term therapy, each as evidence with its known weakness answered.

The ways and their weaknesses come from the population-management work of the Six Building Blocks clinics (JABFM 2021):
prescriptions, agreement on file, documented dose, opioid order query, designated diagnosis, PDMP.  None decides alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from app.clinical.evaluation import Evidence
from app.clinical.supply import Supply, prescribed
from fhir_mappings.facts import Facts

YEAR = timedelta(days=365)
DOCUMENTED_MME_DAYS = 120
_DOCUMENTED = frozenset({"mme_documented"})
_AGREEMENT = "opioid_treatment_agreement"
_DESIGNATED = "ltot_designation:explicit"


def ways(facts: Facts, covering: Sequence[Supply], unknown: Sequence[Supply], as_of: date) -> list[Evidence]:
    """One piece of evidence per way, found or not.  "Not found" is only said where the source was fully read."""
    opioid = bool(covering or unknown)
    found = (
        _agreement(facts, as_of, opioid=opioid),
        _documented(facts, as_of, opioid=any(s.covers(as_of.toordinal()) for s in covering) or bool(unknown)),
        _order_query(facts, as_of, on_supply=bool(covering)),
        _diagnosis(facts, opioid=opioid),
        _pdmp(facts, as_of),
    )
    return [evidence for evidence in found if evidence is not None]


def _agreement(facts: Facts, as_of: date, *, opioid: bool) -> Evidence | None:
    """Agreements are also signed for other controlled substances, and not every person on opioids has one."""
    signed = [
        d for d in facts.documents if _AGREEMENT in d.elements and d.current and d.when and d.when <= as_of
    ]
    if not signed:
        return _not_found("agreement", "No opioid agreement on file", facts, ("DocumentReference",))
    last = max(signed, key=lambda d: (d.when or as_of, d.ref))
    text = "Opioid agreement on file" + (
        "." if opioid else ", but no opioid found: it may be for another drug."
    )
    return Evidence("agreement", text, (last.ref,), last.when)


def _documented(facts: Facts, as_of: date, *, opioid: bool) -> Evidence | None:
    """A documented dose is often not set back to 0 after a stop: without an opioid an old one is ignored."""
    noted = [r for r in facts.results if r.elements & _DOCUMENTED and r.valid and r.when and r.when <= as_of]
    if not noted:
        return None
    last = max(noted, key=lambda r: (r.when or as_of, r.ref))
    age = (as_of - (last.when or as_of)).days
    if age > DOCUMENTED_MME_DAYS and not opioid:
        text = f"A documented MME is {age} days old and no opioid is in supply: it is not used."
    else:
        text = "An MME is documented in the chart."
    return Evidence("documented_mme", text, (last.ref,), last.when)


def _order_query(facts: Facts, as_of: date, *, on_supply: bool) -> Evidence | None:
    """Any opioid prescription in a year: finds everyone, also those with one short course."""
    recent = [
        order
        for order in facts.orders
        if order.drug.is_opioid and prescribed(order) and order.start and as_of - YEAR < order.start <= as_of
    ]
    if not recent:
        return _not_found("order_query", "No opioid prescription in 12 months", facts, ("MedicationRequest",))
    plural = "" if len(recent) == 1 else "s"
    text = f"{len(recent)} opioid prescription{plural} in 12 months"
    text += "." if on_supply else "; their supply is not known."
    refs = tuple(sorted(order.ref for order in recent))
    return Evidence("order_query", text, refs, max(order.start for order in recent if order.start))


def _diagnosis(facts: Facts, *, opioid: bool) -> Evidence | None:
    """The code for long-term use depends on consistent coding; it is suggested, never required."""
    coded = [p for p in facts.problems if _DESIGNATED in p.groups and p.confirmed and p.active is not False]
    if not coded:
        return _not_found("diagnosis", "Z79.891 is not coded", facts, ("Condition",))
    one = min(coded, key=lambda p: p.ref)
    text = "Long-term opioid use (Z79.891) is coded" + ("." if opioid else ", but no opioid is found.")
    return Evidence("diagnosis", text, (one.ref,), one.recorded or one.onset)


def _pdmp(facts: Facts, as_of: date) -> Evidence | None:
    """Rows of a prescription monitoring programme: opioid fills in at least three of the last four months."""
    rows = [
        fill
        for fill in facts.fills
        if fill.outside
        and fill.drug.is_opioid
        and fill.when
        and as_of - timedelta(days=122) < fill.when <= as_of
    ]
    if not rows:
        return None
    months = len({(fill.when.year, fill.when.month) for fill in rows if fill.when})
    text = f"PDMP: {len(rows)} opioid fills in {months} of the last 4 months."
    return Evidence(
        "pdmp", text, tuple(sorted(fill.ref for fill in rows)), max(f.when for f in rows if f.when)
    )


def _not_found(kind: str, text: str, facts: Facts, kinds: Iterable[str]) -> Evidence | None:
    """Absence needs proof: nothing is said where a source was not connected or not read to its end."""
    sources = [facts.source(name) for name in kinds]
    if all(source.connected and source.complete for source in sources):
        return Evidence(kind, f"{text}; {', '.join(f'{s.read} {s.kind} read' for s in sources)}.")
    return None
