"""Urine drug tests: what is read as detected, what never is, and how a result is named."""

import pytest

from app.clinical.policy import Policy
from app.clinical.udt import Outcome, analytes, is_result, summary
from fhir_mappings.facts import Result
from tests.gaps.build import (
    ALPRAZOLAM,
    AS_OF,
    CODEINE,
    HYDROCODONE,
    MORPHINE,
    OXYCODONE,
    chart,
    drug,
    fill,
    order,
    result,
    urine,
)  # fmt: skip

CLONAZEPAM, DIAZEPAM = drug("clonazepam", "benzodiazepine"), drug("diazepam", "benzodiazepine")
AMPHETAMINE, METHAMPHETAMINE, METHYLPHENIDATE = (
    drug(name, "stimulant_controlled") for name in ("amphetamine", "methamphetamine", "methylphenidate")
)
FENTANYL, TAPENTADOL = (drug(name, "opioid", category="analgesic") for name in ("fentanyl", "tapentadol"))


def outcome(one: Result, *items) -> Outcome:
    found = analytes(chart(one, *items), Policy(), AS_OF)
    assert len(found) == 1
    return found[0].outcome


@pytest.mark.parametrize(
    "text",
    [
        "POS",
        "Positive",
        "POSITIVE (presumptive)",
        "Presumptive positive",
        "Detected",
        "DETECTED",
        ">500 ng/mL",
        "Confirmed positive",
        "Unconfirmed positive",
        "Screen: POS",
        "Non-negative",
        "Reactive",
    ],
)
def test_words_read_as_detected(text: str) -> None:
    assert outcome(urine("cocaine", "2025-06-01", text)) is Outcome.UNEXPECTED_POSITIVE


@pytest.mark.parametrize(
    "text",
    [
        "NEG",
        "Negative",
        "Not Detected",
        "None detected",
        "none detected",
        "ND",
        "Absent",
        "<50 ng/mL",
        "Presumptive negative",
        "No drugs detected",
        "Non-reactive",
        "Below cutoff",
        "Not present",
    ],
)
def test_words_read_as_not_detected(text: str) -> None:
    assert outcome(urine("cocaine", "2025-06-01", text)) is Outcome.EXPECTED_NEGATIVE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "see comment",
        "312",
        "312 ng/mL",
        "pending",
        "borderline",
        "indeterminate",
        "1+",
        "Possible interference",
        "Determination not possible",
    ],
)
def test_whatever_else_is_written_needs_reading(text: str) -> None:
    assert outcome(urine("cocaine", "2025-06-01", text)) is Outcome.NEEDS_READING


def test_a_code_of_interpretation_is_read_where_there_is_no_text() -> None:
    assert outcome(urine("cocaine", "2025-06-01", "", interpretation="POS")) is Outcome.UNEXPECTED_POSITIVE
    assert outcome(urine("cocaine", "2025-06-01", "", interpretation="NEG")) is Outcome.EXPECTED_NEGATIVE
    assert outcome(urine("cocaine", "2025-06-01", "", interpretation="A")) is Outcome.NEEDS_READING


def test_text_and_code_that_disagree_need_reading() -> None:
    assert outcome(urine("cocaine", "2025-06-01", "Negative", interpretation="POS")) is Outcome.NEEDS_READING


@pytest.mark.parametrize(
    ("given", "name", "group", "expected"),
    [
        (CODEINE, "Morphine [Presence] in Urine", "opiate_specific", Outcome.EXPECTED_POSITIVE),
        (MORPHINE, "Codeine [Presence] in Urine", "opiate_specific", Outcome.UNEXPECTED_POSITIVE),
        (
            MORPHINE,
            "HYDROmorphone [Presence] in Urine",
            "hydrocodone_hydromorphone",
            Outcome.EXPECTED_POSITIVE,
        ),
        (
            HYDROCODONE,
            "Norhydrocodone [Presence] in Urine",
            "hydrocodone_hydromorphone",
            Outcome.EXPECTED_POSITIVE,
        ),
        (OXYCODONE, "oxyMORphone [Presence] in Urine", "oxycodone", Outcome.EXPECTED_POSITIVE),
        (OXYCODONE, "Noroxycodone [Presence] in Urine", "oxycodone", Outcome.EXPECTED_POSITIVE),
        (MORPHINE, "6MAM Ur Ql Scn", "heroin_6mam", Outcome.UNEXPECTED_POSITIVE),
        (CODEINE, "oxyCODONE [Presence] in Urine", "oxycodone", Outcome.UNEXPECTED_POSITIVE),
    ],
)
def test_metabolites_make_a_result_expected(given, name: str, group: str, expected: Outcome) -> None:
    one = urine(group, "2025-06-01", "Positive", name=name)
    assert outcome(one, order(given, "2025-05-20")) is expected


@pytest.mark.parametrize(
    ("given", "group", "method", "expected"),
    [
        (ALPRAZOLAM, "benzodiazepine", "screen", Outcome.ASSAY_MAY_MISS),
        (ALPRAZOLAM, "benzodiazepine", "confirm", Outcome.UNEXPECTED_NEGATIVE),
        (OXYCODONE, "opiates_general", "screen", Outcome.ASSAY_MAY_MISS),
        (OXYCODONE, "opiates_general", "unspecified", Outcome.ASSAY_MAY_MISS),
        (MORPHINE, "opiates_general", "screen", Outcome.UNEXPECTED_NEGATIVE),
        (OXYCODONE, "oxycodone", "confirm", Outcome.UNEXPECTED_NEGATIVE),
    ],
)
def test_an_assay_that_may_miss_a_drug_never_makes_its_absence_unexpected(
    given, group: str, method: str, expected: Outcome
) -> None:
    assert (
        outcome(urine(group, "2025-06-01", "Negative", method=method), order(given, "2025-05-20")) is expected
    )


@pytest.mark.parametrize(
    ("first", "days", "expected"),
    [
        ("2025-05-20", 30, Outcome.EXPECTED_POSITIVE),
        ("2025-04-02", 30, Outcome.EXPECTED_POSITIVE),
        ("2025-04-01", 30, Outcome.UNEXPECTED_POSITIVE),
        ("2025-06-01", 30, Outcome.UNEXPECTED_POSITIVE),
    ],
)
def test_supply_in_the_31_days_before_collection_counts(first: str, days: int, expected: Outcome) -> None:
    """Collected 1 Jun: supply on any day from 1 May to 31 May."""
    assert outcome(urine("oxycodone", "2025-06-01", "POS"), order(OXYCODONE, first, days)) is expected


def test_drugs_dispensed_or_taken_at_home_explain_a_result() -> None:
    outside = fill(OXYCODONE, "2025-05-20", outside=True)
    assert outcome(urine("oxycodone", "2025-06-01", "POS"), outside) is Outcome.EXPECTED_POSITIVE
    at_home = order(OXYCODONE, "2025-05-20", None, reported=True)
    assert outcome(urine("oxycodone", "2025-06-01", "POS"), at_home) is Outcome.EXPECTED_POSITIVE


def test_no_result_is_ever_said_to_have_been_failed() -> None:
    for one in Outcome:
        assert "fail" not in one.value


def test_invalid_results_cut_offs_and_lists_are_no_results() -> None:
    assert not is_result(urine("cocaine", "2025-06-01", "NEG", valid=False, status="entered-in-error"))
    assert not is_result(urine("cocaine", "2025-06-01", "NEG", valid=False, status="preliminary"))
    cut_off = result("udt_result:cocaine udt type:cutoff_not_a_result method:screen", "2025-06-01", 300)
    assert not is_result(cut_off)
    assert analytes(chart(cut_off), Policy(), AS_OF) == ()


def test_the_newest_collection_in_a_few_words() -> None:
    facts = chart(
        urine("cocaine", "2025-06-01", "NEG"),
        urine("oxycodone", "2025-06-01", "POS", name="oxyCODONE [Presence] in Urine by Screen method"),
        urine("cocaine", "2025-01-01", "POS"),
    )
    assert summary(analytes(facts, Policy(), AS_OF)) == "unexpected on 1 Jun 2025: oxycodone"
    assert summary(analytes(chart(urine("cocaine", "2025-06-01", "NEG")), Policy(), AS_OF)) == "as expected"
    assert summary(()) == ""


@pytest.mark.parametrize(
    ("given", "name", "group", "expected"),
    [
        (AMPHETAMINE, "Methamphetamine [Presence] in Urine", "amphetamine", False),
        (AMPHETAMINE, "Methylenedioxymethamphetamine [Presence] in Urine", "amphetamine", False),
        (AMPHETAMINE, "Amphetamine [Presence] in Urine", "amphetamine", True),
        (AMPHETAMINE, "Amphetamine+Methamphetamine [Presence] in Urine", "amphetamine", True),
        (METHAMPHETAMINE, "Amphetamine [Presence] in Urine", "amphetamine", True),
        (METHYLPHENIDATE, "Amphetamines [Presence] in Urine", "amphetamine", False),
        (METHYLPHENIDATE, "Methylphenidate [Presence] in Urine", "amphetamine", True),
        (CLONAZEPAM, "Alpha hydroxyalprazolam [Presence] in Urine", "benzodiazepine", False),
        (CLONAZEPAM, "7-Aminoclonazepam [Presence] in Urine", "benzodiazepine", True),
        (CLONAZEPAM, "Benzodiazepines [Presence] in Urine", "benzodiazepine", True),
        (DIAZEPAM, "Oxazepam [Presence] in Urine", "benzodiazepine", True),
        (DIAZEPAM, "Nordiazepam [Presence] in Urine", "benzodiazepine", True),
        (DIAZEPAM, "LORazepam [Presence] in Urine", "benzodiazepine", False),
        (ALPRAZOLAM, "Flualprazolam [Presence] in Urine", "benzodiazepine", False),
        (FENTANYL, "Acetyl fentanyl [Presence] in Urine", "fentanyl", False),
        (FENTANYL, "p-Fluorofentanyl [Presence] in Urine", "fentanyl", False),
        (FENTANYL, "Norfentanyl [Presence] in Urine", "fentanyl", True),
        (TAPENTADOL, "Nortapentadol [Presence] in Urine", "fentanyl", True),
        (HYDROCODONE, "Dihydrocodeine [Presence] in Urine", "codeine_morphine", True),
        (MORPHINE, "Opiates (codeine, morphine) [Presence] in Urine", "opiates_general", True),
        (OXYCODONE, "Mitragynine [Presence] in Urine", "kratom", False),
    ],
)
def test_each_analyte_is_explained_by_what_it_is_made_of(
    given, name: str, group: str, expected: bool
) -> None:
    one = urine(group, "2025-06-01", "Positive", name=name, method="confirm")
    as_expected = outcome(one, order(given, "2025-05-20")) is Outcome.EXPECTED_POSITIVE
    assert as_expected is expected


@pytest.mark.parametrize(
    ("result", "expected"),
    [("Positive", Outcome.NEEDS_READING), ("Not detected", Outcome.EXPECTED_NEGATIVE)],
)
@pytest.mark.parametrize(
    ("group", "name"), [("other_opioid", "Brorphine [Presence] in Urine"), ("ketamine", "Ketamine")]
)
def test_a_substance_of_a_mixed_group_asks_for_a_look(
    group: str, name: str, result: str, expected: Outcome
) -> None:
    one = urine(group, "2025-06-01", result, name=name, method="confirm")
    assert outcome(one, order(OXYCODONE, "2025-05-20")) is expected


def test_other_benzodiazepines_need_not_be_found_beside_the_one_in_supply() -> None:
    one = urine("benzodiazepine", "2025-06-01", "Not detected", method="confirm", name="Temazepam")
    assert outcome(one, order(CLONAZEPAM, "2025-05-20")) is Outcome.EXPECTED_NEGATIVE


@pytest.mark.parametrize(
    ("first", "days", "expected"),
    [
        ("2025-05-20", 30, Outcome.UNEXPECTED_NEGATIVE),
        ("2025-05-02", 30, Outcome.UNEXPECTED_NEGATIVE),
        ("2025-05-01", 30, Outcome.EXPECTED_NEGATIVE),
        ("2025-05-10", 5, Outcome.EXPECTED_NEGATIVE),
    ],
)
def test_only_what_was_in_supply_at_collection_is_missed(first: str, days: int, expected: Outcome) -> None:
    """Collected 1 Jun: what lasted to 31 May should be found, a supply that ran out before it need not be."""
    one = urine("oxycodone", "2025-06-01", "Not detected", method="confirm")
    assert outcome(one, order(OXYCODONE, first, days)) is expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (order(OXYCODONE, "2025-05-20", None), Outcome.SUPPLY_UNKNOWN),
        (order(OXYCODONE, "2025-05-20", None, reported=True), Outcome.SUPPLY_UNKNOWN),
        (order(OXYCODONE, "2019-05-20", None), Outcome.EXPECTED_NEGATIVE),
    ],
)
def test_a_supply_of_unknown_length_is_not_said_to_be_missing(item, expected: Outcome) -> None:
    assert outcome(urine("oxycodone", "2025-06-01", "Not detected", method="confirm"), item) is expected


@pytest.mark.parametrize(
    ("begun", "expected"),
    [("2025-05-20", Outcome.EXPECTED_POSITIVE), ("2025-04-01", Outcome.UNEXPECTED_POSITIVE)],
)
def test_a_completed_order_of_unknown_length_explains_a_result_of_its_weeks(
    begun: str, expected: Outcome
) -> None:
    completed = order(OXYCODONE, begun, None, status="completed")
    assert outcome(urine("oxycodone", "2025-06-01", "POS"), completed) is expected


def test_an_analyte_without_a_name_is_named_by_its_group_and_a_number_is_said() -> None:
    one = result(
        "udt_result:heroin_6mam udt type:quantitative method:confirm", "2025-06-01", 45, unit="ng/mL"
    )
    (found,) = analytes(chart(one), Policy(), AS_OF)
    assert found.text.startswith("heroin 6mam: 45 ng/mL; definitive; needs reading")
