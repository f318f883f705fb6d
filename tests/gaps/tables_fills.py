"""Tables of the rules about fills: early ones, overlapping opioids, several prescribers."""

from __future__ import annotations

from dataclasses import replace

from tests.gaps.build import (
    HYDROCODONE,
    NO_OPIOID,
    OPIOID,
    OXYCODONE,
    case,
    fill,
    order,
    problem,
    record,
)
from tests.gaps.spec import MET, NOT, OVERDUE, SOON, UNKNOWN, Row, row

ER = replace(OXYCODONE, release="ER", name="oxycodone ER 10 mg tab")
MORPHINE_ER = replace(HYDROCODONE, release="ER", name="hydrocodone ER 10 mg tab")


TABLES: dict[str, list[Row]] = {
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
}
