"""A site adds or overrides codes in one file; a mistake in it is named, never swallowed."""

from fractions import Fraction
from pathlib import Path

import pytest

from valuesets import ValueSetError, load_terms

EPIC = "urn:oid:1.2.840.114350.1.13.1.1.7.2.698288"
FLOWSHEET = "http://open.epic.com/FHIR/StructureDefinition/observation-flowsheet-id"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
GOOD = f"""
[[drug]]
system = "{EPIC}"
code = "4711"
name = "OXYCODONE 2.5 MG CUSTOM CAPSULE"
ingredient = "oxycodone"
strength = 2.5
form_key = "oxycodone|oral"

[[drug]]
system = "urn:oid:2.16.840.1.113883.6.88"
code = "1049621"
name = "overridden"
ingredient = "oxycodone"
strength = "7.5"
form_key = "oxycodone|oral"
release = "ER"

[[drug]]
system = "{EPIC}"
code = "12"
name = "SUBOXONE LOCAL"
ingredient = "buprenorphine"
form_key = "buprenorphine|sl_tablet_or_film"

[[observation]]
system = "{FLOWSHEET}"
code = "3040"
elements = ["stopbang_total"]

[[condition]]
system = "http://hl7.org/fhir/sid/icd-10-cm"
code = "Z79891"
groups = ["ltot_designation:weak_local_use"]

[documents]
agreement_titles = ["Pain Treatment Contract"]
"""


def site(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_site_codes_add_to_and_win_over_the_shipped_ones(tmp_path: Path) -> None:
    terms = load_terms(site_file=site(tmp_path, GOOD))
    local = terms.drug("4711", EPIC)
    assert local is not None
    assert (local.tty, local.strength, local.strength_unit, local.classes) == (
        "SITE",
        Fraction("2.5"),
        "mg",
        {"opioid"},
    )
    over = terms.drug("1049621")
    assert over is not None
    assert (over.name, over.strength, over.release) == ("overridden", Fraction("7.5"), "ER")
    assert terms.observation_elements(FLOWSHEET, "3040") == {"stopbang_total"}
    assert terms.condition_groups("urn:oid:2.16.840.1.113883.6.90", "Z79.891") == {
        "ltot_designation:weak_local_use"
    }
    assert terms.is_agreement_title("Signed pain treatment contract 2024")
    assert not terms.is_agreement_title("Consent to treatment")


def test_a_local_code_for_treatment_of_opioid_use_disorder_is_known_as_such(tmp_path: Path) -> None:
    drug = load_terms(site_file=site(tmp_path, GOOD)).drug("12", EPIC)
    assert drug is not None
    assert (drug.category, drug.counted, drug.strength) == ("buprenorphine_moud", "no", None)
    assert drug.classes == {"opioid", "moud"}


def test_the_version_tells_that_and_which_site_codes_are_in_force(tmp_path: Path) -> None:
    plain, own = load_terms(), load_terms(site_file=site(tmp_path, GOOD))
    assert plain.versions["site codes"] == "none"
    assert own.versions["site codes"][:6] in own.version
    assert own.version != plain.version


DRUG = '[[drug]]\nsystem = "urn:x"\ncode = "1"\nname = "n"\ningredient = "oxycodone"\n'


OBSERVATION = '[[observation]]\nsystem = "s"\ncode = "1"\n'
CONDITION = '[[condition]]\nsystem = "s"\ncode = "1"\n'
MISTAKES = [
    ("[[drugs]]\n", "drugs is not a known table. Did you mean drug?"),
    (DRUG + "strenght = 5\n", "strenght is not a known field of [[drug]] number 1. Did you mean strength?"),
    (DRUG.replace('code = "1"\n', ""), "[[drug]] number 1 needs code as text."),
    (DRUG + DRUG.replace('"n"', '" "'), "[[drug]] number 2 needs name as text."),
    (DRUG + 'strength = "five"\n', "[[drug]] number 1 needs strength as a number above zero."),
    (DRUG + "strength = -5\n", "[[drug]] number 1 needs strength as a number above zero."),
    (DRUG + "strength = true\n", "[[drug]] number 1 needs strength as a number above zero."),
    (
        DRUG + 'form_key = "oxycodone|orl"\n',
        "oxycodone|orl is not a known form_key of [[drug]] number 1. Did you mean oxycodone|oral?",
    ),
    (
        DRUG + 'form_key = "morphine|oral"\n',
        "[[drug]] number 1: form_key morphine|oral belongs to another ingredient than oxycodone.",
    ),
    (DRUG + 'unit = "mgs"\n', "mgs is not a known unit of [[drug]] number 1. Did you mean mg?"),
    (
        DRUG + 'classes = ["opiod"]\n',
        "opiod is not a known word in classes of [[drug]] number 1. Did you mean opioid?",
    ),
    (
        OBSERVATION + 'elements = ["peg_meen_score"]\n',
        "peg_meen_score is not a known word in elements of [[observation]] number 1. Did you mean peg_mean_score?",
    ),
    (
        OBSERVATION + 'elements = ["qqqq"]\n',
        "qqqq is not a known word in elements of [[observation]] number 1. Check its spelling.",
    ),
    (
        OBSERVATION + 'elements = "peg_mean_score"\n',
        "[[observation]] number 1 needs elements as a list of words.",
    ),
    (CONDITION + "groups = []\n", "[[condition]] number 1 needs groups as a list of words."),
    ('[condition]\nsystem = "s"\n', "[[condition]] is a list of tables; write two brackets."),
    ("[[documents]]\n", "[documents] is one table; write single brackets."),
    (
        '[documents]\ntitles = ["x"]\n',
        "titles is not a known field of [documents]. Use one of: agreement_titles.",
    ),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_mistake_is_named_with_file_entry_and_field(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueSetError) as caught:
        load_terms(site_file=site(tmp_path, text))
    assert str(caught.value) == f"site.toml: {said}"


def test_a_file_that_is_not_there_or_not_toml_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueSetError, match=r"site\.toml cannot be read\. Check the path\."):
        load_terms(site_file=tmp_path / "site.toml")
    with pytest.raises(ValueSetError, match=r"site\.toml is not TOML"):
        load_terms(site_file=site(tmp_path, "[[drug"))


def test_a_site_code_for_part_of_a_urine_drug_test_is_a_result_of_one(tmp_path: Path) -> None:
    part = 'elements = ["udt_result:oxycodone", "method:screen"]'
    text = f'[[observation]]\nsystem = "{FLOWSHEET}"\ncode = "77"\n{part}\n'
    found = load_terms(site_file=site(tmp_path, text)).observation_elements(FLOWSHEET, "77")
    assert found == {"udt", "udt_result:oxycodone", "method:screen"}
