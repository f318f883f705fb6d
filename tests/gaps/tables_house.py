"""Tables of the rules that follow a clinic's own policy: drawn by lot, bowel regimen, referral, therapy taken over."""

from __future__ import annotations

from datetime import date, timedelta

from app.clinical.gaps.draw import last_draw
from tests.gaps.build import (
    OXYCODONE,
    agreement,
    case,
    dose,
    drug,
    event,
    fill,
    order,
    problem,
    record,
    result,
    therapy,
    urine,
    visit,
    with_rule,
)
from tests.gaps.spec import EXCLUDED, MET, NOT, OVERDUE, SOON, UNKNOWN, Row, row

LOT = with_rule("G33", enabled=True)
BOWEL = with_rule("G36", enabled=True)
REFER = with_rule("G38", enabled=True)
DRAWN = last_draw(case(policy=LOT))
JUST_DRAWN = DRAWN + timedelta(days=3)
SENNA = drug("sennosides (SENOKOT) 8.6 mg tablet")
HERE, BEFORE = "Dr Ada Okafor", "Dr Ben Moss"
OPIOID = order(OXYCODONE, "2025-06-01")


def signed(*by: tuple[str, str], **more: object):
    """Orders by day and signature."""
    return [order(OXYCODONE, day, prescriber=who, **more) for day, who in by]


TAKEN_OVER = signed(
    ("2025-01-05", BEFORE), ("2025-02-04", BEFORE), ("2025-05-01", HERE), ("2025-05-31", HERE)
)
LONG_AGO = signed(("2024-03-01", BEFORE), ("2024-04-01", HERE), ("2025-05-31", HERE))
CHECKLIST = (
    visit("2025-05-01"),
    event("pdmp_review", "2025-05-01", outcome="expected"),
    urine("oxycodone", "2025-05-02", "POS"),
    agreement("2025-05-01"),
    result("peg_mean_score", "2025-05-01", 5),
    result("ort_oud_total", "2025-05-01", 1),
    result("phq2_total", "2025-05-01", 1),
    event("naloxone_or_opioid_safety_education", "2025-05-01"),
)
SINCE_JANUARY = therapy(since=date(2025, 1, 5))

TABLES: dict[str, list[Row]] = {
    "G33": [
        row("a day was drawn, not tested since", case(policy=LOT), OVERDUE, "not done since", colour="red"),
        row(
            "drawn three days ago, not tested since",
            case(policy=LOT, as_of=JUST_DRAWN),
            SOON,
            "not done since",
        ),
        row(
            "tested on the day drawn",
            case(urine("oxycodone", DRAWN.isoformat(), "POS"), policy=LOT),
            MET,
            "done on",
        ),
        row(
            "tablets counted after the day drawn",
            case(event("pill_count", (DRAWN + timedelta(days=2)).isoformat()), policy=LOT),
            MET,
        ),
        row(
            "tested the day before the day drawn",
            case(urine("oxycodone", (DRAWN - timedelta(days=1)).isoformat(), "POS"), policy=LOT),
            OVERDUE,
        ),
        row(
            "therapy began after the day drawn",
            case(ltot=therapy(since=DRAWN + timedelta(days=1)), policy=LOT),
            NOT,
            "since therapy began",
        ),
        row("results did not load", case(policy=LOT, failed="Observation"), UNKNOWN, "could not be read"),
        row("not on long-term therapy", case(policy=LOT, ltot="no"), NOT),
        row("excluded by hospice care", case(problem("hospice"), policy=LOT), EXCLUDED),
    ],
    "G36": [
        row("senna ordered 1 May 2025", case(order(SENNA, "2025-05-01"), policy=BOWEL), MET, "sennosides"),
        row("senna filled 1 May 2025", case(fill(SENNA, "2025-05-01"), policy=BOWEL), MET),
        row(
            "senna reported as taken",
            case(order(SENNA, "2023-05-01", reported=True), policy=BOWEL),
            MET,
        ),
        row(
            "nothing in the chart",
            case(OPIOID, policy=BOWEL),
            SOON,
            "without a prescription",
            colour="yellow",
        ),
        row("senna ordered 1 Nov 2024", case(order(SENNA, "2024-11-01"), policy=BOWEL), SOON),
        row(
            "senna ordered in error",
            case(order(SENNA, "2025-05-01", status="entered-in-error"), policy=BOWEL),
            SOON,
        ),
        row(
            "constipation on record",
            case(problem("opioid_adverse_effect:constipation"), policy=BOWEL),
            SOON,
            "Constipation on record",
        ),
        row("none wanted, noted", case(policy=BOWEL, records=(record("review", "2025-06-01", "G36"),)), MET),
        row("orders did not load", case(policy=BOWEL, failed="MedicationRequest"), UNKNOWN),
        row("reported medications did not load", case(policy=BOWEL, failed="MedicationStatement"), UNKNOWN),
        row("not on long-term therapy", case(policy=BOWEL, ltot="no"), NOT),
        row("excluded by palliative care", case(problem("palliative_care"), policy=BOWEL), EXCLUDED),
    ],
    "G38": [
        row(
            "120 MME, nothing noted",
            case(OPIOID, policy=REFER, mme=120),
            SOON,
            "referral or decision not recorded",
            colour="yellow",
        ),
        row("100 MME", case(OPIOID, policy=REFER, mme=100), NOT, "No reason"),
        row(
            "unexpected definitive result",
            case(OPIOID, urine("cocaine", "2025-05-15", "POS", method="confirm"), policy=REFER),
            SOON,
            "unexpected definitive",
        ),
        row(
            "unexpected presumptive result",
            case(OPIOID, urine("cocaine", "2025-05-15", "POS"), policy=REFER),
            NOT,
        ),
        row(
            "120 MME, pain care asked for 1 Jun 2025",
            case(
                OPIOID,
                asked := event("chronic_pain_management", "2025-06-01", "ServiceRequest", done=False),
                policy=REFER,
                mme=120,
            ),
            SOON,
            "answer not recorded",
            due="2025-07-31",
        ),
        row(
            "120 MME, pain care asked for 1 Jun 2025, seen 10 Jun 2025",
            case(OPIOID, asked, event("chronic_pain_management", "2025-06-10"), policy=REFER, mme=120),
            MET,
            "seen on 10 Jun 2025",
        ),
        row(
            "120 MME, pain care asked for 1 Mar 2025",
            case(
                OPIOID,
                event("chronic_pain_management", "2025-03-01", "ServiceRequest", done=False),
                policy=REFER,
                mme=120,
            ),
            OVERDUE,
            "answer not recorded",
            due="2025-04-30",
            colour="yellow",
        ),
        row(
            "120 MME, decision noted",
            case(OPIOID, policy=REFER, mme=120, records=(record("review", "2025-01-10", "G38"),)),
            MET,
            "decision noted",
        ),
        row(
            "120 MME, requests did not load",
            case(OPIOID, policy=REFER, mme=120, failed="ServiceRequest"),
            UNKNOWN,
        ),
        row("at least 40 MME", case(OPIOID, policy=REFER, mme=dose(40, complete=False)), UNKNOWN),
        row("40 MME, results did not load", case(OPIOID, policy=REFER, failed="Observation"), UNKNOWN),
        row("not on long-term therapy", case(policy=REFER, ltot="no", mme=120), NOT),
        row(
            "excluded by sickle cell disease",
            case(problem("sickle_cell_disease"), policy=REFER, mme=120),
            EXCLUDED,
        ),
    ],
    "G28b": [
        row(
            "taken over 1 May 2025, nothing on record since",
            case(*TAKEN_OVER, ltot=SINCE_JANUARY),
            SOON,
            "Taken over on 1 May 2025; not on record since: visit, PDMP check",
            due="2025-08-01",
        ),
        row(
            "taken over 1 Mar 2025, nothing on record since",
            case(
                *signed(("2025-01-05", BEFORE), ("2025-03-01", HERE), ("2025-05-31", HERE)),
                ltot=SINCE_JANUARY,
            ),
            OVERDUE,
            due="2025-06-01",
            colour="red",
        ),
        row(
            "taken over 1 May 2025, everything done",
            case(*TAKEN_OVER, *CHECKLIST, ltot=SINCE_JANUARY),
            MET,
            "everything asked for",
        ),
        row(
            "taken over 1 May 2025, everything done, MME not known",
            case(*TAKEN_OVER, *CHECKLIST, ltot=SINCE_JANUARY, mme=None),
            SOON,
            "not on record since: MME",
        ),
        row(
            "taken over 1 May 2025, reviewed",
            case(*TAKEN_OVER, ltot=SINCE_JANUARY, records=(record("review", "2025-05-10", "G28b"),)),
            MET,
            "reviewed on 10 May 2025",
        ),
        row(
            "one order of another prescriber, as a cover may write",
            case(
                *signed(("2025-01-05", BEFORE), ("2025-02-04", BEFORE), ("2025-05-31", HERE)),
                ltot=SINCE_JANUARY,
            ),
            NOT,
        ),
        row(
            "two prescribers by turns",
            case(
                *signed(
                    ("2025-01-05", HERE), ("2025-02-04", BEFORE), ("2025-05-01", HERE), ("2025-05-31", HERE)
                ),
                ltot=SINCE_JANUARY,
            ),
            NOT,
        ),
        row("taken over more than a year ago", case(*LONG_AGO), NOT, "Not taken over lately"),
        row(
            "no prescriber named",
            case(*signed(("2025-05-31", "")), ltot=SINCE_JANUARY),
            UNKNOWN,
            "no prescriber",
        ),
        row("orders did not load", case(*TAKEN_OVER, failed="MedicationRequest"), UNKNOWN),
        row(
            "taken over, visits did not load",
            case(*TAKEN_OVER, ltot=SINCE_JANUARY, failed="Encounter"),
            UNKNOWN,
        ),
        row("not on long-term therapy", case(*TAKEN_OVER, ltot="no"), NOT),
        row("excluded by hospice care", case(*TAKEN_OVER, problem("hospice"), ltot=SINCE_JANUARY), EXCLUDED),
    ],
}
