"""Procedure, ServiceRequest, Communication, DocumentReference, Consent, Encounter and Appointment."""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import Any, cast

from fhir_mappings import resources as r
from fhir_mappings.dates import local_date
from fhir_mappings.facts import Document, Event, Visit
from fhir_mappings.references import who
from fhir_mappings.results import elements_of, text_of
from fhir_mappings.setting import encounter_setting
from valuesets import Terms

# Care that is in force once it is ordered; everything else is done when it is completed.
_IN_FORCE_WHEN_ORDERED = frozenset({"end_of_life", "hospice", "palliative_care"})
_AGREEMENT = re.compile(
    r"(?:opioid|opiate|controlled[ -]substance|pain(?: medication| management| medicine)?|chronic pain|narcotic)"
    r"[a-z ]*(?:agreement|contract|consent)|(?:agreement|contract|consent)[a-z ]*(?:opioid|controlled[ -]substance)",
    re.IGNORECASE,
)
_LONGEST_TITLE = 300
# What names an agreement or a check without being one: a form, a refusal, a letter about it, a query that failed.
_NO_AGREEMENT = re.compile(
    r"declin|refus|unsigned|not signed|\bblank\b|template|violat|terminat|discharge|discontinu|expired|remind|pending"
    r"|revok|\bvoid|\bbroken\b|\bbreach|incomplete|^\s*no\b|\bnot on file|\bneeds?\b|\bneeded\b|to be signed|awaiting",
    re.IGNORECASE,
)
# Consent to something done once for pain.
_TO_A_PROCEDURE = re.compile(
    r"procedure|injection|epidural|\bblock|an(?:a)?esthe|surg|stimulator|ablation", re.IGNORECASE
)
_NO_CHECK = re.compile(
    r"\bnot (?:yet )?(?:reviewed|checked|queried|done|performed|completed|available|able)|\bunable\b|\bfail|declin"
    r"|unavailable|\bno access\b|cannot|\bunsuccess|refus",
    re.IGNORECASE,
)
_DENIED_BY_OUTCOME = frozenset({"pdmp_review", "opioid_treatment_agreement"})
_PDMP = re.compile(r"\bpdmp\b|prescription (?:drug )?monitoring program", re.IGNORECASE)


def event_of(resource: r.Event, ref: str, terms: Terms, zone: tzinfo) -> Event | None:
    """Something done, asked for or said; None when it belongs to nothing we track."""
    concepts = [resource.code, resource.topic, *resource.reasonCode]
    elements = set(elements_of(concepts, terms))
    for concept in concepts:
        for coding in concept.coding if concept else ():
            elements.update(terms.condition_groups(coding.system, coding.code))
    display = text_of(resource.code) or text_of(resource.topic)
    outcome = text_of(resource.outcome) or text_of(resource.statusReason)
    if _PDMP.search(display):
        checked = not _NO_CHECK.search(display)
        elements = elements | {"pdmp_review"} if checked else elements - {"pdmp_review"}
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
        done=_is_done(resource, elements)
        and not (_DENIED_BY_OUTCOME & elements and _NO_CHECK.search(outcome)),
        display=display,
        outcome=outcome,
        performer=performer or who(resource.sender),
        on_behalf_of=on_behalf,
    )


def _is_done(resource: r.Event, elements: set[str]) -> bool:
    """A planned, ordered or refused thing was not done."""
    if resource.doNotPerform or resource.intent in {"proposal", "plan"}:
        return False
    if resource.status == "completed":
        return True
    return resource.status in {"active", "in-progress"} and bool(elements & _IN_FORCE_WHEN_ORDERED)


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


def document_of(resource: r.Document, ref: str, terms: Terms, zone: tzinfo) -> Document | None:
    """A document that is an opioid agreement, by its code or its title; None for every other document.

    Whatever its code, one of which a title says that it is refused, expired or still to be signed is none.
    """
    categories = resource.category if isinstance(resource.category, list) else [resource.category]
    elements = set(elements_of([resource.type, *categories], terms))
    attached = [part.attachment.title for part in resource.content if part.attachment is not None]
    titles = [title for title in (resource.description, text_of(resource.type), *attached) if title]
    titled = next((t for t in titles if _is_agreement(t[:_LONGEST_TITLE], terms)), "")
    if any(_NO_AGREEMENT.search(title[:_LONGEST_TITLE]) for title in titles):
        elements.discard("opioid_treatment_agreement")
    elif titled:
        elements.add("opioid_treatment_agreement")
    if not elements:
        return None
    current = resource.status in {"current", "active"} and resource.docStatus not in {
        "entered-in-error",
        "preliminary",
    }
    when = local_date(resource.date or resource.dateTime, zone)
    return Document(ref, frozenset(elements), when, current, titled or next(iter(titles), ""))


def _is_agreement(title: str, terms: Terms) -> bool:
    by_words = _AGREEMENT.search(title) and not _TO_A_PROCEDURE.search(title)
    return bool(by_words) or terms.is_agreement_title(title)


def visit_of(resource: r.Encounter, ref: str, zone: tzinfo) -> Visit:
    """An encounter, whatever its status."""
    period = resource.period or r.Period()
    texts = [text_of(concept) for concept in (*resource.type, *resource.reasonCode)]
    individuals = [who(part.individual) for part in resource.participant if part.individual is not None]
    return Visit(
        ref=ref,
        kind="encounter",
        when=local_date(period.start or period.end, zone),
        status=resource.status,
        setting=encounter_setting(resource),
        display=next((text for text in texts if text), ""),
        clinician=next(iter(individuals), ""),
    )


def appointment_of(resource: r.Appointment, ref: str, zone: tzinfo) -> Visit:
    """A booked or past appointment."""
    clinician = next(
        (p.actor.display for p in resource.participant if p.actor and "Practitioner" in p.actor.reference), ""
    )
    display = resource.description or next((text_of(concept) for concept in resource.serviceType), "")
    return Visit(
        ref,
        "appointment",
        local_date(resource.start, zone),
        resource.status,
        "outpatient",
        display,
        clinician,
    )
