"""Tables of the rules about visits, new starts and who is responsible."""

from __future__ import annotations

from datetime import date

from fhir_mappings.facts import Person
from tests.gaps.build import appointment, case, check, problem, record, result, therapy, urine, visit
from tests.gaps.spec import EXCLUDED, MET, NOT, OVERDUE, SOON, UNKNOWN, Row, row

NEW = therapy(new=True, since=date(2025, 5, 1))


TABLES: dict[str, list[Row]] = {
    "G19": [
        row(
            "high risk, visit 15 Mar 2025", case(visit("2025-03-15"), tier="high"), OVERDUE, due="2025-06-15"
        ),
        row("moderate risk, visit 15 Mar 2025", case(visit("2025-03-15")), MET, due="2025-09-15"),
        row("low risk, visit 1 Jul 2024", case(visit("2024-07-01"), tier="low"), SOON, due="2025-07-01"),
        row("the visit of 1 Jun 2025 did not take place", case(visit("2025-06-01", "not held")), OVERDUE),
        row("no visit, visits did not load", case(failed="Encounter"), UNKNOWN),
        row("visits not connected", case(missing="Encounter"), UNKNOWN, "No data source"),
        row("not on long-term therapy", case(ltot="no"), NOT),
        row("excluded by hospice", case(problem("hospice")), EXCLUDED),
    ],
    "G20": [
        row("booked for 1 Aug 2025", case(visit("2025-05-01"), appointment("2025-08-01")), MET, "1 Aug 2025"),
        row("not booked, last visit 1 May 2025", case(visit("2025-05-01")), SOON, "No visit booked"),
        row("not booked, visit overdue", case(visit("2024-05-01")), OVERDUE),
        row("booked for 1 Jun 2026, too late", case(visit("2025-05-01"), appointment("2026-06-01")), SOON),
        row("cancelled", case(visit("2025-05-01"), appointment("2025-08-01", "cancelled")), SOON),
        row("appointments did not load", case(failed="Appointment"), UNKNOWN),
        row("appointments not connected", case(missing="Appointment"), UNKNOWN, "No data source"),
        row("not on long-term therapy", case(ltot="no"), NOT),
        row("excluded by hospice", case(problem("hospice"), visit("2025-05-01")), EXCLUDED),
    ],
    "G27": [
        row("coded", case(problem("ltot_designation:explicit", "2024-01-01")), MET, "Z79.891"),
        row("not coded, all read", case(), SOON, "not on the problem list", colour="yellow"),
        row("coded, but resolved", case(problem("ltot_designation:explicit", active=False)), SOON),
        row("code not wanted", case(records=(record("declined", "2025-01-01", "G27"),)), MET),
        row("problems did not load", case(failed="Condition"), UNKNOWN),
        row("problems not connected", case(missing="Condition"), UNKNOWN, "No data source", colour="grey"),
        row("not on long-term therapy", case(ltot="no"), NOT),
        row("excluded by cancer: still judged", case(problem("active_cancer")), SOON),
    ],
    "G28": [
        row("named on the patient record", case(), MET, "Dr Ada Okafor"),
        row("not named", case(person=Person("p1", date(1975, 3, 14))), OVERDUE),
        row("not named, patient record did not load", case(person=Person("p1"), failed="Patient"), UNKNOWN),
        row("not on long-term therapy", case(ltot="no"), NOT),
    ],
    "G29": [
        row("new since 1 May 2025, visit 20 May", case(visit("2025-05-20"), ltot=NEW), MET),
        row("new since 1 May 2025, no visit", case(visit("2025-04-01"), ltot=NEW), OVERDUE, due="2025-05-29"),
        row(
            "new since 10 Jun 2025, no visit",
            case(ltot=therapy(new=True, since=date(2025, 6, 10))),
            SOON,
            due="2025-07-08",
        ),
        row("new, visits did not load", case(ltot=NEW, failed="Encounter"), UNKNOWN),
        row("not new", case(), NOT),
        row("excluded by cancer: still judged", case(problem("active_cancer"), ltot=NEW), OVERDUE),
    ],
    "G31": [
        row(
            "new since 1 May 2025, all three on record",
            case(
                check("2025-04-20"),
                urine("cocaine", "2025-04-20", "NEG"),
                result("peg_mean_score", "2025-04-20", 6),
                ltot=NEW,
            ),
            MET,
        ),
        row(
            "new, urine drug test missing",
            case(check("2025-04-20"), result("peg_mean_score", "2025-04-20", 6), ltot=NEW),
            OVERDUE,
            "urine drug test",
        ),
        row("new, results did not load", case(ltot=NEW, failed="Observation"), UNKNOWN),
        row("not new", case(), NOT),
        row("excluded by cancer: still judged", case(problem("active_cancer"), ltot=NEW), OVERDUE),
    ],
    "G41": [
        row(
            "two missed in spring",
            case(appointment("2025-03-01", "noshow"), appointment("2025-05-01", "noshow")),
            SOON,
            "2 visits missed",
        ),
        row("one missed", case(appointment("2025-05-01", "noshow")), MET),
        row(
            "two missed, outreach noted",
            case(
                appointment("2025-03-01", "noshow"),
                appointment("2025-05-01", "noshow"),
                records=(record("review", "2025-05-03", "G41"),),
            ),
            MET,
        ),
        row("appointments did not load", case(failed="Appointment"), UNKNOWN),
        row("not on long-term therapy", case(ltot="no"), NOT),
        row(
            "excluded by hospice",
            case(
                problem("hospice"), appointment("2025-03-01", "noshow"), appointment("2025-05-01", "noshow")
            ),
            EXCLUDED,
        ),
    ],
}
