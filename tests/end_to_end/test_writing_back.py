"""Entries written to the EHR: there under their id and read from there, or kept here with the reason why not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Demo, running
from tests.end_to_end.recording import Visit, audited

READING = (
    "openid", "fhirUser", "launch", "online_access", "offline_access",
    *(f"{level}/{kind}.rs" for level in ("patient", "user") for kind in (
        "Appointment", "Condition", "DiagnosticReport", "DocumentReference", "Encounter", "Medication",
        "MedicationDispense", "MedicationRequest", "Observation", "Patient", "Procedure", "QuestionnaireResponse",
        "ServiceRequest",
    )),
)  # fmt: skip
WRITTEN = {
    "Procedure": (
        "G01",
        {"do": "pdmp:unexpected", "gap": "G01", "for": "Dr. Sandbox", "text": "two prescribers"},
    ),
    "DocumentReference": ("G05", {"do": "agreement", "gap": "G05"}),
    "Observation": ("G06", {"do": "peg", "gap": "G06", "pain": "5", "enjoyment": "6", "activity": "6"}),
}


@pytest.fixture(scope="module", params=["generic", "epic", "oracle"])
def writing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running(tmp_path_factory.mktemp("demo"), request.param, write_back=True) as demo:
        yield demo


@pytest.fixture(scope="module", params=["generic", "epic", "oracle"])
def reading(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    with running(folder, request.param, write_back=True, scopes=READING) as demo:
        yield demo


@pytest.mark.parametrize("kind", WRITTEN)
def test_with_the_permission_the_ehr_holds_the_entry_and_it_counts_as_the_ehr_has_it(
    writing: Demo, kind: str
) -> None:
    number, fields = WRITTEN[kind]
    visit = Visit.to(writing.addresses, "-Partial")
    status, page = visit.send("records", **fields)
    assert status == 200
    assert f"In the EHR as {kind}/" in page
    gap = visit.gap(number)
    assert gap["status"] == "met", gap
    (reference,) = [ref for ref in gap["refs"] if ref.startswith(f"{kind}/") and ref in page]
    assert not any(ref.startswith("record:") for ref in gap["refs"])
    assert f"In the EHR as {reference}" in page
    assert [one for one in audited(writing.folder) if one[0] == "write_back"][-2:] == [
        ("write_back", "sent"),
        ("write_back", "ok"),
    ]


def test_the_outcome_of_a_check_and_the_peg_items_come_back_from_the_ehr(writing: Demo) -> None:
    visit = Visit.to(writing.addresses, "-High")
    for _, fields in WRITTEN.values():
        visit.send("records", **fields)
    assert "unexpected" in visit.gap("G02")["text"]
    assert "5.7 of 10" in visit.gap("G06")["text"]


@pytest.mark.parametrize("kind", WRITTEN)
def test_without_the_permission_the_gap_is_closed_here_and_the_reason_is_shown(
    reading: Demo, kind: str
) -> None:
    number, fields = WRITTEN[kind]
    visit = Visit.to(reading.addresses, "-Partial")
    _, page = visit.send("records", **fields)
    assert "Not written to the EHR: the EHR granted no permission to write it." in page
    gap = visit.gap(number)
    assert gap["status"] == "met", gap
    assert any(ref.startswith("record:") for ref in gap["refs"])
    assert ("write_back", "LT-414") in audited(reading.folder)
    assert ("write_back", "sent") not in audited(reading.folder)


def test_what_was_not_written_is_written_on_a_later_visit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The EHR refuses once; in the next visit the same entry goes through, once."""
    from app.ehr.create import FhirWriter, NotCreated

    async def refusing(*_: object, **__: object) -> NotCreated:
        return NotCreated("the EHR could not accept it as it stands: outcome is required")

    with running(tmp_path, "epic", write_back=True) as demo:
        with monkeypatch.context() as patched:
            patched.setattr(FhirWriter, "create", refusing)
            _, page = Visit.to(demo.addresses, "-Partial").send("records", **WRITTEN["Procedure"][1])
        assert (
            "Not written to the EHR: the EHR could not accept it as it stands: outcome is required." in page
        )
        visit = Visit.to(demo.addresses, "-Partial")
        one = page.partition("/retry")[0].rpartition("/")[2]
        _, page = visit.send(f"records/{one}/retry")
        assert "In the EHR as Procedure/" in page
        assert "/retry" not in page
        sent = audited(demo.folder).count(("write_back", "sent"))
        visit.send(f"records/{one}/retry")
        assert audited(demo.folder).count(("write_back", "sent")) == sent
        assert visit.send(f"records/{one}/withdraw")[0] == 422
        assert visit.send("records/000000000000000000000000/retry")[0] == 404


def test_a_clinic_that_does_not_want_it_asks_for_no_permission(demo: Demo) -> None:
    visit = Visit.to(demo.addresses, "-Partial")
    _, page = visit.send("records", **WRITTEN["Observation"][1])
    assert "in the EHR" not in page.lower().replace("in the ehr chart", "")
    assert not any(action == "write_back" for action, _ in audited(demo.folder))
