"""Procedure, ServiceRequest, Communication, DocumentReference, Consent, Encounter and Appointment."""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import Any, cast

from fhir_mappings import resources as r
from fhir_mappings.dates import local_date
from fhir_mappings.facts import Document, Event, Visit
from fhir_mappings.results import elements_of
from valuesets import Terms

_DONE = frozenset({"completed", "in-progress", "active"})
_INPATIENT = frozenset({"IMP", "ACUTE", "NONAC", "inpatient", "EMER", "OBSENC"})
_NOT_HELD = frozenset({"cancelled", "entered-in-error", "noshow", "planned"})
_AGREEMENT = re.compile(
    r"(?:opioid|opiate|controlled[ -]substance|pain(?: medication| management| medicine)?|chronic pain|narcotic)"
    r"[a-z ]*(?:agreement|contract|consent)|(?:agreement|contract|consent)[a-z ]*(?:opioid|controlled[ -]substance)",
    re.IGNORECASE,
)
_PDMP = re.compile(r"\bpdmp\b|prescription (?:drug )?monitoring program", re.IGNORECASE)


def event_of(resource: r.Event, ref: str, terms: Terms, zone: tzinfo) -> Event | None:
    """Something done, asked for or said; None when it belongs to nothing we track."""
    concepts = [resource.code, resource.topic, *resource.reasonCode]
    elements = set(elements_of(concepts, terms))
    for concept in concepts:
        for coding in concept.coding if concept else ():
            elements.update(terms.condition_groups(coding.system, coding.code))
    display = _text(resource.code) or _text(resource.topic)
    if _PDMP.search(display):
        elements.add("pdmp_review")
    if not elements:
        return None
    period = resource.performedPeriod or resource.occurrencePeriod or r.Period()
    first = (
        resource.performedDateTime,
        resource.occurrenceDateTime,
        period.start,
        resource.sent,
        resource.authoredOn,
    )
    performer, on_behalf = _performer(resource.performer)
    return Event(
        ref=ref,
        elements=frozenset(elements),
        when=next((day for text in first if (day := local_date(text, zone))), None),
        done=resource.status in _DONE
        and not (resource.resourceType == "ServiceRequest" and "pdmp_review" in elements),
        display=display,
        outcome=_text(resource.outcome),
        performer=performer,
        on_behalf_of=on_behalf,
    )


def _performer(performers: list[Any]) -> tuple[str, str]:
    for entry in performers:
        if not isinstance(entry, dict):
            continue
        members = cast("dict[str, Any]", entry)
        return _display(members.get("actor", members)), _display(members.get("onBehalfOf"))
    return "", ""


def _display(link: object) -> str:
    if not isinstance(link, dict):
        return ""
    members = cast("dict[str, object]", link)
    value = members.get("display") or members.get("reference")
    return value if isinstance(value, str) else ""


def _text(concept: r.Concept | None) -> str:
    if concept is None:
        return ""
    return concept.text or next((coding.display for coding in concept.coding if coding.display), "")


def document_of(resource: r.Document, ref: str, terms: Terms, zone: tzinfo) -> Document | None:
    """A document that is an opioid agreement, by its code or its title; None for every other document."""
    categories = resource.category if isinstance(resource.category, list) else [resource.category]
    elements = set(elements_of([resource.type, *categories], terms))
    title = resource.description or _text(resource.type)
    if _AGREEMENT.search(title) or _AGREEMENT.search(_text(resource.type)) or terms.is_agreement_title(title):
        elements.add("opioid_treatment_agreement")
    if not elements:
        return None
    current = resource.status in {"current", "active"} and resource.docStatus not in {
        "entered-in-error",
        "preliminary",
    }
    when = local_date(resource.date or resource.dateTime, zone)
    return Document(ref, frozenset(elements), when, current, title)


def visit_of(resource: r.Encounter, ref: str, zone: tzinfo) -> Visit:
    """An encounter that took place or takes place; planned and cancelled ones keep their status."""
    period = resource.period or r.Period()
    kind = resource.class_.code if resource.class_ else ""
    texts = [_text(concept) for concept in (*resource.type, *resource.reasonCode)]
    return Visit(
        ref=ref,
        kind="encounter",
        when=local_date(period.start or period.end, zone),
        status="not held" if resource.status in _NOT_HELD else resource.status,
        setting="inpatient" if kind in _INPATIENT else "outpatient",
        display=next((text for text in texts if text), ""),
    )


def appointment_of(resource: r.Appointment, ref: str, zone: tzinfo) -> Visit:
    """A booked or past appointment."""
    clinician = next(
        (p.actor.display for p in resource.participant if p.actor and "Practitioner" in p.actor.reference), ""
    )
    display = resource.description or next((_text(concept) for concept in resource.serviceType), "")
    return Visit(
        ref,
        "appointment",
        local_date(resource.start, zone),
        resource.status,
        "outpatient",
        display,
        clinician,
    )
