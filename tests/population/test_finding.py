"""The quick look at drug lines finds everyone whom the mapping finds, however the drug is written."""

import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.jobs.policies import load_site_terms
from app.population.drugs import Drugs, Verdict, may_be_opioid
from app.population.rows import decode_drug_probe
from app.population.scan import Summary, settle_medications
from fhir_mappings.chart import map_chart
from fhir_mappings.facts import Source
from tests.population.conftest import LISINOPRIL, OXYCODONE, evaluate, manifest, order, person, write

UTC = ZoneInfo("UTC")
TEXTS = (
    "", "oxycodone 5 mg tablet", "Norco 5-325", "lisinopril 10 mg", "Misc Prescription", "oxycodon 5", "tylenol #3",
    "naloxone 4 mg nasal spray", "opioid agreement", "Error", "unknown", "naltrexone 50 mg", "MS Contin",
)  # fmt: skip
CODES = (None, "1049621", "314076", "7804", "99999999")
SIGS = ("", "Take 1 tablet daily", "hydrocodone-apap 5/325 1 tab q6h", "see oxycodone taper")


def _concept(code: str | None, text: str) -> dict[str, object]:
    coding = [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code}] if code else []
    return {"coding": coding, **({"text": text} if text else {})}


concepts = st.builds(_concept, st.sampled_from(CODES), st.sampled_from(TEXTS))


@st.composite
def lines(draw: st.DrawFn) -> tuple[dict[str, object], list[dict[str, object]]]:
    """A drug line, with the Medications it may refer to."""
    kind = draw(st.sampled_from(["MedicationRequest", "MedicationStatement", "MedicationDispense"]))
    sig = [{"text": draw(st.sampled_from(SIGS))}]
    line: dict[str, object] = {
        "resourceType": kind, "id": "x", "status": draw(st.sampled_from(["active", "entered-in-error", "completed"])),
        "subject": {"reference": "Patient/p1"},
        "dosage" if kind == "MedicationStatement" else "dosageInstruction": sig,
    }  # fmt: skip
    medications: list[dict[str, object]] = []
    how = draw(st.sampled_from(["inline", "contained", "reference", "absent"]))
    if how == "inline":
        line["medicationCodeableConcept"] = draw(concepts)
    elif how == "contained":
        line["contained"] = [{"resourceType": "Medication", "id": "in", "code": draw(concepts)}]
        line["medicationReference"] = {"reference": "#in", "display": draw(st.sampled_from(TEXTS))}
    elif how == "reference":
        line["medicationReference"] = {"reference": "Medication/a", "display": draw(st.sampled_from(TEXTS))}
        if draw(st.booleans()):
            medications.append({"resourceType": "Medication", "id": "a", "code": draw(concepts)})
            if draw(st.booleans()):
                del medications[0]["code"]
                medications[0]["ingredient"] = [{"itemReference": {"reference": "Medication/b"}}]
                medications.append({"resourceType": "Medication", "id": "b", "code": draw(concepts)})
    return line, medications


def _look(drugs: Drugs, line: Mapping[str, object], medications: list[dict[str, object]]) -> bool:
    raw = json.dumps(line).encode()
    verdict, medication = drugs.of_line(decode_drug_probe(raw), raw)
    found = {str(one["id"]): drugs.of_medication(json.dumps(one).encode()) for one in medications}
    settled = settle_medications([Summary(0, {}, [], found, b"", b"")])
    return may_be_opioid(verdict, settled.get(medication) if medication else None)


@given(st.lists(lines(), min_size=1, max_size=8))
@settings(deadline=None)
def test_no_opioid_escapes_the_quick_look(
    several: list[tuple[dict[str, object], list[dict[str, object]]]],
) -> None:
    drugs = Drugs(load_site_terms())
    for line, medications in several:
        raw = [json.dumps(one).encode() for one in (line, *medications)]
        sources = {str(line["resourceType"]): Source(str(line["resourceType"]))}
        facts = map_chart("p1", raw, terms=load_site_terms(), sources=sources, zone=UTC)
        is_opioid = any(one.drug.is_opioid for one in (*facts.orders, *facts.fills))
        is_lost = any(not source.complete for source in facts.sources.values())
        if is_opioid or is_lost:
            assert _look(drugs, line, medications)


@pytest.mark.parametrize("kind", ["MedicationRequest", "MedicationStatement", "MedicationDispense"])
def test_the_quick_look_leaves_other_drugs_aside(kind: str) -> None:
    drugs = Drugs(load_site_terms())
    for sig in SIGS:
        line = {**order("m", "p", LISINOPRIL), "resourceType": kind, "dosageInstruction": [{"text": sig}]}
        assert not _look(drugs, line, [])
    raw = json.dumps(order("m", "p", LISINOPRIL)).encode()
    assert drugs.of_line(decode_drug_probe(raw), raw) == (Verdict.NO, "")


def test_medications_are_found_in_any_file_and_order(tmp_path: Path) -> None:
    by_reference = {**order("m1", "p1"), "medicationReference": {"reference": "Medication/drug"}}
    del by_reference["medicationCodeableConcept"]
    opioid = {"resourceType": "Medication", "id": "drug", "code": OXYCODONE}
    for number, (early, late) in enumerate(product(("A", "Z"), repeat=2)):
        folder = tmp_path / str(number)
        write(folder / f"{early}-orders.ndjson", [person("p1"), by_reference, order("m2", "p2", LISINOPRIL)])
        write(folder / f"{late}-drugs.ndjson", [opioid])
        run = evaluate(folder, tmp_path / "out")
        assert set(run.rows) == {"p1"}
        assert run.rows["p1"]["mme"] == 30


def test_escaped_slashes_in_references_change_nothing(tmp_path: Path) -> None:
    link = {"reference": "Medication/mix", "display": "Home supply 7"}
    by_reference = {**order("m1", "p1"), "medicationReference": link}
    del by_reference["medicationCodeableConcept"]
    mix = {
        "resourceType": "Medication",
        "id": "mix",
        "ingredient": [{"itemReference": {"reference": "Medication/drug"}}],
    }
    opioid = {"resourceType": "Medication", "id": "drug", "code": OXYCODONE}
    lines = [json.dumps(one).encode() for one in (person("p1"), by_reference, mix, opioid)]
    write(tmp_path / "plain/x.ndjson", lines)
    write(tmp_path / "escaped/x.ndjson", [line.replace(b"/", b"\\/") for line in lines])
    for name in ("plain", "escaped"):
        run = evaluate(tmp_path / name, tmp_path / "out")
        assert {patient: row["mme"] for patient, row in run.rows.items()} == {"p1": 30}


def test_an_order_whose_drug_is_nowhere_named_is_listed_as_not_known(tmp_path: Path) -> None:
    unnamed = {**order("m1", "p1"), "medicationReference": {"reference": "Medication/absent"}}
    del unnamed["medicationCodeableConcept"]
    write(tmp_path / "in/MedicationRequest.ndjson", [unnamed, order("m2", "p2", LISINOPRIL)])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert {patient: row["opioid"] for patient, row in run.rows.items()} == {"p1": "cannot_tell"}
    assert (run.record.patients_with_opioid, run.record.opioid_cannot_tell) == (0, 1)
    assert run.rows["p1"]["ltot"] == "cannot_tell"


def test_people_without_an_opioid_are_counted_and_not_listed(tmp_path: Path) -> None:
    write(
        tmp_path / "in/all.ndjson", [person("p1"), person("p2"), person("p2"), order("m1", "p1", LISINOPRIL)]
    )
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert run.rows == {}
    assert (run.record.patients, run.record.patients_with_opioid) == (2, 0)


def _ordered(patient: str, drug: str, **more: object) -> dict[str, object]:
    link = {"reference": drug, "display": "Home supply seven"}
    line = order(f"m-{patient}", patient, medicationReference=link, **more)
    return {name: value for name, value in line.items() if name != "medicationCodeableConcept"}


def _drug(id_: str, *parts: str, **more: object) -> dict[str, object]:
    """A Medication whose code says nothing, made of others."""
    ingredients = [{"itemReference": {"reference": part}} for part in parts]
    return {
        "resourceType": "Medication",
        "id": id_,
        "code": {"text": "mix"},
        "ingredient": ingredients,
        **more,
    }


INNER = {"resourceType": "Medication", "id": "in", "code": OXYCODONE}


@pytest.mark.parametrize(
    ("lines", "opioid"),
    [
        ([_ordered("p1", "#mix", contained=[_drug("mix", "#in"), INNER])], "yes"),
        ([_ordered("p1", "#mix", contained=[_drug("mix", "Medication/in")]), INNER], "yes"),
        ([_ordered("p1", "Medication/mix"), _drug("mix", "#in", contained=[INNER])], "yes"),
        ([_ordered("p1", "Medication/a"), _drug("a", "Medication/b"), _drug("b", "Medication/in"), INNER], "yes"),
        ([_ordered("p1", "Medication/mix"), _drug("mix", "Medication/absent")], "cannot_tell"),
        ([_ordered("p1", "#mix", contained=[_drug("mix", "#absent")])], "cannot_tell"),
        ([_ordered("p1", "Medication/in"), json.dumps(INNER).encode()[:-1]], "cannot_tell"),
        ([_ordered("p1", "Medication/mix"), _drug("mix", "Medication/in"), {**INNER, "code": LISINOPRIL}], None),
    ],
    ids=["within", "of one within", "within another", "two levels", "absent", "absent within", "damaged", "no"],
)  # fmt: skip
def test_what_a_drug_is_made_of_is_followed_or_not_known(
    lines: list[dict[str, object]], opioid: str | None, tmp_path: Path
) -> None:
    others = [order(f"o{n}", "p9", LISINOPRIL) for n in range(30)]
    write(tmp_path / "in/x.ndjson", [person("p1"), *lines, *others])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert {patient: row["opioid"] for patient, row in run.rows.items()} == ({"p1": opioid} if opioid else {})


def test_an_order_whose_drug_was_deleted_is_listed_as_not_known(tmp_path: Path) -> None:
    gone = {"resourceType": "Bundle", "entry": [{"request": {"method": "DELETE", "url": "Medication/in"}}]}
    manifest(
        tmp_path / "in",
        "2026-06-20T00:00:00Z",
        output=[{"type": "MedicationRequest", "url": "MedicationRequest.ndjson"}],
        deleted=[{"type": "Bundle", "url": "gone.ndjson"}],
    )
    write(
        tmp_path / "in/MedicationRequest.ndjson",
        [_ordered("p1", "Medication/in"), order("o", "p9", LISINOPRIL)],
    )
    write(tmp_path / "in/gone.ndjson", [gone])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert {patient: row["opioid"] for patient, row in run.rows.items()} == {"p1": "cannot_tell"}
    assert run.source("p1", "MedicationRequest")["complete"] is False
