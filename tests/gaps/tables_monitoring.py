"""Tables of the monitoring rules: PDMP, urine drug tests, agreement, PEG, visits."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from app.clinical.policy import Policy
from fhir_mappings.facts import Person
from tests.gaps.build import (
    AS_OF,
    BUPRENORPHINE_NALOXONE,
    HYDROCODONE,
    LORAZEPAM,
    METHADONE,
    MORPHINE,
    OXYCODONE,
    agreement,
    appointment,
    case,
    event,
    order,
    problem,
    record,
    result,
    therapy,
    urine,
    visit,
)
from tests.gaps.spec import DEFERRED, EXCLUDED, MET, NOT, OVERDUE, SOON, UNKNOWN, Row, row

NEW = therapy(new=True, since=date(2025, 5, 1))
CANNOT_TELL = therapy("cannot_tell")
PANEL = result("udt_panel:multi_drug udt type:panel method:screen", "2025-06-01", "POSITIVE for cocaine")


def check(when: str | None, outcome: str = "as expected"):
    return event("pdmp_review", when, outcome=outcome)


def each_order() -> Policy:
    usual = Policy()
    rule = replace(usual.gaps["G01"], numbers={"before_order_days": 7})
    return replace(usual, gaps={**usual.gaps, "G01": rule})


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
    "G03": [
        row(
            "C03: low risk, tested 1 Jul 2024",
            case(urine("oxycodone", "2024-07-01", "NEG"), tier="low"),
            SOON,
            "due in 16 days",
            due="2025-07-01",
        ),
        row(
            "C05: moderate risk, tested 31 Aug 2024",
            case(urine("oxycodone", "2024-08-31", "NEG")),
            OVERDUE,
            due="2025-02-28",
        ),
        row(
            "C11: low risk, 1 May 2025 entered in error, valid 1 Mar 2024",
            case(
                urine("oxycodone", "2025-05-01", "NEG", valid=False, status="entered-in-error"),
                urine("oxycodone", "2024-03-01", "NEG"),
                tier="low",
            ),
            OVERDUE,
            due="2025-03-01",
        ),
        row("high risk, tested 1 May 2025", case(urine("oxycodone", "2025-05-01", "NEG"), tier="high"), MET),
        row("never tested, all read", case(), OVERDUE, "No urine drug test found"),
        row("never tested, results did not load", case(failed="Observation"), UNKNOWN, "could not be read"),
        row("never tested, lab reports did not load", case(failed="DiagnosticReport"), UNKNOWN),
        row("never tested, results not connected", case(missing="Observation"), UNKNOWN, "No data source"),
        row(
            "tested 1 May 2025, asked for again 20 May 2025",
            case(
                urine("oxycodone", "2025-05-01", "NEG"),
                event("udt_procedure", "2025-05-20", "ServiceRequest"),
            ),
            SOON,
            "result outstanding",
        ),
        row(
            "never tested, asked for 10 Jun 2025",
            case(event("udt_procedure", "2025-06-10", "ServiceRequest")),
            OVERDUE,
            "result outstanding",
        ),
        row(
            "only the cut-off of a test recorded",
            case(
                result("udt_result:oxycodone udt type:cutoff_not_a_result method:screen", "2025-06-01", 100)
            ),
            OVERDUE,
        ),
        row("not on long-term therapy", case(ltot="no"), NOT),
        row("long-term therapy cannot be told", case(ltot=CANNOT_TELL), OVERDUE),
        row("excluded by hospice", case(problem("hospice")), EXCLUDED),
    ],
    "G04": [
        row(
            "oxycodone detected, oxycodone in supply",
            case(order(OXYCODONE, "2025-05-20"), urine("oxycodone", "2025-06-01", "POSITIVE")),
            MET,
            "as expected",
        ),
        row("cocaine not detected", case(urine("cocaine", "2025-06-01", "Not Detected")), MET),
        row(
            "cocaine detected on a screen",
            case(urine("cocaine", "2025-06-01", "Presumptive positive")),
            OVERDUE,
            "cocaine detected (presumptive)",
        ),
        row(
            "benzodiazepine detected, lorazepam in supply",
            case(order(LORAZEPAM, "2025-05-20"), urine("benzodiazepine", "2025-06-01", "POS")),
            MET,
        ),
        row(
            "benzodiazepine detected, none in supply",
            case(urine("benzodiazepine", "2025-06-01", "POS")),
            OVERDUE,
        ),
        row(
            "benzodiazepine detected, lorazepam ended in March",
            case(order(LORAZEPAM, "2025-02-01"), urine("benzodiazepine", "2025-06-01", "POS")),
            OVERDUE,
        ),
        row(
            "C10: opiates not detected on a screen, methadone only",
            case(
                order(METHADONE, "2025-05-20"), urine("opiates_general", "2025-06-01", "NEG", name="Opiates")
            ),
            SOON,
            "the assay may not detect methadone",
            colour="yellow",
        ),
        row(
            "opiates not detected, oxycodone detected by its own assay, oxycodone in supply",
            case(
                order(OXYCODONE, "2025-05-20"),
                urine("opiates_general", "2025-06-01", "NEG"),
                urine("oxycodone", "2025-06-01", "POS"),
            ),
            MET,
        ),
        row(
            "opiates not detected on a screen, morphine in supply",
            case(order(MORPHINE, "2025-05-20"), urine("opiates_general", "2025-06-01", "NEG")),
            OVERDUE,
            "not detected",
        ),
        row(
            "methadone not detected on a definitive test, methadone in supply",
            case(order(METHADONE, "2025-05-20"), urine("methadone", "2025-06-01", "NEG", method="confirm")),
            OVERDUE,
        ),
        row(
            "hydromorphone detected, hydrocodone in supply (a metabolite)",
            case(
                order(HYDROCODONE, "2025-05-20"),
                urine("hydrocodone_hydromorphone", "2025-06-01", "POS", name="Hydromorphone"),
            ),
            MET,
        ),
        row(
            "morphine detected, hydrocodone in supply (no metabolite of it)",
            case(
                order(HYDROCODONE, "2025-05-20"),
                urine("opiate_specific", "2025-06-01", "POS", name="Morphine"),
            ),
            OVERDUE,
        ),
        row(
            "6-MAM detected, morphine in supply",
            case(order(MORPHINE, "2025-05-20"), urine("heroin_6mam", "2025-06-01", "POS", name="6MAM")),
            OVERDUE,
        ),
        row(
            "buprenorphine detected, buprenorphine in supply",
            case(order(BUPRENORPHINE_NALOXONE, "2025-05-20"), urine("buprenorphine", "2025-06-01", "POS")),
            MET,
        ),
        row(
            "a number without a reading",
            case(urine("cocaine", "2025-06-01", "312 ng/mL")),
            UNKNOWN,
            "needs reading",
            colour="yellow",
        ),
        row(
            "diluted specimen",
            case(urine("cocaine", "2025-06-01", "NEG, dilute")),
            UNKNOWN,
            "specimen not valid",
        ),
        row(
            "unexpected, reviewed 5 Jun 2025, presumptive",
            case(urine("cocaine", "2025-06-01", "POS"), records=(record("review", "2025-06-05", "G04"),)),
            SOON,
            "presumptive",
        ),
        row(
            "unexpected and definitive, reviewed 5 Jun 2025",
            case(
                urine("cocaine", "2025-06-01", "POS", method="confirm"),
                records=(record("review", "2025-06-05", "G04"),),
            ),
            MET,
        ),
        row(
            "unexpected on a screen, definitive test not detected",
            case(
                urine("cocaine", "2025-06-01", "POS"), urine("cocaine", "2025-06-04", "NEG", method="confirm")
            ),
            MET,
        ),
        row(
            "unexpected on a screen in March, another specimen not detected in June",
            case(
                urine("cocaine", "2025-03-01", "POS"), urine("cocaine", "2025-06-01", "NEG", method="confirm")
            ),
            OVERDUE,
            "1 Mar 2025",
        ),
        row(
            "unexpected, the result of 4 Jun came after the review of 1 Jun",
            case(
                urine("cocaine", "2025-06-01", "POS", method="confirm", issued=date(2025, 6, 4)),
                records=(record("review", "2025-06-01", "G04"),),
            ),
            OVERDUE,
            "review not recorded",
        ),
        row(
            "in words nothing reads, and only another drug tested since",
            case(urine("cocaine", "2025-05-01", "see comment"), urine("methadone", "2025-06-01", "NEG")),
            UNKNOWN,
            "cocaine needs reading",
            colour="yellow",
        ),
        row(
            "in words nothing reads, tested again since",
            case(urine("cocaine", "2025-05-01", "see comment"), urine("cocaine", "2025-06-01", "NEG")),
            MET,
        ),
        row("told as a whole, in words", case(PANEL), UNKNOWN, "POSITIVE for cocaine", colour="yellow"),
        row("told as a whole, reviewed", case(PANEL, records=(record("review", "2025-06-05", "G04"),)), MET),
        row(
            "told as a whole beside its analytes",
            case(PANEL, urine("cocaine", "2025-06-01", "NEG")),
            MET,
            "as expected",
        ),
        row(
            "unexpected, but medication orders did not load",
            case(urine("benzodiazepine", "2025-06-01", "POS"), failed="MedicationRequest"),
            UNKNOWN,
        ),
        row("no test read, results did not load", case(failed="Observation"), UNKNOWN, "could not be read"),
        row("no test read, all read", case(), NOT),
        row(
            "cannabinoid detected: not judged by default",
            case(urine("cannabinoid", "2025-06-01", "POS")),
            NOT,
        ),
        row(
            "excluded by cancer: still judged",
            case(problem("active_cancer"), urine("cocaine", "2025-06-01", "POS")),
            OVERDUE,
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
    "G28": [
        row("named on the patient record", case(), MET, "Dr Ada Okafor"),
        row("not named", case(person=Person("p1", date(1975, 3, 14))), OVERDUE),
        row("not named, patient record did not load", case(person=Person("p1"), failed="Patient"), UNKNOWN),
        row("not on long-term therapy", case(ltot="no"), NOT),
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
}
assert date(2025, 6, 15) == AS_OF
