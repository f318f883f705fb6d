"""Tables of the monitoring rules: PDMP, agreement, PEG."""

from __future__ import annotations

from datetime import date

from app.clinical.policy import Policy
from tests.gaps.build import (
    OXYCODONE,
    agreement,
    case,
    check,
    event,
    order,
    problem,
    record,
    result,
    visit,
    with_rule,
)
from tests.gaps.spec import DEFERRED, EXCLUDED, MET, NOT, OVERDUE, SOON, UNKNOWN, Row, row


def each_order() -> Policy:
    return with_rule("G01", numbers={"before_order_days": 7})


TABLES: dict[str, list[Row]] = {
    "G01": [
        row(
            "C01: high risk, checked 15 Mar 2025",
            case(check("2025-03-15"), tier="high"),
            OVERDUE,
            "due today",
            due="2025-06-15",
        ),
        row(
            "C02: high risk, checked 16 Mar 2025",
            case(check("2025-03-16"), tier="high"),
            SOON,
            "due in 1 day",
            due="2025-06-16",
        ),
        row(
            "high risk, checked 1 Jun 2025",
            case(check("2025-06-01"), tier="high"),
            MET,
            "1 Jun 2025",
            due="2025-09-01",
        ),
        row("low risk, checked 1 Feb 2025", case(check("2025-02-01"), tier="low"), MET, due="2025-08-01"),
        row(
            "tier unknown, checked 1 Mar 2025",
            case(check("2025-03-01"), tier="unknown"),
            OVERDUE,
            due="2025-06-01",
        ),
        row("never checked, all read", case(), OVERDUE, "No PDMP check found in the chart"),
        row("never checked, procedures did not load", case(failed="Procedure"), UNKNOWN, "could not be read"),
        row(
            "checked 1 Mar 2025, procedures did not load",
            case(check("2025-03-01"), failed="Procedure"),
            UNKNOWN,
            "a newer one cannot be ruled out",
        ),
        row(
            "checked 1 Jun 2025, procedures did not load", case(check("2025-06-01"), failed="Procedure"), MET
        ),
        row(
            "C09: neither procedures nor results connected",
            case(missing="Procedure Observation"),
            UNKNOWN,
            "No data source",
            colour="grey",
        ),
        row(
            "only an appointment to check, status not done",
            case(event("pdmp_review", "2025-06-01", "ServiceRequest", done=False)),
            OVERDUE,
        ),
        row("checked, no date given", case(check(None)), UNKNOWN, "without a date"),
        row("checked tomorrow", case(check("2025-06-16")), OVERDUE),
        row(
            "never checked, on the list since 1 Jun 2025",
            case(records=(record("joined", "2025-06-01"),)),
            SOON,
            "newly on the list",
            due="2025-08-30",
        ),
        row(
            "never checked, on the list since 1 Jan 2025",
            case(records=(record("joined", "2025-01-01"),)),
            OVERDUE,
        ),
        row(
            "overdue, deferred until 1 Jul 2025",
            case(
                records=(record("deferral", "2025-06-01", "G01", until=date(2025, 7, 1), text="travelling"),)
            ),
            DEFERRED,
            "Deferred until 1 Jul 2025: travelling",
            colour="grey",
        ),
        row(
            "overdue, deferral over since 1 Jun 2025",
            case(records=(record("deferral", "2025-05-01", "G01", until=date(2025, 6, 1)),)),
            OVERDUE,
        ),
        row(
            "own interval of 1 month, checked 1 May 2025",
            case(
                check("2025-05-01"), tier="low", records=(record("interval", "2025-01-01", "G01", months=1),)
            ),
            OVERDUE,
            due="2025-06-01",
        ),
        row(
            "policy asks before each order; order of 1 Jun, checked 1 May",
            case(order(OXYCODONE, "2025-06-01"), check("2025-05-01"), policy=each_order()),
            OVERDUE,
            "7 days before",
        ),
        row(
            "policy asks before each order; order of 1 Jun, checked 30 May",
            case(order(OXYCODONE, "2025-06-01"), check("2025-05-30"), policy=each_order()),
            MET,
        ),
        row("not on long-term therapy", case(check("2020-01-01"), ltot="no"), NOT, "Not on long-term"),
        row("excluded by sickle cell disease: still checked", case(problem("sickle_cell_disease")), OVERDUE),
    ],
    "G02": [
        row(
            "C08: checked 1 Jun 2025, no result recorded",
            case(check("2025-06-01", "")),
            SOON,
            "result not recorded",
            colour="yellow",
        ),
        row("checked 1 Jun 2025, as expected", case(check("2025-06-01")), MET, "as expected"),
        row(
            "checked 1 Jun 2025, unexpected, not reviewed",
            case(check("2025-06-01", "unexpected: outside opioid")),
            OVERDUE,
            "review not recorded",
            due="2025-06-08",
        ),
        row(
            "checked 10 Jun 2025, unexpected, not reviewed",
            case(check("2025-06-10", "unexpected")),
            SOON,
            due="2025-06-17",
        ),
        row(
            "unexpected, reviewed 12 Jun 2025",
            case(check("2025-06-10", "unexpected"), records=(record("review", "2025-06-12", "G02"),)),
            MET,
        ),
        row("no check read", case(), NOT, "see the PDMP check"),
        row("no check read, procedures did not load", case(failed="Procedure"), UNKNOWN, "could not be read"),
        row(
            "checked 1 Jun 2025, as expected; results did not load",
            case(check("2025-06-01"), failed="Observation"),
            UNKNOWN,
            "a newer one cannot be ruled out",
        ),
        row(
            "checked 1 Jun 2025, as expected; PDMP reports did not load",
            case(check("2025-06-01"), failed="PDMP"),
            UNKNOWN,
        ),
        row(
            "checked today, as expected; results did not load",
            case(check("2025-06-15"), failed="Observation"),
            MET,
            "as expected",
        ),
        row("not on long-term therapy", case(check("2025-06-01", ""), ltot="no"), NOT),
        row(
            "excluded by cancer: still judged", case(check("2025-06-01", ""), problem("active_cancer")), SOON
        ),
    ],
    "G05": [
        row("C04: signed 20 Aug 2024", case(agreement("2024-08-20")), MET, "20 Aug 2024", due="2025-08-20"),
        row("signed 1 Jul 2024", case(agreement("2024-07-01")), SOON, "due in 16 days", due="2025-07-01"),
        row(
            "signed 15 Apr 2024", case(agreement("2024-04-15")), OVERDUE, "overdue 2 months", due="2025-04-15"
        ),
        row("none, all read", case(), OVERDUE, "No opioid agreement found"),
        row("none, documents did not load", case(failed="DocumentReference"), UNKNOWN, "could not be read"),
        row("none, consents did not load", case(failed="Consent"), UNKNOWN),
        row("none, consents not offered here", case(missing="Consent"), OVERDUE),
        row(
            "documents not connected",
            case(missing="DocumentReference"),
            UNKNOWN,
            "No data source",
            colour="grey",
        ),
        row("only a superseded one", case(agreement("2025-05-01", current=False)), OVERDUE),
        row("one without a date", case(agreement(None)), UNKNOWN, "without a date"),
        row("not on long-term therapy", case(ltot="no"), NOT),
        row("excluded by hospice", case(problem("hospice")), EXCLUDED),
    ],
    "G06": [
        row(
            "mean 6 on 1 Jun 2025",
            case(result("peg_mean_score", "2025-06-01", 6)),
            MET,
            "6 of 10",
            due="2025-09-01",
        ),
        row(
            "three items on 1 Jun 2025",
            case(
                result("peg_item_pain", "2025-06-01", 7),
                result("peg_item_enjoyment", "2025-06-01", 5),
                result("peg_item_activity", "2025-06-01", 4),
            ),
            MET,
            "5.3 of 10",
        ),
        row(
            "two of three items",
            case(result("peg_item_pain", "2025-06-01", 7), result("peg_item_enjoyment", "2025-06-01", 5)),
            OVERDUE,
            "No PEG score found",
        ),
        row(
            "mean 6 on 1 May 2025, visit without a score 1 Jun 2025",
            case(result("peg_mean_score", "2025-05-01", 6), visit("2025-06-01")),
            SOON,
            "not scored at the visit",
        ),
        row("mean 6 on 20 Mar 2025", case(result("peg_mean_score", "2025-03-20", 6)), SOON, due="2025-06-20"),
        row(
            "mean 6 on 15 Mar 2025",
            case(result("peg_mean_score", "2025-03-15", 6)),
            OVERDUE,
            due="2025-06-15",
        ),
        row("a mean above 10", case(result("peg_mean_score", "2025-06-01", 42)), OVERDUE),
        row("none, results did not load", case(failed="Observation"), UNKNOWN),
        row("not on long-term therapy", case(ltot="no"), NOT),
        row("excluded by cancer: still judged", case(problem("active_cancer")), OVERDUE),
    ],
    "G07": [
        row(
            "4 then 7",
            case(result("peg_mean_score", "2025-03-01", 4), result("peg_mean_score", "2025-06-01", 7)),
            SOON,
            "worse",
            colour="yellow",
        ),
        row(
            "5 then 5",
            case(result("peg_mean_score", "2025-03-01", 5), result("peg_mean_score", "2025-06-01", 5)),
            MET,
        ),
        row(
            "3 then 4 (a third more)",
            case(result("peg_mean_score", "2025-03-01", 3), result("peg_mean_score", "2025-06-01", 4)),
            SOON,
        ),
        row(
            "4 then 7, reviewed",
            case(
                result("peg_mean_score", "2025-03-01", 4),
                result("peg_mean_score", "2025-06-01", 7),
                records=(record("review", "2025-06-02", "G07"),),
            ),
            MET,
        ),
        row("one score only", case(result("peg_mean_score", "2025-06-01", 7)), NOT),
        row(
            "one score, results did not load",
            case(result("peg_mean_score", "2025-06-01", 7), failed="Observation"),
            UNKNOWN,
        ),
        row(
            "excluded by cancer: still judged",
            case(
                problem("active_cancer"),
                result("peg_mean_score", "2025-03-01", 4),
                result("peg_mean_score", "2025-06-01", 7),
            ),
            SOON,
        ),
    ],
}
