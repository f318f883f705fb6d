"""Condition to problems."""

from __future__ import annotations

from datetime import tzinfo

from fhir_mappings import resources as r
from fhir_mappings.dates import local_date
from fhir_mappings.facts import Problem
from fhir_mappings.problem_words import groups_named
from fhir_mappings.references import ref_to
from fhir_mappings.results import text_of
from valuesets import Terms
from valuesets.systems import ICD10, canonical

_ACTIVE = frozenset({"active", "recurrence", "relapse"})
_ENDED = frozenset({"inactive", "remission", "resolved"})
_UNCONFIRMED = frozenset({"refuted", "entered-in-error", "differential", "provisional", "unconfirmed"})


def problem_of(resource: r.Condition, ref: str, terms: Terms, zone: tzinfo) -> Problem | None:
    """One condition; None when it was entered in error.

    active None: the EHR does not say (Epic's visit diagnoses have no status).  Without a code of ICD-10-CM, which is
    known in full, and in no group by another code, it is read by its words.
    """
    verification = _codes(resource.verificationStatus)
    if "entered-in-error" in verification:
        return None
    clinical = _codes(resource.clinicalStatus)
    code = resource.code or r.Concept()
    groups = {g for coding in code.coding for g in terms.condition_groups(coding.system, coding.code)}
    if not groups and not any(canonical(coding.system) == ICD10 for coding in code.coding):
        groups = groups_named(text_of(code))
    onset = resource.onsetPeriod or r.Period(start=resource.onsetDateTime)
    abated = resource.abatementPeriod or r.Period(start=resource.abatementDateTime)
    abated_on = local_date(abated.start, zone)
    has_ended = (
        abated_on is not None or resource.abatementAge is not None or resource.abatementString is not None
    )
    active = True if clinical & _ACTIVE else False if clinical & _ENDED else None
    return Problem(
        ref=ref,
        groups=frozenset(groups),
        display=text_of(code) or "Unnamed problem",
        category=_category(resource.category),
        active=False if active is None and has_ended else active,
        confirmed=not verification & _UNCONFIRMED,
        onset=local_date(onset.start, zone),
        recorded=local_date(resource.recordedDate, zone),
        abated=abated_on,
        encounter=ref_to(resource.encounter, "Encounter"),
    )


def _codes(concept: r.Concept | None) -> frozenset[str]:
    if concept is None:
        return frozenset()
    told = (concept.text, *(coding.code for coding in concept.coding))
    return frozenset(one.strip().lower().replace(" ", "-") for one in told)


def _category(categories: list[r.Concept]) -> str:
    codes = [coding.code for concept in categories for coding in concept.coding]
    for known in ("problem-list-item", "encounter-diagnosis", "health-concern"):
        if known in codes:
            return known
    return codes[0] if codes else ""
