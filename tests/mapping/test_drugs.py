"""Which drug an order names: the strongest key decides, and an opioid is never missed in silence."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from fhir_mappings.facts import DrugBasis, DrugFact, Facts
from tests.mapping.chart import (
    NDC,
    OXYCODONE_5,
    OXYCODONE_10,
    RXNORM,
    TERMS,
    codes,
    concept,
    facts,
    order,
    request,
)

SYNONYM = "https://fhir.cerner.com/tenant/synonym"


def named(*codings: tuple[str, str, str], text: str = "", **members: Any) -> Facts:
    coding = [{"system": system, "code": code, "display": display} for system, code, display in codings]
    medication: dict[str, Any] = ({"coding": coding} if coding else {}) | ({"text": text} if text else {})
    return facts(request(None, medicationCodeableConcept=medication, **members))


def drug(*codings: tuple[str, str, str], text: str = "") -> DrugFact:
    return named(*codings, text=text).orders[0].drug


def test_a_product_code_gives_ingredient_strength_and_factor_key() -> None:
    found = drug((RXNORM, *OXYCODONE_5))
    assert (found.ingredient, found.strength, found.strength_unit) == ("oxycodone", 5, "mg")
    assert (found.form_key, found.category, found.basis) == (
        "oxycodone|oral",
        "analgesic",
        DrugBasis.PRODUCT_CODE,
    )
    assert found.is_opioid


def test_the_product_is_chosen_among_epics_many_codes() -> None:
    """Ingredient, brand and products come mixed and without display."""
    found = named(
        (RXNORM, "7804", ""), (RXNORM, "42844", ""), (RXNORM, "1049621", ""), (RXNORM, "1049623", "")
    )
    assert found.orders[0].drug.code == "1049621"
    assert found.issues == ()


def test_products_that_differ_are_told_and_the_choice_does_not_depend_on_their_order() -> None:
    codings = [(RXNORM, *OXYCODONE_5), (RXNORM, *OXYCODONE_10)]
    found, reversed_ = named(*codings), named(*reversed(codings))
    assert found.orders[0].drug.strength == reversed_.orders[0].drug.strength
    assert codes(found.issues) == ["codes_disagree"]


def test_of_differing_products_the_one_its_name_agrees_with_is_used() -> None:
    found = named((RXNORM, "1049621", ""), (RXNORM, "1049683", ""), text="oxyCODONE 10 mg oral tablet")
    assert found.orders[0].drug.strength == 10
    assert codes(found.issues) == ["codes_disagree"]


def test_a_code_that_contradicts_the_name_is_told() -> None:
    found = named((RXNORM, "1049621", ""), text="oxyCODONE 10 mg oral tablet")
    assert found.orders[0].drug.strength == 5
    assert codes(found.issues) == ["codes_disagree"]


def test_the_name_of_an_opioid_is_not_hidden_by_another_drugs_code() -> None:
    lorazepam = next(code for code in ("197901", "197900") if TERMS.drug(code) is not None)
    found = named((RXNORM, lorazepam, ""), text="oxyCODONE 10 mg oral tablet")
    assert found.orders[0].drug.ingredient == "oxycodone"
    assert codes(found.issues) == ["codes_disagree"]


def test_ndc_comes_after_product_codes() -> None:
    found = drug((NDC, "00406-5771-01", "METHADONE HCL 10 MG TABLET"))
    assert (found.ingredient, found.basis) == ("methadone", DrugBasis.NDC)
    both = drug((NDC, "00406-5771-01", ""), (RXNORM, *OXYCODONE_5))
    assert both.basis is DrugBasis.PRODUCT_CODE


def test_strength_comes_from_the_name_when_only_the_ingredient_is_coded() -> None:
    found = named((RXNORM, "7804", "oxyCODONE"), text="oxyCODONE 5 mg oral tablet")
    one = found.orders[0].drug
    assert (one.ingredient, one.strength, one.basis) == ("oxycodone", 5, DrugBasis.INGREDIENT_CODE)
    assert codes(found.issues) == ["drug_ingredient_only"]


def test_a_strength_that_does_not_exist_is_not_read_from_the_name() -> None:
    found = named((RXNORM, "7804", ""), text="oxyCODONE 7 mg tablet")
    assert found.orders[0].drug.strength is None
    assert found.orders[0].drug.ingredient == "oxycodone"


def test_a_brand_code_alone_leaves_ingredient_and_strength_to_the_name() -> None:
    one = drug((RXNORM, "42844", "Percocet"), text="Percocet 5-325 mg tablet")
    assert (one.ingredient, one.strength, one.basis) == ("oxycodone", 5, DrugBasis.INGREDIENT_CODE)


def test_two_opioids_coded_without_a_product_are_told() -> None:
    assert codes(named((RXNORM, "7804", ""), (RXNORM, "42844", "")).issues) == ["drug_ingredient_only"]
    found = named((RXNORM, "7804", ""), (RXNORM, "2670", ""))
    assert found.orders[0].drug.is_opioid
    assert codes(found.issues) == ["codes_disagree", "drug_ingredient_only"]


@pytest.mark.parametrize(
    ("text", "ingredient", "strength"),
    [
        ("oxyCODONE-acetaminophen (PERCOCET) 5-325 MG tablet", "oxycodone", 5),
        ("Misc Prescription (hydromorphone 2mg tabs)", "hydromorphone", 2),
        ("template non-formulary (medication) (morphine 30 mg oral tablet)", "morphine", 30),
        ("traMADol (ULTRAM) 50 MG tablet", "tramadol", 50),
        ("Tylenol #3", "codeine", 30),
    ],
)
def test_a_name_alone_is_read_and_marked(text: str, ingredient: str, strength: int) -> None:
    found = named(text=text)
    one = found.orders[0].drug
    assert (one.ingredient, one.strength, one.basis) == (ingredient, strength, DrugBasis.NAME)
    assert codes(found.issues) == ["drug_from_text"]


@pytest.mark.parametrize(
    ("text", "ingredient"),
    [
        ("oxycodne 5 mg", "oxycodone"),
        ("Narcotic pain pump refill", None),
        ("opioid analgesic, as told by patient", None),
        ("Morphin 10 mg Tabl.", "morphine"),
    ],
)
def test_what_speaks_of_an_opioid_is_never_missed_in_silence(text: str, ingredient: str | None) -> None:
    found = named(text=text)
    one = found.orders[0].drug
    assert (one.is_opioid, one.ingredient, one.strength) == (True, ingredient, None)
    assert codes(found.issues) == ["unmapped_drug"]


@pytest.mark.parametrize(
    "text",
    [
        "lisinopril 5 mg tablet",
        "template non-formulary (medication) (Lipitor)",
        "apomorphine 10 mg/mL injection",
        "tiotropium inhaler",
        "non-narcotic cough syrup",
        "loperamide 2 mg",
        "methylnaltrexone for opioid-induced constipation",
    ],
)
def test_other_drugs_are_no_opioids(text: str) -> None:
    found = named(text=text)
    assert not found.orders[0].drug.is_opioid
    assert found.issues == ()


def test_a_free_text_order_is_searched_in_its_directions() -> None:
    found = named(
        text="Misc Prescription", dosageInstruction=[{"text": "oxycodone 5 mg tablet, 1 tab every 6 hr"}]
    )
    assert (found.orders[0].drug.ingredient, found.orders[0].drug.strength) == ("oxycodone", 5)
    assert codes(found.issues)[0] == "drug_from_text"


def test_a_free_text_order_in_force_that_names_no_drug_is_told() -> None:
    """It may be an opioid, so nothing can be said to be absent."""
    found = named(text="Misc Prescription (Freetext Medication)")
    assert codes(found.issues) == ["medication_missing"]
    assert named(text="Misc Prescription (Freetext Medication)", status="completed").issues == ()


def test_directions_that_warn_of_an_opioid_do_not_turn_another_drug_into_one() -> None:
    found = named(
        (RXNORM, "314076", "lisinopril 10 MG"), dosageInstruction=[{"text": "do not take with oxycodone"}]
    )
    assert not found.orders[0].drug.is_opioid
    plain = named(text="lisinopril 10 mg", dosageInstruction=[{"text": "do not take with oxycodone"}])
    assert not plain.orders[0].drug.is_opioid


def test_a_name_used_as_a_code_is_read_as_a_name() -> None:
    found = drug(
        ("http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-medication-name", "HYDROmorphone (Dilaudid)", "")
    )
    assert found.ingredient == "hydromorphone"


def test_rxnorm_by_oid() -> None:
    assert drug(("urn:oid:2.16.840.1.113883.6.88", "1049621", "")).ingredient == "oxycodone"


def test_buprenorphine_for_use_disorder_and_rescue_naloxone_keep_their_classes() -> None:
    film = drug((RXNORM, "1010604", ""))
    assert (film.category, "moud" in film.classes, film.is_opioid) == ("oud_treatment", True, True)
    spray = drug((RXNORM, "1725059", ""))
    assert (spray.classes, spray.is_opioid) == (frozenset({"naloxone_rescue"}), False)


MEDICATION = {"resourceType": "Medication", "id": "med-1", "code": concept(RXNORM, *OXYCODONE_5)}


@pytest.mark.parametrize(
    "reference",
    [
        "Medication/med-1",
        "https://ehr.example/R4/Medication/med-1",
        "urn:uuid:med-1",
        "Medication/med-1/_history/2",
    ],
)
def test_a_referenced_medication_is_found(reference: str) -> None:
    one = order(request(None, medicationReference={"reference": reference}), MEDICATION)
    assert (one.drug.ingredient, one.drug.basis) == ("oxycodone", DrugBasis.PRODUCT_CODE)


def test_a_contained_medication_is_found() -> None:
    contained = MEDICATION | {"id": "7"}
    one = order(request(None, contained=[contained], medicationReference={"reference": "#7"}))
    assert one.drug.ingredient == "oxycodone"


def test_the_strength_stated_with_an_ingredient_is_not_believed() -> None:
    """EHRs write "30 mg per 30 mg" there."""
    trap = {
        "resourceType": "Medication",
        "id": "med-1",
        "code": concept(RXNORM, "7804", "oxyCODONE"),
        "ingredient": [
            {
                "itemCodeableConcept": concept(RXNORM, *OXYCODONE_10),
                "strength": {"numerator": {"value": 30}, "denominator": {"value": 30}},
            }
        ],
    }
    one = order(request(None, medicationReference={"reference": "Medication/med-1"}), trap)
    assert (one.drug.ingredient, one.drug.strength) == ("oxycodone", None)


def test_a_missing_medication_leaves_the_name_shown_with_the_reference() -> None:
    link = {"reference": "Medication/gone", "display": "oxyCODONE 5 mg oral tablet"}
    found = facts(request(None, medicationReference=link))
    assert (found.orders[0].drug.ingredient, found.orders[0].drug.strength) == ("oxycodone", Fraction(5))
    assert codes(found.issues) == ["drug_from_text"]


def test_a_missing_medication_without_a_name_is_told() -> None:
    found = facts(request(None, medicationReference={"reference": "Medication/gone"}))
    assert codes(found.issues) == ["medication_missing"]


ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"


def test_a_masked_order_entered_in_error() -> None:
    found = named((ABSENT, "error", "Error"), text="Error", status="entered-in-error")
    assert codes(found.issues) == ["masked"]
    assert found.orders[0].status == "entered-in-error"


def test_a_masked_order_in_force_counts_as_missing() -> None:
    found = named((ABSENT, "masked", "Masked"))
    assert codes(found.issues) == ["medication_missing"]


def test_an_absent_code_does_not_hide_the_name_beside_it() -> None:
    one = drug((ABSENT, "unknown", "Unknown"), text="oxyCODONE 5 mg oral tablet")
    assert one.ingredient == "oxycodone"
