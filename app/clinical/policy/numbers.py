"""The care-gap rules a policy may set, with the default pack's numbers for each.

Units stand in the names; `at`, `above` and `rise` are MME per day.
"""

from __future__ import annotations

GAP_NUMBERS: dict[str, dict[str, int]] = {
    "G01": {"before_order_days": 0},
    "G02": {"review_days": 7},
    "G03": {"pending_days": 14},
    "G04": {"lookback_months": 12, "covered_days_before": 31},
    "G05": {},
    "G06": {},
    "G07": {"worse_percent": 30, "worse_points": 2},
    "G08": {},
    "G09": {"score": 10},
    "G10": {"score": 10},
    "G11": {"score": 4},
    "G12": {"score": 5},
    "G13": {"at": 50, "lookback_months": 24, "declined_months": 12, "age_years": 65},
    "G14": {"lookback_days": 90, "plan_months": 6},
    "G15": {"review_months": 12},
    "G16": {"review_months": 12},
    "G17": {"rise": 20, "rise_percent": 20, "within_days": 30, "visit_days": 28},
    "G18": {"differs_percent": 10, "differs_by": 5},
    "G19": {},
    "G20": {"slack_days": 14},
    "G21": {"early_days": 3, "within_days": 180, "pattern": 2},
    "G22": {"overlap_days": 7, "lookback_days": 90},
    "G23": {
        "within_days": 180,
        "prescribers": 4,
        "pharmacies": 4,
        "outside_days": 90,
        "outside_prescribers": 2,
    },
    "G24": {"within_days": 30},
    "G25": {"lookback_weeks": 42},
    "G26": {"age_years": 65},
    "G27": {},
    "G28": {},
    "G28b": {"checklist_months": 3, "lookback_months": 12},
    "G29": {"visit_days": 28},
    "G30": {"fall_percent": 15, "within_days": 60, "held_days": 14, "contact_days": 7},
    "G31": {"before_days": 30},
    "G32": {},
    "G33": {"every_months": 6, "within_days": 14},
    "G34": {},
    "G35": {},
    "G36": {"lookback_months": 6},
    "G37": {},
    "G38": {"above": 100, "pattern": 2, "loop_days": 60, "review_months": 12},
    "G39": {},
    "G40": {"episode_days": 5},
    "G41": {"missed_visits": 2, "within_days": 180},
    "G42": {"supply_days": 28},
}

# Off until a clinic asks for them: house policies that many clinics do not have.
GAPS_OFF = frozenset({"G33", "G36", "G38", "G42"})
