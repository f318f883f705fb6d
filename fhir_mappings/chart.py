"""One patient's resources to facts, with an issue for everything that was set aside or read with care."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from types import MappingProxyType

from fhir_mappings import resources as r
from fhir_mappings.events import appointment_of, document_of, event_of, visit_of
from fhir_mappings.facts import (
    Document,
    Event,
    Facts,
    Fill,
    Issue,
    IssueCode,
    Order,
    Person,
    Problem,
    Result,
    Source,
    Visit,
)
from fhir_mappings.orders import Context, fill_of, order_of, statement_of
from fhir_mappings.people import person_of
from fhir_mappings.problems import problem_of
from fhir_mappings.results import answers_of, report_of, results_of
from valuesets import Terms

Newness = tuple[str, int, str, bytes]


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    orders: list[Order] = field(default_factory=list[Order])
    fills: list[Fill] = field(default_factory=list[Fill])
    results: list[Result] = field(default_factory=list[Result])
    problems: list[Problem] = field(default_factory=list[Problem])
    events: list[Event] = field(default_factory=list[Event])
    documents: list[Document] = field(default_factory=list[Document])
    visits: list[Visit] = field(default_factory=list[Visit])
    issues: list[Issue] = field(default_factory=list[Issue])
    person: Person | None = None


def map_chart(
    patient_id: str, raw: Iterable[bytes], *, terms: Terms, sources: Mapping[str, Source], zone: tzinfo
) -> Facts:
    """The facts in the given resources (JSON text, one resource each), whatever their order.

    Resources of another patient are dropped and named.  Of one resource in several versions the newest counts.
    A source loses its completeness when a resource of its kind could not be read, or names no drug.  Never raises.
    """
    reading = _Reading()
    resources = _newest(raw, patient_id, reading.issues)
    context = Context(
        terms,
        zone,
        {one.id: one for one in resources.values() if isinstance(one, r.Medication) and one.id},
    )
    for ref in sorted(resources):
        _read(resources[ref], ref, context, patient_id, reading)
    return Facts(
        person=reading.person or Person(patient_id),
        orders=tuple(reading.orders),
        fills=tuple(reading.fills),
        results=tuple(reading.results),
        problems=tuple(reading.problems),
        events=tuple(reading.events),
        documents=tuple(reading.documents),
        visits=tuple(reading.visits),
        sources=MappingProxyType(_honest(sources, reading.issues)),
        issues=tuple(sorted(set(reading.issues), key=lambda issue: (issue.ref, issue.code, issue.text))),
    )


def _newest(raw: Iterable[bytes], patient_id: str, issues: list[Issue]) -> dict[str, r.Resource]:
    """Decoded resources by reference; older versions and exact repeats are gone, foreign ones named."""
    found: dict[str, tuple[Newness, r.Resource]] = {}
    for text in raw:
        resource = _decoded(bytes(text), patient_id, issues)
        if resource is None:
            continue
        meta = resource.meta or r.Meta()
        newness = (meta.lastUpdated, len(meta.versionId), meta.versionId, bytes(text))
        ref = f"{resource.resourceType}/{resource.id or '?' + str(abs(hash(bytes(text))))}"
        if ref not in found or found[ref][0] < newness:
            found[ref] = (newness, resource)
    return {ref: resource for ref, (_, resource) in found.items()}


def _decoded(text: bytes, patient_id: str, issues: list[Issue]) -> r.Resource | None:
    try:
        decoded, dropped = r.decode(text)
    except r.UnreadableError as error:
        issues.append(Issue(error.ref or "unknown", IssueCode.UNREADABLE, error.reason))
        return None
    if isinstance(decoded, r.OperationOutcome):
        _note_outcome(decoded, issues)
        return None
    if not isinstance(decoded, r.Resource):
        return None
    ref = f"{decoded.resourceType}/{decoded.id or '?'}"
    issues += [Issue(ref, IssueCode.UNREADABLE, f"read without {what}") for what in dropped]
    if isinstance(decoded, r.Medication):
        return decoded
    owner = _owner(decoded)
    if owner == patient_id:
        return decoded
    if owner is None:
        issues.append(Issue(ref, IssueCode.UNREADABLE, "it names no patient"))
    else:
        issues.append(Issue(ref, IssueCode.FOREIGN_PATIENT, "it belongs to another patient and was dropped"))
    return None


def _owner(resource: r.Resource) -> str | None:
    if isinstance(resource, r.Patient):
        return resource.id
    link = resource.subject or resource.patient
    references = [link.reference] if link else []
    if isinstance(resource, r.Appointment):
        references = [p.actor.reference for p in resource.participant if p.actor]
        references = [reference for reference in references if "Patient/" in reference or "urn:" in reference]
    for reference in references:
        if reference.startswith("urn:"):
            return reference.rpartition(":")[2]
        head, _, tail = reference.split("/_history")[0].rpartition("Patient/")
        if tail and (not head or head.endswith("/")):
            return tail
    return None


def _note_outcome(outcome: r.OperationOutcome, issues: list[Issue]) -> None:
    """The server's own remarks; its codes are kept, its free text may hold data of the chart and is not."""
    for issue in outcome.issue:
        codes = [coding.code for coding in issue.details.coding] if issue.details else []
        words = " ".join(filter(None, [issue.severity, issue.code, *codes]))
        issues.append(Issue("OperationOutcome", IssueCode.SOURCE_WARNING, f"the EHR remarked: {words}"))


def _read(resource: r.Resource, ref: str, context: Context, patient_id: str, into: _Reading) -> None:
    """Map one resource; what its kind is decides where it goes."""
    if isinstance(resource, r.MedicationRequest):
        order, issues = order_of(resource, ref, context)
        into.orders.append(order)
        into.issues += issues
    elif isinstance(resource, r.MedicationStatement):
        order, issues = statement_of(resource, ref, context)
        into.orders.append(order)
        into.issues += issues
    elif isinstance(resource, r.MedicationDispense):
        fill, issues = fill_of(resource, ref, context)
        into.fills.append(fill)
        into.issues += issues
    elif isinstance(resource, r.Observation):
        into.results += results_of(resource, ref, context.terms, context.zone)
    elif isinstance(resource, r.DiagnosticReport):
        into.results += report_of(resource, ref, context.terms, context.zone)
    elif isinstance(resource, r.QuestionnaireResponse):
        into.results += answers_of(resource, ref, context.terms, context.zone)
    elif isinstance(resource, r.Patient):
        into.person = person_of(resource, patient_id)
    else:
        _read_other(resource, ref, context, into)


def _read_other(resource: r.Resource, ref: str, context: Context, into: _Reading) -> None:
    if isinstance(resource, r.Condition):
        problem = problem_of(resource, ref, context.terms, context.zone)
        into.problems += [problem] if problem else []
    elif isinstance(resource, r.Event):
        event = event_of(resource, ref, context.terms, context.zone)
        into.events += [event] if event else []
    elif isinstance(resource, r.Document):
        document = document_of(resource, ref, context.terms, context.zone)
        into.documents += [document] if document else []
    elif isinstance(resource, r.Encounter):
        into.visits.append(visit_of(resource, ref, context.zone))
    elif isinstance(resource, r.Appointment):
        into.visits.append(appointment_of(resource, ref, context.zone))


def _honest(sources: Mapping[str, Source], issues: Iterable[Issue]) -> dict[str, Source]:
    """Sources as given, made incomplete where resources were lost to reading."""
    lost: dict[str, int] = {}
    for issue in issues:
        whole = issue.code is IssueCode.UNREADABLE and not issue.text.startswith("read without")
        if whole or issue.code is IssueCode.MEDICATION_MISSING:
            kind = issue.ref.partition("/")[0]
            lost[kind] = lost.get(kind, 0) + 1
    found = dict(sources)
    for kind, count in lost.items():
        known = found.get(kind)
        if known is not None:
            problem = known.problem or f"{count} could not be read"
            found[kind] = replace(known, complete=False, problem=problem)
    return found
