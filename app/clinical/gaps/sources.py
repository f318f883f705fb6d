"""Where the chart keeps what a rule looks for: resource types and element names of the value sets."""

from __future__ import annotations

from app.clinical.gaps.timed import Done
from fhir_mappings.facts import Event, Facts

CHECKS = ("Procedure", "Observation")
RESULTS = ("Observation",)
DOCUMENTS = ("DocumentReference",)
ORDERS = ("MedicationRequest",)
PROBLEMS = ("Condition",)
VISITS = ("Encounter",)
BOOKINGS = ("Appointment",)
FORMS = ("QuestionnaireResponse",)
OTHER_DRUG_SOURCES = ("MedicationDispense", "MedicationStatement", "PDMP")


def done_events(facts: Facts, *elements: str) -> list[Done]:
    """Procedures and the like that were carried out, with their outcome.  A request asks, it does not do."""
    wanted = frozenset(elements)
    if wanted.isdisjoint(facts.event_elements):
        return []
    return [
        Done(event.when, event.ref, event.outcome)
        for event in facts.events
        if event.done and wanted & event.elements and not is_request(event)
    ]


def is_request(event: Event) -> bool:
    """Whether it was only asked for."""
    return event.ref.startswith("ServiceRequest/")


def done_results(facts: Facts, *elements: str) -> list[Done]:
    """Valid results of these elements; what was entered in error or is preliminary does not count."""
    wanted = frozenset(elements)
    if facts.results_by_element.keys().isdisjoint(wanted):
        return []
    return [
        Done(result.when, result.ref, result.text)
        for result in facts.results
        if result.valid and wanted & result.elements
    ]
