"""Short ways to write FHIR resources and to map them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from fhir_mappings.chart import map_chart
from fhir_mappings.facts import Facts, Fill, Issue, Order, Sig, Source
from valuesets import load_terms

TERMS = load_terms()
ZONE = ZoneInfo("America/Los_Angeles")
PATIENT = "p1"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
NDC = "http://hl7.org/fhir/sid/ndc"
UCUM = "http://unitsofmeasure.org"
OXYCODONE_5 = ("1049621", "oxycodone hydrochloride 5 MG Oral Tablet")
OXYCODONE_10 = ("1049683", "oxycodone hydrochloride 10 MG Oral Tablet")
FENTANYL_25 = ("245134", "72 HR fentanyl 0.025 MG/HR Transdermal System")
Json = dict[str, Any]


def facts(*resources: Json, sources: Mapping[str, Source] | None = None) -> Facts:
    raw = [json.dumps(resource).encode() for resource in resources]
    return map_chart(PATIENT, raw, terms=TERMS, sources=sources or {}, zone=ZONE)


def concept(system: str, code: str, display: str = "", text: str = "") -> Json:
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]} | ({"text": text} if text else {})


def quantity(value: float | str, unit: str = "", code: str = "") -> Json:
    return (
        {"value": value} | ({"unit": unit} if unit else {}) | ({"code": code, "system": UCUM} if code else {})
    )


def request(drug: tuple[str, str] | None = OXYCODONE_5, **members: Any) -> Json:
    resource: Json = {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "authoredOn": "2026-03-02",
    }
    if drug is not None:
        resource["medicationCodeableConcept"] = concept(RXNORM, *drug)
    return resource | members


def observation(code: str, **members: Any) -> Json:
    return {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": concept(LOINC, code),
        "subject": {"reference": f"Patient/{PATIENT}"},
        "effectiveDateTime": "2026-03-02T10:00:00-08:00",
    } | members


def order(*resources: Json) -> Order:
    (found,) = facts(*resources).orders
    return found


def fill(*resources: Json) -> Fill:
    (found,) = facts(*resources).fills
    return found


def sig(dosage: Json, drug: tuple[str, str] | None = OXYCODONE_5, **members: Any) -> Sig:
    (found,) = order(request(drug, dosageInstruction=[dosage], **members)).sigs
    return found


def codes(issues: tuple[Issue, ...]) -> list[str]:
    return [issue.code.value for issue in issues]
