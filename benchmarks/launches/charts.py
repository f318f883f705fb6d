"""The patients of the two hospitals, each marked in everything that is theirs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.two_services import Hospital

PATIENTS = 400


@dataclass(frozen=True, slots=True)
class Chart:
    """One patient of one hospital, and what marks it."""

    hospital: Hospital
    number: int

    @property
    def patient(self) -> str:
        return f"pt-{self.number:04}"

    @property
    def mark(self) -> str:
        return f"{self.hospital.tenant}{self.number:04}"


def write_charts(folder: Path, tenant: str) -> None:
    """Patients with one order each, all named after their mark; ids of patients are the same at every hospital."""
    folder.mkdir()
    ordered = (datetime.now(UTC) - timedelta(days=5)).date().isoformat()
    with (folder / "charts.ndjson").open("w") as lines:
        for number in range(PATIENTS):
            mark = f"{tenant}{number:04}"
            patient = {
                "resourceType": "Patient", "id": f"pt-{number:04}", "gender": "female", "birthDate": "1970-01-01",
                "name": [{"family": f"Mark-{mark}", "given": ["Load"]}],
            }  # fmt: skip
            order = {
                "resourceType": "MedicationRequest", "id": f"rx-{mark}", "status": "active", "intent": "order",
                "medicationCodeableConcept": {
                    "coding": [{
                        "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "1049621",
                        "display": "oxycodone hydrochloride 5 MG Oral Tablet",
                    }],
                },
                "subject": {"reference": f"Patient/pt-{number:04}"},
                "authoredOn": ordered,
                "requester": {"reference": "Practitioner/clinician", "display": f"Dr. Mark-{mark}"},
                "dosageInstruction": [{"text": f"Take {1 + number % 3} tablets by mouth every 6 hours"}],
                "dispenseRequest": {"quantity": {"value": 120, "unit": "tablet"}},
            }  # fmt: skip
            lines.write(json.dumps(patient) + "\n" + json.dumps(order) + "\n")
