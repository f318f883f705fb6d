"""Condition and observation codes mean what they mean in every spelling, and value-set mistakes are not repeated."""

import pytest

from valuesets import load_terms

TERMS = load_terms()
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"


@pytest.mark.parametrize(
    ("code", "inside", "outside"),
    [
        ("C50.911", "active_cancer:malignant", "cancer_history"),
        ("C44.91", "active_cancer:non_melanoma_skin", "active_cancer:malignant"),
        ("C91.01", "active_cancer:remission", "active_cancer:malignant"),
        ("Z85.3", "cancer_history", "active_cancer"),
        ("D57.1", "sickle_cell_disease", "sickle_cell_trait"),
        ("D57.00", "sickle_cell_disease", "sickle_cell_trait"),
        ("D57.3", "sickle_cell_trait", "sickle_cell_disease"),
        ("Z51.5", "palliative_care", "hospice"),
        ("F11.20", "opioid_use_disorder:dependence", "opioid_use_disorder:remission"),
        ("F11.21", "opioid_use_disorder:remission", "opioid_use_disorder:dependence"),
        ("F10.21", "alcohol_use_disorder:remission", "alcohol_use_disorder:use_unspecified"),
        ("F14.21", "other_substance_use_disorder:remission", "opioid_use_disorder"),
        ("F12.90", "other_substance_use_disorder:use_unspecified", "other_substance_use_disorder:remission"),
        ("F10.93", "alcohol_use_disorder", "alcohol_use_disorder:use_unspecified"),
        ("F11.90", "opioid_use_disorder:use_unspecified", "opioid_use_disorder:dependence"),
        ("Z79.891", "ltot_designation:explicit", "ltot_designation:weak_local_use"),
        ("Z79.899", "ltot_designation:weak_local_use", "ltot_designation:explicit"),
        ("G47.33", "sleep_apnea", "respiratory_disease"),
        ("J44.9", "respiratory_disease:copd", "sleep_apnea"),
        ("N18.4", "renal_impairment", "hepatic_impairment"),
        ("K74.60", "hepatic_impairment", "renal_impairment"),
        ("T40.2X1A", "opioid_overdose", "opioid_adverse_effect"),
        ("T40.2X5A", "opioid_adverse_effect", "opioid_overdose"),
    ],
)
def test_groups_keep_apart_what_others_mixed(code: str, inside: str, outside: str) -> None:
    groups = TERMS.condition_groups(ICD, code)
    assert inside in groups
    assert outside not in groups


def test_narcolepsy_is_not_sleep_apnea() -> None:
    assert TERMS.condition_groups(ICD, "G47.421") == frozenset()


@pytest.mark.parametrize("code", ["D57.1", "D571", "d57.1", " D57.1 "])
@pytest.mark.parametrize(
    "system",
    [
        ICD,
        "urn:oid:2.16.840.1.113883.6.90",
        "2.16.840.1.113883.6.90",
        "http://hl7.org/fhir/sid/icd-10",
        f" {ICD}/",
        "http://hl7.org/fhir/sid/ icd-10-cm",
    ],
)
def test_icd_codes_are_read_with_or_without_dot_under_every_name(system: str, code: str) -> None:
    assert TERMS.condition_groups(system, code) == {"sickle_cell_disease"}


@pytest.mark.parametrize(
    "system", [SNOMED, "urn:oid:2.16.840.1.113883.6.96", f"{SNOMED}/731000124108", f"{SNOMED}/"]
)
def test_snomed_editions_are_snomed(system: str) -> None:
    assert "active_cancer" in TERMS.condition_groups(system, "363346000")


@pytest.mark.parametrize(
    "system", [LOINC, "https://loinc.org", "urn:oid:2.16.840.1.113883.6.1", "urn:oid:1.2.246.537.6.96"]
)
def test_loinc_is_read_under_every_name_seen(system: str) -> None:
    assert TERMS.observation_elements(system, "91147-9") == {"peg_mean_score"}


def test_a_code_of_another_system_means_nothing() -> None:
    assert TERMS.condition_groups("http://hl7.org/fhir/sid/icd-9-cm", "D57.1") == frozenset()
    assert TERMS.observation_elements("urn:local", "91147-9") == frozenset()


@pytest.mark.parametrize(
    ("system", "code", "element"),
    [
        (LOINC, "75893-8", "peg_item_pain"),
        (LOINC, "44261-6", "phq9_total"),
        (LOINC, "94136-9", "opioid_treatment_agreement"),
        (LOINC, "82667-7", "dast10_total"),
        (SNOMED, "461621000124108", "pdmp_review"),
        ("https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "G9578", "opioid_treatment_agreement"),
        (LOINC, "19295-5", "udt_result:opiates_general"),
    ],
)
def test_codes_stand_for_elements(system: str, code: str, element: str) -> None:
    assert element in TERMS.observation_elements(system, code)


def test_urine_drug_tests_say_what_kind_of_test_they_are() -> None:
    assert TERMS.observation_elements(LOINC, "19295-5") >= {"udt", "method:screen", "type:qualitative"}


@pytest.mark.parametrize("system", ["", LOINC, "urn:local"])
def test_no_code_is_no_element(system: str) -> None:
    """Elements without a published code are listed without one; an empty coding is not them."""
    assert TERMS.observation_elements(system, " ") == frozenset()
    assert TERMS.condition_groups(system, "") == frozenset()
