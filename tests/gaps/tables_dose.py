"""Tables of the rules about the dose, its changes and the end of therapy."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from fhir_mappings.facts import Person
from tests.gaps.build import (
    NO_OPIOID,
    OXYCODONE,
    case,
    dose,
    event,
    order,
    problem,
    record,
    result,
    therapy,
    visit,
    with_rule,
)
from tests.gaps.spec import EXCLUDED, MET, NOT, OVERDUE, SOON, UNKNOWN, Row, row

BEFORE = (date(2023, 6, 16), Fraction(60))
ROSE = dose(90, timeline=(BEFORE, (date(2025, 6, 1), Fraction(90))))
FELL = dose(30, timeline=(BEFORE, (date(2025, 6, 1), Fraction(30))))
ENDED = dose(0, timeline=(BEFORE, (date(2025, 5, 1), Fraction(0))))
LAPSED = therapy("no", state="lapsed", uncovered_days=45)
ONLY_BUPRENORPHINE = dose(None, flags=("buprenorphine",))
LONG = with_rule("G42", enabled=True)


TABLES: dict[str, list[Row]] = {
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
