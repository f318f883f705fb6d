"""Urine drug tests: each analyte beside the drugs in supply before collection.

A result is expected or unexpected, never more.  A screen is presumptive until a definitive test; some assays do not
detect some drugs of their class, and what cannot be read stays "needs reading".
Sources: CDC decision-support guide (supply in the 31 days before collection), AFP 2019 review (assay limits);
the metabolite table is from memory and wants a pharmacist's check.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from app.clinical.overlaps import whole_stock
from app.clinical.policy import Policy
from app.clinical.timeline import Timeline
from app.clinical.words import day, joined
from fhir_mappings.facts import DrugFact, Facts, Result


class Outcome(StrEnum):
    """What one analyte says beside the drugs in supply."""

    EXPECTED_POSITIVE = "expected, detected"
    EXPECTED_NEGATIVE = "expected, not detected"
    UNEXPECTED_POSITIVE = "unexpected: detected without a matching drug in supply"
    UNEXPECTED_NEGATIVE = "unexpected: not detected although in supply"
    ASSAY_MAY_MISS = "not detected, and the assay may not detect it"
    NEEDS_READING = "needs reading"
    INVALID = "specimen not valid"


@dataclass(frozen=True, slots=True)
class Assay:
    """What one kind of analyte can show.

    explains: ingredients or drug classes that make a positive expected (parent drugs and metabolites).
    detects: those a definitive test would find; screen_misses: those its immunoassay may not find.
    """

    explains: frozenset[str]
    detects: frozenset[str]
    screen_misses: frozenset[str] = frozenset()


def _assay(explains: str, detects: str, misses: str = "") -> Assay:
    return Assay(frozenset(explains.split()), frozenset(detects.split()), frozenset(misses.split()))


_OPIATES = (
    "codeine morphine hydrocodone hydromorphone dihydrocodeine benzhydrocodone oxycodone oxymorphone opium"
)
_SYNTHETIC = (
    "hydrocodone hydromorphone benzhydrocodone oxycodone oxymorphone methadone fentanyl buprenorphine tramadol "
    "tapentadol meperidine levorphanol pentazocine butorphanol"
)

# By a word of the analyte's name first, then by the group of the value set.
_BY_NAME = {
    "6mam": _assay("", ""),
    "6-monoacetylmorphine": _assay("", ""),
    "6-acetylmorphine": _assay("", ""),
    "codeine": _assay("codeine", "codeine"),
    "hydromorphone": _assay(
        "hydromorphone hydrocodone benzhydrocodone morphine", "hydromorphone", "hydromorphone"
    ),
    "hydrocodone": _assay(
        "hydrocodone benzhydrocodone codeine", "hydrocodone benzhydrocodone", "hydrocodone"
    ),
    "oxymorphone": _assay("oxymorphone oxycodone", "oxymorphone", "oxymorphone"),
    "oxycodone": _assay("oxycodone", "oxycodone", "oxycodone"),
    "morphine": _assay("morphine codeine opium", "morphine"),
}
_BY_GROUP = {
    "heroin_6mam": _assay("", ""),
    "opiates_general": _assay(_OPIATES, f"{_OPIATES} {_SYNTHETIC}", _SYNTHETIC),
    "opiate_specific": _assay("codeine morphine opium", "morphine codeine"),
    "codeine_morphine": _assay("codeine morphine opium", "morphine codeine"),
    "hydrocodone_hydromorphone": _assay(
        "hydrocodone benzhydrocodone hydromorphone codeine morphine",
        "hydrocodone benzhydrocodone hydromorphone",
        "hydrocodone hydromorphone",
    ),
    "oxycodone": _assay("oxycodone oxymorphone", "oxycodone", "oxycodone"),
    "methadone": _assay("methadone", "methadone"),
    "fentanyl": _assay("fentanyl", "fentanyl", "fentanyl"),
    "buprenorphine": _assay("buprenorphine", "buprenorphine", "buprenorphine"),
    "tramadol": _assay("tramadol", "tramadol", "tramadol"),
    "tapentadol": _assay("tapentadol", "tapentadol", "tapentadol"),
    "meperidine": _assay("meperidine", "meperidine", "meperidine"),
    "propoxyphene": _assay("propoxyphene", ""),
    "benzodiazepine": _assay("benzodiazepine", "benzodiazepine", "alprazolam clonazepam lorazepam"),
    "barbiturate": _assay("barbiturate", ""),
    "z_drug": _assay("z_drug", ""),
    "muscle_relaxant": _assay("muscle_relaxant carisoprodol meprobamate", ""),
    "amphetamine": _assay("stimulant_controlled anorectic_controlled", ""),
    "cocaine": _assay("", ""),
    "phencyclidine": _assay("", ""),
    "xylazine": _assay("", ""),
}
_NOT_MEASURED = frozenset({"type:cutoff_not_a_result", "type:list_of_tested_drugs", "type:method_name"})
_NO_RESULT = _NOT_MEASURED | {"type:panel"}
_METHOD = re.compile(r" \[| Ur\b|, urine| in urine", re.IGNORECASE)
_NEGATIVE = re.compile(
    r"^\s*(?:neg|not det|none det|no[nt]e? detected|absent|undetect|nd\b|<)", re.IGNORECASE
)
_POSITIVE = re.compile(r"^\s*(?:pos|det|presumptive pos|present\b|>)", re.IGNORECASE)
_INVALID = re.compile(r"invalid|adulterat|dilut|substitut|unsuitable|reject", re.IGNORECASE)
# What a laboratory sends instead of a result.
_NOT_TESTED = re.compile(
    r"^\s*(?:cancel|tnp\b|qns\b|(?:quantity )?(?:not sufficient|insufficient)"
    r"|test(?:s|ing)? (?:was |were )?(?:not|cancel)|not (?:performed|done|tested|collected|received)"
    r"|no (?:specimen|sample)|(?:specimen|sample) (?:was )?not)",
    re.IGNORECASE,
)
# The laboratory compared it with what it was told is prescribed.
_CONTRADICTS = re.compile(r"\b(?:inconsistent|not consistent|unexpected|discrepan)", re.IGNORECASE)
_POSITIVE_CODES, _NEGATIVE_CODES = frozenset({"POS", "DET"}), frozenset({"NEG", "ND"})


class Analyte(Struct, frozen=True):
    """One analyte of one specimen, judged.

    definitive: by a confirmatory method.  drugs: those in supply that the outcome is about.
    """

    ref: str
    name: str
    when: date
    outcome: Outcome
    definitive: bool
    text: str
    drugs: tuple[str, ...] = ()

    @property
    def unexpected(self) -> bool:
        return self.outcome is Outcome.UNEXPECTED_POSITIVE or self.outcome is Outcome.UNEXPECTED_NEGATIVE

    @property
    def missing(self) -> bool:
        """Not detected although in supply, for whatever reason."""
        return self.outcome is Outcome.UNEXPECTED_NEGATIVE or self.outcome is Outcome.ASSAY_MAY_MISS


def is_result(result: Result) -> bool:
    """A urine drug test result that counts: valid, tested, and no mere cutoff or list of what was tested."""
    return (
        "udt" in result.elements
        and result.valid
        and _NOT_MEASURED.isdisjoint(result.elements)
        and not _NOT_TESTED.search(result.text)
    )


def analytes(facts: Facts, policy: Policy, as_of: date, stock: Timeline | None = None) -> tuple[Analyte, ...]:
    """Every analyte with a date up to `as_of`, oldest first; analytes no rule knows are left out."""
    results = [
        (r, r.when, assay)
        for r in facts.results_by_element.get("udt", ())
        if r.valid and r.when and r.when <= as_of and (assay := _assay_grouped(r.elements)) is not None
    ]
    words = {
        name: (_short(name), _assay_named(name)) for name in {result.display for result, _, _ in results}
    }
    drugs = _Drugs(facts, stock or whole_stock(facts, policy, as_of), policy)
    found: list[Analyte] = []
    for result, when, by_group in results:
        name, by_name = words[result.display]
        found.append(_judged(result, when, name, by_name or by_group, drugs))
    return tuple(sorted(_seen_elsewhere(found), key=attrgetter("when", "name", "ref")))


def _seen_elsewhere(found: list[Analyte]) -> list[Analyte]:
    """A drug that another assay of the same day detected is not missing."""
    seen: dict[date, set[str]] = {}
    for one in found:
        if one.outcome is Outcome.EXPECTED_POSITIVE:
            seen.setdefault(one.when, set()).update(one.drugs)
    return [
        _found_after_all(one)
        if one.when in seen and one.missing and seen[one.when].issuperset(one.drugs)
        else one
        for one in found
    ]


def _found_after_all(one: Analyte) -> Analyte:
    text = f"{one.text}; {joined(one.drugs)} detected by another assay of the same day"
    return replace(one, outcome=Outcome.EXPECTED_NEGATIVE, text=text)


class _Drugs:
    """The drugs in supply before a day; looked up once for each day of which a result can be read."""

    def __init__(self, facts: Facts, laid: Timeline, policy: Policy) -> None:
        self._facts, self._laid = facts, laid
        self._days = policy.number("G04", "covered_days_before")
        self._known: dict[date, tuple[DrugFact, ...]] = {}

    def before(self, collected: date) -> tuple[DrugFact, ...]:
        """Drugs in supply on any of the days before collection that the policy looks at, by name."""
        if collected not in self._known:
            found = self._supplied(collected.toordinal())
            self._known[collected] = tuple(sorted(found, key=lambda drug: (drug.ingredient or "", drug.name)))
        return self._known[collected]

    def _supplied(self, day: int) -> list[DrugFact]:
        found = [s.drug for s in self._laid.covering if s.first < day and s.last >= day - self._days]
        found += [
            s.drug for s in self._laid.unknown if s.start < day and s.status in {"active", "unknown", ""}
        ]
        at_home = (o for o in self._facts.orders if o.reported and o.status in {"active", ""})
        return [*found, *(order.drug for order in at_home if order.drug.classes)]


@lru_cache(maxsize=1024)
def _assay_grouped(elements: frozenset[str]) -> Assay | None:
    """The assay of the value set's group of analytes; None for what is no result, or in no group known here."""
    if not _NO_RESULT.isdisjoint(elements):
        return None
    group = next((e.partition(":")[2] for e in sorted(elements) if e.startswith("udt_result:")), "")
    return _BY_GROUP.get(group)


def _assay_named(display: str) -> Assay | None:
    """The assay of an analyte whose name says more than its group."""
    name = display.lower()
    return next((assay for word, assay in _BY_NAME.items() if word in name), None)


def _judged(result: Result, when: date, name: str, assay: Assay, drugs: _Drugs) -> Analyte:
    definitive = "method:confirm" in result.elements
    outcome, about = _outcome(result, assay, when, drugs, definitive=definitive)
    as_expected = outcome in {Outcome.EXPECTED_POSITIVE, Outcome.EXPECTED_NEGATIVE}
    if as_expected and _CONTRADICTS.search(f"{result.text} {result.interpretation}"):
        outcome = Outcome.NEEDS_READING
    said = result.text or result.interpretation
    how = "definitive" if definitive else "presumptive"
    why = f" ({joined(about)} in supply)" if about else ""
    text = f"{name}: {said or 'no result given'}; {how}; {outcome}{why}"
    return Analyte(result.ref, name, when, outcome, definitive, text, about)


def _short(display: str) -> str:
    """The analyte without the laboratory's phrase for specimen and method."""
    name = _METHOD.split(display, maxsplit=1)[0].strip()
    mixed = name != name.capitalize() and name.upper() != name
    return (name.lower() if mixed else name) or "analyte"


def _outcome(
    result: Result, assay: Assay, when: date, drugs: _Drugs, *, definitive: bool
) -> tuple[Outcome, tuple[str, ...]]:
    """The outcome, and the names of the drugs in supply that it is about."""
    if not result.text and not result.interpretation:
        return Outcome.NEEDS_READING, ()
    if _INVALID.search(f"{result.text} {result.interpretation}"):
        return Outcome.INVALID, ()
    detected = _detected(result)
    if detected is None:
        return Outcome.NEEDS_READING, ()
    if detected:
        explained = _names(drugs.before(when), assay.explains)
        return (Outcome.EXPECTED_POSITIVE if explained else Outcome.UNEXPECTED_POSITIVE), explained
    should = [drug for drug in drugs.before(when) if _matches(drug, assay.detects)]
    if not should:
        return Outcome.EXPECTED_NEGATIVE, ()
    seen = should if definitive else [drug for drug in should if not _matches(drug, assay.screen_misses)]
    if not seen:
        return Outcome.ASSAY_MAY_MISS, _names(should, None)
    return Outcome.UNEXPECTED_NEGATIVE, _names(seen, None)


def _detected(result: Result) -> bool | None:
    """True, False, or None: not written in a way that can be read, or text and code disagree."""
    votes: set[bool] = set()
    if result.text:
        if _NEGATIVE.search(result.text):
            votes.add(False)
        elif _POSITIVE.search(result.text):
            votes.add(True)
        else:
            return None
    codes = result.interpretation.upper().split()
    if not _POSITIVE_CODES.isdisjoint(codes):
        votes.add(True)
    if not _NEGATIVE_CODES.isdisjoint(codes):
        votes.add(False)
    return votes.pop() if len(votes) == 1 else None


def _matches(drug: DrugFact, words: frozenset[str]) -> bool:
    return drug.ingredient in words or bool(words & drug.classes)


def _names(drugs: Iterable[DrugFact], words: frozenset[str] | None) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            drug.ingredient or drug.name for drug in drugs if words is None or _matches(drug, words)
        )
    )


def summary(found: Sequence[Analyte]) -> str:
    """The newest collection in a few words, for the tracked element."""
    if not found:
        return ""
    last = found[-1].when
    here = [one for one in found if one.when == last]
    odd = [one for one in here if one.unexpected]
    unread = [
        one for one in here if one.outcome in {Outcome.NEEDS_READING, Outcome.INVALID, Outcome.ASSAY_MAY_MISS}
    ]
    if odd:
        return f"unexpected on {day(last)}: {joined(one.name for one in odd)}"
    if unread:
        return f"needs a look: {joined(one.name for one in unread)}"
    return f"as expected, {len(here)} analytes" if len(here) > 1 else "as expected"
