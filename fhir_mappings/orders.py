"""MedicationRequest, MedicationStatement and MedicationDispense to orders and fills."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, tzinfo
from fractions import Fraction
from types import MappingProxyType

from fhir_mappings import resources as r
from fhir_mappings.dates import days_open, last_local_date, local_date
from fhir_mappings.dosage import Directions, directions_of, shown_text, texts_of, with_units
from fhir_mappings.doses import UNIT_UNKNOWN
from fhir_mappings.drugs import NamedAs, names_in, names_nothing, recognise, with_text_search
from fhir_mappings.facts import DrugBasis, DrugFact, Fill, Issue, IssueCode, Order, Sig
from fhir_mappings.purpose import purpose_of
from fhir_mappings.references import id_of, ref_to, who
from fhir_mappings.results import text_of
from fhir_mappings.setting import is_taken_home, setting_of
from fhir_mappings.units import days_of, number_of, unit_of, value_of
from valuesets import Terms
from valuesets.systems import NDC, canonical

LONGEST_SUPPLY = 120
_DEEPEST = 3
_NO_MEDICATIONS: Mapping[str, r.Medication] = MappingProxyType({})
_NO_CONDITIONS: Mapping[str, r.Condition] = MappingProxyType({})
_IN_USE = frozenset({"active", "on-hold", "unknown", ""})
# The codes FHIR has for MedicationRequest ("ended" from R5 on), MedicationStatement and MedicationDispense.
_INTENTS = frozenset(
    {
        "order",
        "original-order",
        "reflex-order",
        "filler-order",
        "instance-order",
        "proposal",
        "plan",
        "option",
    }
)
_ORDERED = frozenset(
    {
        "active",
        "on-hold",
        "cancelled",
        "completed",
        "entered-in-error",
        "stopped",
        "ended",
        "draft",
        "unknown",
    }
)
_REPORTED = frozenset(
    {"active", "completed", "entered-in-error", "intended", "stopped", "on-hold", "unknown", "not-taken"}
)
_DISPENSED = frozenset(
    {"preparation", "in-progress", "cancelled", "on-hold", "completed", "entered-in-error", "stopped", "declined",
     "unknown"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Context:
    """What mapping one order needs beside it: terms, the clinic's zone, and resources it may refer to.

    medications and conditions by id; hospital: ids of encounters that are hospital stays.
    """

    terms: Terms
    zone: tzinfo
    medications: Mapping[str, r.Medication] = field(default_factory=lambda: _NO_MEDICATIONS)
    conditions: Mapping[str, r.Condition] = field(default_factory=lambda: _NO_CONDITIONS)
    hospital: frozenset[str] = frozenset()


Ordered = r.MedicationRequest | r.MedicationStatement | r.MedicationDispense


def order_of(resource: r.MedicationRequest, ref: str, context: Context) -> tuple[Order, list[Issue]]:
    """One prescription or reported medication."""
    texts = texts_of(resource.dosageInstruction)
    drug, issues = _drug(resource, ref, texts, context)
    request = resource.dispenseRequest or r.DispenseRequest()
    supply = days_of(request.expectedSupplyDuration)
    directions = _directions(resource.dosageInstruction, drug, context, supply)
    sigs = with_units(directions.sigs, drug)
    authored = local_date(resource.authoredOn, context.zone)
    validity = request.validityPeriod or r.Period()
    end, end_basis = _end(directions, last_local_date(validity.end, context.zone))
    stated = (directions.start, local_date(validity.start, context.zone), directions.text_start, authored)
    start = _start(stated, end)
    refills = number_of(request.numberOfRepeatsAllowed)
    status, intent = _code(resource.status) or "unknown", _code(resource.intent) or "order"
    for_oud, for_pain = _purpose(resource, drug, texts, context)
    if drug.classes:
        issues += [
            *_code_issues(drug, ref, status=status in _ORDERED, intent=intent in _INTENTS),
            *_supply_issue(supply, ref),
            *_date_issue(start, ref),
            *_sig_issues(directions, sigs, drug, ref),
        ]
    order = Order(
        ref=ref,
        drug=drug,
        status=status,
        intent=intent,
        setting=setting_of(resource, drug, context.hospital),
        reported=_is_reported(resource),
        authored=authored,
        start=start,
        start_open=days_open(resource.authoredOn, context.zone) if start == authored else 0,
        end=end,
        end_basis=end_basis,
        sigs=sigs,
        sig_text=shown_text(resource.dosageInstruction),
        quantity=_positive(value_of(request.quantity)),
        quantity_unit=_unit(request.quantity),
        supply_days=_valid_supply(supply),
        refills_allowed=int(refills) if refills is not None and 0 <= refills < 1000 else None,
        replaces=ref_to(resource.priorPrescription, "MedicationRequest"),
        prescriber=who(resource.requester),
        do_not_perform=resource.doNotPerform,
        for_oud=for_oud,
        for_pain=for_pain,
        text=drug.name,
        status_reason=text_of(resource.statusReason),
    )
    return order, issues


def statement_of(resource: r.MedicationStatement, ref: str, context: Context) -> tuple[Order, list[Issue]]:
    """A medication as the patient or another clinic reports it."""
    drug, issues = _drug(resource, ref, texts_of(resource.dosage), context)
    directions = _directions(resource.dosage, drug, context)
    sigs = with_units(directions.sigs, drug)
    period = resource.effectivePeriod or r.Period(start=resource.effectiveDateTime)
    asserted = local_date(resource.dateAsserted, context.zone)
    start = directions.start or local_date(period.start, context.zone) or directions.text_start or asserted
    end, end_basis = _end(directions, None)
    if end is None and (end := last_local_date(period.end, context.zone)) is not None:
        end_basis = "bounds"
    status = _code(resource.status) or "unknown"
    if drug.classes:
        issues += [
            *_code_issues(drug, ref, status=status in _REPORTED),
            *_sig_issues(directions, sigs, drug, ref),
        ]
    order = Order(
        ref=ref,
        drug=drug,
        status=status if status in _REPORTED else "unknown",
        intent="plan",
        reported=True,
        authored=asserted,
        start=start,
        end=end,
        end_basis=end_basis,
        sigs=sigs,
        sig_text=shown_text(resource.dosage),
        text=drug.name,
    )
    return order, issues


def fill_of(resource: r.MedicationDispense, ref: str, context: Context) -> tuple[Fill, list[Issue]]:
    """One dispense.  The prescriber is known from its order only."""
    texts = texts_of(resource.dosageInstruction)
    drug, issues = _drug(resource, ref, texts, context)
    supply = days_of(resource.daysSupply)
    directions = _directions(resource.dosageInstruction, drug, context, supply)
    sigs = with_units(directions.sigs, drug)
    when = local_date(resource.whenHandedOver, context.zone) or local_date(
        resource.whenPrepared, context.zone
    )
    links = (ref_to(link, "MedicationRequest") for link in resource.authorizingPrescription)
    status = _code(resource.status) or "unknown"
    if drug.classes:
        issues += [
            *_code_issues(drug, ref, status=status in _DISPENSED),
            *_supply_issue(supply, ref),
            *_date_issue(when, ref),
        ]
    fill = Fill(
        ref=ref,
        drug=drug,
        status=status,
        when=when,
        order=next((link for link in links if link is not None), None),
        quantity=_positive(value_of(resource.quantity)),
        quantity_unit=_unit(resource.quantity),
        supply_days=_valid_supply(supply),
        sigs=sigs,
        pharmacy=who(resource.location) or next((who(p.actor) for p in resource.performer if p.actor), ""),
        taken_home=is_taken_home(resource),
        ndc=next(
            (code for system, code in _named(resource, context).codings if canonical(system) == NDC), None
        ),
    )
    return fill, issues


def _directions(
    dosages: Sequence[r.Dosage], drug: DrugFact, context: Context, supply: Fraction | None = None
) -> Directions:
    """Directions of drugs we do not track are not read: most orders of a chart are for such drugs."""
    return directions_of(dosages, context.zone, supply) if drug.classes else Directions()


def _purpose(
    resource: r.MedicationRequest, drug: DrugFact, texts: tuple[str, ...], context: Context
) -> tuple[bool | None, bool]:
    return purpose_of(resource, " ".join(texts), context.conditions) if drug.is_opioid else (None, False)


def _is_reported(resource: r.MedicationRequest) -> bool:
    """Told rather than prescribed here: by flag, by intent, or by Oracle's category for home medications."""
    codes = {coding.code for concept in resource.category for coding in concept.coding}
    return (
        resource.reportedBoolean
        or _is_layperson(resource.reportedReference)
        or _code(resource.intent) in {"plan", "proposal"}
        or "patientspecified" in codes
    )


def _is_layperson(link: r.Reference | None) -> bool:
    """Some EHRs put the prescriber into `reported`; only the patient's own or a relative's word makes a report."""
    return link is not None and bool({"Patient", "RelatedPerson"} & set(link.reference.split("/")))


def _start(stated: Sequence[date | None], end: date | None) -> date | None:
    """The latest stated day: nothing is supplied before it was ordered, or before it may be filled.

    A day after the end is when the past was recorded, not when it began.
    """
    days = [day for day in stated if day is not None]
    return max([day for day in days if end is None or day <= end] or days[:1], default=None)


def _end(directions: Directions, validity_end: date | None) -> tuple[date | None, str]:
    """The last day: by bounds, else as written in the text, else the end of the time for dispensing."""
    for day, basis in ((directions.end, "bounds"), (directions.text_end, "text"), (validity_end, "validity")):
        if day is not None:
            return day, basis
    return None, ""


def _drug(
    resource: Ordered, ref: str, texts: tuple[str, ...], context: Context
) -> tuple[DrugFact, list[Issue]]:
    named = _named(resource, context)
    status = _code(resource.status)
    in_error = status == "entered-in-error"
    if named.masked and not named.codings and in_error:
        issue = Issue(ref, IssueCode.MASKED, "the EHR hides its content because it was entered in error")
        return DrugFact("masked by the EHR", DrugBasis.NONE), [issue]
    verdict = recognise(named, context.terms)
    verdict = with_text_search(verdict, named, texts, context.terms)
    drug = verdict.drug
    issues = [Issue(ref, code, f"{drug.name}: {text}") for code, text in verdict.notes]
    nameless = names_nothing(named) and (not named.texts or status in _IN_USE)
    if drug.basis is DrugBasis.NONE and (nameless or named.lost):
        issues.append(Issue(ref, IssueCode.MEDICATION_MISSING, _why_missing(named)))
    return drug, issues


def _why_missing(named: NamedAs) -> str:
    if named.masked:
        return "the EHR hides which drug it is"
    if named.lost:
        return "an ingredient of its drug could not be fetched"
    if named.texts:
        return "it is a free-text order that names no drug"
    return "its drug is not named, or could not be fetched"


def _named(resource: Ordered, context: Context) -> NamedAs:
    """Codings and texts of the drug: inline, contained, or in a Medication of the chart."""
    if resource.medicationCodeableConcept is not None:
        return names_in([resource.medicationCodeableConcept])
    link = resource.medicationReference
    if link is None:
        return NamedAs()
    medication = _medication_at(link.reference, resource.contained, context)
    concepts, lost = _concepts(medication, resource.contained, context)
    named = names_in(concepts, link.display, *_names_as_identifiers(medication))
    return replace(named, lost=True) if lost else named


def _medication_at(
    reference: str, contained: Sequence[r.Contained], context: Context
) -> r.Medication | r.Contained | None:
    if not reference.startswith("#"):
        return context.medications.get(id_of(reference)) if reference else None
    found = (part for part in contained if part.id == reference[1:])
    return next((part for part in found if part.resourceType in {"Medication", ""}), None)


def _names_as_identifiers(medication: r.Medication | r.Contained | None) -> list[str]:
    """Some formularies file a product's name among its identifiers, and have no other place for it."""
    if not isinstance(medication, r.Medication):
        return []
    values = [identifier.value for identifier in medication.identifier]
    return [value for value in values if re.search("[A-Za-z]{5}", value)]


def _concepts(
    medication: r.Medication | r.Contained | None,
    contained: Sequence[r.Contained],
    context: Context,
    deep: int = _DEEPEST,
) -> tuple[list[r.Concept | None], bool]:
    """The product's own code; its ingredients where that names no product, and whether one of these is lost.

    The strength stated with an ingredient is not read: EHRs write it as "30 mg per 30 mg".
    """
    if medication is None:
        return [], False
    if isinstance(medication, r.Medication):
        contained = medication.contained
    concepts, lost = [medication.code], False
    if medication.code is None or not medication.code.coding:
        for part in medication.ingredient:
            concepts.append(part.itemCodeableConcept)
            if part.itemReference is not None:
                other = _medication_at(part.itemReference.reference, contained, context) if deep else None
                found, gone = _concepts(other, contained, context, deep - 1)
                concepts += [*found, r.Concept(text=part.itemReference.display)]
                lost = lost or gone or (other is None and not part.itemReference.display)
    return concepts, lost


def _positive(value: Fraction | None) -> Fraction | None:
    return value if value is not None and value > 0 else None


def _unit(quantity: r.Quantity | None) -> str:
    """Ours, else as written: a box or bottle is never read as a count of tablets.  Without any it counts units."""
    if quantity is None:
        return ""
    return unit_of(quantity.code, quantity.unit) or quantity.unit or quantity.code or "unit"


def _valid_supply(days: Fraction | None) -> Fraction | None:
    return days if days is not None and 1 <= days <= LONGEST_SUPPLY else None


def _code(text: str) -> str:
    """FHIR's codes are in lower case, as some EHRs do not write them."""
    return text.strip().lower()


def _code_issues(drug: DrugFact, ref: str, *, status: bool, intent: bool = True) -> Iterable[Issue]:
    """An opioid whose status or intent is no code of FHIR: whether it counts is not known."""
    if not drug.is_opioid:
        return
    for known, where in ((status, "status"), (intent, "intent")):
        if not known:
            text = f"{drug.name}: its {where} is no code that FHIR knows, so nothing is concluded from it"
            yield Issue(ref, IssueCode.UNREADABLE, text, where)


def _supply_issue(days: Fraction | None, ref: str) -> list[Issue]:
    if days is None or _valid_supply(days) is not None:
        return []
    text = f"the recorded days' supply is not between 1 and {LONGEST_SUPPLY} days and is not used"
    return [Issue(ref, IssueCode.SUPPLY_INVALID, text)]


def _date_issue(day: date | None, ref: str) -> list[Issue]:
    return [] if day is not None else [Issue(ref, IssueCode.DATE_MISSING, "it has no readable date")]


def _sig_issues(directions: Directions, sigs: tuple[Sig, ...], drug: DrugFact, ref: str) -> list[Issue]:
    """What a reader should know about an opioid's directions."""
    if not drug.is_opioid:
        return []
    issues: list[Issue] = []
    where = "dosageInstruction"
    if directions.refused:
        why = directions.refused.removeprefix("sig_").replace("_", " ")
        issues.append(
            Issue(ref, IssueCode.SIG_REFUSED, f"{drug.name}: its directions were not read ({why})", where)
        )
    if any(sig.problem == UNIT_UNKNOWN for sig in sigs):
        text = f"{drug.name}: its dose has a unit that cannot be used, or none"
        issues.append(Issue(ref, IssueCode.UNIT_UNKNOWN, text, where))
    elif any(sig.dose is not None and not sig.dose.unit for sig in directions.sigs):
        text = f"{drug.name}: its dose has no unit and is read as a count of tablets or patches"
        issues.append(Issue(ref, IssueCode.UNIT_UNKNOWN, text, where))
    if directions.differs:
        text = f"{drug.name}: its coded directions and its text differ; the coded ones are used"
        issues.append(Issue(ref, IssueCode.CODES_DISAGREE, text, where))
    return issues
