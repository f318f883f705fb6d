"""The elements we read of each FHIR resource, as typed structs; everything else is skipped unread.

FHIR's own names are kept.  Numbers stay as written (Raw), so that 0.1 is a tenth.
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct, field

Json = Any
NOTHING = Raw(b"null")


class Coding(Struct, gc=False):
    system: str = ""
    code: str = ""
    display: str = ""


class Concept(Struct, gc=False):
    coding: list[Coding] = []
    text: str = ""


class Reference(Struct, gc=False):
    reference: str = ""
    display: str = ""


class Quantity(Struct, gc=False):
    value: Raw = NOTHING
    comparator: str = ""
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
    frequency: Raw = NOTHING
    frequencyMax: Raw = NOTHING
    period: Raw = NOTHING
    periodMax: Raw = NOTHING
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


class Extension(Struct, gc=False):
    url: str = ""
    valueString: str = ""


class Dosage(Struct, gc=False):
    sequence: Raw = NOTHING
    extension: list[Extension] = []
    text: str = ""
    patientInstruction: str = ""
    timing: Timing | None = None
    asNeededBoolean: bool | None = None
    asNeededCodeableConcept: Concept | None = None
    route: Concept | None = None
    doseAndRate: list[DoseAndRate] = []
    maxDosePerPeriod: Ratio | list[Ratio] | None = None


class Head(Struct, gc=False):
    """Enough to tell what a text is."""

    resourceType: str = ""
    id: str | None = None


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
    itemReference: Reference | None = None


class Contained(Struct, gc=False):
    resourceType: str = ""
    id: str = ""
    code: Concept | None = None
    ingredient: list[Ingredient] = []


class Identifier(Struct, gc=False):
    use: str = ""
    type: Concept | None = None
    value: str = ""


class Medication(Resource, gc=False):
    contained: list[Contained] = []
    identifier: list[Identifier] = []
    code: Concept | None = None
    ingredient: list[Ingredient] = []


class DispenseRequest(Struct, gc=False):
    validityPeriod: Period | None = None
    numberOfRepeatsAllowed: Raw = NOTHING
    quantity: Quantity | None = None
    expectedSupplyDuration: Quantity | None = None


class MedicationRequest(Resource, gc=False):
    intent: str = ""
    category: list[Concept] = []
    statusReason: Concept | None = None
    doNotPerform: bool = False
    reportedBoolean: bool = False
    reportedReference: Reference | None = None
    medicationCodeableConcept: Concept | None = None
    medicationReference: Reference | None = None
    contained: list[Contained] = []
    encounter: Reference | None = None
    authoredOn: str | None = None
    requester: Reference | None = None
    reasonCode: list[Concept] = []
    reasonReference: list[Reference] = []
    priorPrescription: Reference | None = None
    dosageInstruction: list[Dosage] = []
    dispenseRequest: DispenseRequest | None = None


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


class MedicationDispense(Resource, gc=False):
    category: Concept | None = None
    context: Reference | None = None
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
    dataAbsentReason: Concept | None = None


class Observation(Resource, gc=False):
    code: Concept | None = None
    category: list[Concept] = []
    focus: list[Reference] = []
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
    dataAbsentReason: Concept | None = None
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
    abatementAge: Json = None
    abatementString: Json = None
    abatementPeriod: Period | None = None


class Participant(Struct, gc=False):
    actor: Reference | None = None
    individual: Reference | None = None


class Encounter(Resource, gc=False):
    class_: Coding | None = field(default=None, name="class")
    type: list[Concept] = []
    period: Period | None = None
    reasonCode: list[Concept] = []
    participant: list[Participant] = []


class Appointment(Resource, gc=False):
    start: str | None = None
    participant: list[Participant] = []
    serviceType: list[Concept] = []
    description: str = ""


class Event(Resource, gc=False):
    """Procedure, ServiceRequest and Communication share what we read of them."""

    intent: str = ""
    doNotPerform: bool = False
    code: Concept | None = None
    reasonCode: list[Concept] = []
    statusReason: Concept | None = None
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
    sender: Reference | None = None


class Attachment(Struct, gc=False):
    title: str = ""


class Content(Struct, gc=False):
    attachment: Attachment | None = None


class Document(Resource, gc=False):
    type: Concept | None = None
    category: list[Concept] | Concept | None = None
    date: str | None = None
    dateTime: str | None = None
    description: str = ""
    docStatus: str = ""
    content: list[Content] = []


class Answer(Struct, gc=False):
    valueInteger: int | None = None
    valueDecimal: Raw = NOTHING
    valueQuantity: Quantity | None = None
    valueCoding: Coding | None = None
    valueString: str | None = None
    item: list[Item] = []


class Item(Struct, gc=False):
    linkId: str = ""
    text: str = ""
    code: list[Coding] = []
    answer: list[Answer] = []
    item: list[Item] = []


class QuestionnaireResponse(Resource, gc=False):
    authored: str | None = None
    item: list[Item] = []


class Name(Struct, gc=False):
    use: str = ""
    family: str = ""
    given: list[str] = []
    text: str = ""


class PatientLink(Struct, gc=False):
    type: str = ""


class Patient(Resource, gc=False):
    name: list[Name] = []
    birthDate: str | None = None
    gender: str = ""
    deceasedBoolean: bool | None = None
    deceasedDateTime: str | None = None
    identifier: list[Identifier] = []
    generalPractitioner: list[Reference] = []
    link: list[PatientLink] = []


class Remark(Struct, gc=False):
    severity: str = ""
    code: str = ""
    details: Concept | None = None


class OperationOutcome(Struct, gc=False):
    resourceType: str = ""
    id: str | None = None
    issue: list[Remark] = []
