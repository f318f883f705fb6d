"""Recorded and published resources: every one maps, and the opioid orders among them say what they should."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fhir_mappings.chart import map_chart
from fhir_mappings.facts import Facts, Order
from tests.mapping.chart import TERMS, ZONE

pytestmark = pytest.mark.shared


def resources_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every resource in a file, whatever it is wrapped in."""
    if isinstance(value, list):
        for member in value:
            yield from resources_in(member)
    elif isinstance(value, dict):
        if isinstance(value.get("resourceType"), str) and value["resourceType"] != "Bundle":
            yield value
        else:
            for member in value.values():
                yield from resources_in(member)


def owner(resource: dict[str, Any]) -> str:
    if resource["resourceType"] == "Patient":
        return str(resource.get("id"))
    link = resource.get("subject") or resource.get("patient") or {}
    return str(link.get("reference", "")).rpartition("/")[2] if isinstance(link, dict) else ""


def mapped(patient: str, resources: list[dict[str, Any]]) -> Facts:
    raw = [json.dumps(resource).encode() for resource in resources]
    return map_chart(patient, raw, terms=TERMS, sources={}, zone=ZONE)


@cache
def sample_resources(folder: Path) -> tuple[dict[str, Any], ...]:
    found: list[dict[str, Any]] = []
    for path in sorted(folder.rglob("*.json")):
        found += resources_in(json.loads(path.read_text(encoding="utf-8")))
    return tuple(found)


def derived(shared: Path, name: str) -> Order:
    """The order of one sample, with the Medications of its vendor beside it."""
    path = next((shared / "ehr_samples" / "derived").rglob(f"*{name}*"))
    resource = json.loads(
        next(p for p in path.parent.glob(f"MedicationRequest_{name}*")).read_text(encoding="utf-8")
    )
    medications = [json.loads(p.read_text(encoding="utf-8")) for p in path.parent.glob("Medication_*.json")]
    (order,) = mapped(owner(resource), [resource, *medications]).orders
    return order


@pytest.mark.parametrize(
    ("name", "ingredient", "dose", "times", "daily_mg"),
    [
        ("01_hydrocodone_apap", "hydrocodone", (1, 1, "unit"), 4, 20),
        ("03_oxycodone_er_timeofday", "oxycodone", (20, 20, "mg"), 2, 40),
        ("01_oxycodone_5_dose_in_tabs", "oxycodone", (1, 1, "unit"), 6, 30),
        ("09_morphine_er_bid", "morphine", (1, 1, "unit"), 2, 30),
        ("10_oxycodone_range_text_only", "oxycodone", (1, 2, "unit"), 6, 60),
        ("12_mcg_units_fentanyl_lozenge", "fentanyl", (200, 200, "mcg"), 4, Fraction("0.8")),
        ("07_tramadol_stale", "tramadol", (50, 50, "mg"), 4, 200),
    ],
)
def test_daily_doses(
    shared: Path, name: str, ingredient: str, dose: tuple[int, int, str], times: int, daily_mg: Fraction
) -> None:
    order = derived(shared, name)
    (sig,) = order.sigs
    assert order.drug.ingredient == ingredient
    assert sig.dose is not None
    assert (sig.dose.low, sig.dose.high, sig.dose.unit) == dose
    assert sig.times_high == times
    per = {"unit": order.drug.strength or 0, "mg": Fraction(1), "mcg": Fraction(1, 1000)}[sig.dose.unit]
    assert sig.dose.high * per * times == daily_mg
    assert order.setting == "outpatient"


@pytest.mark.parametrize("name", ["04_fentanyl_patch_q72h", "07_fentanyl_patch_q72hr"])
def test_patches_are_counted_in_patches(shared: Path, name: str) -> None:
    order = derived(shared, name)
    (sig,) = order.sigs
    assert (order.drug.strength, order.drug.strength_unit) == (25, "mcg/h")
    assert sig.dose is not None
    assert (sig.dose.high, sig.dose.unit, sig.times_high) == (1, "patch", Fraction(1, 3))


@pytest.mark.parametrize("name", ["06_buprenorphine_naloxone", "13_buprenorphine_naloxone"])
def test_treatment_of_use_disorder(shared: Path, name: str) -> None:
    order = derived(shared, name)
    assert (order.drug.category, "moud" in order.drug.classes) == ("oud_treatment", True)


def test_the_end_is_only_in_the_text(shared: Path) -> None:
    order = derived(shared, "07_tramadol_stale")
    assert (order.status, order.end, order.end_basis) == ("active", date(2019, 5, 4), "text")


def test_a_taper_is_a_sequence(shared: Path) -> None:
    order = derived(shared, "09_morphine_er_taper")
    assert [(s.start, s.end, s.dose.high * (s.times_high or 0) if s.dose else None) for s in order.sigs] == [
        (date(2026, 3, 2), date(2026, 3, 8), 60),
        (date(2026, 3, 9), date(2026, 3, 15), 30),
    ]


@pytest.mark.parametrize(
    "name", ["10_hydromorphone_iv", "12_hydromorphone_pca", "03_oxycodone_ingredient_code_only"]
)
def test_hospital_orders(shared: Path, name: str) -> None:
    order = derived(shared, name)
    assert (order.setting, order.drug.is_opioid) == ("inpatient", True)


def test_an_ingredient_code_with_a_dose_in_milligrams_is_computable(shared: Path) -> None:
    order = derived(shared, "03_oxycodone_ingredient_code_only")
    (sig,) = order.sigs
    assert sig.dose is not None
    assert (sig.dose.high * (sig.times_high or 0), sig.dose.unit) == (40, "mg")


def test_a_home_medication_without_a_dose_stays_unknown(shared: Path) -> None:
    order = derived(shared, "04_tramadol_patient_specified")
    assert order.reported
    assert [(sig.dose, sig.times_high) for sig in order.sigs] == [(None, None)]


def test_a_free_text_order_is_found(shared: Path) -> None:
    order = derived(shared, "06_freetext_misc")
    assert (order.drug.ingredient, order.drug.strength, order.drug.basis.value) == (
        "hydromorphone",
        2,
        "name",
    )


def test_every_row_of_the_expectations_is_held_above(shared: Path) -> None:
    """A new sample must get its assertion."""
    rows = json.loads((shared / "ehr_samples" / "derived" / "EXPECTED.json").read_text(encoding="utf-8"))
    here = Path(__file__).read_text(encoding="utf-8")
    stems = [Path(row["file"]).stem.removeprefix("MedicationRequest_") for row in rows]
    assert [stem for stem in stems if "_".join(stem.split("_")[:3]) not in here] == []


def test_every_recorded_resource_maps(shared: Path) -> None:
    """No order is lost: what is not an order afterwards is named."""
    everything = sample_resources(shared / "ehr_samples")
    medications = [one for one in everything if one["resourceType"] == "Medication"]
    charts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for resource in everything:
        charts[owner(resource)].append(resource)
    orders = 0
    for patient, resources in charts.items():
        found = mapped(patient or "nobody", [*resources, *medications])
        wanted = {
            f"{o['resourceType']}/{o['id']}"
            for o in resources
            if o["resourceType"] == "MedicationRequest" and "id" in o
        }
        seen = {order.ref for order in found.orders} | {issue.ref for issue in found.issues}
        assert wanted <= seen
        orders += len(found.orders)
    assert orders > 150


@pytest.mark.parametrize(
    "folder",
    [
        "epic-shape-mme-tests",
        "handmade-pain-ahrq",
        "handmade-pain-cosri",
        "synthea2025-bulk10",
        "synthea2025-qicore-ca",
    ],
)
def test_every_patient_of_a_population_maps(shared: Path, folder: str) -> None:
    charts: dict[str, list[bytes]] = defaultdict(list)
    wanted: set[str] = set()
    medications: list[bytes] = []
    for path in sorted((shared / "population" / folder).glob("*.ndjson.gz")):
        with gzip.open(path) as lines:
            for line in lines:
                resource = json.loads(line)
                if resource["resourceType"] == "Medication":
                    medications.append(line)
                    continue
                charts[owner(resource)].append(line)
                if resource["resourceType"] == "MedicationRequest":
                    wanted.add(f"MedicationRequest/{resource['id']}")
    charts.pop("", None)
    found = [
        map_chart(p, [*raw, *medications], terms=TERMS, sources={}, zone=ZONE) for p, raw in charts.items()
    ]
    orders = {order.ref: order for facts in found for order in facts.orders}
    assert wanted <= orders.keys() | {issue.ref for facts in found for issue in facts.issues}
    assert any(order.drug.is_opioid and order.drug.basis.value == "product_code" for order in orders.values())
