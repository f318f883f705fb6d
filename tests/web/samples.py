"""Evaluations for every state the panel can be in, and the person and the page they are shown on."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from app.clinical.evaluation import (
    Colour,
    Contribution,
    Element,
    Evaluation,
    Evidence,
    Exclusion,
    Gap,
    Ltot,
    LtotStatus,
    Mme,
    Risk,
    Status,
    Uncounted,
)
from app.web.render import LaunchPage
from fhir_mappings.facts import Issue, IssueCode, Person, Source

AS_OF = date(2026, 9, 21)
NOW = datetime(2026, 9, 21, 10, 42, tzinfo=ZoneInfo("America/Los_Angeles"))
PERSON = Person(id="p1", birth_date=date(1961, 3, 14), sex="female", display="Rivera, Maria", mrn="00194417")
PAGE = LaunchPage(launch_id="l1", fingerprint="f1", idle_seconds=900)
SOURCES = (
    Source("MedicationRequest", 31),
    Source("MedicationDispense", 22),
    Source("Observation", 12),
    Source("Condition", 18),
    Source("DocumentReference", 4),
    Source("Encounter", 9),
)
VERSIONS = {"code": "1.0.0", "policy": "default 1", "factors": "cdc-2022", "valuesets": "2026-10"}


def order(
    number: int, drug: str, mg: int, count: int, factor: str, *, prescriber: str = "Dr Ada Okafor"
) -> Contribution:
    """A 30-day order counted from its quantity."""
    per_day, times = Fraction(mg * count, 30), Fraction(factor)
    mme = per_day * times
    return Contribution(
        ref=f"MedicationRequest/{number}",
        ingredient=drug,
        drug_name=f"{drug} {mg} mg tab",
        mg_per_day=per_day,
        unit="mg/d",
        factor=times,
        factor_source="CDC 2022",
        mme=mme,
        sig_max=mme,
        method="quantity",
        arithmetic=f"{mg} mg × {count} ÷ 30 d = {shown(per_day)} mg/d × {shown(times)} = {shown(mme)}",
        start=AS_OF - timedelta(days=9),
        end=AS_OF + timedelta(days=20),
        prescriber=prescriber,
    )


def shown(value: Fraction) -> str:
    return f"{float(value):.4f}".rstrip("0").rstrip(".")


OXYCODONE = order(1, "oxycodone", 10, 120, "1.5")
MORPHINE = order(2, "morphine", 15, 72, "1", prescriber="Dr Ben Wu")
TRAMADOL = Uncounted(
    "MedicationRequest/3",
    "tramadol",
    "tramadol 50 mg tab",
    "no_dose",
    "the order has neither quantity nor dose",
)
HISTORY: tuple[tuple[date, Fraction | None], ...] = (
    (AS_OF - timedelta(days=700), Fraction(30)),
    (AS_OF - timedelta(days=420), Fraction(45)),
    (AS_OF - timedelta(days=300), Fraction(60)),
    (AS_OF - timedelta(days=190), None),
    (AS_OF - timedelta(days=160), Fraction(60)),
)


def mme(*lines: Contribution, **changes: object) -> Mme:
    """A complete, current MME that is the sum of its lines."""
    total = sum((line.mme for line in lines), Fraction(0))
    whole = Mme(
        current=total,
        complete=True,
        sig_max=total,
        avg_90=total,
        avg_on_therapy=total,
        avg_supply=total,
        peak_90=total,
        own=total,
        outside=Fraction(0),
        contributions=lines,
        timeline=(*HISTORY, (AS_OF - timedelta(days=60), total)) if lines else (),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def gap(number: str, name: str, status: Status, text: str, **changes: object) -> Gap:
    colours = {Status.OVERDUE: Colour.RED, Status.DUE_SOON: Colour.YELLOW, Status.MET: Colour.GREEN}
    made = Gap(
        id=number,
        name=name,
        status=status,
        colour=colours.get(status, Colour.GREY),
        text=text,
        rule="Due every 12 months at low, 6 at moderate and 4 at high risk tier.",
        source="CDC 2022 guideline, recommendation 10",
        refs=("Observation/77",),
        evidence=(
            Evidence("result", "urine drug test, expected result", ("Observation/77",), date(2025, 8, 2)),
        ),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


GAPS = (
    gap(
        "G03",
        "urine drug test",
        Status.OVERDUE,
        "Older than 4 months",
        last=date(2025, 8, 2),
        due=date(2025, 12, 2),
    ),
    gap("G13", "naloxone", Status.OVERDUE, "None in 24 months", safety=True, refs=(), evidence=()),
    gap("G05", "opioid agreement", Status.UNKNOWN, "Documents could not be read"),
    gap("G01", "PDMP check", Status.DUE_SOON, "Due in 12 days", last=date(2026, 7, 3), due=date(2026, 10, 3)),
    gap("G06", "PEG", Status.MET, "4.3 of 10", last=date(2026, 8, 20), due=date(2027, 2, 20)),
    gap("G09", "PHQ-9", Status.MET, "6 of 27", last=date(2026, 5, 1), due=date(2027, 5, 1)),
    gap("G27", "therapy on the problem list", Status.DUE_SOON, "Z79.891 not on the problem list"),
    gap("G25", "pregnancy", Status.NOT_APPLICABLE, "Not recorded"),
)
LTOT = Ltot(
    status=LtotStatus.YES,
    definition="D0",
    state="confirmed",
    since=date(2025, 8, 29),
    covered_days_90=84,
    definitions={"D0": True, "D1": True, "D2": None},
    evidence=(
        Evidence(
            "orders", "84 covered days of 90; 70 make long-term therapy", ("MedicationRequest/1",), AS_OF
        ),
    ),
)
COMPLETE = Evaluation(
    patient="p1",
    as_of=AS_OF,
    versions=VERSIONS,
    ltot=LTOT,
    mme=mme(OXYCODONE, order(2, "morphine", 15, 40, "1")),
    exclusions=(),
    risk=Risk("moderate", ("MME 50 to 89", "PHQ-9 of 10 or more in the last year")),
    gaps=GAPS,
    elements={
        "prescriber": Element("prescriber", "Dr Ada Okafor", date(2026, 9, 12), "MedicationRequest/1"),
        "ort": Element("opioid risk tool", None, unknown_because="no score in the results read"),
        "visit": Element("last visit", "Office visit", date(2026, 8, 20), "Encounter/8"),
    },
    overlaps=(
        Evidence(
            "benzodiazepine",
            "lorazepam on 11 of the last 90 days",
            ("MedicationRequest/9",),
            date(2026, 9, 1),
        ),
    ),
    sources=SOURCES,
    issues=(),
)


def failed(kind: str, problem: str = "the EHR did not answer in time") -> tuple[Source, ...]:
    """The sources with one that did not load."""
    return tuple(Source(s.kind, 0, complete=False, problem=problem) if s.kind == kind else s for s in SOURCES)


NOT_LTOT = replace(
    LTOT, status=LtotStatus.NO, state="not", since=None, covered_days_90=0, definitions={"D0": False}
)
NOTHING_APPLIES = tuple(
    replace(g, status=Status.NOT_APPLICABLE, text="Not on long-term therapy") for g in GAPS
)
UNTOLD = replace(LTOT, status=LtotStatus.CANNOT_TELL, state="unknown", since=None, covered_days_90=28)
SURE = replace(COMPLETE, overlaps=(), gaps=GAPS[:1] + GAPS[4:])
PARTIAL = replace(
    COMPLETE,
    mme=mme(OXYCODONE, MORPHINE, complete=False, uncounted=(TRAMADOL,), sig_max=Fraction(144)),
    sources=failed("Observation"),
    gaps=(
        replace(
            GAPS[0], status=Status.UNKNOWN, colour=Colour.GREY, text="Results could not be read", last=None
        ),
        *GAPS[1:],
    ),
    issues=(Issue("MedicationRequest/3", IssueCode.SIG_REFUSED, "directions give no dose"),),
)
EMPTY = replace(
    COMPLETE,
    ltot=NOT_LTOT,
    mme=mme(),
    gaps=NOTHING_APPLIES,
    overlaps=(),
    risk=Risk("unknown", ("no opioid",)),
)
ENDED = replace(
    EMPTY,
    mme=mme(
        timeline=((AS_OF - timedelta(days=300), Fraction(60)), (AS_OF - timedelta(days=200), Fraction(0)))
    ),
)
SHORT = replace(
    EMPTY,
    ltot=replace(NOT_LTOT, covered_days_90=6),
    mme=mme(order(1, "oxycodone", 5, 20, "1.5"), timeline=()),
)
CANNOT_TELL = replace(
    COMPLETE,
    ltot=UNTOLD,
    mme=mme(current=None, complete=False, sig_max=None, avg_90=None, peak_90=None, own=None, outside=None),
    sources=failed("MedicationRequest"),
    gaps=tuple(
        replace(g, status=Status.UNKNOWN, text="Medication orders could not be read") for g in GAPS[:2]
    ),
    overlaps=(),
)
UNCOUNTABLE = replace(
    COMPLETE,
    mme=mme(current=None, complete=False, sig_max=None, avg_90=None, peak_90=None, uncounted=(TRAMADOL,)),
)
BUPRENORPHINE = replace(
    COMPLETE,
    mme=mme(current=None, sig_max=None, avg_90=None, peak_90=None, flags=("buprenorphine", "oud_treatment")),
)
METHADONE_FOR_OUD = replace(
    BUPRENORPHINE, mme=replace(BUPRENORPHINE.mme, flags=("oud_methadone", "oud_treatment"))
)
HIGH = replace(
    COMPLETE,
    mme=mme(order(1, "oxycodone", 30, 240, "1.5"), order(2, "morphine", 60, 60, "1"), outside=Fraction(120)),
    gaps=(gap("G16", "high dose", Status.OVERDUE, "Review benefits and risks with the patient"), *GAPS),
)
CROWDED = replace(
    PARTIAL,
    gaps=(
        *PARTIAL.gaps,
        *(gap(f"G{n}", name, Status.UNKNOWN, "No data source") for n, name in enumerate(
            ("GAD-7", "PTSD screen", "opioid risk tool", "alcohol screen", "pill count", "sleep apnoea screen"), 30
        )),
        *(gap(f"G{n}", f"rule {n}", Status.NOT_APPLICABLE, "Does not concern this patient") for n in range(40, 60)),
    ),
)  # fmt: skip


def excluded(kind: str, text: str) -> Evaluation:
    return replace(COMPLETE, exclusions=(Exclusion(kind, text, ("Condition/4",), date(2023, 4, 2)),))


STATES: dict[str, Evaluation] = {
    "complete": COMPLETE,
    "sure": SURE,
    "partial": PARTIAL,
    "empty": EMPTY,
    "ended": ENDED,
    "not-ltot": SHORT,
    "hospice": excluded("hospice", "hospice care"),
    "cancer": excluded("cancer", "active cancer"),
    "sickle-cell": excluded("sickle_cell", "sickle cell disease"),
    "cannot-tell": CANNOT_TELL,
    "uncountable": UNCOUNTABLE,
    "buprenorphine": BUPRENORPHINE,
    "methadone-for-oud": METHADONE_FOR_OUD,
    "high-dose": HIGH,
    "crowded": CROWDED,
}
ERROR_STATES = {
    "session-over": "LT-401",
    "ehr-down": "LT-201",
    "wrong-chart": "LT-120",
    "cookies-blocked": "LT-104",
    "unregistered": "LT-101",
    "internal": "LT-900",
}
