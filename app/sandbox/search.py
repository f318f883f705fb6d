"""FHIR search matching: which resource answers which parameter, by type."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from app.sandbox.config import Resource
from app.sandbox.records import patient_of, reference_id

Params = list[tuple[str, str]]

_COMMON: Mapping[str, tuple[str, str]] = {
    "_id": ("id", "id"),
    "_lastUpdated": ("date", "meta.lastUpdated"),
    "patient": ("patient", ""),
    "subject": ("patient", ""),
    "identifier": ("token", "identifier"),
    "status": ("token", "status"),
    "code": ("token", "code"),
    "category": ("token", "category"),
    "encounter": ("reference:Encounter", "encounter"),
}

PARAMETERS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Appointment": {
        "date": ("date", "start"),
        "service-category": ("token", "serviceCategory"),
        "practitioner": ("reference:Practitioner", "participant.actor"),
    },
    "Condition": {
        "clinical-status": ("token", "clinicalStatus"),
        "onset-date": ("date", "onsetDateTime|onsetPeriod"),
        "recorded-date": ("date", "recordedDate"),
        "abatement-date": ("date", "abatementDateTime|abatementPeriod"),
    },
    "Consent": {"date": ("date", "dateTime")},
    "DiagnosticReport": {"date": ("date", "effectiveDateTime|effectivePeriod"), "issued": ("date", "issued")},
    "DocumentReference": {
        "type": ("token", "type"),
        "date": ("date", "date"),
        "period": ("date", "context.period"),
        "docstatus": ("token", "docStatus"),
        "encounter": ("reference:Encounter", "context.encounter"),
    },
    "Encounter": {
        "date": ("date", "period"),
        "class": ("token", "class"),
        "type": ("token", "type"),
        "practitioner": ("reference:Practitioner", "participant.individual"),
    },
    "MedicationDispense": {"date": ("date", "whenHandedOver|whenPrepared")},
    "MedicationRequest": {
        "intent": ("token", "intent"),
        "authoredon": ("date", "authoredOn"),
        "date": ("date", "authoredOn"),
        "code": ("token", "medicationCodeableConcept"),
        "requester": ("reference:Practitioner", "requester"),
        "-timing-boundsPeriod": ("date", "dosageInstruction.timing.repeat.boundsPeriod"),
    },
    "Observation": {
        "date": ("date", "effectiveDateTime|effectivePeriod|effectiveInstant"),
        "issued": ("date", "issued"),
    },
    "Patient": {
        "name": ("string", "name"),
        "family": ("string", "name.family"),
        "given": ("string", "name.given"),
        "birthdate": ("date", "birthDate"),
        "gender": ("token", "gender"),
    },
    "Practitioner": {"name": ("string", "name"), "family": ("string", "name.family")},
    "Procedure": {"date": ("date", "performedDateTime|performedPeriod")},
    "QuestionnaireResponse": {
        "authored": ("date", "authored"),
        "questionnaire": ("token", "questionnaire"),
    },
    "ServiceRequest": {"authored": ("date", "authoredOn"), "intent": ("token", "intent")},
}

_PREFIXED = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb)?(\d{4}.*)")


def known(resource_type: str) -> frozenset[str]:
    """Names of the parameters this sandbox can match for a type."""
    return frozenset(_COMMON) | PARAMETERS.get(resource_type, {}).keys()


def matches(resource: Resource, params: Params) -> bool:
    """Whether a resource answers every parameter; names outside `known` are ignored."""
    return all(_matches_one(resource, name, value) for name, value in params)


def _matches_one(resource: Resource, name: str, value: str) -> bool:
    rule = PARAMETERS.get(resource["resourceType"], {}).get(name) or _COMMON.get(name)
    if rule is None:
        return True
    kind, path = rule
    wanted = [part for part in value.split(",") if part]
    if kind == "patient":
        return patient_of(resource) in {reference_id(part, "Patient") or part for part in wanted}
    test = _TESTS.get(kind)
    if test is None:
        target = kind.partition(":")[2]
        return any(_refers(element, part, target) for part in wanted for element in _elements(resource, path))
    return any(test(element, part) for part in wanted for element in _elements(resource, path))


def _elements(resource: Any, path: str) -> Iterator[Any]:
    for alternative in path.split("|"):
        yield from _walk(resource, alternative.split("."))


def _walk(value: Any, steps: list[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, steps)
    elif not steps:
        if value is not None:
            yield value
    elif isinstance(value, dict):
        yield from _walk(value.get(steps[0]), steps[1:])


def _token(element: Any, wanted: str) -> bool:
    system, bar, code = wanted.rpartition("|")
    if not isinstance(element, dict):
        return str(element) == code
    codings = element.get("coding", [element])
    for coding in codings:
        if code and code not in {coding.get("code"), coding.get("value")}:
            continue
        if not bar or coding.get("system", "") == system:
            return True
    return False


def _refers(element: Any, wanted: str, target: str) -> bool:
    return reference_id(element.get("reference", ""), target) == (reference_id(wanted, target) or wanted)


def _string(element: Any, wanted: str) -> bool:
    if isinstance(element, str):
        return wanted.lower() in element.lower()
    parts = element.values() if isinstance(element, dict) else element if isinstance(element, list) else ()
    return any(_string(part, wanted) for part in parts)


def _id(element: Any, wanted: str) -> bool:
    return element == wanted


def _date(element: Any, wanted: str) -> bool:
    found = _PREFIXED.fullmatch(wanted)
    low, high = _interval(element)
    if not found:
        return False
    prefix, (start, end) = found[1] or "eq", _span(found[2])
    if prefix in {"gt", "sa"}:
        return high > end
    if prefix in {"lt", "eb"}:
        return low < start
    if prefix == "ge":
        return high > start
    if prefix == "le":
        return low < end
    inside = low >= start and high <= end
    return inside if prefix == "eq" else not inside


def _interval(element: Any) -> tuple[datetime, datetime]:
    if not isinstance(element, dict):
        return _span(str(element))
    always = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    low = _span(element["start"])[0] if element.get("start") else always[0]
    high = _span(element["end"])[1] if element.get("end") else always[1]
    return low, high


def _span(text: str) -> tuple[datetime, datetime]:
    """The half-open interval a date or dateTime of any precision stands for; UTC where no zone is given."""
    try:
        if len(text) == 4:
            start = datetime(int(text), 1, 1, tzinfo=UTC)
            return start, datetime(int(text) + 1, 1, 1, tzinfo=UTC)
        if len(text) == 7:
            start = datetime.fromisoformat(f"{text}-01").replace(tzinfo=UTC)
            return start, (start + timedelta(days=32)).replace(day=1)
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        nowhere = datetime.min.replace(tzinfo=UTC)
        return nowhere, nowhere
    start = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return start, start + (timedelta(days=1) if len(text) == 10 else timedelta(seconds=1))


_TESTS: Mapping[str, Callable[[Any, str], bool]] = {
    "date": _date,
    "id": _id,
    "string": _string,
    "token": _token,
}
