"""MedicationRequest, MedicationStatement and MedicationDispense to orders and fills."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from fractions import Fraction

from fhir_mappings import resources as r
from fhir_mappings.dates import local_date
from fhir_mappings.dosage import Directions, directions_of
from fhir_mappings.drugs import NamedAs, Verdict, concepts_of, names_in, recognise, with_text_search
from fhir_mappings.facts import DrugBasis, DrugFact, Fill, Issue, IssueCode, Order
from fhir_mappings.units import days_of, unit_of, value_of
from valuesets import Terms

LONGEST_SUPPLY = 120
_INPATIENT = re.compile(r"inpatient|intravenous|\biv\b|infusion|inj(?:ect)", re.IGNORECASE)
_IV_ROUTES = frozenset({"318170", "47625008", "418114005", "255560000", "78421000", "34206005"})
_FOR_OUD = re.compile(
    r"opioid use disorder|opioid dependence|\boud\b|\bmoud\b|\bmat\b|opioid addiction", re.IGNORECASE
)
_OUD_CODES = re.compile(r"F11\.?[12]")
MASKED = "data-absent-reason"


@dataclass(frozen=True, slots=True)
class Context:
    """What mapping one chart needs: terms, the clinic's zone, and the chart's Medication resources by id."""

    terms: Terms
    zone: tzinfo
    medications: Mapping[str, r.Medication]
    inpatient_encounters: frozenset[str] = frozenset()


Ordered = r.MedicationRequest | r.MedicationStatement | r.MedicationDispense


def order_of(resource: r.MedicationRequest, ref: str, context: Context) -> tuple[Order, list[Issue]]:
    """One prescription or reported medication."""
    directions = directions_of(resource.dosageInstruction, context.zone)
    drug, issues = _drug(resource, ref, directions, context)
    request = resource.dispenseRequest or r.DispenseRequest()
    supply, supply_issue = _supply(request.expectedSupplyDuration, ref)
    authored = local_date(resource.authoredOn, context.zone)
    validity = request.validityPeriod or r.Period()
    start = directions.start or local_date(validity.start, context.zone) or directions.text_start or authored
    end, end_basis = directions.end, "bounds"
    if end is None and directions.text_end is not None:
        end, end_basis = directions.text_end, "text"
    if end is None and (end := local_date(validity.end, context.zone)) is not None:
        end_basis = "validity"
    issues += [*supply_issue, *_date_issue(start, ref), *_sig_issue(directions, drug, ref)]
    reported = resource.reportedBoolean or resource.intent in {"plan", "proposal"}
    return (
        Order(
            ref=ref,
            drug=drug,
            status=resource.status or "unknown",
            intent=resource.intent or "order",
            setting=_setting(resource, drug),
            reported=reported,
            authored=authored,
            start=start,
            end=end,
            end_basis=end_basis if end else "",
            sigs=directions.sigs,
            sig_text=directions.text,
            quantity=_positive(value_of(request.quantity)),
            quantity_unit=_unit(request.quantity),
            supply_days=supply,
            refills_allowed=int(request.numberOfRepeatsAllowed) if request.numberOfRepeatsAllowed else None,
            replaces=_reference(resource.priorPrescription),
            prescriber=_who(resource.requester),
            do_not_perform=resource.doNotPerform,
            for_oud=_for_oud(resource.reasonCode, directions.text),
            text=drug.name,
        ),
        issues,
    )


def statement_of(resource: r.MedicationStatement, ref: str, context: Context) -> tuple[Order, list[Issue]]:
    """A medication as the patient or another clinic reports it."""
    directions = directions_of(resource.dosage, context.zone)
    drug, issues = _drug(resource, ref, directions, context)
    period = resource.effectivePeriod or r.Period(start=resource.effectiveDateTime)
    start = directions.start or local_date(period.start, context.zone)
    end = directions.end or local_date(period.end, context.zone)
    order = Order(
        ref=ref,
        drug=drug,
        status=resource.status or "unknown",
        intent="plan",
        reported=True,
        authored=local_date(resource.dateAsserted, context.zone),
        start=start,
        end=end,
        end_basis="bounds" if end else "",
        sigs=directions.sigs,
        sig_text=directions.text,
        text=drug.name,
    )
    return order, issues + _sig_issue(directions, drug, ref)


def fill_of(resource: r.MedicationDispense, ref: str, context: Context) -> tuple[Fill, list[Issue]]:
    """One dispense."""
    directions = directions_of(resource.dosageInstruction, context.zone)
    drug, issues = _drug(resource, ref, directions, context)
    supply, supply_issue = _supply(resource.daysSupply, ref)
    when = local_date(resource.whenHandedOver, context.zone) or local_date(
        resource.whenPrepared, context.zone
    )
    fill = Fill(
        ref=ref,
        drug=drug,
        status=resource.status or "unknown",
        when=when,
        order=next((found for link in resource.authorizingPrescription if (found := _reference(link))), None),
        quantity=_positive(value_of(resource.quantity)),
        quantity_unit=_unit(resource.quantity),
        supply_days=supply,
        sigs=directions.sigs,
        pharmacy=_who(resource.location) or next((_who(p.actor) for p in resource.performer), ""),
    )
    return fill, issues + supply_issue + _date_issue(when, ref)


def _drug(
    resource: Ordered, ref: str, directions: Directions, context: Context
) -> tuple[DrugFact, list[Issue]]:
    named, found = _named(resource, context)
    if not named.codings and not named.texts:
        text = "the Medication it refers to could not be read" if not found else "it names no drug"
        return DrugFact("drug not named", DrugBasis.NONE), [Issue(ref, IssueCode.MEDICATION_MISSING, text)]
    if _masked(named):
        return DrugFact("masked by the EHR", DrugBasis.NONE), [
            Issue(ref, IssueCode.MASKED, "the EHR hides its content")
        ]
    verdict: Verdict = recognise(named, context.terms)
    drug, notes = with_text_search(verdict, (directions.text,), context.terms)
    return drug, [Issue(ref, code, f"{drug.name}: {text}") for code, text in notes]


def _named(resource: Ordered, context: Context) -> tuple[NamedAs, bool]:
    """Codings and texts of the drug; False when a reference leads nowhere."""
    if resource.medicationCodeableConcept is not None:
        return names_in([resource.medicationCodeableConcept]), True
    link = resource.medicationReference
    if link is None:
        return NamedAs((), ()), True
    if link.reference.startswith("#"):
        for part in resource.contained:
            if part.id == link.reference[1:] and part.resourceType == "Medication":
                return names_in(concepts_of(part), link.display), True
        return names_in([], link.display), False
    medication = context.medications.get(link.reference.split("/_history")[0].rpartition("/")[2])
    if medication is None:
        return names_in([], link.display), False
    return names_in(concepts_of(medication), link.display), True


def _masked(named: NamedAs) -> bool:
    return named.texts == ("Error",) or (
        bool(named.codings) and all(MASKED in system for system, _ in named.codings)
    )


def _reference(link: r.Reference | None) -> str | None:
    if link is None or not link.reference:
        return None
    return "/".join(link.reference.split("/_history")[0].split("/")[-2:])


def _who(link: r.Reference | None) -> str:
    return (link.display or _reference(link) or "") if link else ""


def _positive(value: Fraction | None) -> Fraction | None:
    return value if value is not None and value > 0 else None


def _unit(quantity: r.Quantity | None) -> str:
    return (unit_of(quantity.code, quantity.unit) or quantity.unit or "unit") if quantity else ""


def _supply(quantity: r.Quantity | None, ref: str) -> tuple[Fraction | None, list[Issue]]:
    """Recorded days' supply.  Zero, negative or more than 120 days is no supply, and is told."""
    days = days_of(quantity)
    if days is None or 0 < days <= LONGEST_SUPPLY:
        return days, []
    text = f"the recorded days' supply is not between 1 and {LONGEST_SUPPLY}"
    return None, [Issue(ref, IssueCode.SUPPLY_INVALID, text)]


def _date_issue(day: object, ref: str) -> list[Issue]:
    return [] if day is not None else [Issue(ref, IssueCode.DATE_MISSING, "it has no readable date")]


def _sig_issue(directions: Directions, drug: DrugFact, ref: str) -> list[Issue]:
    if not directions.refused or not drug.is_opioid:
        return []
    why = directions.refused.removeprefix("sig_").replace("_", " ")
    return [Issue(ref, IssueCode.SIG_REFUSED, f"{drug.name}: its directions were not read ({why})")]


def _setting(resource: r.MedicationRequest, drug: DrugFact) -> str:
    """Inpatient by category, or by a route no clinic patient uses at home."""
    codes = {coding.code for concept in resource.category for coding in concept.coding}
    if "inpatient" in codes and not codes & {"community", "outpatient", "discharge"}:
        return "inpatient"
    texts = " ".join(concept.text for concept in resource.category).lower()
    if "inpatient" in texts and not codes & {"community", "outpatient", "discharge"}:
        return "inpatient"
    if drug.category == "injectable" or _intravenous(resource.dosageInstruction):
        return "inpatient"
    return "outpatient"


def _intravenous(dosages: Sequence[r.Dosage]) -> bool:
    routes = [dosage.route for dosage in dosages if dosage.route is not None]
    return bool(routes) and all(_is_iv(route) for route in routes)


def _is_iv(route: r.Concept) -> bool:
    if any(coding.code in _IV_ROUTES for coding in route.coding):
        return True
    return bool(_INPATIENT.search(" ".join([route.text, *(coding.display for coding in route.coding)])))


def _for_oud(reasons: Iterable[r.Concept], text: str) -> bool | None:
    """Whether the order itself says that it treats opioid use disorder; None when it says nothing."""
    reasons = list(reasons)
    codes = [coding.code for reason in reasons for coding in reason.coding]
    words = " ".join(
        [text, *(reason.text for reason in reasons), *(c.display for x in reasons for c in x.coding)]
    )
    if any(_OUD_CODES.match(code) for code in codes) or _FOR_OUD.search(words):
        return True
    return False if re.search(r"\bpain\b", words, re.IGNORECASE) else None
