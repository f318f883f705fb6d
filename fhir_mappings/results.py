"""Observation, DiagnosticReport and QuestionnaireResponse to results that belong to tracked elements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from fractions import Fraction

from fhir_mappings import resources as r
from fhir_mappings.dates import local_date
from fhir_mappings.facts import Result
from fhir_mappings.units import exact, value_of
from valuesets import Terms

VALID = frozenset({"final", "amended", "corrected"})


@dataclass(frozen=True, slots=True)
class _Value:
    number: Fraction | None
    unit: str
    text: str
    interpretation: str


def elements_of(concepts: Iterable[r.Concept | None], terms: Terms) -> frozenset[str]:
    """Every element any coding stands for."""
    return frozenset(
        element
        for concept in concepts
        if concept is not None
        for coding in concept.coding
        for element in terms.observation_elements(coding.system, coding.code)
    )


def _display(concept: r.Concept | None) -> str:
    if concept is None:
        return ""
    return concept.text or next((coding.display for coding in concept.coding if coding.display), "")


def _value(source: r.Observation | r.Component) -> _Value:
    number = value_of(source.valueQuantity)
    if number is None and source.valueInteger is not None:
        number = Fraction(source.valueInteger)
    text = _display(source.valueCodeableConcept) or (source.valueString or "")
    if number is None and source.valueString:
        number = exact(source.valueString.strip()) if len(source.valueString) < 20 else None
    if not text and source.valueBoolean is not None:
        text = "yes" if source.valueBoolean else "no"
    codes = [coding.code for concept in source.interpretation for coding in concept.coding]
    words = [concept.text for concept in source.interpretation if concept.text]
    unit = source.valueQuantity.unit or source.valueQuantity.code if source.valueQuantity else ""
    return _Value(number, unit, text, " ".join([*codes, *words]))


def results_of(resource: r.Observation, ref: str, terms: Terms, zone: tzinfo) -> list[Result]:
    """The observation and its components, as far as they belong to a tracked element."""
    period = resource.effectivePeriod
    when = (
        local_date(resource.effectiveDateTime or resource.effectiveInstant, zone)
        or (local_date(period.start or period.end, zone) if period else None)
        or local_date(resource.issued, zone)
    )
    valid = resource.status in VALID
    found: list[Result] = []
    parts: list[tuple[r.Concept | None, r.Observation | r.Component]] = [(resource.code, resource)]
    parts += [(part.code, part) for part in resource.component]
    for code, part in parts:
        elements = elements_of([code], terms)
        if not elements:
            continue
        value = _value(part)
        found.append(
            Result(
                ref=ref,
                elements=elements,
                when=when,
                valid=valid,
                status=resource.status,
                value=value.number,
                unit=value.unit,
                text=value.text,
                display=_display(code),
                interpretation=value.interpretation,
                group=ref if resource.component else "",
            )
        )
    return found


def report_of(resource: r.DiagnosticReport, ref: str, terms: Terms, zone: tzinfo) -> list[Result]:
    """A panel that is itself a tracked element, such as a urine drug screen reported as one document."""
    elements = elements_of([resource.code], terms)
    if not elements:
        return []
    period = resource.effectivePeriod
    when = (
        local_date(resource.effectiveDateTime, zone)
        or (local_date(period.start, zone) if period else None)
        or local_date(resource.issued, zone)
    )
    valid = resource.status in VALID
    return [
        Result(
            ref,
            elements,
            when,
            valid,
            resource.status,
            text=resource.conclusion,
            display=_display(resource.code),
        )
    ]


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
    for item in items:
        yield item
        if depth < 8:
            yield from _items(item.item, depth + 1)


def _item_elements(item: r.Item, terms: Terms) -> frozenset[str]:
    found = {e for coding in item.code for e in terms.observation_elements(coding.system, coding.code)}
    link = item.linkId.rpartition("/")[2]
    return frozenset(found or terms.observation_elements("http://loinc.org", link))


def _answer(answer: r.Answer) -> tuple[Fraction | None, str]:
    if answer.valueInteger is not None:
        return Fraction(answer.valueInteger), ""
    text = r.number_text(answer.valueDecimal)
    if text is not None:
        return exact(text), ""
    coded = answer.valueCoding
    return None, (coded.display or coded.code) if coded else (answer.valueString or "")
