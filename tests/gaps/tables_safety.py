"""Tables of the rules about what makes an opioid riskier: naloxone, sedatives, conditions."""

from __future__ import annotations

from datetime import date

from fhir_mappings.facts import Person
from tests.gaps.build import (
    BUPRENORPHINE_NALOXONE,
    GABAPENTIN,
    LORAZEPAM,
    NALOXONE,
    NO_OPIOID,
    OPIOID,
    OXYCODONE,
    case,
    dose,
    event,
    fill,
    order,
    problem,
    record,
    result,
)
from tests.gaps.spec import MET, NOT, OVERDUE, SOON, UNKNOWN, Row, row

ONLY_BUPRENORPHINE = dose(None, flags=("buprenorphine",))
OLD = Person("p1", date(1955, 3, 14), "female")


TABLES: dict[str, list[Row]] = {
    "G13": [
        row(
            "30 MME, an overdose of 2023 that has resolved",
            case(OPIOID, problem("opioid_overdose", "2023-01-01", active=False), mme=30),
            OVERDUE,
            "overdose in the past",
        ),
        row(
            "30 MME, alcohol use disorder in remission",
            case(OPIOID, problem("alcohol_use_disorder:remission"), mme=30),
            OVERDUE,
            "alcohol use disorder in remission or past",
        ),
        row(
            "30 MME, opioid use coded without a disorder",
            case(OPIOID, problem("opioid_use_disorder:use_unspecified"), mme=30),
            SOON,
            "offered to everyone",
        ),
        row(
            "C06: 60 MME, only a film of buprenorphine with naloxone",
            case(OPIOID, order(BUPRENORPHINE_NALOXONE, "2025-06-01"), mme=60),
            OVERDUE,
            "None in 24 months",
        ),
        row(
            "C07: 60 MME, declined 10 Jan 2025",
            case(OPIOID, event("naloxone_declined", "2025-01-10"), mme=60),
            MET,
            "Declined on 10 Jan 2025",
            due="2026-01-10",
        ),
        row(
            "60 MME, declined 10 Jan 2024",
            case(OPIOID, event("naloxone_declined", "2024-01-10"), mme=60),
            OVERDUE,
        ),
        row(
            "60 MME, nasal spray ordered 1 Aug 2023",
            case(OPIOID, order(NALOXONE, "2023-08-01", None), mme=60),
            MET,
            due="2025-08-01",
        ),
        row(
            "60 MME, nasal spray ordered 15 Jun 2023",
            case(OPIOID, order(NALOXONE, "2023-06-15", None), mme=60),
            OVERDUE,
        ),
        row(
            "60 MME, nasal spray dispensed",
            case(OPIOID, fill(NALOXONE, "2025-01-01"), mme=60),
            MET,
            "dispensed",
        ),
        row(
            "60 MME, order cancelled on 1 Jan 2025: patient declined",
            case(
                OPIOID,
                order(NALOXONE, "2025-01-01", None, status="cancelled", status_reason="Patient declined"),
                mme=60,
            ),
            MET,
            "Declined on 1 Jan 2025",
            due="2026-01-01",
        ),
        row(
            "60 MME, order cancelled",
            case(OPIOID, order(NALOXONE, "2025-01-01", None, status="cancelled"), mme=60),
            OVERDUE,
        ),
        row(
            "60 MME, safety counselling 1 Jan 2025",
            case(OPIOID, event("naloxone_or_opioid_safety_education", "2025-01-01"), mme=60),
            MET,
        ),
        row(
            "60 MME, spray at home without a date",
            case(
                OPIOID, order(NALOXONE, "2025-01-01", None, authored=None, start=None, reported=True), mme=60
            ),
            UNKNOWN,
            "without a date",
        ),
        row("20 MME, no other reason", case(OPIOID, mme=20), SOON, "offered to everyone", colour="yellow"),
        row(
            "20 MME, up to 80 as the directions allow",
            case(OPIOID, mme=dose(20, sig_max=80)),
            OVERDUE,
            "if taken as the directions allow",
        ),
        row(
            "20 MME with lorazepam",
            case(OPIOID, order(LORAZEPAM, "2025-06-01"), mme=20),
            OVERDUE,
            "lorazepam",
        ),
        row("20 MME with gabapentin", case(OPIOID, order(GABAPENTIN, "2025-06-01"), mme=20), SOON),
        row("20 MME, age 70", case(OPIOID, mme=20, person=OLD), OVERDUE, "age 70"),
        row(
            "20 MME, sleep apnoea", case(OPIOID, problem("sleep_apnea"), mme=20), OVERDUE, "sleep-disordered"
        ),
        row("20 MME, overdose on record", case(OPIOID, problem("opioid_overdose"), mme=20), OVERDUE),
        row(
            "MME incomplete, no other reason",
            case(OPIOID, mme=dose(20, complete=False)),
            SOON,
            "not every reason for it could be judged",
        ),
        row(
            "60 MME, medication orders did not load",
            case(mme=60, failed="MedicationRequest"),
            UNKNOWN,
            "could not be read",
        ),
        row("60 MME, fills did not load", case(OPIOID, mme=60, failed="MedicationDispense"), UNKNOWN),
        row(
            "orders not connected",
            case(mme=60, missing="MedicationRequest"),
            UNKNOWN,
            "No data source",
            colour="grey",
        ),
        row("no opioid in use", case(mme=NO_OPIOID, ltot="no"), NOT, "No opioid in use"),
        row(
            "buprenorphine only",
            case(order(BUPRENORPHINE_NALOXONE, "2025-06-01"), mme=ONLY_BUPRENORPHINE),
            SOON,
        ),
        row(
            "C12: 95 MME, sickle cell disease: still judged",
            case(OPIOID, problem("sickle_cell_disease"), mme=95),
            OVERDUE,
        ),
    ],
    "G14": [
        row(
            "lorazepam in supply",
            case(OPIOID, order(LORAZEPAM, "2025-06-01")),
            OVERDUE,
            "lorazepam on 15 of the last 90 days",
        ),
        row(
            "lorazepam in supply, plan noted",
            case(OPIOID, order(LORAZEPAM, "2025-06-01"), records=(record("review", "2025-06-02", "G14"),)),
            SOON,
            "plan noted",
        ),
        row(
            "lorazepam in supply, plan of last year",
            case(OPIOID, order(LORAZEPAM, "2025-06-01"), records=(record("review", "2024-06-02", "G14"),)),
            OVERDUE,
        ),
        row(
            "gabapentin in supply",
            case(OPIOID, order(GABAPENTIN, "2025-06-01")),
            SOON,
            "gabapentin",
            colour="yellow",
        ),
        row(
            "lorazepam ended in May",
            case(order(OXYCODONE, "2025-04-15", 60), order(LORAZEPAM, "2025-04-15", 20, status="completed")),
            MET,
            "Ended on 4 May 2025",
        ),
        row(
            "lorazepam on the list, days not known",
            case(OPIOID, order(LORAZEPAM, "2025-06-01", None)),
            OVERDUE,
            "days of supply not known",
        ),
        row(
            "lorazepam taken at home as told",
            case(OPIOID, order(LORAZEPAM, "2025-06-01", None, reported=True)),
            OVERDUE,
            "days of supply not known",
        ),
        row(
            "lorazepam filled elsewhere",
            case(OPIOID, fill(LORAZEPAM, "2025-06-01", outside=True)),
            OVERDUE,
            "prescribed elsewhere",
        ),
        row(
            "lorazepam of last year still active on the list, days not known",
            case(OPIOID, order(LORAZEPAM, "2024-06-01", None)),
            UNKNOWN,
            "whether both are still taken is not known",
            colour="yellow",
        ),
        row(
            "lorazepam in supply, opioid of last year still active on the list",
            case(
                order(OXYCODONE, "2024-06-01", None),
                order(LORAZEPAM, "2025-06-01"),
                mme=dose(0, flags=("stale_order",)),
            ),
            UNKNOWN,
            "whether both are still taken is not known",
        ),
        row("no sedating drug, all read", case(OPIOID), NOT, "No sedating drug"),
        row("no sedating drug, orders did not load", case(OPIOID, failed="MedicationRequest"), UNKNOWN),
        row("no sedating drug, fills did not load", case(OPIOID, failed="MedicationDispense"), UNKNOWN),
        row("no opioid in use", case(order(LORAZEPAM, "2025-06-01"), mme=NO_OPIOID, ltot="no"), NOT),
        row(
            "excluded by cancer: still judged",
            case(OPIOID, order(LORAZEPAM, "2025-06-01"), problem("active_cancer")),
            OVERDUE,
        ),
    ],
    "G24": [
        row(
            "disorder recorded in May, said to begin in 2099",
            case(problem("opioid_use_disorder:dependence", "2025-05-01", onset=date(2099, 1, 1))),
            OVERDUE,
            "Assessment suggested",
        ),
        row(
            "disorder on record, no treatment",
            case(problem("opioid_use_disorder:dependence")),
            OVERDUE,
            "Assessment suggested",
        ),
        row(
            "disorder on record, film in supply",
            case(problem("opioid_use_disorder:dependence"), order(BUPRENORPHINE_NALOXONE, "2025-06-01")),
            MET,
        ),
        row(
            "disorder on record, film ended in March",
            case(problem("opioid_use_disorder:dependence"), order(BUPRENORPHINE_NALOXONE, "2025-02-01")),
            OVERDUE,
        ),
        row("in remission", case(problem("opioid_use_disorder:remission")), NOT),
        row(
            "decision noted",
            case(problem("opioid_use_disorder:dependence"), records=(record("review", "2025-01-01", "G24"),)),
            MET,
        ),
        row("problems did not load", case(failed="Condition"), UNKNOWN),
        row(
            "disorder on record, orders did not load",
            case(problem("opioid_use_disorder:dependence"), failed="MedicationRequest"),
            UNKNOWN,
        ),
        row("none on record, all read", case(), NOT),
    ],
    "G25": [
        row(
            "pregnant since 1 Mar 2025",
            case(problem("pregnancy", "2025-03-01")),
            OVERDUE,
            "plan not recorded",
        ),
        row(
            "pregnant, plan noted",
            case(problem("pregnancy", "2025-03-01"), records=(record("review", "2025-03-10", "G25"),)),
            MET,
        ),
        row(
            "pregnancy status: pregnant",
            case(result("pregnancy_status", "2025-05-01", "Pregnant")),
            OVERDUE,
            "plan not recorded",
        ),
        row(
            "pregnancy status, plan noted",
            case(
                result("pregnancy_status", "2025-05-01", "Pregnant"),
                records=(record("review", "2025-04-10", "G25"),),
            ),
            MET,
        ),
        row(
            "pregnancy status: no longer pregnant",
            case(
                result("pregnancy_status", "2025-03-01", "Pregnant"),
                result("pregnancy_status", "2025-05-01", "Not pregnant"),
            ),
            NOT,
        ),
        row("pregnancy status of 2023", case(result("pregnancy_status", "2023-05-01", "Pregnant")), NOT),
        row("a pregnancy of 2023", case(problem("pregnancy", "2023-03-01")), NOT),
        row(
            "a pregnancy noted at a visit of unknown date",
            case(problem("pregnancy", None, active=None, category="encounter-diagnosis")),
            UNKNOWN,
            "without a date",
            colour="yellow",
        ),
        row("problems did not load", case(failed="Condition"), UNKNOWN),
        row("a man", case(person=Person("p1", date(1975, 1, 1), "male")), NOT, "Does not concern"),
        row(
            "excluded by cancer: still judged",
            case(problem("active_cancer"), problem("pregnancy", "2025-03-01")),
            OVERDUE,
        ),
    ],
    "G26": [
        row("lung disease", case(problem("respiratory_disease")), MET, "lung disease", colour="grey"),
        row("age 70", case(person=OLD), MET, "age 70"),
        row("none on record", case(), NOT),
        row("problems did not load", case(failed="Condition"), UNKNOWN),
        row("no opioid in use", case(problem("respiratory_disease"), mme=NO_OPIOID, ltot="no"), NOT),
    ],
}
