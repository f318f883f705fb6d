"""The synthetic charts show what they say, in each vendor's shape, on any day."""

import csv
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import given
from hypothesis import strategies as st

from app.sandbox.charts import CHARTS
from app.sandbox.config import Flavour
from app.sandbox.findings import CONDITIONS, PROCEDURES
from app.sandbox.patients import synthetic_patients
from app.sandbox.records import Records, patient_of
from tests.sandbox.conftest import AS_OF

FLAVOURS: list[Flavour] = ["generic", "epic", "oracle"]
TERMINOLOGY = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "terminology"


def chart(state: str, flavour: Flavour = "generic", as_of: date = AS_OF) -> tuple[Records, str]:
    resources, cards = synthetic_patients(flavour, as_of)
    return Records(resources), next(card.id for card in cards if f"-{state}," in card.name)


def active_orders(state: str, flavour: Flavour = "generic") -> list[dict[str, Any]]:
    records, patient = chart(state, flavour)
    return [o for o in records.of("MedicationRequest", patient) if o["status"] == "active"]


def daily_units(order: dict[str, Any]) -> float:
    repeat = order["dosageInstruction"][0]["timing"]["repeat"]
    dose = order["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"]
    per_day = {"d": 1, "h": 24}[repeat["periodUnit"]] / repeat["period"] * repeat["frequency"]
    return dose * per_day


def codes(resource: dict[str, Any], element: str = "code") -> set[str]:
    return {coding["code"] for coding in resource[element]["coding"]}


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_every_reference_leads_somewhere(flavour: Flavour):
    resources, cards = synthetic_patients(flavour, AS_OF)
    held = {f"{r['resourceType']}/{r['id']}" for r in resources}
    assert len(held) == len(resources)
    assert {f"Patient/{card.id}" for card in cards} <= held
    text = json.dumps(resources)
    assert {part.split('"')[0] for part in text.split('"reference": "')[1:]} <= held


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_everything_clinical_belongs_to_a_patient(flavour: Flavour):
    resources, _ = synthetic_patients(flavour, AS_OF)
    outside = {r["resourceType"] for r in resources if patient_of(r) is None}
    assert outside <= {"Practitioner", "Medication"}


@given(as_of=st.dates(date(2020, 1, 1), date(2040, 12, 31)))
def test_charts_move_with_the_day_they_are_made_for(as_of: date):
    records, patient = chart("Clean", as_of=as_of)
    newest = max(o["authoredOn"][:10] for o in records.of("MedicationRequest", patient))
    assert newest == (as_of - timedelta(days=9)).isoformat()
    assert records.of("Appointment", patient)[0]["start"][:10] == (as_of + timedelta(days=12)).isoformat()
    minor = records.get("Patient", "sandbox-minor")
    assert minor
    born = date.fromisoformat(minor["birthDate"])
    assert as_of.year - born.year - ((as_of.month, as_of.day) < (born.month, born.day)) < 18


def test_the_clean_chart_is_sixty_mme_from_its_numbers():
    order = next(o for o in active_orders("Clean") if "1049683" in codes(o, "medicationCodeableConcept"))
    assert daily_units(order) * 10 * 1.5 == 60
    request = order["dispenseRequest"]
    assert request["quantity"]["value"] / request["expectedSupplyDuration"]["value"] == daily_units(order)


def test_the_partial_chart_has_an_order_nothing_can_be_counted_from():
    tramadol = [o for o in active_orders("Partial") if "835603" in codes(o, "medicationCodeableConcept")]
    newest = max(tramadol, key=lambda o: o["authoredOn"])
    assert "dosageInstruction" not in newest
    assert not {"quantity", "expectedSupplyDuration"} & newest["dispenseRequest"].keys()


def test_the_unreadable_sig_has_words_and_nothing_else():
    order = active_orders("Sig")[0]
    assert [set(item) for item in order["dosageInstruction"]] == [{"text"}]


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("Hospice", "Z51.5"),
        ("Cancer", "C50.911"),
        ("Sickle", "D57.1"),
        ("Treatment", "F11.20"),
        ("Clean", "Z79.891"),
    ],
)
def test_problem_lists_hold_what_sets_the_state(state: str, code: str):
    records, patient = chart(state)
    assert code in set().union(*(codes(c) for c in records.of("Condition", patient)))


def test_the_empty_and_the_lapsed_chart():
    none = active_orders("None")
    assert [codes(o, "medicationCodeableConcept") for o in none] == [{"310431"}]
    assert active_orders("Lapsed") == []
    records, patient = chart("Lapsed")
    last = max(o["authoredOn"][:10] for o in records.of("MedicationRequest", patient))
    assert (AS_OF - date.fromisoformat(last)).days - 30 == 45


def test_the_taper_has_two_steps_that_do_not_overlap():
    order = next(o for o in active_orders("Taper") if len(o.get("dosageInstruction", [])) == 2)
    first, second = (item["timing"]["repeat"]["boundsPeriod"] for item in order["dosageInstruction"])
    assert first["end"] == second["start"]


def test_epic_orders_point_to_a_product_with_several_codes_and_three_doses():
    records, patient = chart("Clean", "epic")
    order = next(o for o in records.of("MedicationRequest", patient) if "oxyCODONE" in str(o))
    product = records.get("Medication", order["medicationReference"]["reference"].split("/")[1])
    assert product
    rxnorm = [c for c in product["code"]["coding"] if c["system"].endswith("rxnorm")]
    assert len(rxnorm) >= 2
    assert not any("display" in coding for coding in rxnorm)
    instruction = order["dosageInstruction"][0]
    kinds = [dose["type"]["text"] for dose in instruction["doseAndRate"]]
    assert kinds == ["calculated", "admin-amount", "ordered"]
    repeat = instruction["timing"]["repeat"]
    assert "frequency" not in repeat
    assert (len(repeat["timeOfDay"]), repeat["count"]) == (4, 120)
    assert len(order["id"]) > 64


def test_oracle_orders_name_the_product_inline_and_the_frequency_in_a_code():
    order = next(o for o in active_orders("Clean", "oracle") if "oxyCODONE" in str(o))
    codings = order["medicationCodeableConcept"]["coding"]
    assert [coding["userSelected"] for coding in codings] == [False, True]
    timing = order["dosageInstruction"][0]["timing"]
    assert set(timing["repeat"]) == {"boundsPeriod"}
    assert "QID" in codes(timing)
    assert order["reportedBoolean"] is False


def test_oracle_writes_a_range_in_words_only():
    order = next(o for o in active_orders("Patch", "oracle") if "1-2 tab" in str(o))
    assert "doseAndRate" not in order["dosageInstruction"][0]


@pytest.mark.shared
def test_every_code_is_a_published_one():
    if not TERMINOLOGY.is_dir():
        pytest.skip("the shared terminology folder is not beside the project")

    def column(name: str, member: str) -> set[str]:
        with (TERMINOLOGY / name).open(newline="", encoding="utf-8") as lines:
            return {row[member] for row in csv.DictReader(lines)}

    drugs = column("opioid_drugs.csv", "rxcui") | column("drug_classes.csv", "rxcui")
    used = {order.drug for item in CHARTS for order in item.orders}
    assert {code for drug in used for code in (drug.rxcui, *drug.related)} - drugs == set()
    icd = {code for code, _ in CONDITIONS.values()} - {"I10"}
    assert icd - column("conditions.csv", "code") == set()
    assert {code for code, _ in PROCEDURES.values()} - column("observations.csv", "code") == set()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_every_resource_is_valid_fhir(flavour: Flavour):
    resources, _ = synthetic_patients(flavour, AS_OF)
    for resource in resources:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def test_oracle_masks_an_order_entered_in_error():
    records, patient = chart("Partial", "oracle")
    masked = [o for o in records.of("MedicationRequest", patient) if o["status"] == "entered-in-error"]
    assert [o["medicationCodeableConcept"]["text"] for o in masked] == ["Error"]
    assert "coding" not in masked[0]["medicationCodeableConcept"]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_home_medications_are_marked_as_reported(flavour: Flavour):
    reported = [o for o in active_orders("Partial", flavour) if o.get("reportedBoolean")]
    assert [o["intent"] for o in reported] == ["plan"]
