"""Care-gap rules: one small function each, grouped by subject; `RULES` lists them all."""

from __future__ import annotations

from app.clinical.evaluation import Gap
from app.clinical.gaps.agreement import opioid_agreement
from app.clinical.gaps.case import Case, Rule, apply
from app.clinical.gaps.dose import dose_lower, dose_upper, mme_known, rising_dose
from app.clinical.gaps.function import peg_due, peg_trend
from app.clinical.gaps.labels import therapy_code
from app.clinical.gaps.naloxone import naloxone
from app.clinical.gaps.pdmp import pdmp_check, pdmp_result
from app.clinical.gaps.sedatives import sedatives
from app.clinical.gaps.urine import urine_due, urine_unexpected

RULES: tuple[Rule, ...] = (
    pdmp_check,
    pdmp_result,
    urine_due,
    urine_unexpected,
    opioid_agreement,
    peg_due,
    peg_trend,
    naloxone,
    sedatives,
    dose_lower,
    dose_upper,
    rising_dose,
    mme_known,
    therapy_code,
)


def gaps(case: Case) -> tuple[Gap, ...]:
    """Every rule the policy has on, by rule number."""
    return tuple(gap for rule in RULES if (gap := apply(rule, case)) is not None)
