"""The synthetic charts: sixteen people, one per state the panel must be able to show.

Days are counted back from the day the charts are made for (`7` is a week ago, `-14` two weeks ahead).
"""

from dataclasses import dataclass, replace

from app.sandbox import drugs
from app.sandbox.drugs import Drug


@dataclass(frozen=True, slots=True)
class Order:
    """One medication order. `units` (to `units_high`) forms per dose at `timing`, `quantity` forms for
    `days`.

    `sig` replaces the written directions; with `structured=False` it stands alone.
    """

    drug: Drug
    ago: int
    timing: str = ""
    units: int = 1
    units_high: int = 0
    quantity: int | None = None
    days: int | None = None
    prn: bool = False
    status: str = "active"
    sig: str = ""
    structured: bool = True
    reason: str = ""
    taper: tuple[tuple[int, int], ...] = ()
    reported: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """One person. Dates are days ago; `screens` maps a score name to (days ago, score)."""

    key: str
    given: str
    family: str
    sex: str
    age: int
    shows: str
    orders: tuple[Order, ...] = ()
    conditions: tuple[str, ...] = ()
    visits: tuple[int, ...] = ()
    next_visit: int | None = None
    drug_tests: tuple[tuple[int, tuple[str, ...]], ...] = ()
    screens: tuple[tuple[str, int, float], ...] = ()
    procedures: tuple[tuple[str, int], ...] = ()
    agreement: int | None = None
    hospice: int | None = None
    fills: bool = False
    in_progress: bool = False


def monthly(order: Order, count: int, *, every: int = 30) -> tuple[Order, ...]:
    """A series of prescriptions ending with `order`; the earlier ones are completed."""
    earlier = (replace(order, ago=order.ago + every * n, status="completed") for n in range(count - 1, 0, -1))
    return (*earlier, order)


_UP_TO_DATE = (
    ("peg", 20, 4.3),
    ("ort", 200, 2),
    ("phq9", 20, 4),
    ("gad7", 20, 3),
    ("pcptsd5", 200, 0),
    ("auditc", 200, 1),
    ("dast10", 200, 0),
)
_NALOXONE = Order(
    drugs.NALOXONE_SPRAY, 150, quantity=2, days=1, prn=True, sig="Use 1 spray in one nostril for overdose."
)
_CLEAN_ORDERS = monthly(Order(drugs.OXYCODONE_10, 9, "qid", quantity=120, days=30), 14)

CHARTS = (
    Chart(
        "sandbox-clean", "Avery", "Testcase-Clean", "female", 61,
        "Long-term therapy, 60 MME, everything up to date",
        orders=(*_CLEAN_ORDERS, _NALOXONE),
        conditions=("chronic_pain", "long_term_opioid"),
        visits=(20, 80, 140, 200, 260, 320), next_visit=12,
        drug_tests=((60, ("oxycodone",)), (240, ("oxycodone",))),
        screens=_UP_TO_DATE,
        procedures=(("pdmp", 9), ("pdmp", 69), ("safety_counselling", 80), ("risk_assessment", 80)),
        agreement=100, fills=True,
    ),
    Chart(
        "sandbox-partial", "Blake", "Testcase-Partial", "male", 58,
        "At least 100 MME, one order cannot be counted, sedative overlap, several overdue",
        orders=(
            *monthly(Order(drugs.OXYCODONE_ER_20, 12, "bid", quantity=60, days=30), 13),
            *monthly(Order(drugs.HYDROCODONE_10, 12, "q6h", quantity=120, days=30), 13),
            Order(drugs.TRAMADOL_50, 25, structured=False),
            *monthly(Order(drugs.LORAZEPAM_1, 15, "bid", quantity=60, days=30), 4),
            Order(drugs.TRAMADOL_50, 2400, "bid", quantity=60, days=30),
            Order(drugs.MORPHINE_ER_30, 50, "bid", quantity=60, days=30, status="entered-in-error"),
            Order(drugs.GABAPENTIN_300, 200, "tid", reported=True),
        ),
        conditions=("low_back_pain", "sleep_apnea", "anxiety"),
        visits=(130, 250, 400),
        drug_tests=((420, ("oxycodone", "benzodiazepines")),),
        screens=(("peg", 400, 7.0), ("phq9", 400, 12)),
        procedures=(("pdmp", 210),), agreement=500, in_progress=True,
    ),
    Chart(
        "sandbox-sig", "Casey", "Testcase-Sig", "female", 49,
        "Long-term therapy, directions that cannot be read: dose unknown",
        orders=(
            *monthly(
                Order(
                    drugs.OXYCODONE_5, 10, sig="Take as directed on pain plan, may repeat per MD",
                    structured=False
                ),
                10,
            ),
        ),
        conditions=("chronic_pain", "long_term_opioid"), visits=(40, 130), next_visit=20,
        procedures=(("pdmp", 40),), agreement=200,
    ),
    Chart(
        "sandbox-hospice", "Dana", "Testcase-Hospice", "male", 79, "Hospice care: excluded",
        orders=monthly(Order(drugs.MORPHINE_ER_30, 8, "bid", quantity=60, days=30), 6),
        conditions=("palliative", "copd"), visits=(8,), hospice=45,
    ),
    Chart(
        "sandbox-cancer", "Ellis", "Testcase-Cancer", "female", 66, "Active cancer: excluded",
        orders=monthly(Order(drugs.OXYCODONE_ER_20, 11, "bid", quantity=60, days=30), 7),
        conditions=("breast_cancer", "cancer_pain"), visits=(11, 41, 71), next_visit=10,
        procedures=(("pdmp", 11),),
    ),
    Chart(
        "sandbox-sickle", "Frankie", "Testcase-Sickle", "male", 31, "Sickle cell disease: excluded",
        orders=monthly(Order(drugs.HYDROMORPHONE_4, 14, "tid", quantity=90, days=30), 13),
        conditions=("sickle_cell",), visits=(14, 74, 134), next_visit=30, agreement=150,
    ),
    Chart(
        "sandbox-none", "Gray", "Testcase-None", "female", 55, "No opioid orders at all",
        orders=(Order(drugs.GABAPENTIN_300, 30, "tid", quantity=270, days=90),),
        conditions=("hypertension",), visits=(30, 210), next_visit=60,
    ),
    Chart(
        "sandbox-acute", "Harper", "Testcase-Acute", "male", 42,
        "Five-day course after an injury, not long-term",
        orders=(Order(drugs.HYDROCODONE_5, 3, "q6h", quantity=20, days=5, prn=True),),
        conditions=("acute_pain",), visits=(3,),
    ),
    Chart(
        "sandbox-moud", "Indigo", "Testcase-Treatment", "female", 38,
        "Buprenorphine/naloxone for opioid use disorder only",
        orders=monthly(Order(drugs.BUPRENORPHINE_NALOXONE_8, 6, "bid", quantity=60, days=30), 12),
        conditions=("opioid_use_disorder",), visits=(6, 36, 66), next_visit=24,
        drug_tests=((36, ("buprenorphine",)),), screens=(("phq9", 36, 6),),
    ),
    Chart(
        "sandbox-patch", "Jules", "Testcase-Patch", "male", 70, "Fentanyl patch with a range as-needed order",
        orders=(
            *monthly(Order(drugs.FENTANYL_PATCH_50, 13, "q72h", quantity=10, days=30), 12),
            Order(drugs.OXYCODONE_5, 13, "q4-6h", units=1, units_high=2, quantity=60, days=15, prn=True),
            _NALOXONE,
        ),
        conditions=("chronic_pain", "long_term_opioid"), visits=(13, 73), next_visit=17,
        drug_tests=((90, ("fentanyl", "oxycodone")),), screens=(("peg", 13, 6.0),),
        procedures=(("pdmp", 13),), agreement=300,
    ),
    Chart(
        "sandbox-methadone", "Kit", "Testcase-Methadone", "female", 52, "Methadone for pain, 141 MME",
        orders=(*monthly(Order(drugs.METHADONE_10, 16, "tid", quantity=90, days=30), 13), _NALOXONE),
        conditions=("low_back_pain", "long_term_opioid"), visits=(16, 46, 106), next_visit=14,
        drug_tests=((46, ("methadone",)),), screens=(("peg", 46, 5.0),), procedures=(("pdmp", 16),),
        agreement=46, fills=True,
    ),
    Chart(
        "sandbox-lapsed", "Lane", "Testcase-Lapsed", "male", 47, "Lapsed: no supply for 45 days",
        orders=monthly(
            Order(drugs.OXYCODONE_10, 75, "tid", quantity=90, days=30, status="completed"), 9
        ),
        conditions=("low_back_pain", "long_term_opioid"), visits=(75, 165), agreement=250,
        procedures=(("pdmp", 75),), fills=True,
    ),
    Chart(
        "sandbox-high", "Morgan", "Testcase-High", "female", 63, "120 MME, naloxone declined",
        orders=(
            *monthly(Order(drugs.MORPHINE_ER_30, 7, "bid", units=2, quantity=120, days=30), 13),
            Order(drugs.NALOXONE_SPRAY, 100, quantity=2, status="cancelled", reason="Patient declined"),
        ),
        conditions=("chronic_pain", "long_term_opioid", "copd"), visits=(7, 67), next_visit=23,
        drug_tests=((120, ()),), screens=(("peg", 67, 5.7),), procedures=(("pdmp", 67),), agreement=340,
    ),
    Chart(
        "sandbox-storm", "Noor", "Testcase-Storm", "female", 57,
        "Results and documents answer 429, encounters are slow",
        orders=(*_CLEAN_ORDERS, _NALOXONE),
        conditions=("chronic_pain", "long_term_opioid"), visits=(20, 80), next_visit=30,
        drug_tests=((60, ("oxycodone",)),), screens=_UP_TO_DATE, procedures=(("pdmp", 9),), agreement=100,
    ),
    Chart(
        "sandbox-minor", "Oakley", "Testcase-Minor", "male", 16, "Under 18: excluded",
        orders=monthly(Order(drugs.HYDROCODONE_5, 10, "tid", quantity=90, days=30), 5),
        conditions=("chronic_pain",), visits=(10, 70), next_visit=20,
    ),
    Chart(
        "sandbox-taper", "Peyton", "Testcase-Taper", "female", 68, "Planned reduction in two steps",
        orders=(
            *monthly(Order(drugs.MORPHINE_ER_30, 130, "bid", units=2, quantity=120, days=30,
            status="completed"), 9),
            *monthly(Order(drugs.MORPHINE_ER_30, 40, "tid", quantity=90, days=30, status="completed"), 3),
            Order(
                drugs.MORPHINE_ER_15, 10, "bid", units=2, quantity=91, days=28, taper=((2, 14), (1, 14)),
            ),
            _NALOXONE,
        ),
        conditions=("chronic_pain", "long_term_opioid"), visits=(10, 40, 70, 100), next_visit=4,
        drug_tests=((40, ("morphine",)),), screens=(("peg", 10, 4.0),),
        procedures=(("pdmp", 10), ("taper", 40)), agreement=100,
    ),
)  # fmt: skip
