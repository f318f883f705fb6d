"""Tables of the rules about urine drug tests."""

from __future__ import annotations

from datetime import date

from tests.gaps.build import (
    BUPRENORPHINE_NALOXONE,
    HYDROCODONE,
    LORAZEPAM,
    METHADONE,
    MORPHINE,
    OXYCODONE,
    case,
    event,
    order,
    problem,
    record,
    result,
    therapy,
    urine,
)
from tests.gaps.spec import EXCLUDED, MET, NOT, OVERDUE, SOON, UNKNOWN, Row, row

CANNOT_TELL = therapy("cannot_tell")
PANEL = result("udt_panel:multi_drug udt type:panel method:screen", "2025-06-01", "POSITIVE for cocaine")


TABLES: dict[str, list[Row]] = {
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
}
