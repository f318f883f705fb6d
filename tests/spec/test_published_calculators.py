"""Inputs on which published calculators go wrong, read from FHIR as an EHR sends them, with the right answer."""

import json
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.clinical.evaluation import Mme
from app.clinical.mme import mme
from app.clinical.policy import Policy
from app.jobs.policies import load_site_terms
from fhir_mappings.chart import map_chart
from fhir_mappings.facts import Source
from tests.spec.charts import number

TERMS, POLICY = load_site_terms(), Policy()
AS_OF = date(2025, 1, 10)
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
UCUM = "http://unitsofmeasure.org"
Json = dict[str, Any]


def quantity(value: float, unit: str) -> Json:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def dosage(dose: Json | None = None, timing: Json | None = None, **more: Any) -> Json:
    made: Json = {"doseAndRate": [{"doseQuantity": dose}]} if dose else {}
    return {**made, **({"timing": {"repeat": timing}} if timing else {}), **more}


def every(hours: float) -> Json:
    return {"frequency": 1, "period": hours, "periodUnit": "h"}


def daily(times: int) -> Json:
    return {"frequency": times, "period": 1, "periodUnit": "d"}


def request(
    codes: str | tuple[str, ...], *dosages: Json, name: str = "1", text: str = "", **more: Any
) -> Json:
    coding = [{"system": RXNORM, "code": code} for code in ((codes,) if isinstance(codes, str) else codes)]
    return {
        "resourceType": "MedicationRequest", "id": name, "status": "active", "intent": "order",
        "subject": {"reference": "Patient/p"}, "authoredOn": "2025-01-01",
        "medicationCodeableConcept": {"coding": coding, **({"text": text} if text else {})},
        "dosageInstruction": list(dosages), **more,
    }  # fmt: skip


def supply(amount: float, days: float) -> Json:
    return {
        "quantity": quantity(amount, "{tbl}"),
        "expectedSupplyDuration": {"value": days, "unit": "d", "code": "d"},
    }


@dataclass(frozen=True)
class Input:
    """wrong: what the published calculators answered."""

    title: str
    resources: tuple[Json, ...]
    right: float | None
    wrong: str
    flags: tuple[str, ...] = ()
    not_counted: tuple[str, ...] = field(default=())


OXYCODONE_5, OXYCODONE_10, OXYCODONE_ER_10, OXYCODONE_ER_20 = "1049621", "1049611", "1049502", "1049543"
MORPHINE_ER_15, METHADONE_10, FENTANYL_25, CODEINE_30 = "891888", "864706", "245134", "997285"
MORPHINE, BELBUCA_75, SUBOXONE = "7052", "1716077", "1010604"
BY_REFERENCE = {
    **{key: value for key, value in request(OXYCODONE_5, dosage(quantity(1, "{tbl}"), daily(4))).items()
       if key != "medicationCodeableConcept"},
    "medicationReference": {"reference": "Medication/m1", "display": "oxyCODONE 5 MG tablet"},
}  # fmt: skip
MEDICATION = {
    "resourceType": "Medication", "id": "m1", "code": {"coding": [{"system": RXNORM, "code": OXYCODONE_5}]},
}  # fmt: skip
INPUTS = (
    Input("a dose in milligrams is not multiplied by the strength",
          (request(OXYCODONE_ER_10, dosage(quantity(10, "mg"), every(12))),), 30, "1800"),
    Input("many codings of which the first is the ingredient",
          (request((MORPHINE, "892494", MORPHINE_ER_15), dosage(quantity(15, "mg"), every(12))),), 30, "null"),
    Input("a dose without structured timing, quantity and days recorded",
          (request(OXYCODONE_5, dosage(quantity(1, "{tbl}"), text="as directed by pain plan"),
                   dispenseRequest=supply(60, 15)),), 30, "0"),
    Input("quantity and days' supply only", (request(OXYCODONE_5, dispenseRequest=supply(30, 10)),), 22.5, "null"),
    Input("the drug in a Medication resource", (BY_REFERENCE, MEDICATION), 30, "0"),
    Input("a dose range",
          (request(OXYCODONE_5, {"doseAndRate": [{"doseRange": {"low": quantity(1, "{tbl}"),
                                                                "high": quantity(2, "{tbl}")}}],
                                 "timing": {"repeat": every(4)}}),), 90, "null"),
    Input("methadone 20.5 mg a day falls between whole-number tiers",
          (request(METHADONE_10, dosage(quantity(20.5, "mg"), daily(1))),), 96.35, "2460"),
    Input("fentanyl lozenge 200 mcg four times a day",
          (request("310295", dosage(quantity(1, "{lozenge}"), daily(4))),), 104, "0.104"),
    Input("the same lozenge written as 200 ug",
          (request("310295", dosage(quantity(200, "ug"), daily(4))),), 104, "46.1"),
    Input("a fentanyl patch changed every 48 hours",
          (request(FENTANYL_25, dosage(quantity(1, "{patch}"), every(48))),), 60, "90"),
    Input("buprenorphine buccal film", (request(BELBUCA_75, dosage(quantity(1, "{film}"), daily(2))),), None,
          "4500", ("buprenorphine",), ("no_factor",)),
    Input("buprenorphine with naloxone for opioid use disorder",
          (request(SUBOXONE, dosage(quantity(1, "{film}"), daily(2))),), None, "480",
          ("buprenorphine", "oud_treatment"), ("no_factor",)),
    Input("codeine 30 mg four times a day", (request(CODEINE_30, dosage(quantity(1, "{tbl}"), daily(4))),), 18, "0"),
    Input("oxycodone beside buprenorphine film",
          (request(OXYCODONE_5, dosage(quantity(1, "{tbl}"), daily(4))),
           request(BELBUCA_75, dosage(quantity(1, "{film}"), daily(2)), name="2")), 30, "30 without a word",
          ("buprenorphine",), ("no_factor",)),
    Input("a stopped order", (request(OXYCODONE_5, dosage(quantity(1, "{tbl}"), daily(4)), status="stopped",
                                      dispenseRequest=supply(120, 30)),), 0, "30"),
    Input("several statements of one dose are one dose",
          (request(OXYCODONE_10, {"doseAndRate": [
              {"type": {"coding": [{"code": kind}]}, "doseQuantity": amount}
              for kind, amount in (("calculated", quantity(10, "mg")), ("admin-amount", quantity(1, "{tbl}")),
                                   ("ordered", quantity(10, "mg")))],
              "timing": {"repeat": daily(4)}}),), 60, "the whole patient aborted"),
)  # fmt: skip


def found(resources: tuple[Json, ...]) -> Mme:
    patient = {"resourceType": "Patient", "id": "p"}
    raw = [json.dumps(resource).encode() for resource in (patient, *resources)]
    sources = {"MedicationRequest": Source("MedicationRequest", len(raw))}
    facts = map_chart("p", raw, terms=TERMS, sources=sources, zone=ZoneInfo("UTC"))
    return mme(facts, POLICY, TERMS, AS_OF)


@pytest.mark.parametrize("row", INPUTS, ids=lambda row: row.title)
def test_published_calculators_input(row: Input) -> None:
    answer = found(row.resources)
    assert number(answer.current) == row.right
    assert answer.complete
    assert set(row.flags) <= set(answer.flags)
    assert tuple(missing.reason for missing in answer.uncounted) == row.not_counted


def test_what_is_left_out_is_named_beside_the_number() -> None:
    answer = found(INPUTS[13].resources)
    assert [(missing.ingredient, missing.text) for missing in answer.uncounted] == [
        ("buprenorphine", "buprenorphine has no MME factor")
    ]
