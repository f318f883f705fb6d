"""Urine drug tests: each analyte beside the drugs in supply before collection.

A result is expected or unexpected, never more.  A screen is presumptive until a definitive test; some assays do not
detect some drugs of their class, and what cannot be read stays "needs reading".
Source: CDC decision-support guide (supply in the 31 days before collection).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from app.clinical.assays import NOT_MEASURED, Assay, assay_grouped, assay_named, group_of
from app.clinical.overlaps import whole_stock
from app.clinical.policy import Policy
from app.clinical.timeline import Timeline
from app.clinical.words import amount, day, joined
from fhir_mappings.facts import DrugFact, Facts, Result


class Outcome(StrEnum):
    """What one analyte says beside the drugs in supply."""

    EXPECTED_POSITIVE = "expected, detected"
    EXPECTED_NEGATIVE = "expected, not detected"
    UNEXPECTED_POSITIVE = "unexpected: detected without a matching drug in supply"
    UNEXPECTED_NEGATIVE = "unexpected: not detected although in supply"
    ASSAY_MAY_MISS = "not detected, and the assay may not detect it"
    SUPPLY_UNKNOWN = "not detected, and how long the supply lasted is not known"
    NEEDS_READING = "needs reading"
    INVALID = "specimen not valid"


_METHOD = re.compile(r" \[| Ur\b|, urine| in urine", re.IGNORECASE)
_STAGE = (
    r"^\s*(?:(?:screen(?:ed|ing)?|presumptive(?:ly)?|preliminar(?:y|ily)|confirm(?:ed|atory)?|unconfirmed)"
    r"[ ,:-]+)?"
)
_NEGATIVE = re.compile(
    _STAGE
    + r"(?:neg|not det|none det|no[nt]e? detected|no drugs? detected|none found|not present|absent|undetect"
    r"|non-?reactive|below (?:the )?(?:cut-?off|limit|loq|reporting)|nd\b|<)",
    re.IGNORECASE,
)
_POSITIVE = re.compile(
    _STAGE + r"(?:pos(?:itive)?\b|det(?:ect(?:ed|able))?\b|non-?neg|reactive|present\b|>)", re.IGNORECASE
)
_INVALID = re.compile(r"invalid|adulterat|dilut|substitut|unsuitable|reject", re.IGNORECASE)
# What a laboratory sends instead of a result.
_NOT_TESTED = re.compile(
    r"^\s*(?:cancel|tnp\b|qns\b|(?:quantity )?(?:not sufficient|insufficient)"
    r"|test(?:s|ing)? (?:was |were )?(?:not|cancel)|not (?:performed|done|tested|collected|received)"
    r"|no (?:specimen|sample)|(?:specimen|sample) (?:was )?(?:not|reject|lost|leak|insuff|unsuit))",
    re.IGNORECASE,
)
# The laboratory compared it with what it was told is prescribed.
_CONTRADICTS = re.compile(
    r"\b(?:inconsistent|not consistent|unexpected|not expected|discrepan)", re.IGNORECASE
)
_POSITIVE_CODES, _NEGATIVE_CODES = frozenset({"POS", "DET"}), frozenset({"NEG", "ND"})


TO_LOOK_AT = frozenset({
    Outcome.NEEDS_READING, Outcome.INVALID, Outcome.ASSAY_MAY_MISS, Outcome.SUPPLY_UNKNOWN,
})  # fmt: skip
_MISSING = frozenset({Outcome.UNEXPECTED_NEGATIVE, Outcome.ASSAY_MAY_MISS, Outcome.SUPPLY_UNKNOWN})


class Analyte(Struct, frozen=True):
    """One analyte of one specimen, judged.

    definitive: by a confirmatory method.  drugs: those in supply that the outcome is about.  known: the day from
    which the result can have been read, which laboratories send days after the specimen.
    """

    ref: str
    name: str
    when: date
    outcome: Outcome
    definitive: bool
    text: str
    drugs: tuple[str, ...] = ()
    known: date = date.min

    @property
    def unexpected(self) -> bool:
        return self.outcome is Outcome.UNEXPECTED_POSITIVE or self.outcome is Outcome.UNEXPECTED_NEGATIVE

    @property
    def missing(self) -> bool:
        """Not detected although in supply, for whatever reason."""
        return self.outcome in _MISSING


def is_result(result: Result) -> bool:
    """A urine drug test result that counts: valid, tested, and no mere cutoff or list of what was tested."""
    return (
        "udt" in result.elements
        and result.valid
        and NOT_MEASURED.isdisjoint(result.elements)
        and not _NOT_TESTED.search(result.text)
    )


def analytes(facts: Facts, policy: Policy, as_of: date, stock: Timeline | None = None) -> tuple[Analyte, ...]:
    """Every analyte with a date up to `as_of`, oldest first; analytes no rule knows are left out."""
    results = [
        (r, r.when, assay)
        for r in facts.results_by_element.get("udt", ())
        if r.valid and r.when and r.when <= as_of and (assay := assay_grouped(r.elements)) is not None
    ]
    words = {name: (_short(name), assay_named(name)) for name in {result.display for result, _, _ in results}}
    drugs = _Drugs(facts, stock or whole_stock(facts, policy, as_of), policy)
    found: list[Analyte] = []
    for result, when, by_group in results:
        name, by_name = words[result.display]
        name = name or group_of(result.elements).replace("_", " ") or "analyte"
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
        self._laid = laid
        self._days, self._stale = policy.number("G04", "covered_days_before"), policy.mme.stale_after_days
        at_home = (o.drug for o in facts.orders if o.reported and o.status in {"active", ""})
        self._at_home = [drug for drug in at_home if drug.classes]
        self._known: dict[date, tuple[tuple[DrugFact, ...], ...]] = {}

    def before(self, collected: date) -> tuple[DrugFact, ...]:
        """Drugs that may have been taken on any of the days before collection that the policy looks at, by name."""
        return self._of(collected)[0]

    def at(self, collected: date) -> tuple[DrugFact, ...]:
        """Drugs known to be in supply on the day before collection: those a test should find."""
        return self._of(collected)[1]

    def perhaps(self, collected: date) -> tuple[DrugFact, ...]:
        """Drugs that may have been in supply on that day, as nothing tells how long they lasted."""
        return self._of(collected)[2]

    def _of(self, collected: date) -> tuple[tuple[DrugFact, ...], ...]:
        if collected not in self._known:
            found = self._supplied(collected.toordinal())
            self._known[collected] = tuple(
                tuple(sorted(drugs, key=lambda drug: (drug.ingredient or "", drug.name))) for drugs in found
            )
        return self._known[collected]

    def _supplied(self, day: int) -> tuple[list[DrugFact], list[DrugFact], list[DrugFact]]:
        earliest, eve = day - self._days, day - 1
        begun = [s for s in self._laid.covering if s.first < day]
        unknown = [
            s
            for s in self._laid.unknown
            if s.start < day and (s.status in {"active", "unknown", ""} or s.start >= earliest)
        ]
        before = [s.drug for s in begun if max(s.last, s.longest or 0) >= earliest]
        perhaps = [s.drug for s in begun if s.last < eve <= (s.longest or 0)]
        perhaps += [s.drug for s in unknown if s.start >= day - self._stale]
        return (
            [*before, *(s.drug for s in unknown), *self._at_home],
            [s.drug for s in begun if s.last >= eve],
            [*perhaps, *self._at_home],
        )


def _judged(result: Result, when: date, name: str, assay: Assay, drugs: _Drugs) -> Analyte:
    definitive = "method:confirm" in result.elements
    outcome, about = _outcome(result, assay, when, drugs, definitive=definitive)
    as_expected = outcome in {Outcome.EXPECTED_POSITIVE, Outcome.EXPECTED_NEGATIVE}
    if as_expected and _CONTRADICTS.search(f"{result.text} {result.interpretation}"):
        outcome = Outcome.NEEDS_READING
    said = result.text or result.interpretation or _number(result)
    how = "definitive" if definitive else "presumptive"
    supplied = "" if outcome is Outcome.SUPPLY_UNKNOWN else " in supply"
    why = f" ({joined(about)}{supplied})" if about else ""
    text = f"{name}: {said or 'no result given'}; {how}; {outcome}{why}"
    return Analyte(result.ref, name, when, outcome, definitive, text, about, known_from(result, when))


def known_from(result: Result, when: date) -> date:
    """The day from which a result can have been read."""
    return max(when, result.issued or when)


def _short(display: str) -> str:
    """The analyte without the laboratory's phrase for specimen and method."""
    name = _METHOD.split(display, maxsplit=1)[0].strip()
    mixed = name != name.capitalize() and name.upper() != name
    return name.lower() if mixed else name


def _number(result: Result) -> str:
    return f"{amount(result.value)} {result.unit}".strip() if result.value is not None else ""


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
    if detected and assay.mixed:
        return Outcome.NEEDS_READING, ()
    if detected:
        explained = _names(drugs.before(when), assay.explains)
        return (Outcome.EXPECTED_POSITIVE if explained else Outcome.UNEXPECTED_POSITIVE), explained
    should = [drug for drug in drugs.at(when) if _matches(drug, assay.detects)]
    if not should:
        perhaps = _names(drugs.perhaps(when), assay.detects)
        return (Outcome.SUPPLY_UNKNOWN if perhaps else Outcome.EXPECTED_NEGATIVE), perhaps
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
    unread = [one for one in here if one.outcome in TO_LOOK_AT]
    if odd:
        return f"unexpected on {day(last)}: {joined(one.name for one in odd)}"
    if unread:
        return f"needs a look: {joined(one.name for one in unread)}"
    return f"as expected, {len(here)} analytes" if len(here) > 1 else "as expected"
