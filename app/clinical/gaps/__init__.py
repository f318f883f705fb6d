"""Care-gap rules: one small function each, grouped by subject; `RULES` lists them all."""

from __future__ import annotations

from functools import lru_cache

from app.clinical.evaluation import Gap
from app.clinical.gaps.agreement import opioid_agreement
from app.clinical.gaps.bowel import bowel_regimen
from app.clinical.gaps.case import Case, PrintedRule, Rule, judged
from app.clinical.gaps.change import fast_fall, growing_use, still_labelled
from app.clinical.gaps.conditions import comorbidity, oud_treatment, pregnancy
from app.clinical.gaps.dose import dose_lower, dose_upper, mme_known, rising_dose
from app.clinical.gaps.draw import random_draw
from app.clinical.gaps.fills import (
    early_refills,
    overlapping_opioids,
    pill_count,
    several_prescribers,
    supply_length,
)
from app.clinical.gaps.function import peg_due, peg_trend
from app.clinical.gaps.inherited import taken_over
from app.clinical.gaps.labels import counselling, new_start, responsible_provider, risk_tier, therapy_code
from app.clinical.gaps.naloxone import naloxone
from app.clinical.gaps.pdmp import pdmp_check, pdmp_result
from app.clinical.gaps.referral import referral
from app.clinical.gaps.screening import (
    anxiety,
    depression,
    opioid_risk,
    sleep_apnoea,
    substance_screen,
    trauma,
)
from app.clinical.gaps.sedatives import sedatives
from app.clinical.gaps.urine import urine_due, urine_unexpected
from app.clinical.gaps.visits import missed_visits, next_visit, visit_after_start, visit_due
from app.clinical.policy import Policy

RULES: tuple[Rule, ...] = (
    pdmp_check, pdmp_result, urine_due, urine_unexpected, opioid_agreement, peg_due, peg_trend, opioid_risk,
    depression, anxiety, trauma, sleep_apnoea, naloxone, sedatives, dose_lower, dose_upper, rising_dose, mme_known,
    visit_due, next_visit, early_refills, overlapping_opioids, several_prescribers, oud_treatment, pregnancy,
    comorbidity, therapy_code, responsible_provider, taken_over, visit_after_start, fast_fall, new_start,
    pill_count, random_draw, risk_tier, counselling, bowel_regimen, substance_screen, referral, still_labelled,
    growing_use, missed_visits, supply_length,
)  # fmt: skip

OWN_INTERVAL = frozenset(rule.id for rule in RULES if rule.interval) - {"G12", "G20", "G34"}
"""Rules whose interval may be set for one person; the other three take theirs from the policy alone."""


@lru_cache(maxsize=16)
def printed_rules(policy: Policy) -> tuple[PrintedRule, ...]:
    """Every rule the policy has on, in its words."""
    return tuple(printed for rule in RULES if (printed := rule.printed(policy)) is not None)


def gaps(case: Case) -> tuple[Gap, ...]:
    """Every rule the policy has on, by rule number."""
    answers = [judged(printed, case) for printed in printed_rules(case.policy)]
    return tuple([gap for gap in answers if gap is not None])
