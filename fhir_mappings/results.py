"""Observation, DiagnosticReport and QuestionnaireResponse to results that belong to tracked elements."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from fractions import Fraction

from fhir_mappings import resources as r
from fhir_mappings.dates import local_date
from fhir_mappings.facts import Result
from fhir_mappings.references import ref_to
from fhir_mappings.units import exact, number_of, value_of
from valuesets import Terms
from valuesets.systems import LOINC

VALID = frozenset({"final", "amended", "corrected"})
# LOINC answer list of the PHQ and GAD items: not at all, several days, more than half the days, nearly every day.
_ANSWERS = {"LA6568-5": 0, "LA6569-3": 1, "LA6570-1": 2, "LA6571-9": 3}
_POINTS = re.compile(r"(\d+(?:\.\d+)?)\s*(?:points?)?\s*(?:\([^()\d]*\))?", re.IGNORECASE)
# The same in words, with or without their number: "Several days", "1 - Several days", "Several days (1)".
_IN_WORDS = {"not at all": 0, "several days": 1, "more than half the days": 2, "nearly every day": 3}
_ANSWER = re.compile(rf"(?:[0-3]\W+)?({'|'.join(_IN_WORDS)})(?:\W+[0-3])?\W*", re.IGNORECASE)
# Questions whether something was done; an answer of no is no sign that it was.
_WHETHER_DONE = frozenset({"pdmp_review", "opioid_treatment_agreement", "opioid_misuse_risk_assessment"})
_NOT_DONE = re.compile(
    r"^\s*(?:no|n|false|not applicable|n/?a)\W*$|\bnot (?:yet )?(?:reviewed|checked|queried|done|performed|completed"
    r"|signed|available|able|on file)|\bunable\b|unavailable|\bfail|declin|refus|\bunsuccess|expired|\bpending\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Value:
    number: Fraction | None
    unit: str
    text: str
    interpretation: str


def elements_of(concepts: Iterable[r.Concept | None], terms: Terms) -> frozenset[str]:
    """Every element any coding stands for."""
    found: frozenset[str] = frozenset()
    for concept in concepts:
        for coding in concept.coding if concept is not None else ():
            found |= terms.observation_elements(coding.system, coding.code)
    return found


def text_of(concept: r.Concept | None) -> str:
    """The words of a concept, as the EHR shows them."""
    if concept is None:
        return ""
    return concept.text or next((coding.display for coding in concept.coding if coding.display), "")


def groups_in(resources: Mapping[str, r.Resource]) -> dict[str, str]:
    """Which panel each observation belongs to: an observation with members before a report with results."""
    panels: dict[str, str] = {}
    reports: dict[str, str] = {}
    for ref, resource in sorted(resources.items()):
        if type(resource) is r.Observation:
            for link in resource.hasMember:
                panels.setdefault(ref_to(link, "Observation") or "", ref)
        elif type(resource) is r.DiagnosticReport:
            for link in resource.result:
                reports.setdefault(ref_to(link, "Observation") or "", ref)
    return reports | panels


def results_of(
    resource: r.Observation, ref: str, terms: Terms, zone: tzinfo, groups: Mapping[str, str]
) -> list[Result]:
    """The observation and its components, as far as they belong to a tracked element.

    A result that the laboratory or clinician gives a reason for not having is not valid, nor is one that says that
    what it stands for was not done.  group: what was
    collected together: the panel, else the specimen, else the day.
    """
    parts: tuple[r.Observation | r.Component, ...] = (resource, *resource.component)
    tracked = [(part.code, part, elements) for part in parts if (elements := elements_of([part.code], terms))]
    if not tracked:
        return []
    when = _when(resource, zone)
    is_panel = bool(resource.component or resource.hasMember)
    group = ref if is_panel else groups.get(ref) or _collected(resource, when)
    issued = local_date(resource.issued, zone)
    found: list[Result] = []
    for code, part, elements in tracked:
        value = _value(part)
        absent = part.dataAbsentReason is not None and value.number is None and not value.text
        denied = not _WHETHER_DONE.isdisjoint(elements) and _NOT_DONE.search(value.text) is not None
        found.append(
            Result(
                ref=ref,
                elements=elements,
                when=when,
                valid=resource.status in VALID
                and not denied
                and not (absent and not (part is resource and is_panel)),
                status=resource.status,
                value=value.number,
                unit=value.unit,
                text=value.text or (f"no result: {text_of(part.dataAbsentReason)}" if absent else ""),
                display=text_of(code),
                interpretation=value.interpretation,
                group=group,
                issued=issued,
            )
        )
    return found


def _when(resource: r.Observation | r.DiagnosticReport, zone: tzinfo) -> date | None:
    """The day of collection; of a period its start; the day of issue where nothing else is told."""
    instant = resource.effectiveInstant if isinstance(resource, r.Observation) else None
    period = resource.effectivePeriod or r.Period()
    told = (resource.effectiveDateTime, instant, period.start, period.end, resource.issued)
    return next((day for text in told if (day := local_date(text, zone)) is not None), None)


def _collected(resource: r.Observation, when: date | None) -> str:
    if resource.specimen is not None and resource.specimen.reference:
        return resource.specimen.reference
    return when.isoformat() if when is not None else ""


def _value(source: r.Observation | r.Component) -> _Value:
    quantity = source.valueQuantity
    number = value_of(quantity)
    unit = quantity.unit or quantity.code if quantity else ""
    text = text_of(source.valueCodeableConcept) or (source.valueString or "")
    if number is None and source.valueInteger is not None:
        number = Fraction(source.valueInteger)
    if number is None and text:
        number = _written(text.strip())
    if number is None and source.valueCodeableConcept is not None:
        number = _score(source.valueCodeableConcept.coding)
    if number is None:
        number = _in_words(text)
    if quantity is not None and quantity.comparator and not text:
        # "Less than 20" is no 20: kept in words.
        text = f"{quantity.comparator}{bytes(quantity.value).decode('ascii', 'replace')} {unit}".strip()
    if not text and source.valueBoolean is not None:
        text = "yes" if source.valueBoolean else "no"
    codes = [coding.code for concept in source.interpretation for coding in concept.coding]
    words = [concept.text for concept in source.interpretation if concept.text]
    return _Value(number, unit, text, " ".join(dict.fromkeys([*codes, *words])))


def _score(codings: Iterable[r.Coding]) -> Fraction | None:
    return next((Fraction(_ANSWERS[coding.code]) for coding in codings if coding.code in _ANSWERS), None)


def _written(text: str) -> Fraction | None:
    """A number, with words that say what it means: "14 (moderate)".  Out of how many is not read: "3/10" is none."""
    found = _POINTS.fullmatch(text)
    return exact(found[1] if found else text)


def _in_words(text: str) -> Fraction | None:
    found = _ANSWER.fullmatch(text.strip())
    return Fraction(_IN_WORDS[found[1].lower()]) if found else None


def report_of(resource: r.DiagnosticReport, ref: str, terms: Terms, zone: tzinfo) -> list[Result]:
    """A panel that is itself a tracked element, such as a urine drug screen reported as one document."""
    elements = elements_of([resource.code], terms)
    if not elements:
        return []
    valid = resource.status in VALID or resource.status == "appended"
    return [
        Result(
            ref, elements, _when(resource, zone), valid, resource.status, text=resource.conclusion,
            display=text_of(resource.code), group=ref, issued=local_date(resource.issued, zone),
        )
    ]  # fmt: skip


def answers_of(resource: r.QuestionnaireResponse, ref: str, terms: Terms, zone: tzinfo) -> list[Result]:
    """Scores and items answered in a questionnaire whose questions carry known codes."""
    when = local_date(resource.authored, zone)
    valid = resource.status in {"completed", "amended"}
    found: list[Result] = []
    for item in _items(resource.item):
        elements = _item_elements(item, terms)
        for answer in item.answer[:1] if elements else ():
            number, text = _answer(answer)
            found.append(
                Result(
                    ref,
                    elements,
                    when,
                    valid,
                    resource.status,
                    number,
                    text=text,
                    display=item.text,
                    group=ref,
                )
            )
    return found


def _items(items: Sequence[r.Item], depth: int = 0) -> Iterable[r.Item]:
    """Questions at any depth, those asked because of an answer included."""
    for item in items:
        yield item
        if depth < 12:
            yield from _items(item.item, depth + 1)
            for answer in item.answer:
                yield from _items(answer.item, depth + 1)


def _item_elements(item: r.Item, terms: Terms) -> frozenset[str]:
    found = {e for coding in item.code for e in terms.observation_elements(coding.system, coding.code)}
    link = item.linkId.rpartition("/")[2]
    return frozenset(found or terms.observation_elements(LOINC, link))


def _answer(answer: r.Answer) -> tuple[Fraction | None, str]:
    if answer.valueInteger is not None:
        return Fraction(answer.valueInteger), ""
    number = number_of(answer.valueDecimal)
    if number is None:
        number = value_of(answer.valueQuantity)
    coded = answer.valueCoding
    text = (coded.display or coded.code) if coded else (answer.valueString or "")
    if number is None and coded is not None:
        number = _score([coded])
    return number if number is not None else _in_words(text), text
