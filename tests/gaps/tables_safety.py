"""Tables of the safety rules: dose, naloxone, sedatives, overlaps, fills, conditions, changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

from app.clinical.policy import Policy
from fhir_mappings.facts import Person
from tests.gaps.build import (
    BUPRENORPHINE_NALOXONE,
    GABAPENTIN,
    HYDROCODONE,
    LORAZEPAM,
    NALOXONE,
    OXYCODONE,
    case,
    dose,
    event,
    fill,
    order,
    problem,
    record,
    result,
    therapy,
    visit,
)
from tests.gaps.spec import EXCLUDED, MET, NOT, OVERDUE, SOON, UNKNOWN, Row, row

OPIOID = order(OXYCODONE, "2025-06-01")
BEFORE = (date(2023, 6, 16), Fraction(60))
ROSE = dose(90, timeline=(BEFORE, (date(2025, 6, 1), Fraction(90))))
FELL = dose(30, timeline=(BEFORE, (date(2025, 6, 1), Fraction(30))))
ENDED = dose(0, timeline=(BEFORE, (date(2025, 5, 1), Fraction(0))))
LAPSED = therapy("no", state="lapsed", uncovered_days=45)
NO_OPIOID = dose(0)
ONLY_BUPRENORPHINE = dose(None, flags=("buprenorphine",))
OLD = Person("p1", date(1955, 3, 14), "female")


def with_rule(gap: str, **changes: object) -> Policy:
    usual = Policy()
    return replace(usual, gaps={**usual.gaps, gap: replace(usual.gaps[gap], **changes)})  # type: ignore[arg-type]


LONG = with_rule("G42", enabled=True)
ER = replace(OXYCODONE, release="ER", name="oxycodone ER 10 mg tab")
MORPHINE_ER = replace(HYDROCODONE, release="ER", name="hydrocodone ER 10 mg tab")

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
    "G15": [
        row(
            "an opioid of last year still active on the list",
            case(mme=dose(0, flags=("stale_order",))),
            UNKNOWN,
            "may still be in use",
        ),
        row("60 MME, no review", case(mme=60), SOON, "60 MME a day", colour="yellow"),
        row("exactly 50 MME", case(mme=50), SOON),
        row(
            "60 MME, reviewed 1 Jan 2025",
            case(mme=60, records=(record("review", "2025-01-01", "G15"),)),
            MET,
            due="2026-01-01",
        ),
        row(
            "60 MME, pain management recorded 1 Jan 2025",
            case(event("chronic_pain_management", "2025-01-01"), mme=60),
            MET,
        ),
        row("49 MME", case(mme=49), NOT, "Below 50"),
        row("90 MME", case(mme=90), NOT, "see that rule"),
        row("at least 30 MME, one not counted", case(mme=dose(30, complete=False)), UNKNOWN, "at least 30"),
        row("at least 60 MME, one not counted", case(mme=dose(60, complete=False)), SOON, "at least 60"),
        row("MME cannot be calculated", case(mme=None), UNKNOWN),
        row(
            "60 MME, active cancer",
            case(problem("active_cancer:malignant"), mme=60),
            EXCLUDED,
            "active cancer",
            colour="grey",
        ),
        row("60 MME, skin cancer only", case(problem("active_cancer:non_melanoma_skin"), mme=60), SOON),
        row("60 MME, sickle cell trait only", case(problem("sickle_cell_trait"), mme=60), SOON),
        row(
            "60 MME, age 16", case(mme=60, person=Person("p1", date(2009, 1, 1))), EXCLUDED, "under 18 years"
        ),
        row("60 MME, problems did not load", case(mme=60, failed="Condition"), SOON),
        row("no opioid in use", case(mme=NO_OPIOID), NOT),
    ],
    "G16": [
        row("exactly 90 MME, no review", case(mme=90), OVERDUE, "review of benefits and risks not recorded"),
        row(
            "95 MME, reviewed 1 Jan 2025",
            case(mme=95, records=(record("review", "2025-01-01", "G16"),)),
            SOON,
            "reviewed on 1 Jan 2025",
            colour="yellow",
        ),
        row(
            "95 MME, reviewed 15 Jun 2024",
            case(mme=95, records=(record("review", "2024-06-15", "G16"),)),
            OVERDUE,
        ),
        row("60 MME", case(mme=60), NOT, "Below 90"),
        row(
            "at least 60 MME, one not counted",
            case(mme=dose(60, complete=False)),
            UNKNOWN,
            "whether it reaches 90",
        ),
        row("at least 95 MME, one not counted", case(mme=dose(95, complete=False)), OVERDUE, "at least 95"),
        row(
            "C12: 95 MME, sickle cell disease",
            case(problem("sickle_cell_disease", "2023-04-02"), mme=95),
            EXCLUDED,
            "sickle cell disease",
            colour="grey",
        ),
        row("95 MME, hospice", case(problem("hospice"), mme=95), EXCLUDED),
        row("95 MME, palliative care", case(problem("palliative_care"), mme=95), EXCLUDED),
        row(
            "95 MME, cancer at one visit only",
            case(problem("active_cancer", category="encounter-diagnosis"), mme=95),
            OVERDUE,
        ),
        row(
            "95 MME, cancer at two visits",
            case(
                problem("active_cancer", "2025-01-01", category="encounter-diagnosis"),
                problem("active_cancer", "2025-03-01", category="encounter-diagnosis"),
                mme=95,
            ),
            EXCLUDED,
        ),
        row("MME cannot be calculated", case(mme=None), UNKNOWN),
    ],
    "G17": [
        row(
            "60 to 90 MME on 1 Jun, no visit since",
            case(visit("2025-05-20"), mme=ROSE),
            SOON,
            "since 1 Jun 2025",
            due="2025-06-29",
        ),
        row("60 to 90 MME, visit 5 Jun", case(visit("2025-06-05"), mme=ROSE), MET),
        row("60 to 90 MME, visits did not load", case(mme=ROSE, failed="Encounter"), UNKNOWN),
        row("unchanged", case(mme=60), NOT),
        row("MME incomplete", case(mme=dose(60, complete=False)), UNKNOWN),
        row("60 to 90 MME, cancer", case(problem("active_cancer"), mme=ROSE), EXCLUDED),
    ],
    "G18": [
        row("every opioid counted", case(mme=60), MET, "every opioid counted"),
        row(
            "nothing can be counted",
            case(mme=None),
            UNKNOWN,
            "MME cannot be calculated: tramadol",
            colour="red",
        ),
        row(
            "at least 60, one not counted",
            case(mme=dose(60, complete=False)),
            UNKNOWN,
            "At least 60",
            colour="yellow",
        ),
        row("buprenorphine only", case(mme=ONLY_BUPRENORPHINE), MET, "no MME factor"),
        row(
            "an opioid of last year still active on the list",
            case(mme=dose(0, flags=("stale_order",))),
            UNKNOWN,
            "in use or ended?",
            colour="yellow",
        ),
        row(
            "60 computed, 90 documented 1 Jun 2025",
            case(result("mme_documented", "2025-06-01", 90), mme=60),
            SOON,
            "90 documented",
        ),
        row("60 computed, 62 documented", case(result("mme_documented", "2025-06-01", 62), mme=60), MET),
        row(
            "60 computed, 90 documented a year ago",
            case(result("mme_documented", "2024-06-01", 90), mme=60),
            MET,
        ),
        row("no opioid in use", case(mme=NO_OPIOID, ltot="no"), NOT),
        row("excluded by cancer: still judged", case(problem("active_cancer"), mme=None), UNKNOWN),
    ],
    "G21": [
        row(
            "one fill 5 days early",
            case(fill(OXYCODONE, "2025-05-01"), fill(OXYCODONE, "2025-05-26")),
            SOON,
            "1 early fill",
        ),
        row(
            "two fills early",
            case(fill(OXYCODONE, "2025-04-01"), fill(OXYCODONE, "2025-04-27"), fill(OXYCODONE, "2025-05-20")),
            OVERDUE,
            "2 early fills",
        ),
        row(
            "two early, reason noted",
            case(
                fill(OXYCODONE, "2025-04-01"),
                fill(OXYCODONE, "2025-04-27"),
                fill(OXYCODONE, "2025-05-20"),
                records=(record("review", "2025-05-21", "G21"),),
            ),
            MET,
        ),
        row("on time", case(fill(OXYCODONE, "2025-05-01"), fill(OXYCODONE, "2025-05-30")), MET, "Not early"),
        row("orders only, no fill recorded", case(OPIOID), UNKNOWN, "only orders"),
        row("fills did not load", case(failed="MedicationDispense"), UNKNOWN),
        row("not on long-term therapy", case(ltot="no"), NOT),
        row(
            "excluded by cancer: still judged",
            case(problem("active_cancer"), fill(OXYCODONE, "2025-05-01"), fill(OXYCODONE, "2025-05-26")),
            SOON,
        ),
    ],
    "G22": [
        row(
            "two long-acting of two prescribers, 15 days",
            case(order(ER, "2025-06-01"), order(MORPHINE_ER, "2025-06-01", prescriber="Dr Ben Wu")),
            OVERDUE,
            "15 days",
        ),
        row(
            "the same, reviewed",
            case(
                order(ER, "2025-06-01"),
                order(MORPHINE_ER, "2025-06-01", prescriber="Dr Ben Wu"),
                records=(record("review", "2025-06-15", "G22"),),
            ),
            MET,
        ),
        row(
            "two long-acting of one prescriber",
            case(order(ER, "2025-06-01"), order(MORPHINE_ER, "2025-06-01")),
            NOT,
        ),
        row(
            "two prescribers, 4 days",
            case(order(ER, "2025-06-01"), order(MORPHINE_ER, "2025-06-12", prescriber="Dr Ben Wu")),
            NOT,
        ),
        row("fills did not load", case(order(ER, "2025-06-01"), failed="MedicationDispense"), UNKNOWN),
        row("no opioid in use", case(mme=NO_OPIOID, ltot="no"), NOT),
    ],
    "G23": [
        row(
            "four prescribers, four pharmacies",
            case(
                *(
                    fill(OXYCODONE, f"2025-0{n}-01", 20, prescriber=f"Dr {n}", pharmacy=f"Pharmacy {n}")
                    for n in (2, 3, 4, 5)
                )
            ),
            OVERDUE,
            "4 prescribers and 4 pharmacies",
        ),
        row(
            "two outside prescribers in 90 days",
            case(
                fill(OXYCODONE, "2025-05-01", prescriber="Dr 1", outside=True),
                fill(OXYCODONE, "2025-06-01", prescriber="Dr 2", outside=True),
            ),
            SOON,
            "2 outside prescribers",
        ),
        row(
            "one prescriber, PDMP not connected",
            case(fill(OXYCODONE, "2025-06-01")),
            UNKNOWN,
            "others cannot be ruled out",
        ),
        row("no opioid in use", case(mme=NO_OPIOID, ltot="no"), NOT),
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
    "G30": [
        row(
            "40 MME held, 80 for ten days in May, 40 now",
            case(
                mme=dose(
                    40,
                    timeline=(
                        (date(2023, 6, 16), Fraction(40)),
                        (date(2025, 5, 1), Fraction(80)),
                        (date(2025, 5, 11), Fraction(40)),
                    ),
                )
            ),
            NOT,
        ),
        row(
            "60 to 30 MME on 1 Jun, nothing since",
            case(visit("2025-05-20"), mme=FELL),
            OVERDUE,
            "contact the person",
        ),
        row("60 to 30 MME, visit 5 Jun", case(visit("2025-06-05"), mme=FELL), MET, "visit since"),
        row("60 to 30 MME, planned", case(event("opioid_taper", "2025-05-15"), mme=FELL), MET, "planned"),
        row("60 to 30 MME, visits did not load", case(mme=FELL, failed="Encounter"), UNKNOWN),
        row("supply ended 45 days ago, nothing since", case(mme=ENDED, ltot=LAPSED), OVERDUE, "60 to 0 MME"),
        row(
            "supply ended 3 days ago",
            case(
                mme=dose(0, timeline=(BEFORE, (date(2025, 6, 12), Fraction(0)))),
                ltot=therapy(uncovered_days=3),
            ),
            NOT,
        ),
        row("unchanged", case(mme=60), NOT),
        row("MME incomplete", case(mme=dose(30, complete=False)), UNKNOWN),
        row("not on long-term therapy", case(mme=FELL, ltot="no"), NOT),
        row("excluded by cancer: still judged", case(problem("active_cancer"), mme=FELL), OVERDUE),
    ],
    "G39": [
        row(
            "supply ended, label still there",
            case(problem("ltot_designation:explicit"), ltot=LAPSED),
            UNKNOWN,
            "stopped, or supplied elsewhere?",
            colour="grey",
        ),
        row("supply ended, no label", case(ltot=LAPSED), NOT),
        row("supply goes on", case(problem("ltot_designation:explicit")), NOT),
        row("supply ended, problems did not load", case(ltot=LAPSED, failed="Condition"), UNKNOWN),
        row(
            "supply ended, label resolved",
            case(problem("ltot_designation:explicit", active=False), ltot=LAPSED),
            NOT,
        ),
        row("fills not read", case(ltot=LAPSED, failed="MedicationRequest"), UNKNOWN),
    ],
    "G40": [
        row(
            "new, 10 covered days",
            case(ltot=therapy("no", state="acute", covered_days_90=10, since=date(2025, 6, 6))),
            SOON,
            "10 covered days",
        ),
        row(
            "new, 3 covered days",
            case(ltot=therapy("no", state="acute", covered_days_90=3, since=date(2025, 6, 13))),
            NOT,
        ),
        row(
            "new, 10 covered days, plan noted",
            case(
                ltot=therapy("no", state="acute", covered_days_90=10, since=date(2025, 6, 6)),
                records=(record("review", "2025-06-10", "G40"),),
            ),
            MET,
        ),
        row("already long-term", case(), NOT),
        row("cannot be told", case(ltot="cannot_tell"), UNKNOWN),
    ],
    "G42": [
        row("28 days", case(order(OXYCODONE, "2025-06-01", 28), policy=LONG), MET, "28 days"),
        row("30 days", case(order(OXYCODONE, "2025-06-01", 30), policy=LONG), SOON, "30 days"),
        row("days not recorded", case(order(OXYCODONE, "2025-06-01", None), policy=LONG), UNKNOWN),
        row("orders did not load", case(policy=LONG, failed="MedicationRequest"), UNKNOWN),
        row("not on long-term therapy", case(ltot="no", policy=LONG), NOT),
    ],
}
