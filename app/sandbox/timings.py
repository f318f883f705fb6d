"""How often a dose is taken, written the way each vendor writes it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """One frequency: FHIR repeat numbers, clock times (Epic), a coded abbreviation (Oracle), and words.

    `gts` is the v3-GTSAbbreviation code, `snomed` the concept Oracle sends beside it; empty where there
    is none.
    """

    frequency: int
    period: int
    unit: str
    words: str
    epic_words: str
    label: str
    period_max: int = 0
    clock: tuple[str, ...] = ()
    gts: str = ""
    snomed: str = ""


TIMINGS = {
    "bid": Timing(
        2, 1, "d", "twice daily", "2 (two) times a day", "BID", 0, ("09:00:00", "21:00:00"), "BID",
        "229799001"
    ),
    "tid": Timing(
        3, 1, "d", "three times daily", "3 (three) times a day", "TID", 0, ("09:00:00", "15:00:00",
        "21:00:00"),
        "TID", "229798009",
    ),
    "qid": Timing(
        4, 1, "d", "four times daily", "4 (four) times a day", "QID", 0,
        ("09:00:00", "13:00:00", "17:00:00", "21:00:00"), "QID", "307439001",
    ),
    "q6h": Timing(1, 6, "h", "every 6 hours", "every 6 (six) hours", "every 6 hr", gts="Q6H",
    snomed="307468000"),
    "q4-6h": Timing(1, 4, "h", "every 4 to 6 hours", "every 4-6 hours", "every 4-6 hr", period_max=6),
    "q72h": Timing(1, 3, "d", "every 72 hours", "every 3 (three) days", "q72hr"),
}  # fmt: skip
