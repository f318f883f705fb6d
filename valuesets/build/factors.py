"""The factor tables under the product's names, each row with the publication it comes from.

Left out: a table of 2015 that could not be seen at its source, and one of 2020 that is second-hand throughout.
Benzhydrocodone keeps 1.2 (CDC 2020, also used by HEDIS); 1.22 stands in one calculator only.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

COLUMNS = ("table", "ingredient", "form_key", "unit", "above", "up_to", "factor", "status", "source")
CMS_2018 = "CMS, oral MME conversion factors, February 2018"
# Table in the prepared file: our names for it, publication.
TABLES = {
    "cdc_2022_extended": (
        ("cdc-2022",),
        "CDC clinical practice guideline 2022, MMWR 71(RR-3), table of factors",
    ),
    "cdc_guideline_2022": (
        ("cdc-2022-strict",),
        "CDC clinical practice guideline 2022, MMWR 71(RR-3), table of factors",
    ),
    "cdc_guideline_2016": (("cdc-2016",), "CDC guideline 2016, table 4, JAMA 315:1624"),
    "cms_2018_02": (("cms-2017", "cms-2018"), CMS_2018),
    "cms_cdc_2014_05": (("cms-2014",), "CMS and CDC, opioid conversion factors, May 2014"),
    "cdc_ndc_file_2016": (("cdc-research-2016",), "CDC file of MME factors by NDC, August 2016"),
    "cdc_ndc_file_2018": (("cdc-research-2018",), "CDC file of MME factors by NDC, September 2018"),
    "nih_heal_2025": (("heal-2025",), "NIH HEAL MME calculator, 2025"),
}
_SECOND_HAND = ("benzhydrocodone", "levomethadyl", "propoxyphene")
_WEAR_DAYS = {"fentanyl|transdermal": 3, "buprenorphine|transdermal": 7}


def factor_rows(prepared: list[dict[str, str]]) -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
    return COLUMNS, _rows(prepared)


def _rows(prepared: list[dict[str, str]]) -> Iterator[tuple[str, ...]]:
    for r in prepared:
        names, publication = TABLES.get(r["table_id"], ((), ""))
        if r["variant"] != "default":  # an alternative printed beside the table's own factor
            continue
        factor, source = r["factor"], publication
        if r["status"] == "carried_forward":
            source = _legacy(r)
        elif r["status"] == "extrapolated":
            source = f"{publication}; the table does not tell this form apart"
        if "days_supply" in r["basis"] and factor:
            days = _WEAR_DAYS[r["form_key"]]
            source = f"{publication}: {factor} per patch worn {days} days, which is a factor for each day"
            factor = f"{(Decimal(factor) / days).normalize():f}"
        for name in names:
            yield (name, r["ingredient"], r["form_key"], r["dose_unit"], r["dose_low_exclusive"],
                   r["dose_high_inclusive"], factor, r["status"], source)  # fmt: skip


def _legacy(row: dict[str, str]) -> str:
    """CDC 2022 is silent: the factor used before it, and named so."""
    if row["ingredient"] in _SECOND_HAND:
        return "legacy factor, not in CDC 2022: CDC file of MME factors, 2018 to 2020"
    if row["form_key"].endswith("|rectal") and row["ingredient"] != "opium":
        return "legacy factor, not in CDC 2022: the factor of the form by mouth"
    return "legacy factor, not in CDC 2022: CDC file of MME factors by NDC, September 2018"
