"""The elements we read of each FHIR resource, as typed structs; everything else is skipped unread.

FHIR's own names are kept.  A resource whose wrong element has nothing to do with the rest is read without it.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Struct, field

Json = Any


class Coding(Struct, gc=False):
    system: str = ""
    code: str = ""
    display: str = ""
    userSelected: bool | None = None


class Concept(Struct, gc=False):
    coding: list[Coding] = []
    text: str = ""


class Reference(Struct, gc=False):
    reference: str = ""
    display: str = ""


class Quantity(Struct, gc=False):
    value: msgspec.Raw = msgspec.Raw(b"null")
    unit: str = ""
    code: str = ""
    system: str = ""


class Range(Struct, gc=False):
    low: Quantity | None = None
    high: Quantity | None = None


class Ratio(Struct, gc=False):
    numerator: Quantity | None = None
    denominator: Quantity | None = None


class Period(Struct, gc=False):
    start: str | None = None
    end: str | None = None


class Repeat(Struct, gc=False):
    boundsPeriod: Period | None = None
    boundsDuration: Quantity | None = None
    count: float | None = None
    frequency: float | None = None
    frequencyMax: float | None = None
    period: msgspec.Raw = msgspec.Raw(b"null")
    periodMax: msgspec.Raw = msgspec.Raw(b"null")
    periodUnit: str = ""
    dayOfWeek: list[str] = []
    timeOfDay: list[str] = []
    when: list[str] = []


class Timing(Struct, gc=False):
    repeat: Repeat | None = None
    code: Concept | None = None


class DoseAndRate(Struct, gc=False):
    type: Concept | None = None
    doseQuantity: Quantity | None = None
    doseRange: Range | None = None


class Dosage(Struct, gc=False):
    sequence: int | None = None
    text: str = ""
    patientInstruction: str = ""
    timing: Timing | None = None
    asNeededBoolean: bool | None = None
    asNeededCodeableConcept: Concept | None = None
    route: Concept | None = None
    doseAndRate: list[DoseAndRate] = []
    maxDosePerPeriod: Ratio | list[Ratio] | None = None


class Meta(Struct, gc=False):
    versionId: str = ""
    lastUpdated: str = ""


class Resource(Struct, gc=False):
    """What every resource has."""

    resourceType: str
    id: str | None = None
    meta: Meta | None = None
    status: str = ""
    subject: Reference | None = None
    patient: Reference | None = None


class Ingredient(Struct, gc=False):
    itemCodeableConcept: Concept | None = None


class Contained(Struct, gc=False):
    resourceType: str = ""
    id: str = ""
    code: Concept | None = None
    ingredient: list[Ingredient] = []


class Medication(Resource, gc=False):
    code: Concept | None = None
    ingredient: list[Ingredient] = []


class DispenseRequest(Struct, gc=False):
    validityPeriod: Period | None = None
    numberOfRepeatsAllowed: float | None = None
    quantity: Quantity | None = None
    expectedSupplyDuration: Quantity | None = None


class MedicationRequest(Resource, gc=False):
    intent: str = ""
    category: list[Concept] = []
    doNotPerform: bool = False
    reportedBoolean: bool = False
    medicationCodeableConcept: Concept | None = None
    medicationReference: Reference | None = None
    contained: list[Contained] = []
    authoredOn: str | None = None
    requester: Reference | None = None
    reasonCode: list[Concept] = []
    priorPrescription: Reference | None = None
    dosageInstruction: list[Dosage] = []
    dispenseRequest: DispenseRequest | None = None
    courseOfTherapyType: Concept | None = None


class MedicationStatement(Resource, gc=False):
    medicationCodeableConcept: Concept | None = None
    medicationReference: Reference | None = None
    contained: list[Contained] = []
    effectivePeriod: Period | None = None
    effectiveDateTime: str | None = None
    dateAsserted: str | None = None
    dosage: list[Dosage] = []


class Performer(Struct, gc=False):
    actor: Reference | None = None
    onBehalfOf: Reference | None = None


class MedicationDispense(Resource, gc=False):
    medicationCodeableConcept: Concept | None = None
    medicationReference: Reference | None = None
    contained: list[Contained] = []
    authorizingPrescription: list[Reference] = []
    quantity: Quantity | None = None
    daysSupply: Quantity | None = None
    whenPrepared: str | None = None
    whenHandedOver: str | None = None
    dosageInstruction: list[Dosage] = []
    performer: list[Performer] = []
    location: Reference | None = None


class Component(Struct, gc=False):
    code: Concept | None = None
    valueQuantity: Quantity | None = None
    valueCodeableConcept: Concept | None = None
    valueString: str | None = None
    valueInteger: int | None = None
    valueBoolean: bool | None = None
    interpretation: list[Concept] = []


class Observation(Resource, gc=False):
    code: Concept | None = None
    category: list[Concept] = []
    effectiveDateTime: str | None = None
    effectivePeriod: Period | None = None
    effectiveInstant: str | None = None
    issued: str | None = None
    valueQuantity: Quantity | None = None
    valueCodeableConcept: Concept | None = None
    valueString: str | None = None
    valueInteger: int | None = None
    valueBoolean: bool | None = None
    interpretation: list[Concept] = []
    component: list[Component] = []
    hasMember: list[Reference] = []
    specimen: Reference | None = None


class DiagnosticReport(Resource, gc=False):
    code: Concept | None = None
    effectiveDateTime: str | None = None
    effectivePeriod: Period | None = None
    issued: str | None = None
    result: list[Reference] = []
    conclusion: str = ""


class Condition(Resource, gc=False):
    clinicalStatus: Concept | None = None
    verificationStatus: Concept | None = None
    category: list[Concept] = []
    code: Concept | None = None
    encounter: Reference | None = None
    onsetDateTime: str | None = None
    onsetPeriod: Period | None = None
    recordedDate: str | None = None
    abatementDateTime: str | None = None
    abatementPeriod: Period | None = None


class Encounter(Resource, gc=False):
    class_: Coding | None = field(default=None, name="class")
    type: list[Concept] = []
    period: Period | None = None
    reasonCode: list[Concept] = []


class Participant(Struct, gc=False):
    actor: Reference | None = None


class Appointment(Resource, gc=False):
    start: str | None = None
    participant: list[Participant] = []
    serviceType: list[Concept] = []
    description: str = ""


class Event(Resource, gc=False):
    """Procedure, ServiceRequest and Communication share what we read of them."""

    code: Concept | None = None
    reasonCode: list[Concept] = []
    topic: Concept | None = None
    performedDateTime: str | None = None
    performedPeriod: Period | None = None
    occurrenceDateTime: str | None = None
    occurrencePeriod: Period | None = None
    authoredOn: str | None = None
    sent: str | None = None
    outcome: Concept | None = None
    # Procedure.performer names an actor, ServiceRequest.performer is a plain reference.
    performer: list[Json] = []


class Document(Resource, gc=False):
    type: Concept | None = None
    category: list[Concept] | Concept | None = None
    date: str | None = None
    dateTime: str | None = None
    description: str = ""
    docStatus: str = ""


class Answer(Struct, gc=False):
    valueInteger: int | None = None
    valueDecimal: msgspec.Raw = msgspec.Raw(b"null")
    valueCoding: Coding | None = None
    valueString: str | None = None


class Item(Struct, gc=False):
    linkId: str = ""
    text: str = ""
    code: list[Coding] = []
    answer: list[Answer] = []
    item: list[Item] = []


class QuestionnaireResponse(Resource, gc=False):
    authored: str | None = None
    questionnaire: str = ""
    item: list[Item] = []


class Name(Struct, gc=False):
    use: str = ""
    family: str = ""
    given: list[str] = []
    text: str = ""


class Identifier(Struct, gc=False):
    use: str = ""
    type: Concept | None = None
    value: str = ""


class Patient(Resource, gc=False):
    name: list[Name] = []
    birthDate: str | None = None
    gender: str = ""
    deceasedBoolean: bool | None = None
    deceasedDateTime: str | None = None
    identifier: list[Identifier] = []
    generalPractitioner: list[Reference] = []


class Issue(Struct, gc=False):
    severity: str = ""
    code: str = ""
    details: Concept | None = None


class OperationOutcome(Struct, gc=False):
    resourceType: str = ""
    id: str | None = None
    issue: list[Issue] = []


TYPES: dict[str, type[Struct]] = {
    "Medication": Medication,
    "MedicationRequest": MedicationRequest,
    "MedicationStatement": MedicationStatement,
    "MedicationDispense": MedicationDispense,
    "Observation": Observation,
    "DiagnosticReport": DiagnosticReport,
    "Condition": Condition,
    "Encounter": Encounter,
    "Appointment": Appointment,
    "Procedure": Event,
    "ServiceRequest": Event,
    "Communication": Event,
    "DocumentReference": Document,
    "Consent": Document,
    "QuestionnaireResponse": QuestionnaireResponse,
    "Patient": Patient,
    "OperationOutcome": OperationOutcome,
}
_DECODERS = {kind: msgspec.json.Decoder(type_) for kind, type_ in TYPES.items()}
_KIND = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]+)"')


class _Head(Struct, gc=False):
    resourceType: str = ""
    id: str | None = None


_HEAD = msgspec.json.Decoder(_Head)
_AT_FIELD = re.compile(r"`\$\.([A-Za-z_]+)")


class UnreadableError(Exception):
    """Not even the resource around the wrong element could be read; `where` is the JSON path."""

    def __init__(self, ref: str, reason: str) -> None:
        super().__init__(reason)
        self.ref, self.reason = ref, reason


def decode(raw: bytes) -> tuple[Struct | None, list[str]]:
    """One resource and the top-level elements that had to be left out of it; None for a type we do not read.

    Raises UnreadableError when the text is not JSON or no resource.
    """
    try:
        head = _HEAD.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        found = _KIND.search(raw)
        raise UnreadableError(found[1].decode() if found else "", _reason(error)) from None
    decoder = _DECODERS.get(head.resourceType)
    if decoder is None:
        if not head.resourceType:
            raise UnreadableError("", "it has no resourceType")
        return None, []
    try:
        return decoder.decode(raw), []
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _without_wrong_elements(raw, head, error)


def _without_wrong_elements(raw: bytes, head: _Head, error: Exception) -> tuple[Struct, list[str]]:
    """Drop one wrong top-level element at a time: an odd note must not hide an opioid order."""
    ref = f"{head.resourceType}/{head.id or '?'}"
    try:
        members = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UnreadableError(ref, _reason(error)) from None
    dropped: list[str] = []
    type_ = TYPES[head.resourceType]
    for _ in range(12):
        found = _AT_FIELD.search(str(error))
        if (
            found is None
            or found[1] in {"resourceType", "id", "subject", "patient"}
            or found[1] not in members
        ):
            break
        dropped.append(f"{found[1]}: {_reason(error)}")
        del members[found[1]]
        try:
            return msgspec.json.decode(msgspec.json.encode(members), type=type_), dropped
        except msgspec.DecodeError as another:
            error = another
    raise UnreadableError(ref, _reason(error))


def _reason(error: Exception) -> str:
    """The decoder's words: types and a JSON path, never a value of the chart."""
    return str(error) if isinstance(error, msgspec.DecodeError) else "the text is not UTF-8"


def number_text(raw: msgspec.Raw) -> str | None:
    """The digits of a JSON number as written, so that 0.1 stays a tenth; None for anything else."""
    text = bytes(raw).decode("ascii", "replace").strip()
    return None if text in {"", "null"} else text
