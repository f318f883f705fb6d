"""One patient's resources to facts, with an issue for everything that was set aside or read with care."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType

import msgspec

from fhir_mappings import resources as r
from fhir_mappings.decoding import decode
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
from fhir_mappings.references import is_about_another, patients_of
from fhir_mappings.results import answers_of, groups_in, report_of, results_of
from fhir_mappings.setting import encounter_setting, is_hospital_dispense
from valuesets import Terms

# Epic's remark that a search found nothing: an answer, not a warning.
_NOTHING_FOUND = "4101"
_SHARED = frozenset({"Medication"})
# FHIR: a reader that does not know a modifier extension must not use the element; none is known here.  Without its
# first quotation mark, which every member begins with, it is looked for three times faster; only where it is found the
# member is told from a value of these words.
_MODIFIER, _MODIFIER_MEMBER = b'modifierExtension"', re.compile(rb'"modifierExtension"\s*:')
# What the mapping of a drug's order or fill says when nothing can be concluded from it.
_LOST = frozenset({IssueCode.MEDICATION_MISSING, IssueCode.UNREADABLE})
_MERGED = "this record was merged into another one"
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Reading:
    """What has been read so far.  lost: how many resources of a kind could not be used at all; foreign: how many
    belong to another patient."""

    orders: list[Order] = field(default_factory=list[Order])
    fills: list[Fill] = field(default_factory=list[Fill])
    results: list[Result] = field(default_factory=list[Result])
    problems: list[Problem] = field(default_factory=list[Problem])
    events: list[Event] = field(default_factory=list[Event])
    documents: list[Document] = field(default_factory=list[Document])
    visits: list[Visit] = field(default_factory=list[Visit])
    issues: list[Issue] = field(default_factory=list[Issue])
    lost: Counter[str] = field(default_factory=Counter[str])
    foreign: Counter[str] = field(default_factory=Counter[str])
    groups: dict[str, str] = field(default_factory=dict[str, str])
    person: Person | None = None


def map_chart(
    patient_id: str, raw: Iterable[bytes], *, terms: Terms, sources: Mapping[str, Source], zone: tzinfo
) -> Facts:
    """The facts in the given resources (JSON text, one resource each), whatever their order.

    Resources of another patient are dropped and named.  Of one resource in several versions the newest counts.
    A source loses its completeness when a resource of its kind could not be read, names no drug, is an opioid with a
    status that FHIR does not know, or belongs to another patient: then the EHR's answer is not about this patient
    alone, perhaps because two records were merged.  All lose it where the patient's own record says that it was merged
    into another one.  Never raises.
    """
    reading = _Reading()
    resources = _newest(raw, patient_id, reading)
    context = _context(resources, terms, zone)
    reading.groups = groups_in(resources)
    for ref in sorted(resources):
        _read(resources[ref], ref, context, patient_id, reading)
    return Facts(
        person=reading.person or Person(patient_id),
        orders=tuple(reading.orders),
        fills=_with_prescribers(reading.fills, reading.orders),
        results=tuple(reading.results),
        problems=_with_visit_days(reading.problems, reading.visits),
        events=tuple(reading.events),
        documents=tuple(reading.documents),
        visits=tuple(reading.visits),
        sources=MappingProxyType(_honest(sources, reading)),
        issues=tuple(sorted(set(reading.issues), key=lambda one: (one.ref, one.code, one.where, one.text))),
    )


def _context(resources: Mapping[str, r.Resource], terms: Terms, zone: tzinfo) -> Context:
    medications: dict[str, r.Medication] = {}
    conditions: dict[str, r.Condition] = {}
    hospital: set[str] = set()
    for resource in resources.values():
        if resource.id is None:
            continue
        if type(resource) is r.Medication:
            medications[resource.id] = resource
        elif type(resource) is r.Condition:
            conditions[resource.id] = resource
        elif type(resource) is r.Encounter and encounter_setting(resource) == "inpatient":
            hospital.add(resource.id)
    return Context(terms, zone, medications, conditions, frozenset(hospital))


class _Version(msgspec.Struct, frozen=True):
    """One decoded text of a resource.  modified: an extension may turn its meaning round."""

    resource: r.Resource
    text: bytes
    issues: tuple[Issue, ...]
    modified: bool

    def newness(self) -> tuple[datetime, int, str]:
        """By the moment of the last update, then by version number."""
        meta = self.resource.meta or r.Meta()
        try:
            moment = datetime.fromisoformat(meta.lastUpdated)
        except ValueError:
            moment = _LONG_AGO
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return moment, len(meta.versionId), meta.versionId


def _newest(raw: Iterable[bytes], patient_id: str, reading: _Reading) -> dict[str, r.Resource]:
    """Decoded resources by reference; older versions and exact repeats are gone, foreign ones named."""
    versions: dict[str, list[_Version]] = {}
    for line in raw:
        text = bytes(line)
        decoded, issues = decode(text)
        if decoded is None:
            reading.issues += issues
            reading.lost.update(issue.ref.partition("/")[0] for issue in issues)
        elif isinstance(decoded, r.OperationOutcome):
            reading.issues += _remarks(decoded)
        elif _is_of(decoded, patient_id, reading):
            modified = _MODIFIER in text and _MODIFIER_MEMBER.search(text) is not None
            if modified:
                issues = (*issues, _modified(decoded))
            found = versions.setdefault(_ref(decoded, text), [])
            if not found or all(text != other.text for other in found):
                found.append(_Version(decoded, text, issues, modified))
    newest: dict[str, r.Resource] = {}
    for ref, found in versions.items():
        chosen = found[0] if len(found) == 1 else _chosen(found, ref, reading)
        reading.issues += chosen.issues
        if chosen.modified:
            reading.lost[chosen.resource.resourceType] += 1
        else:
            newest[ref] = chosen.resource
    return newest


def _modified(resource: r.Resource) -> Issue:
    ref = f"{resource.resourceType}/{resource.id or '?'}"
    text = "it carries an extension that may turn its meaning round, so it was not used"
    return Issue(ref, IssueCode.UNREADABLE, text, "modifierExtension")


def _ref(resource: r.Resource, text: bytes) -> str:
    """ "kind/id"; a resource without an id is named by its content, the same in every run."""
    return f"{resource.resourceType}/{resource.id or '?' + hashlib.sha256(text).hexdigest()[:12]}"


def _chosen(versions: Iterable[_Version], ref: str, reading: _Reading) -> _Version:
    """The newest; of several equally new ones with different content always the same one, with an issue."""
    ranked = sorted(versions, key=lambda version: (version.newness(), version.text), reverse=True)
    first = ranked[0]
    if any(one.newness() == first.newness() and one.resource != first.resource for one in ranked[1:]):
        text = "the EHR sent it twice with different content and no sign which is newer; one of them is used"
        reading.issues.append(Issue(ref, IssueCode.DUPLICATE, text))
    return first


def _is_of(resource: r.Resource, patient_id: str, reading: _Reading) -> bool:
    """Whether it belongs to the launch's patient; an issue says so when it does not."""
    if resource.resourceType in _SHARED:
        return True
    link = resource.subject or resource.patient
    if link is not None and link.reference == f"Patient/{patient_id}":
        return True
    patients = patients_of(resource)
    if patient_id in patients:
        return True
    ref = f"{resource.resourceType}/{resource.id or '?'}"
    if patients:
        text = "it belongs to another patient and was dropped"
        reading.issues.append(Issue(ref, IssueCode.FOREIGN_PATIENT, text))
        reading.foreign[resource.resourceType] += 1
    else:
        reading.issues.append(Issue(ref, IssueCode.UNREADABLE, "it names no patient"))
        reading.lost[resource.resourceType] += 1
    return False


def _remarks(outcome: r.OperationOutcome) -> Iterable[Issue]:
    """The server's own remarks; its codes are kept, its free text may hold data of the chart and is not."""
    for remark in outcome.issue:
        codes = [coding.code for coding in remark.details.coding] if remark.details else []
        if _NOTHING_FOUND not in codes:
            words = " ".join(filter(None, [remark.severity, remark.code, *codes]))
            yield Issue("OperationOutcome", IssueCode.SOURCE_WARNING, f"the EHR remarked: {words}")


def _read(resource: r.Resource, ref: str, context: Context, patient_id: str, into: _Reading) -> None:
    """Map one resource; what its kind is decides where it goes.  Compared by identity, which is much faster."""
    if type(resource) is r.Observation:
        if resource.focus and is_about_another(resource, patient_id):
            text = "it is about another person, such as a newborn, and was not used"
            into.issues.append(Issue(ref, IssueCode.FOREIGN_PATIENT, text, "focus"))
            return
        into.results += results_of(resource, ref, context.terms, context.zone, into.groups)
    elif type(resource) is r.MedicationRequest:
        order, issues = order_of(resource, ref, context)
        into.orders.append(order)
        _note(issues, into)
    elif type(resource) is r.MedicationStatement:
        order, issues = statement_of(resource, ref, context)
        into.orders.append(order)
        _note(issues, into)
    elif type(resource) is r.MedicationDispense:
        if not is_hospital_dispense(resource, context.hospital):
            fill, issues = fill_of(resource, ref, context)
            into.fills.append(fill)
            _note(issues, into)
    elif type(resource) is r.DiagnosticReport:
        into.results += report_of(resource, ref, context.terms, context.zone)
    elif type(resource) is r.QuestionnaireResponse:
        into.results += answers_of(resource, ref, context.terms, context.zone)
    elif type(resource) is r.Patient:
        into.person = person_of(resource, patient_id)
    else:
        _read_other(resource, ref, context, into)


def _note(issues: Iterable[Issue], into: _Reading) -> None:
    for issue in issues:
        into.issues.append(issue)
        if issue.code in _LOST:
            into.lost[issue.ref.partition("/")[0]] += 1


def _read_other(resource: r.Resource, ref: str, context: Context, into: _Reading) -> None:
    if type(resource) is r.Condition:
        problem = problem_of(resource, ref, context.terms, context.zone)
        into.problems += [problem] if problem else []
    elif type(resource) is r.Event:
        event = event_of(resource, ref, context.terms, context.zone)
        into.events += [event] if event else []
    elif type(resource) is r.Document:
        document = document_of(resource, ref, context.terms, context.zone)
        into.documents += [document] if document else []
    elif type(resource) is r.Encounter:
        into.visits.append(visit_of(resource, ref, context.zone))
    elif type(resource) is r.Appointment:
        into.visits.append(appointment_of(resource, ref, context.zone))


def _with_prescribers(fills: Iterable[Fill], orders: Iterable[Order]) -> tuple[Fill, ...]:
    """A dispense does not say who prescribed; the order it fills does."""
    prescribers = {order.ref: order.prescriber for order in orders}
    return tuple(replace(fill, prescriber=prescribers.get(fill.order or "", "")) for fill in fills)


def _with_visit_days(problems: Iterable[Problem], visits: Iterable[Visit]) -> tuple[Problem, ...]:
    """A diagnosis of a visit has often no date of its own; it was recorded on the day of the visit."""
    days = {visit.ref: visit.when for visit in visits}
    return tuple(
        replace(problem, recorded=days.get(problem.encounter))
        if problem.encounter is not None and problem.recorded is None and problem.onset is None
        else problem
        for problem in problems
    )


def _honest(sources: Mapping[str, Source], reading: _Reading) -> dict[str, Source]:
    """Sources as given, made incomplete where resources were lost to reading or are another patient's."""
    found = dict(sources)
    for kind in {*reading.lost, *reading.foreign}:
        known = found.get(kind)
        if known is not None:
            lost, foreign = reading.lost[kind], reading.foreign[kind]
            said = [
                *([f"{lost} could not be read"] if lost else []),
                *([f"{foreign} named another patient and were left out"] if foreign else []),
            ]
            found[kind] = replace(known, complete=False, problem=known.problem or "; ".join(said))
    if reading.person is not None and reading.person.merged:
        return {
            kind: replace(known, complete=False, problem=known.problem or _MERGED)
            for kind, known in found.items()
        }
    return found
