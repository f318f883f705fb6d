"""Which opioids count for what.

Long-term therapy: outpatient opioids for pain, buprenorphine for pain included; not cough medicines, hospital drugs or
treatment of opioid use disorder.  MME: the same, without buprenorphine, which has no factor.  Source: HEDIS and
Washington's Bree Collaborative exclusions; CDC 2022 for buprenorphine.
"""

from __future__ import annotations

from app.clinical.supply import Supply
from fhir_mappings.facts import DrugFact

_NEVER = frozenset({"cough_cold", "injectable", "antidiarrhoeal", "other"})


def is_opioid(drug: DrugFact) -> bool:
    return drug.is_opioid


def for_opioid_use_disorder(supply: Supply) -> bool:
    """Treatment of opioid use disorder: by the product, or, for methadone, by what the order says."""
    if supply.drug.category == "oud_treatment":
        return supply.for_oud is not False
    return supply.drug.ingredient in {"methadone", "buprenorphine"} and supply.for_oud is True


def counts_for_therapy(supply: Supply) -> bool:
    """Whether the supply can make a person's therapy long-term."""
    if not supply.drug.is_opioid or for_opioid_use_disorder(supply):
        return False
    return supply.drug.category not in _NEVER or supply.drug.ingredient is None


def has_no_factor_by_design(supply: Supply) -> bool:
    """Buprenorphine: CDC 2022 gives it no factor on purpose."""
    return supply.drug.ingredient == "buprenorphine"
