"""FHIR resources of one patient to an answer."""

from __future__ import annotations

from datetime import date
from typing import Any

from app.clinical.evaluate import evaluate
from app.clinical.evaluation import Evaluation
from app.clinical.policy import Policy
from fhir_mappings.facts import Source
from tests.mapping.chart import (
    OXYCODONE_10,
    PATIENT,
    RXNORM,
    TERMS,
    concept,
    facts,
    quantity,
    request,
)

Json = dict[str, Any]
AS_OF = date(2026, 3, 12)
FOUR_TIMES = {"repeat": {"frequency": 4, "period": 1, "periodUnit": "d"}}
ONE_TABLET = [{"doseQuantity": quantity(1, "tablet")}]
QID = [{"timing": FOUR_TIMES, "doseAndRate": ONE_TABLET}]
MONTH = {"quantity": quantity(120, "tablet"), "expectedSupplyDuration": quantity(30, "days", "d")}


def answer(*resources: Json, partial: tuple[str, ...] = ()) -> Evaluation:
    kinds = (
        "MedicationRequest", "MedicationDispense", "MedicationStatement", "Condition", "Procedure", "Observation",
        "DiagnosticReport", "Communication", "DocumentReference", "Encounter",
    )  # fmt: skip
    sources = {kind: Source(kind, complete=kind not in partial) for kind in kinds}
    return evaluate(facts(*resources, sources=sources), Policy(), TERMS, AS_OF)


def by(who: str = "Dr A", **members: Any) -> Json:
    return request(OXYCODONE_10, requester={"display": who}, **members)


def dispense(**members: Any) -> Json:
    drug = {"medicationCodeableConcept": concept(RXNORM, *OXYCODONE_10)}
    link = {"subject": {"reference": f"Patient/{PATIENT}"}}
    return {"resourceType": "MedicationDispense", "id": "f", "status": "completed"} | link | drug | members


def reported(name: str, **members: Any) -> Json:
    link = {"subject": {"reference": f"Patient/{PATIENT}"}}
    statement = {"resourceType": "MedicationStatement", "id": "s", "status": "active"}
    return statement | link | {"medicationCodeableConcept": {"text": name}} | members
