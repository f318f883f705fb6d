"""Absence needs proof: with a source unread, no sentence says that something is not there."""

import re
from dataclasses import replace

import pytest

from app.clinical.elements import NAMES
from app.clinical.evaluate import evaluate
from app.clinical.evaluation import Evaluation, LtotStatus, Status
from app.clinical.gaps.absence import AbsenceError, absent
from app.clinical.policy import Policy
from fhir_mappings.facts import Facts
from tests.gaps.build import AS_OF, KINDS, OXYCODONE, chart, order, sources
from tests.gaps.charts import EMPTY, FULL, OPIOID_ONLY
from valuesets import Terms

CLAIM = re.compile(r"\b(none|no|not found|never|nothing|not on the problem list|ended)\b", re.IGNORECASE)
# Sentences about what was read, or about what cannot be concluded, claim nothing.
HONEST = re.compile(
    r"could not be read|no data source|cannot|recorded without|no standard code|no interval|no opioid fill is recorded|"
    r"no mme factor|not known|not fully known",
    re.IGNORECASE,
)
# Which rules look into a kind of resource for the thing they miss.
LOOKS_INTO = {
    "Appointment": {"G20", "G41"},
    "Condition": {"G24", "G25", "G26", "G27"},
    "DocumentReference": {"G05"},
    "Encounter": {"G19"},
    "MedicationRequest": {"G13", "G14", "G18", "G22"},
    "Observation": {"G01", "G03", "G06", "G08", "G09", "G10", "G11", "G37"},
    "Patient": {"G28"},
    "Procedure": {"G01", "G35"},
}

# Kinds that some sites do not offer: they count only where they are offered.
ALSO = {
    "Consent": {"G05"},
    "DiagnosticReport": {"G03"},
    "MedicationDispense": {"G13", "G14", "G21", "G22"},
    "MedicationStatement": {"G13", "G14"},
    "QuestionnaireResponse": {"G06", "G08", "G09", "G10", "G11", "G37"},
}


def unread(facts: Facts, kind: str, *, connected: bool) -> Facts:
    """The same chart with one kind not loaded at all: its facts are gone and its source says so."""
    gone = {
        "Appointment": {"visits": tuple(v for v in facts.visits if v.kind != "appointment")},
        "Condition": {"problems": ()},
        "DocumentReference": {"documents": ()},
        "Encounter": {"visits": tuple(v for v in facts.visits if v.kind != "encounter")},
        "MedicationDispense": {"fills": ()},
        "MedicationRequest": {"orders": ()},
        "Observation": {"results": ()},
        "Procedure": {"events": ()},
    }.get(kind, {})
    states = sources(failed=kind) if connected else sources(missing=kind)
    return replace(facts, sources=states, **gone)


def claims(found: Evaluation, rules: set[str], *, proven_scope: bool) -> list[str]:
    """First sentences, and evidence, that claim absence, of these rules."""
    texts: list[str] = []
    for gap in found.gaps:
        if gap.id in rules and not (gap.status is Status.NOT_APPLICABLE and proven_scope):
            texts += [gap.text, *(item.text for item in gap.evidence if item.kind == "absence")]
    return [text for text in texts if CLAIM.search(text) and not HONEST.search(text)]


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("kind", sorted(LOOKS_INTO))
@pytest.mark.parametrize("facts", [FULL, OPIOID_ONLY, EMPTY], ids=["full", "opioid only", "empty"])
def test_an_unread_source_supports_no_claim_of_absence(
    facts: Facts, kind: str, connected: bool, terms: Terms
) -> None:
    found = evaluate(unread(facts, kind, connected=connected), Policy(), terms, AS_OF)
    assert claims(found, LOOKS_INTO[kind], proven_scope=kind != "MedicationRequest") == []
    for gap in found.gaps:
        if gap.id in LOOKS_INTO[kind]:
            assert gap.status not in {Status.OVERDUE, Status.DUE_SOON} or gap.id in {"G13", "G14", "G08"}, (
                gap.text
            )


@pytest.mark.parametrize("kind", sorted(ALSO))
@pytest.mark.parametrize("facts", [OPIOID_ONLY, EMPTY], ids=["opioid only", "empty"])
def test_a_second_place_to_look_that_did_not_load_supports_no_claim_either(
    facts: Facts, kind: str, terms: Terms
) -> None:
    found = evaluate(unread(facts, kind, connected=True), Policy(), terms, AS_OF)
    assert claims(found, ALSO[kind], proven_scope=True) == []
    on_opioid = {gap.id: gap.status for gap in found.gaps if gap.id in ALSO[kind]}
    assert set(on_opioid.values()) <= {Status.UNKNOWN, Status.NOT_APPLICABLE}
    assert facts is EMPTY or Status.UNKNOWN in on_opioid.values()


@pytest.mark.parametrize("connected", [True, False])
def test_offers_of_naloxone_that_cannot_be_seen_are_not_denied(connected: bool, terms: Terms) -> None:
    found = evaluate(unread(OPIOID_ONLY, "Procedure", connected=connected), Policy(), terms, AS_OF)
    gap = next(gap for gap in found.gaps if gap.id == "G13")
    assert "None" not in gap.text
    assert ("Not ordered or dispensed" in gap.text) is not connected


@pytest.mark.parametrize("kind", KINDS)
def test_no_evidence_of_absence_names_a_kind_that_was_not_read(kind: str, terms: Terms) -> None:
    """Every "no ... in 3 results read" counts only kinds that were read completely."""
    from app.clinical.words import kind_words

    found = evaluate(unread(FULL, kind, connected=True), Policy(), terms, AS_OF)
    proofs = [item.text for gap in found.gaps for item in gap.evidence if item.kind == "absence"]
    assert [text for text in proofs if kind_words(kind) in text] == []


def test_with_prescriptions_unread_nobody_is_said_to_be_off_opioids(terms: Terms) -> None:
    found = evaluate(unread(EMPTY, "MedicationRequest", connected=True), Policy(), terms, AS_OF)
    assert found.ltot.status is LtotStatus.CANNOT_TELL
    assert found.mme.current is None
    assert "could not be read" in next(gap.text for gap in found.gaps if gap.id == "G14")


def test_nothing_is_overdue_for_one_ended_opioid_whose_supply_was_not_recorded(terms: Terms) -> None:
    """Whether it was long-term cannot be told, but none is in use: nothing is held against anyone."""
    ended = order(OXYCODONE, "2025-04-20", None, status="completed", quantity=None, sigs=())
    found = evaluate(chart(ended), Policy(), terms, AS_OF)
    assert (found.ltot.status, found.mme.current, found.mme.complete) == (LtotStatus.CANNOT_TELL, 0, True)
    held = [gap for gap in found.gaps if gap.status in {Status.OVERDUE, Status.DUE_SOON}]
    assert [gap.id for gap in held if not gap.safety] == []
    pdmp = next(gap for gap in found.gaps if gap.id == "G01")
    assert (pdmp.status, pdmp.text) == (Status.UNKNOWN, "No PDMP check found in the chart")
    assert pdmp.evidence[-1].text == "whether this is long-term opioid therapy cannot be told"


@pytest.mark.parametrize("kind", KINDS)
def test_every_tracked_element_has_a_value_or_a_reason(kind: str, terms: Terms) -> None:
    found = evaluate(unread(FULL, kind, connected=False), Policy(), terms, AS_OF)
    assert tuple(found.elements) == NAMES
    for element in found.elements.values():
        assert (element.value is None) == bool(element.unknown_because), element


def test_claiming_absence_from_an_unread_source_is_a_programming_error() -> None:
    facts = chart(failed="Observation")
    with pytest.raises(AbsenceError, match="results could not be read"):
        absent(facts, "PEG score", ("Observation",))
    with pytest.raises(AbsenceError, match="not connected"):
        absent(chart(missing="Procedure"), "PDMP check", ("Procedure", "Observation"))
