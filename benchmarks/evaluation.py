"""One patient with 50 orders and 200 observations: evaluation beside parsing the same resources with fhir.resources."""

from __future__ import annotations

import csv
import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, date, timedelta

from fhir.resources.R4B import get_fhir_model_class

from app.clinical.evaluate import evaluate
from app.jobs.policies import load_policy, load_site_terms
from fhir_mappings.chart import map_chart
from fhir_mappings.facts import Source
from valuesets import load_terms
from valuesets.loader import DATA

AS_OF = date(2026, 6, 30)
ROUNDS = 200
DRUGS = (
    ("1049621", "oxycodone hydrochloride 5 MG Oral Tablet"),
    ("856999", "acetaminophen 325 MG / hydrocodone bitartrate 10 MG Oral Tablet"),
    ("197901", "lorazepam 1 MG Oral Tablet"),
    ("310431", "gabapentin 300 MG Oral Capsule"),
    ("314076", "lisinopril 10 MG Oral Tablet"),
)
TESTS = ("19295-5", "91147-9", "44261-6", "2160-0", "718-7", "8480-6")


def orders() -> list[dict[str, object]]:
    """50 monthly orders over ten months, five drugs, as a US Core server sends them."""
    return [
        {
            "resourceType": "MedicationRequest",
            "id": f"order-{number}",
            "status": "active" if number < 5 else "completed",
            "intent": "order",
            "medicationCodeableConcept": {
                "coding": [
                    {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code, "display": name}
                ],
                "text": name,
            },
            "subject": {"reference": "Patient/p"},
            "authoredOn": (AS_OF - timedelta(days=10 + 30 * (number // 5))).isoformat(),
            "requester": {"reference": "Practitioner/1", "display": "A. Prescriber"},
            "dosageInstruction": [
                {
                    "text": "Take 1 tablet by mouth every 6 hours as needed for pain",
                    "timing": {"repeat": {"frequency": 1, "period": 6, "periodUnit": "h"}},
                    "asNeededBoolean": True,
                    "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet", "code": "{tbl}"}}],
                }
            ],
            "dispenseRequest": {
                "quantity": {"value": 120, "unit": "tablet"},
                "expectedSupplyDuration": {
                    "value": 30, "unit": "day", "system": "http://unitsofmeasure.org", "code": "d",
                },
            },
        }
        for number in range(50)
        for code, name in [DRUGS[number % 5]]
    ]  # fmt: skip


def observations() -> list[dict[str, object]]:
    return [
        {
            "resourceType": "Observation",
            "id": f"result-{number}",
            "status": "final",
            "category": [
                {
                    "coding": [
                        {
                            "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                            "code": "laboratory",
                        }
                    ]
                }
            ],
            "code": {"coding": [{"system": "http://loinc.org", "code": TESTS[number % len(TESTS)]}]},
            "subject": {"reference": "Patient/p"},
            "effectiveDateTime": (AS_OF - timedelta(days=3 * number)).isoformat() + "T10:00:00Z",
            "valueQuantity": {"value": 4 + number % 5, "unit": "{score}"},
        }
        for number in range(200)
    ]


def median(call: Callable[[], object], rounds: int) -> float:
    """Milliseconds."""
    call()
    times: list[float] = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def main() -> None:
    resources = [
        {"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1970-01-01"},
        *orders(),
        *observations(),
    ]
    raw = [json.dumps(resource).encode() for resource in resources]
    terms, policy = load_site_terms(), load_policy()
    kinds = ("MedicationRequest", "Observation", "Condition", "Procedure", "DocumentReference", "Patient")
    sources = {kind: Source(kind, read=1) for kind in kinds}
    facts = map_chart("p", raw, terms=terms, sources=sources, zone=UTC)
    models = {kind: get_fhir_model_class(kind) for kind in ("Patient", "MedicationRequest", "Observation")}

    def parsed_with_fhir_resources() -> None:
        for resource, text in zip(resources, raw, strict=True):
            models[str(resource["resourceType"])].model_validate_json(text)

    def tables_with_csv() -> None:
        for name in ("opioids.csv", "components.csv", "classes.csv"):
            with (DATA / name).open(newline="", encoding="utf-8") as file:
                list(csv.reader(file))

    looked_up = median(lambda: load_terms().drug(DRUGS[0][0]), 5)
    print(f"load the terminology and find a drug: median {looked_up:.0f} ms")
    print(f"read the same tables with csv alone: median {median(tables_with_csv, 5):.0f} ms")
    alone = median(lambda: evaluate(facts, policy, terms, AS_OF), ROUNDS)
    mapped = median(lambda: map_chart("p", raw, terms=terms, sources=sources, zone=UTC), ROUNDS)
    parsed = median(parsed_with_fhir_resources, 5)
    print(f"evaluate: median {alone:.2f} ms")
    print(f"map the resources to facts: median {mapped:.2f} ms")
    print(f"parse the same 251 resources with fhir.resources: median {parsed:.1f} ms")
    print(
        f"mapping and evaluation together are {parsed / (alone + mapped):.0f} times faster than that parsing"
    )
