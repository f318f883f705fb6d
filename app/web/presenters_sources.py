"""What was read and how completely, what was set aside, and what that leaves open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from app.clinical.evaluation import Element
from app.clinical.words import counted, counted_kind, day, kind_words
from app.web.views import ElementRow, Notice, SourceRow, Sources, Tone
from app.web.wording import clock, phrase, sentence
from fhir_mappings.facts import Issue, Source

_PDMP = "PDMP"
# Without these there is no answer, so a site that does not give them is told as a failure, not as a habit.
_ESSENTIAL = frozenset({"MedicationRequest"})
_ISSUE_LINES, _ISSUE_REFS = 40, 5
_LEFT_OPEN = {
    "Appointment": "booked visits",
    "Communication": "recorded messages",
    "Condition": "exclusions, risk and overlapping conditions",
    "Consent": "the opioid agreement",
    "DiagnosticReport": "urine drug tests",
    "DocumentReference": "the opioid agreement",
    "Encounter": "past visits",
    "MedicationDispense": "what was dispensed",
    "MedicationRequest": "opioid therapy, the MME and overlaps",
    "MedicationStatement": "reported medications",
    "Observation": "urine drug tests and screening scores",
    "Procedure": "recorded checks and counselling",
    "QuestionnaireResponse": "questionnaires",
    "ServiceRequest": "referrals",
}


def source_notices(sources: Iterable[Source]) -> tuple[Notice, ...]:
    """One notice for each kind of resource that did not load completely, saying what cannot be judged."""
    return tuple(_notice(source) for source in sources if _is_expected(source) and not source.complete)


def _is_expected(source: Source) -> bool:
    return source.connected or source.kind in _ESSENTIAL


def _notice(source: Source) -> Notice:
    name = phrase(kind_words(source.kind))
    happened = f"{name} did not load completely" if source.read else f"{name} did not load"
    because = f" ({source.problem.rstrip('.')})" if source.problem else ""
    subject = _LEFT_OPEN.get(source.kind, "whatever depends on them")
    return Notice(Tone.UNKNOWN, f"{happened}{because}: {subject} cannot be judged.", retry=True)


def sources(found: Sequence[Source], issues: tuple[Issue, ...], now: datetime) -> Sources:
    """The completeness of every kind of resource, with the time of reading."""
    expected = [source for source in found if _is_expected(source)]
    largest = sorted((s for s in expected if s.read), key=_weight)[:3]
    read = ", ".join(counted_kind(source.read, source.kind) for source in largest)
    failed = sum(not source.complete for source in expected)
    state = f"{failed} of {counted(len(expected), 'source')} incomplete" if failed else "all complete"
    return Sources(
        summary=f"{read or 'nothing read'} · {state} · {clock(now)}",
        rows=tuple(_row(source) for source in expected),
        not_included=not_included(found),
        issues=_issue_lines(issues),
        issue_count=len(issues),
    )


def _weight(source: Source) -> tuple[bool, int, str]:
    """Medications first, then what there is most of."""
    return (not source.kind.startswith("Medication"), -source.read, source.kind)


def _issue_lines(issues: tuple[Issue, ...]) -> tuple[str, ...]:
    """Equal remarks share a line; a chart with very many keeps the page light and says how many are not shown."""
    refs: dict[str, list[str]] = {}
    for issue in issues:
        refs.setdefault(f"{sentence(issue.text).rstrip('.')} ({issue.code})", []).append(issue.ref)
    lines = [f"{text}: {_few(found)}" for text, found in refs.items()]
    rest = len(lines) - _ISSUE_LINES
    return (
        *lines[:_ISSUE_LINES],
        *([f"{counted(rest, 'further remark')} not shown here"] if rest > 0 else ()),
    )


def _few(refs: list[str]) -> str:
    rest = len(refs) - _ISSUE_REFS
    return ", ".join(refs[:_ISSUE_REFS]) + (f" and {rest} more" if rest > 0 else "")


def not_included(found: Sequence[Source]) -> tuple[str, ...]:
    """What this site does not offer; the prescription monitoring programme is named unless it was read."""
    kinds = [source.kind for source in found if not source.connected]
    if _PDMP not in {source.kind for source in found}:
        kinds.append(_PDMP)
    return tuple(kind_words(kind) for kind in kinds)


def _row(source: Source) -> SourceRow:
    if source.complete:
        return SourceRow(phrase(kind_words(source.kind)), str(source.read), Tone.OK, "complete")
    state = f"incomplete: {source.problem}" if source.problem else "incomplete"
    return SourceRow(phrase(kind_words(source.kind)), str(source.read), Tone.UNKNOWN, state)


def element_rows(elements: Mapping[str, Element]) -> tuple[ElementRow, ...]:
    """The tracked data elements: value and date, or why it is not known."""
    return tuple(_element(element) for element in elements.values())


def _element(element: Element) -> ElementRow:
    detail = " · ".join(
        part for part in (day(element.when) if element.when else "", element.ref or "") if part
    )
    if element.value is not None:
        return ElementRow(phrase(element.name), element.value, detail)
    return ElementRow(phrase(element.name), "Not known", sentence(element.unknown_because) or detail)
