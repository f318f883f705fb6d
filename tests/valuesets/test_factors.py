"""MME factors are the published ones, each with its source; silence is told apart from zero."""

from fractions import Fraction

import pytest

from valuesets import load_terms

TERMS = load_terms()
# Form, CDC 2022 with legacy factors, CDC 2022 alone, CMS 2018, CDC 2016; None: the table gives no factor.
TABLE = [
    ("codeine|oral", "0.15", "0.15", "0.15", "0.15"),
    ("hydrocodone|oral", "1", "1", "1", "1"),
    ("hydromorphone|oral", "5", "5", "4", "4"),
    ("morphine|oral", "1", "1", "1", "1"),
    ("oxycodone|oral", "1.5", "1.5", "1.5", "1.5"),
    ("oxymorphone|oral", "3", "3", "3", "3"),
    ("tapentadol|oral", "0.4", "0.4", "0.4", "0.4"),
    ("tramadol|oral", "0.2", "0.2", "0.1", None),
    ("fentanyl|transdermal", "2.4", "2.4", "2.4", "2.4"),
    ("fentanyl|buccal_sl_tablet_or_lozenge", "0.13", None, "0.13", None),
    ("fentanyl|film_or_oral_spray", "0.18", None, "0.18", None),
    ("fentanyl|nasal_spray", "0.16", None, "0.16", None),
    ("meperidine|oral", "0.1", None, "0.1", None),
    ("levorphanol|oral", "11", None, "11", None),
    ("pentazocine|oral", "0.37", None, "0.37", None),
    ("butorphanol|nasal", "7", None, "7", None),
    ("dihydrocodeine|oral", "0.25", None, "0.25", None),
    ("opium|rectal", "1", None, "1", None),
    ("benzhydrocodone|oral", "1.2", None, None, None),
    ("buprenorphine|sl_tablet_or_film", None, None, None, None),
    ("buprenorphine|transdermal", None, None, None, None),
]
TABLES = ("cdc-2022", "cdc-2022-strict", "cms-2018", "cdc-2016")


@pytest.mark.parametrize("column", range(4), ids=TABLES)
@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_factors_are_the_published_ones(row: tuple[str | None, ...], column: int) -> None:
    found = TERMS.factor(TABLES[column], str(row[0]))
    expected = row[column + 1]
    assert found is not None
    assert found.factor == (Fraction(expected) if expected else None)
    assert found.source
    if expected is None:
        assert found.status in {"not_in_table", "excluded_by_design"}


@pytest.mark.parametrize("table", ["cdc-2016", "cms-2017", "cms-2018"])
@pytest.mark.parametrize(
    ("per_day", "factor"),
    [
        ("0", 4),
        ("0.5", 4),
        ("20", 4),
        ("20.01", 8),
        ("20.5", 8),
        ("40", 8),
        ("40.5", 10),
        ("60", 10),
        ("60.1", 12),
        ("500", 12),
    ],
)
def test_sliding_methadone_bands_have_no_gaps(table: str, per_day: str, factor: int) -> None:
    found = TERMS.factor(table, "methadone|oral", Fraction(per_day))
    assert found is not None
    assert found.factor == factor


def test_a_banded_factor_is_not_chosen_without_a_dose() -> None:
    assert TERMS.factor("cdc-2016", "methadone|oral") is None


@pytest.mark.parametrize(
    ("table", "factor"), [("cdc-2022", "4.7"), ("cdc-2022-strict", "4.7"), ("cdc-research-2018", "3")]
)
def test_methadone_has_one_factor_elsewhere(table: str, factor: str) -> None:
    found = TERMS.factor(table, "methadone|oral")
    assert found is not None
    assert found.factor == Fraction(factor)


def test_a_factor_cdc_2022_does_not_give_is_called_legacy() -> None:
    found = TERMS.factor("cdc-2022", "meperidine|oral")
    assert found is not None
    assert (found.status, found.source[:33]) == ("carried_forward", "legacy factor, not in CDC 2022: C")


def test_a_claims_factor_for_patches_is_given_per_day_with_its_arithmetic() -> None:
    found = TERMS.factor("cms-2018", "fentanyl|transdermal")
    assert found is not None
    assert (found.factor, found.unit) == (Fraction("2.4"), "mcg/h")
    assert "7.2 per patch worn 3 days" in found.source


def test_units_are_those_a_dose_is_given_in() -> None:
    units = {key: TERMS.factor("cdc-2022", key).unit for key, *_ in TABLE}
    assert units["fentanyl|transdermal"] == "mcg/h"
    assert units["fentanyl|nasal_spray"] == "mcg"
    assert units["oxycodone|oral"] == "mg"


def test_tables_and_forms_nobody_knows_give_nothing() -> None:
    assert TERMS.factor("cdc-1999", "morphine|oral") is None
    assert TERMS.factor("cdc-2022", "morphine|smoked") is None


def test_every_countable_drug_is_known_to_every_table() -> None:
    keys = {drug.form_key for drug in TERMS.counted_drugs()}
    assert len(keys) > 20
    assert [(t, k) for t in TERMS.factor_tables for k in keys if not TERMS.knows_factor(t, str(k))] == []
