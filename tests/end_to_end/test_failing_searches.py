"""Absence needs proof: when a search fails, nothing on the panel says there is none."""

import re

import pytest

from tests.end_to_end.conftest import Demo

SEARCHED = (
    "MedicationRequest", "MedicationDispense", "Observation", "Condition", "Encounter", "Appointment",
    "Procedure", "DocumentReference",
)  # fmt: skip
ABSENCE = re.compile(
    r"\b(none|no [a-z ]+ (?:found|on file|recorded|documented)|never|not found)\b", re.IGNORECASE
)
FAULTS = ("500", "truncated_json", "broken_next", "html_404")
# The rules that rest on each resource, by the words of their rows.
RESTS_ON = {
    "MedicationRequest": ("G13", "G14", "G15", "G16"),
    "Observation": ("G03", "G06"),
    "Condition": ("G27",),
    "Procedure": ("G01",),
    "DocumentReference": ("G05",),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", SEARCHED)
def test_a_failed_search_never_reads_as_absence(demo: Demo, kind: str, fault: str) -> None:
    demo.fault(fault, resource_type=kind)
    evaluation = demo.open("sandbox-none").evaluation()
    source = next(source for source in evaluation["sources"] if source["kind"] == kind)
    assert source["complete"] is False
    for gap in evaluation["gaps"]:
        if gap["id"] in RESTS_ON.get(kind, ()):
            assert gap["status"] in {"unknown", "not_applicable"}, gap
            assert not ABSENCE.search(gap["text"]), gap
    if kind == "MedicationRequest":
        assert evaluation["ltot"]["status"] == "cannot_tell"
        assert evaluation["mme"]["complete"] is False
        assert evaluation["mme"]["current"] != 0


@pytest.mark.parametrize("kind", SEARCHED)
def test_the_page_names_what_did_not_load(demo: Demo, kind: str) -> None:
    demo.fault("500", resource_type=kind)
    page = demo.open("sandbox-partial").content()
    assert re.search(r"did not load|could not be read|not fully read|incomplete", page), page[:2000]
