"""Whole charts for tests of `evaluate`."""

from tests.gaps.build import (
    LORAZEPAM,
    NALOXONE,
    OXYCODONE,
    agreement,
    appointment,
    chart,
    event,
    fill,
    order,
    problem,
    result,
    urine,
    visit,
)  # fmt: skip

ITEMS = (
    order(OXYCODONE, "2025-04-02"),
    order(OXYCODONE, "2025-05-02"),
    order(OXYCODONE, "2025-06-01"),
    fill(OXYCODONE, "2025-04-02", order="MedicationRequest/oxycodone-2025-04-02"),
    fill(OXYCODONE, "2025-05-01", order="MedicationRequest/oxycodone-2025-05-02"),
    order(LORAZEPAM, "2025-06-01"),
    order(NALOXONE, "2024-12-01", None),
    agreement("2024-08-20"),
    agreement("2023-08-20", current=False),
    event("pdmp_review", "2025-05-01", outcome="as expected"),
    event("pdmp_review", "2025-01-01", outcome="as expected"),
    urine("oxycodone", "2025-05-15", "POSITIVE"),
    urine("cocaine", "2025-05-15", "NEG"),
    urine("benzodiazepine", "2025-05-15", "POS", method="confirm"),
    result("peg_mean_score", "2025-05-01", 6),
    result("peg_mean_score", "2025-02-01", 5),
    result("ort_total", "2024-02-01", 3),
    result("phq9_total", "2025-02-01", 8),
    result("gad7_total", "2025-02-01", 8),
    result("pcptsd5_total", "2025-02-01", 1),
    problem("ltot_designation:explicit", "2024-01-01"),
    problem("sleep_apnea"),
    visit("2025-05-01"),
    visit("2025-02-01"),
    appointment("2025-08-01"),
)
FULL = chart(*ITEMS)
EMPTY = chart()
OPIOID_ONLY = chart(
    order(OXYCODONE, "2025-04-02", 28), order(OXYCODONE, "2025-05-01", 28), order(OXYCODONE, "2025-05-30")
)
