"""Facts: what one patient's chart says, typed, with nothing concluded from it yet.

A fact keeps the reference of the resource it came from.  Amounts are exact (Fraction); dates are local
calendar dates.  `None` always means "the chart does not say", never zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction
from functools import cached_property, lru_cache
from operator import attrgetter
from types import MappingProxyType

from msgspec import Struct


class IssueCode(StrEnum):
    """Why something in the chart could not be used as it stands.  The codes are public."""

    UNREADABLE = "unreadable"
    FOREIGN_PATIENT = "foreign_patient"
    DUPLICATE = "duplicate"
    UNMAPPED_DRUG = "unmapped_drug"
    DRUG_FROM_TEXT = "drug_from_text"
    DRUG_INGREDIENT_ONLY = "drug_ingredient_only"
    MEDICATION_MISSING = "medication_missing"
    CODES_DISAGREE = "codes_disagree"
    DATE_MISSING = "date_missing"
    SIG_REFUSED = "sig_refused"
    UNIT_UNKNOWN = "unit_unknown"
    SUPPLY_INVALID = "supply_invalid"
    MASKED = "masked"
    SOURCE_WARNING = "source_warning"


@dataclass(frozen=True, slots=True)
class Issue:
    """Something we could not read or had to read with care; `ref` names the resource, `where` its field."""

    ref: str
    code: IssueCode
    text: str
    where: str = ""


class DrugBasis(StrEnum):
    """From which key the drug was recognised, strongest first."""

    PRODUCT_CODE = "product_code"
    NDC = "ndc"
    INGREDIENT_CODE = "ingredient_code"
    SITE_CODE = "site_code"
    NAME = "name"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class DrugFact:
    """The drug an order or fill names.

    ingredient: the opioid base ingredient in lower case ("oxycodone"), None for drugs that are not opioids.
    strength: amount of that ingredient per dose unit; strength_unit "mg" (per tablet, film ...), "mcg",
        "mg/mL" or "mcg/h" (patch).  None when only the ingredient is known.
    form_key: joins to the factor tables ("oxycodone|oral"); None when it cannot be told.
    category: "analgesic", "cough_cold", "injectable", "oud_treatment", "pain_buprenorphine", "methadone",
        "other"; decides what counts, see app.clinical.
    classes: drug classes such as "opioid", "benzodiazepine", "z_drug", "carisoprodol", "barbiturate",
        "gabapentinoid", "muscle_relaxant", "naloxone_rescue", "moud", "laxative".
    beside: what else the product holds ("acetaminophen"); None where that is not known.
    """

    name: str
    basis: DrugBasis
    code: str | None = None
    ingredient: str | None = None
    strength: Fraction | None = None
    strength_unit: str | None = None
    dose_form: str = ""
    route: str = ""
    release: str = ""
    form_key: str | None = None
    category: str = "other"
    counted: str = "n/a"
    classes: frozenset[str] = frozenset()
    beside: frozenset[str] | None = None
    is_opioid: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_opioid", "opioid" in self.classes)


class Amount(Struct, frozen=True):
    """A dose, low to high, in one unit: "mg", "mcg", "mL", "unit" (tablet, capsule, film ...), "patch", "mcg/h"."""

    low: Fraction
    high: Fraction
    unit: str


class Sig(Struct, frozen=True):
    """One dosage instruction (or one step of a parsed text sig).

    times_low, times_high: administrations per day; a cyclic schedule is averaged over its cycle.
    peak_times: administrations on a dosing day when that differs (Monday-to-Friday, every other day).
    max_per_day: an explicit daily maximum.  start, end: the bounds in which the step holds (inclusive).
    sequence_day, duration_days: position of a step inside a taper written without dates.
    basis: "structured" or "text"; confidence is 1 for structured fields.
    """

    dose: Amount | None = None
    times_low: Fraction | None = None
    times_high: Fraction | None = None
    peak_times: Fraction | None = None
    max_per_day: tuple[Amount, ...] = ()
    prn: bool = False
    start: date | None = None
    end: date | None = None
    sequence_day: int | None = None
    duration_days: int | None = None
    basis: str = "structured"
    confidence: Fraction = Fraction(1)
    text: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """A MedicationRequest (or reported medication): intent to give.

    start: first day it can be taken, the latest of authored, bounds, validity and written start.
    start_open: days by which it may begin later, where only a month or a year is stated.
    end: explicit last day.
    stopped_on: when a status of stopped/cancelled says supply ended early, if known.
    supply_days: recorded days' supply per fill (1-120), None if absent or invalid; refills_allowed as recorded.
    setting: "outpatient", "inpatient" or "injected" (an opioid at home, by pump or needle).
    reported: home medication as told, not prescribed here.
    for_oud, for_pain: what it says it is for, opioid use disorder (False: pain alone) and pain.
    outside: True for rows of other organisations (PDMP).  status_reason: why it was cancelled or not taken, in words.
    """

    ref: str
    drug: DrugFact
    status: str
    intent: str = "order"
    setting: str = "outpatient"
    reported: bool = False
    authored: date | None = None
    start: date | None = None
    end: date | None = None
    end_basis: str = ""
    sigs: tuple[Sig, ...] = ()
    sig_text: str = ""
    quantity: Fraction | None = None
    quantity_unit: str = ""
    supply_days: Fraction | None = None
    refills_allowed: int | None = None
    replaces: str | None = None
    prescriber: str = ""
    do_not_perform: bool = False
    for_oud: bool | None = None
    for_pain: bool = False
    start_open: int = 0
    text: str = ""
    status_reason: str = ""


@dataclass(frozen=True, slots=True)
class Fill:
    """A dispense: MedicationDispense, or a PDMP row (`outside` True when another organisation prescribed it).

    taken_home: it says itself that it was handed over for use at home, whatever its order says.
    """

    ref: str
    drug: DrugFact
    status: str
    when: date | None
    order: str | None = None
    quantity: Fraction | None = None
    quantity_unit: str = ""
    supply_days: Fraction | None = None
    sigs: tuple[Sig, ...] = ()
    prescriber: str = ""
    pharmacy: str = ""
    outside: bool = False
    taken_home: bool = False
    ndc: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """An Observation (or one component of it) that belongs to a tracked element.

    elements: concept names such as "peg_mean", "phq9_total", "udt", "ord_total", "documented_mme".
    valid: final, amended or corrected, not entered in error.  value: number as reported; text: coded or
    free-text result.  issued: the day it became known, where that is told.
    """

    ref: str
    elements: frozenset[str]
    when: date | None
    valid: bool
    status: str
    value: Fraction | None = None
    unit: str = ""
    text: str = ""
    display: str = ""
    interpretation: str = ""
    group: str = ""
    issued: date | None = None


def by_date(result: Result) -> tuple[date, str]:
    """The order of results in time: undated ones first, by reference within a day."""
    return result.when or date.min, result.ref


@dataclass(frozen=True, slots=True)
class Problem:
    """A Condition.  groups: concept names such as "active_cancer", "sickle_cell", "palliative", "oud"."""

    ref: str
    groups: frozenset[str]
    display: str
    category: str = ""
    active: bool | None = None
    confirmed: bool = True
    onset: date | None = None
    recorded: date | None = None
    abated: date | None = None
    encounter: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something done on a date: Procedure, ServiceRequest, Communication or a recorded action.

    elements: concept names such as "pdmp_check", "opioid_counselling", "naloxone_offered", "naloxone_declined".
    """

    ref: str
    elements: frozenset[str]
    when: date | None
    done: bool
    display: str = ""
    outcome: str = ""
    performer: str = ""
    on_behalf_of: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A DocumentReference or Consent.  elements: for instance "opioid_agreement"."""

    ref: str
    elements: frozenset[str]
    when: date | None
    current: bool
    title: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """An Encounter (kind "encounter") or Appointment (kind "appointment")."""

    ref: str
    kind: str
    when: date | None
    status: str
    setting: str = "outpatient"
    display: str = ""
    clinician: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """The patient.  `display` and `mrn` are for the banner and the clinic's list alone: no evaluation holds them.

    merged: another record has taken this one's place, and may hold what belongs to it.
    """

    id: str
    birth_date: date | None = None
    sex: str = ""
    deceased: bool = False
    display: str = ""
    mrn: str = ""
    general_practitioner: str = ""
    merged: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """What one kind of resource brought.  complete False: no conclusion of absence may rest on it.

    connected False: this site does not offer the resource at all, so rules that need it say "no data source".
    """

    kind: str
    read: int = 0
    complete: bool = True
    connected: bool = True
    problem: str = ""


@lru_cache(maxsize=64)
def _not_requested(kind: str) -> Source:
    return Source(kind, complete=False, connected=False, problem="not requested")


@dataclass(frozen=True)
class Facts:
    """Everything read of one patient's chart, with how completely it was read.  Order carries no meaning.

    What the chart holds of each element is indexed once, on first use.
    """

    person: Person
    orders: tuple[Order, ...] = ()
    fills: tuple[Fill, ...] = ()
    results: tuple[Result, ...] = ()
    problems: tuple[Problem, ...] = ()
    events: tuple[Event, ...] = ()
    documents: tuple[Document, ...] = ()
    visits: tuple[Visit, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=lambda: MappingProxyType({}))
    issues: tuple[Issue, ...] = ()

    def source(self, kind: str) -> Source:
        """The completeness of one resource type; a type never asked for is neither complete nor connected."""
        return self.sources.get(kind) or _not_requested(kind)

    @cached_property
    def results_by_element(self) -> Mapping[str, Sequence[Result]]:
        """The results of each element, undated ones first, then oldest first, by reference within a day."""
        found: defaultdict[str, list[Result]] = defaultdict(list)
        undated = sorted([one for one in self.results if one.when is None], key=attrgetter("ref"))
        dated = sorted([one for one in self.results if one.when is not None], key=attrgetter("when", "ref"))
        for result in (*undated, *dated):
            for element in result.elements:
                found[element].append(result)
        return dict(found)

    @cached_property
    def opioid_orders(self) -> tuple[Order, ...]:
        """The orders that name an opioid."""
        return tuple([order for order in self.orders if order.drug.is_opioid])

    @cached_property
    def event_elements(self) -> frozenset[str]:
        """Every element of which an event is recorded."""
        return frozenset[str]().union(*(event.elements for event in self.events))

    @cached_property
    def problem_groups(self) -> frozenset[str]:
        """Every group of which a problem is recorded."""
        return frozenset[str]().union(*(problem.groups for problem in self.problems))

    @cached_property
    def whole(self) -> frozenset[str]:
        """The kinds of resource this site offers and of which everything was read."""
        return frozenset(
            kind for kind, source in self.sources.items() if source.connected and source.complete
        )

    @cached_property
    def partial(self) -> frozenset[str]:
        """The kinds of resource this site offers and of which something may be missing."""
        return frozenset(kind for kind, source in self.sources.items() if source.connected) - self.whole
