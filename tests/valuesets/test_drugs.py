"""Codes and names lead to the right drug, strength and form; what cannot be resolved stays visible."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valuesets import load_terms

TERMS = load_terms()
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
OPIOID = frozenset({"opioid"})


@pytest.mark.parametrize(
    ("code", "ingredient", "strength", "unit", "form_key", "release"),
    [
        ("1049621", "oxycodone", "5", "mg", "oxycodone|oral", "IR"),
        ("856987", "hydrocodone", "5", "mg", "hydrocodone|oral", "IR"),
        ("892672", "morphine", "30", "mg", "morphine|oral", "IR"),
        ("1860491", "hydrocodone", "10", "mg", "hydrocodone|oral", "ER"),
        ("197696", "fentanyl", "75", "mcg/h", "fentanyl|transdermal", "ER"),
        ("577057", "fentanyl", "12", "mcg/h", "fentanyl|transdermal", "ER"),
        ("904870", "buprenorphine", "10", "mcg/h", "buprenorphine|transdermal", "ER"),
        ("991147", "methadone", "10", "mg/mL", "methadone|oral", "IR"),
        ("1010600", "buprenorphine", "2", "mg", "buprenorphine|sl_tablet_or_film", "IR"),
    ],
)
def test_rxnorm_products_have_strength_and_form(
    code: str, ingredient: str, strength: str, unit: str, form_key: str, release: str
) -> None:
    drug = TERMS.drug(code)
    assert drug is not None
    assert drug.is_product
    assert (drug.ingredient, drug.strength, drug.strength_unit) == (ingredient, Fraction(strength), unit)
    assert (drug.form_key, drug.release) == (form_key, release)
    assert "opioid" in drug.classes


def test_components_tell_the_opioid_from_the_rest() -> None:
    drug = TERMS.drug("856987")
    assert drug is not None
    assert [(part.name, part.amount, part.unit, part.is_opioid) for part in drug.components] == [
        ("acetaminophen", 300, "mg", False),
        ("hydrocodone", 5, "mg", True),
    ]
    assert drug.components[1].rxcui == "5489"


def test_an_ingredient_code_has_no_strength() -> None:
    drug = TERMS.drug("7804")
    assert drug is not None
    assert (drug.ingredient, drug.strength, drug.is_product, drug.counted) == (
        "oxycodone",
        None,
        False,
        "n/a",
    )


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("197321", "benzodiazepine"), ("2101", "carisoprodol"), ("7242", "naloxone_rescue"), ("994226", "carisoprodol"),
        ("1010600", "moud"), ("904870", "buprenorphine_pain"),
    ],
)  # fmt: skip
def test_other_tracked_classes(code: str, name: str) -> None:
    drug = TERMS.drug(code)
    assert drug is not None
    assert name in drug.classes


def test_a_sedative_inside_an_opioid_product_is_seen() -> None:
    combined = [d for d in TERMS.counted_drugs() if any("butalbital" in part.name for part in d.components)]
    assert len(combined) > 10
    assert all({"opioid", "barbiturate"} <= drug.classes for drug in combined)


def test_methadone_that_is_likely_for_opioid_use_disorder_is_for_review() -> None:
    drug = TERMS.drug("991147")
    assert drug is not None
    assert (drug.counted, drug.category) == ("review", "methadone_concentrate_otp_likely")


@pytest.mark.parametrize("system", [RXNORM, "urn:oid:2.16.840.1.113883.6.88", f" {RXNORM} "])
def test_rxnorm_under_every_name(system: str) -> None:
    assert TERMS.drug("1049621", system) is not None


def test_unknown_codes_are_no_drug() -> None:
    assert TERMS.drug("1") is None
    assert TERMS.drug("1049621", "urn:local") is None


@pytest.mark.parametrize(
    "written", ["00406052301", "00406-0523-01", "0406-0523-01", " 0406-0523-01 ", "0406052301"]
)
def test_ndc_is_read_with_ten_or_eleven_digits_and_hyphens(written: str) -> None:
    drug = TERMS.drug_by_ndc(written)
    assert drug is not None
    assert (drug.ingredient, drug.strength, drug.form_key) == ("oxycodone", 10, "oxycodone|oral")


@pytest.mark.parametrize(
    "written", ["", "abc", "123", "99999999999", "0406-0523", "4-0-6-1", "1234567890123"]
)
def test_what_is_no_ndc_is_no_drug(written: str) -> None:
    assert TERMS.drug_by_ndc(written) is None


def test_an_opioid_known_by_ndc_only_can_be_counted() -> None:
    by_ndc = [TERMS.drug_by_ndc(code) for code in TERMS.ndc_codes()]
    only = [drug for drug in by_ndc if drug and drug.tty == "NDC" and "opioid" in drug.classes]
    assert len(only) > 10_000
    unresolved = [drug for drug in only if drug.form_key is None]
    assert len(unresolved) < 0.002 * len(only)
    assert all(TERMS.knows_factor("cdc-2022", str(d.form_key)) for d in only if d.form_key)
    assert {drug.strength_unit for drug in only} == {"mg", "mg/mL", "mcg/h", "mg/{actuat}"}


# Name, ingredient, strength, unit, form key, certain.
NAMES = [
    ("oxyCODONE-acetaminophen 5-325 mg tablet", "oxycodone", "5", "mg", "oxycodone|oral", True),
    ("oxyCODONE-acetaminophen (PERCOCET) 10-325 MG per tablet", "oxycodone", "10", "mg", "oxycodone|oral", True),
    ("HYDROcodone-acetaminophen 7.5-325 mg/15 mL solution", "hydrocodone", "0.5", "mg/mL", "hydrocodone|oral", True),
    ("fentanyl 25 mcg/hr patch", "fentanyl", "25", "mcg/h", "fentanyl|transdermal", True),
    ("fentaNYL (DURAGESIC) 50 mcg/hr", "fentanyl", "50", "mcg/h", "fentanyl|transdermal", True),
    ("fentanyl 12.5 mcg/hr patch", "fentanyl", "12.5", "mcg/h", "fentanyl|transdermal", True),
    ("fentanyl patch 75 mcg", "fentanyl", "75", "mcg/h", "fentanyl|transdermal", True),
    ("fentanyl citrate 200 mcg lozenge", "fentanyl", "0.2", "mg", "fentanyl|buccal_sl_tablet_or_lozenge", True),
    ("MS Contin 30 mg", "morphine", "30", "mg", "morphine|oral", False),
    ("Norco 10/325", "hydrocodone", "10", "mg", "hydrocodone|oral", False),
    ("Norco 10-325 mg tablet", "hydrocodone", "10", "mg", "hydrocodone|oral", True),
    ("Tylenol #3", "codeine", "30", "mg", "codeine|oral", True),
    ("TYLENOL-CODEINE #4 300-60 MG PO TABS", "codeine", "60", "mg", "codeine|oral", True),
    ("acetaminophen-codeine 300-30 mg tablet", "codeine", "30", "mg", "codeine|oral", True),
    ("butalbital-acetaminophen-caffeine-codeine 50-325-40-30 mg capsule", "codeine", "30", "mg", "codeine|oral", True),
    ("traMADol 50 mg tablet take 1-2 tablets", "tramadol", "50", "mg", "tramadol|oral", True),
    ("oxycodone 15 mg tablet #30", "oxycodone", "15", "mg", "oxycodone|oral", True),
    ("morphine 10 mg/5 mL oral solution", "morphine", "2", "mg/mL", "morphine|oral", True),
    ("morphine concentrate 20 mg/mL", "morphine", "20", "mg/mL", "morphine|oral", True),
    ("hydrocodone-acetaminophen 10-325 mg/15 mL elixir", "hydrocodone", "2/3", "mg/mL", "hydrocodone|oral", True),
    ("methadone 10 mg tablet", "methadone", "10", "mg", "methadone|oral", True),
    ("Nucynta ER 100 mg", "tapentadol", "100", "mg", "tapentadol|oral", True),
    ("Suboxone 8 mg-2 mg SL film", "buprenorphine", "8", "mg", "buprenorphine|sl_tablet_or_film", True),
    ("Belbuca 150 mcg film", "buprenorphine", "0.15", "mg", "buprenorphine|buccal_film_mcg", True),
    ("Butrans 10 mcg/hr", "buprenorphine", "10", "mcg/h", "buprenorphine|transdermal", True),
    ("pentazocine-naloxone 50-0.5 mg tablet", "pentazocine", "50", "mg", "pentazocine|oral", True),
    ("belladonna-opium 16.2-60 mg suppository", "opium", "60", "mg", "opium|rectal", True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "ingredient", "strength", "unit", "form_key", "certain"), NAMES, ids=[n[0] for n in NAMES]
)
def test_names_are_read_with_strength_and_form(
    text: str, ingredient: str, strength: str, unit: str, form_key: str, certain: bool
) -> None:
    found = TERMS.drug_by_name(text)
    assert found is not None
    drug = found.drug
    assert (drug.ingredient, drug.strength, drug.strength_unit) == (ingredient, Fraction(strength), unit)
    assert (drug.form_key, found.certain, drug.tty) == (form_key, certain, "NAME")
    assert "opioid" in drug.classes


@pytest.mark.parametrize(
    ("text", "ingredient"),
    [
        ("oxycodone", "oxycodone"), ("Percocet", "oxycodone"), ("morphine 31 mg tablet", "morphine"),
        ("oxycodone 5 mg or hydrocodone 10 mg", "oxycodone"), ("fentanyl 250 mcg/hr patch", "fentanyl"),
        ("fentanyl 25 mcg/hr + 50 mcg/hr patch", "fentanyl"), ("HYDROmorphone PCA", "hydromorphone"),
        ("morphine 15 mg/hr", "morphine"), ("Sublocade 300 mg", "buprenorphine"),
    ],
)  # fmt: skip
def test_an_opioid_without_a_strength_that_exists_stays_visible_without_one(
    text: str, ingredient: str
) -> None:
    found = TERMS.drug_by_name(text)
    assert found is not None
    assert (found.drug.ingredient, found.drug.strength, found.certain) == (ingredient, None, False)
    assert "opioid" in found.drug.classes


@pytest.mark.parametrize(
    "text",
    [
        "tiotropium 18 mcg inhalation capsule", "Ipratropium", "hydrocortisone 10 mg tablet",
        "morphine equivalent dose", "morphine milligram equivalents 40 mg", "MME 90", "codeine allergy",
        "opioid agreement on file",
        "naproxen 500 mg",
        "urine oxycodone screen", "do not take with oxycodone", "apomorphine 10 mg", "dextromethorphan 30 mg",
        "methylnaltrexone 150 mg", "loperamide 2 mg", "Tylenol 325 mg tablet", "Tylenol 2 tablets",
        "Vortex holding chamber",
        "acetaminophen 500 mg", "", "   ", "poppy seed", "\x00\ud83d", "oxytocin 10 units", "carbamazepine",
    ],
)  # fmt: skip
def test_look_alikes_and_talk_about_opioids_are_no_drug(text: str) -> None:
    assert TERMS.drug_by_name(text) is None


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("naloxone 4 mg nasal spray", {"naloxone_rescue"}), ("Narcan 4 mg/0.1 mL", {"naloxone_rescue"}),
        ("Xanax 0.5 mg", {"benzodiazepine"}), ("LORazepam 1 mg tablet", {"benzodiazepine"}),
        ("Ambien 10 mg", {"z_drug"}),
        ("Soma 350 mg", {"carisoprodol", "muscle_relaxant"}), ("gabapentin 300 mg", {"gabapentinoid"}),
        ("carisoprodol-aspirin-codeine 200-325-16 mg", {"opioid", "carisoprodol", "muscle_relaxant"}),
        ("buprenorphine-naloxone 8-2 mg", {"opioid", "moud"}), ("morphine 30 mg, keep naloxone at home", {"opioid"}),
    ],
)  # fmt: skip
def test_names_of_other_classes(text: str, classes: set[str]) -> None:
    found = TERMS.drug_by_name(text)
    assert found is not None
    assert found.drug.classes == classes


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("promethazine-codeine 6.25-10 mg/5 mL syrup", "cough_cold_antitussive"),
        ("hydromorphone 2 mg/mL injection", "injectable_full_agonist"),
        ("morphine PF 1 mg/mL intrathecal", "injectable_full_agonist"),
        ("fentanyl 50 mcg/hr infusion", "injectable_full_agonist"),
        ("methadone injection 10 mg/mL", "methadone_injectable"),
        ("Suboxone 8-2 mg film", "buprenorphine_moud"),
        ("Butrans 5 mcg/hr", "buprenorphine_pain_patch"),
    ],
)
def test_names_tell_what_never_counts(text: str, category: str) -> None:
    found = TERMS.drug_by_name(text)
    assert found is not None
    assert (found.drug.category, found.drug.counted) == (category, "no")


@pytest.mark.parametrize(
    "brand", ["OxyContin 20 mg", "MS Contin 15 mg", "Hysingla 40 mg", "oxymorphone ER 10 mg"]
)
def test_extended_release_is_read_from_the_name(brand: str) -> None:
    found = TERMS.drug_by_name(brand)
    assert found is not None
    assert found.drug.release == "ER"


@given(st.text(alphabet=st.characters() | st.sampled_from("0123456789/-. mgclhr"), max_size=60))
def test_any_text_after_a_name_is_survived_and_no_strength_is_made_up(text: str) -> None:
    found = TERMS.drug_by_name(f"oxycodone {text}")
    if found is not None and found.drug.strength is not None:
        assert any(character.isdigit() or character == "#" for character in text)
