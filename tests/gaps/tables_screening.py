"""Tables of the screening rules and the risk tier."""

from __future__ import annotations

from datetime import date

from tests.gaps.build import LORAZEPAM, OXYCODONE, case, event, order, problem, record, result, therapy
from tests.gaps.spec import MET, NOT, OVERDUE, SOON, UNKNOWN, Row, row

OPIOID = order(OXYCODONE, "2025-06-01")


def items(tool: str, count: int, when: str, value: int):
    return [result(f"{tool}_item{n}", when, value) for n in range(1, count + 1)]


TABLES: dict[str, list[Row]] = {
    "G08": [
        row(
            "ORT 3 on 1 Jan 2025",
            case(result("ort_total", "2025-01-01", 3)),
            MET,
            "ORT 3 of 26",
            due="2027-01-01",
        ),
        row("ORT 3 on 1 Jan 2022", case(result("ort_total", "2022-01-01", 3)), OVERDUE, colour="yellow"),
        row(
            "assessment only asked for",
            case(event("opioid_misuse_risk_assessment", "2025-01-01", "ServiceRequest")),
            OVERDUE,
        ),
        row("assessed for risk 1 Jan 2025", case(event("opioid_misuse_risk_assessment", "2025-01-01")), MET),
        row(
            "ORT 3, depression since",
            case(result("ort_total", "2025-01-01", 3), problem("depression", "2025-03-01")),
            SOON,
            "a new diagnosis since",
        ),
        row("never, all read", case(), OVERDUE, colour="yellow"),
        row(
            "never, therapy new", case(ltot=therapy(new=True, since=date(2025, 5, 1))), OVERDUE, colour="red"
        ),
        row("never, results did not load", case(failed="Observation"), UNKNOWN),
        row("not on long-term therapy", case(ltot="no"), NOT),
    ],
    "G09": [
        row(
            "PHQ-9 of 4 on 1 Jan 2025",
            case(result("phq9_total", "2025-01-01", 4)),
            MET,
            "PHQ-9 4 of 27",
            due="2026-01-01",
        ),
        row(
            "PHQ-9 recorded in words",
            case(result("phq9_total", "2025-06-01", "moderate to severe")),
            UNKNOWN,
            "cannot be read as a score: moderate to severe",
            colour="yellow",
        ),
        row("all nine items, each 0", case(*items("phq9", 9, "2025-01-01", 0)), MET, "PHQ-9 0 of 27"),
        row(
            "PHQ-9 of 12, no plan",
            case(result("phq9_total", "2025-01-01", 12)),
            OVERDUE,
            "plan not recorded",
            colour="red",
        ),
        row(
            "PHQ-9 of 12, plan noted",
            case(result("phq9_total", "2025-01-01", 12), records=(record("review", "2025-01-02", "G09"),)),
            MET,
        ),
        row(
            "PHQ-9 of 4 with item 9 of 1",
            case(result("phq9_total", "2025-01-01", 4), result("phq9_item9", "2025-01-01", 1)),
            OVERDUE,
            "item 9 above zero",
            colour="red",
        ),
        row(
            "item 9 of 1, later 0",
            case(
                result("phq9_item9", "2025-01-01", 1),
                result("phq9_item9", "2025-03-01", 0),
                result("phq9_total", "2025-03-01", 3),
            ),
            MET,
        ),
        row("PHQ-2 of 4 alone", case(result("phq2_total", "2025-01-01", 4)), SOON, "PHQ-9 not done since"),
        row("PHQ-2 of 1", case(result("phq2_total", "2025-01-01", 1)), MET),
        row(
            "PHQ-9 of 4 on 1 Jan 2024", case(result("phq9_total", "2024-01-01", 4)), OVERDUE, colour="yellow"
        ),
        row("never, results did not load", case(failed="Observation"), UNKNOWN),
        row("not on long-term therapy", case(ltot="no"), NOT),
        row(
            "excluded by cancer: still judged",
            case(problem("active_cancer"), result("phq9_item9", "2025-01-01", 1)),
            OVERDUE,
        ),
    ],
    "G10": [
        row("GAD-7 of 4", case(result("gad7_total", "2025-01-01", 4)), MET),
        row("GAD-7 of 12, no plan", case(result("gad7_total", "2025-01-01", 12)), SOON, "plan not recorded"),
        row(
            "GAD-7 of 12, plan noted",
            case(result("gad7_total", "2025-01-01", 12), records=(record("review", "2025-01-02", "G10"),)),
            MET,
        ),
        row("never, all read", case(), OVERDUE, colour="yellow"),
        row("never, results did not load", case(failed="Observation"), UNKNOWN),
        row("not on long-term therapy", case(ltot="no"), NOT),
    ],
    "G11": [
        row("PC-PTSD-5 of 1", case(result("pcptsd5_total", "2025-01-01", 1)), MET),
        row("PC-PTSD-5 of 4, no plan", case(result("pcptsd5_total", "2025-01-01", 4)), SOON),
        row("never, all read", case(), OVERDUE, colour="yellow"),
        row("never, results did not load", case(failed="Observation"), UNKNOWN),
        row("not on long-term therapy", case(ltot="no"), NOT),
    ],
    "G12": [
        row("sleep apnoea on the problem list", case(problem("sleep_apnea")), MET),
        row("STOP-Bang of 2 (site's own code)", case(result("stop_bang_total", "2025-01-01", 2)), MET),
        row("STOP-Bang of 6, 40 MME", case(result("stop_bang_total", "2025-01-01", 6)), SOON),
        row(
            "STOP-Bang of 6 with lorazepam",
            case(OPIOID, order(LORAZEPAM, "2025-06-01"), result("stop_bang_total", "2025-01-01", 6)),
            OVERDUE,
        ),
        row("never, all read", case(), UNKNOWN, "no standard code"),
        row("never, problems did not load", case(failed="Condition"), UNKNOWN),
        row("not on long-term therapy", case(ltot="no"), NOT),
    ],
    "G32": [
        row("moderate risk: not asked for", case(), NOT, "Not asked for"),
        row("high risk, none recorded", case(tier="high"), UNKNOWN, "no standard code"),
        row(
            "high risk, counted 1 Jun 2025 (site's own code)",
            case(event("pill_count", "2025-06-01"), tier="high"),
            MET,
        ),
        row("high risk, counted 1 Jun 2024", case(event("pill_count", "2024-06-01"), tier="high"), OVERDUE),
        row("not on long-term therapy", case(ltot="no", tier="high"), NOT),
    ],
    "G34": [
        row("tier unknown", case(tier="unknown"), SOON, "Not known"),
        row("computed, not confirmed", case(tier="high"), MET, "not yet confirmed"),
        row("not on long-term therapy", case(ltot="no"), NOT),
        row("computed low", case(tier="low"), MET, "low, computed"),
    ],
    "G35": [
        row("counselled 1 Jan 2025", case(event("naloxone_or_opioid_safety_education", "2025-01-01")), MET),
        row(
            "counselled 1 Jan 2024",
            case(event("naloxone_or_opioid_safety_education", "2024-01-01")),
            OVERDUE,
            colour="yellow",
        ),
        row("never, procedures did not load", case(failed="Procedure"), UNKNOWN),
        row("procedures not connected", case(missing="Procedure"), UNKNOWN, "No data source"),
        row("not on long-term therapy", case(ltot="no"), NOT),
    ],
    "G37": [
        row("AUDIT-C of 2", case(result("auditc_total", "2025-01-01", 2)), MET, "AUDIT-C 2 of 12"),
        row(
            "DAST-10 of 1 on 1 Jan 2024",
            case(result("dast10_total", "2024-01-01", 1)),
            OVERDUE,
            colour="yellow",
        ),
        row("one question on alcohol", case(result("single_item_alcohol", "2025-01-01", 0)), MET),
        row("never, results did not load", case(failed="Observation"), UNKNOWN),
        row("not on long-term therapy", case(ltot="no"), NOT),
    ],
}
