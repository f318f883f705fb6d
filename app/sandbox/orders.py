"""Medication orders, dispenses and products, rendered in each vendor's shape."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from app.sandbox.charts import Chart, Order
from app.sandbox.config import ORACLE_TENANT, Flavour, Resource
from app.sandbox.drugs import RXNORM, Drug
from app.sandbox.ids import resource_id
from app.sandbox.timings import TIMINGS, Timing

UCUM = "http://unitsofmeasure.org"
SNOMED = "http://snomed.info/sct"
CATEGORY = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"
ORACLE = f"https://fhir.cerner.com/{ORACLE_TENANT}"
EPIC_OID = "urn:oid:1.2.840.114350.1.13.999.3.7"
_FORM_CODES = {
    "tablet": "{tbl}",
    "capsule": "{capsule}",
    "patch": "{patch}",
    "film": "{film}",
    "spray": "{spray}",
}
_ABSENT = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "error"}
_VERBS = {"patch": "Apply", "film": "Dissolve"}
_ROUTES = {"Oral": "26643006", "Transdermal": "45890007", "Sublingual": "37839007", "Nasal": "46713006"}


@dataclass(frozen=True, slots=True)
class Writer:
    """Renders the orders of one chart for one flavour; `as_of` is the day the chart is made for."""

    flavour: Flavour
    chart: Chart
    as_of: date

    def day(self, ago: int) -> date:
        """The calendar day `ago` days back."""
        return self.as_of - timedelta(days=ago)

    def stamp(self, ago: int) -> str:
        """A date on Epic, a UTC dateTime elsewhere (mid-afternoon, so that the local day is the same)."""
        return self.day(ago).isoformat() + ("" if self.flavour == "epic" else "T17:00:00Z")

    def id(self, resource_type: str, key: str) -> str:
        """The flavour's id for a resource of this chart."""
        return resource_id(self.flavour, resource_type, key)

    def reference(self, resource_type: str, key: str) -> dict[str, str]:
        """A relative reference."""
        return {"reference": f"{resource_type}/{self.id(resource_type, key)}"}

    @property
    def subject(self) -> dict[str, str]:
        """Reference to the chart's patient."""
        return {
            **self.reference("Patient", self.chart.key),
            "display": f"{self.chart.family}, {self.chart.given}",
        }

    def medication_request(self, order: Order, number: int) -> Resource:
        """One order."""
        key = f"{self.chart.key}-order-{number}"
        resource: dict[str, Any] = {
            "resourceType": "MedicationRequest",
            "id": self.id("MedicationRequest", key),
            "status": order.status,
            "intent": "plan" if order.reported else "order",
            "category": [
                {
                    "coding": [{"system": CATEGORY, "code": "community", "display": "Community"}],
                    "text": "Community",
                }
            ],
            **self._medication(order.drug, masked=order.status == "entered-in-error"),
            "subject": self.subject,
            "authoredOn": self.stamp(order.ago),
            "requester": {**self.reference("Practitioner", "clinician"), "display": "Sandbox, Dr."},
        }
        if order.reason:
            resource["statusReason"] = {"text": order.reason}
        if order.reported or self.flavour == "oracle":
            resource["reportedBoolean"] = order.reported
        instructions = self._instructions(order)
        if instructions:
            resource["dosageInstruction"] = instructions
        resource["dispenseRequest"] = self._dispense_request(order)
        return resource

    def _medication(self, drug: Drug, *, masked: bool = False) -> dict[str, Any]:
        if self.flavour == "oracle" and masked:
            return {"medicationCodeableConcept": {"text": "Error", "extension": [_ABSENT]}}
        if self.flavour == "epic":
            reference = self.reference("Medication", drug.rxcui)
            return {"medicationReference": {**reference, "display": drug.ehr_name}}
        coding: list[dict[str, Any]] = [{"system": RXNORM, "code": drug.rxcui, "display": drug.rxnorm_name}]
        if self.flavour == "generic":
            return {"medicationCodeableConcept": {"coding": coding, "text": drug.rxnorm_name}}
        coding[0]["userSelected"] = False
        name = re.sub(r" \([A-Z ]+\)", "", drug.ehr_name)
        synonym = {
            "system": f"{ORACLE}/synonym",
            "code": f"9{drug.rxcui}",
            "display": name,
            "userSelected": True,
        }
        return {
            "medicationCodeableConcept": {"coding": [*coding, synonym], "text": f"{drug.generic} ({name})"}
        }

    def _dispense_request(self, order: Order) -> dict[str, Any]:
        request: dict[str, Any] = {
            "validityPeriod": {"start": self.stamp(order.ago)},
            "numberOfRepeatsAllowed": 0,
        }
        if order.quantity is not None:
            request["quantity"] = {"value": order.quantity, "unit": order.drug.form}
            if self.flavour != "epic":
                request["quantity"] |= {"system": UCUM, "code": _FORM_CODES[order.drug.form]}
        # Oracle sends no supply duration on the orders collected so far.
        if order.days is not None and self.flavour != "oracle":
            request["expectedSupplyDuration"] = {
                "value": order.days,
                "unit": "Day",
                "system": UCUM,
                "code": "d",
            }
        return request

    def _instructions(self, order: Order) -> list[dict[str, Any]]:
        if not order.structured or not order.timing:
            return [{"text": order.sig}] if order.sig else []
        if not order.taper:
            return [self._instruction(order, order.units, order.ago, None)]
        written: list[dict[str, Any]] = []
        start = order.ago
        for sequence, (units, days) in enumerate(order.taper, start=1):
            instruction = self._instruction(order, units, start, start - days)
            written.append({"sequence": sequence, **instruction})
            start -= days
        return written

    def _instruction(self, order: Order, units: int, start: int, end: int | None) -> dict[str, Any]:
        timing = TIMINGS[order.timing]
        bounds = {"start": self.stamp(start)}
        if end is not None:
            bounds["end"] = self.stamp(end)
        shape: Callable[[Order, Timing, int, dict[str, str]], dict[str, Any]] = {
            "generic": self._generic_instruction,
            "epic": self._epic_instruction,
            "oracle": self._oracle_instruction,
        }[self.flavour]
        return shape(order, timing, units, bounds)

    def _generic_instruction(
        self, order: Order, timing: Timing, units: int, bounds: dict[str, str]
    ) -> dict[str, Any]:
        need = " as needed for pain" if order.prn else ""
        return {
            "text": f"{_VERBS.get(order.drug.form, 'Take')} {_amount(order, units)} {timing.words}{need}",
            "timing": {"repeat": {"boundsPeriod": bounds, **_repeat(timing)}},
            "asNeededBoolean": order.prn,
            "route": {"coding": [_route(order.drug)], "text": order.drug.route},
            "doseAndRate": [_dose(order, units)],
        }

    def _epic_instruction(
        self, order: Order, timing: Timing, units: int, bounds: dict[str, str]
    ) -> dict[str, Any]:
        sig = f"Take {_amount(order, units)} by mouth {timing.epic_words}"
        if order.drug.form == "patch":
            sig = f"Place {_amount(order, units)} on the skin {timing.epic_words}"
        sig += " as needed for Pain." if order.prn else "."
        start = self.day(order.ago)
        repeat: dict[str, Any] = _repeat(timing)
        if timing.clock and not order.prn:
            repeat = {"timeOfDay": list(timing.clock)}
            if order.days:
                repeat["count"] = order.days * len(timing.clock)
        route = {"system": f"{EPIC_OID}.4.798268.7025", "code": "15", "display": order.drug.route}
        return {
            "text": f"{sig}, Starting {start:%a} {start.month}/{start.day}/{start.year}, Normal",
            "patientInstruction": sig,
            "timing": {"repeat": {"boundsPeriod": bounds, **repeat}, "code": {"text": timing.label}},
            "asNeededBoolean": order.prn,
            "route": {"coding": [_route(order.drug), route], "text": order.drug.route},
            "doseAndRate": _epic_doses(order, units),
        }

    def _oracle_instruction(
        self, order: Order, timing: Timing, units: int, bounds: dict[str, str]
    ) -> dict[str, Any]:
        short = "tab" if order.drug.form == "tablet" else order.drug.form
        amount = f"{units}-{order.units_high} {short}" if order.units_high else f"{units} {short}"
        if order.drug.strength and not order.units_high:
            amount = f"{order.drug.strength * units} {order.drug.strength_unit} = {amount}"
        parts = [amount, order.drug.route, timing.label, *(["PRN: pain"] if order.prn else [])]
        if order.quantity is not None:
            parts.append(f"{order.quantity} {short}")
        parts.append("0 Refill(s)")
        coding = [
            {
                "system": f"{ORACLE}/codeSet/4003",
                "code": f"6{abs(hash_code(timing.label))}",
                "userSelected": True,
            }
        ]
        coding[0]["display"] = timing.label
        if timing.gts:
            coding.append(
                {"system": "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation", "code": timing.gts}
            )
            coding.append({"system": SNOMED, "code": timing.snomed})
        instruction: dict[str, Any] = {
            "text": ", ".join(parts),
            "patientInstruction": f"{amount} {order.drug.route} {timing.words}. Refills: 0.",
            "timing": {"repeat": {"boundsPeriod": bounds}, "code": {"coding": coding, "text": timing.label}},
            "route": {"coding": [_route(order.drug)], "text": order.drug.route},
        }
        if order.prn:
            instruction["asNeededCodeableConcept"] = {"text": "pain"}
        # A range is text only: no dose range has been seen on this vendor's orders.
        if not order.units_high:
            quantity = {"value": units, "unit": short, "system": UCUM, "code": _FORM_CODES[order.drug.form]}
            instruction["doseAndRate"] = [{"doseQuantity": quantity}]
        return instruction

    def dispense(self, order: Order, number: int) -> Resource:
        """The pharmacy fill of an order, one day after it was written."""
        resource: dict[str, Any] = {
            "resourceType": "MedicationDispense",
            "id": self.id("MedicationDispense", f"{self.chart.key}-fill-{number}"),
            "status": "completed",
            **self._medication(order.drug),
            "subject": self.subject,
            "authorizingPrescription": [
                self.reference("MedicationRequest", f"{self.chart.key}-order-{number}")
            ],
            "whenHandedOver": self.day(max(order.ago - 1, 0)).isoformat() + "T17:00:00Z",
        }
        if order.quantity is not None:
            resource["quantity"] = {"value": order.quantity, "unit": order.drug.form}
        if order.days is not None:
            resource["daysSupply"] = {"value": order.days, "unit": "Day", "system": UCUM, "code": "d"}
        return resource


def epic_medication(drug: Drug) -> Resource:
    """An Epic Medication: several RxNorm codes without display, the product among them, and vendor codes."""
    codes = sorted({drug.rxcui, *drug.related}, key=int)
    return {
        "resourceType": "Medication",
        "id": resource_id("epic", "Medication", drug.rxcui),
        "code": {
            "coding": [
                {"system": "urn:oid:2.16.840.1.113883.6.208", "code": f"{int(drug.rxcui) % 99_999}"},
                *({"system": RXNORM, "code": code} for code in codes),
            ],
            "text": drug.ehr_name,
        },
        "form": {
            "coding": [{"system": f"{EPIC_OID}.4.698288.310", "code": drug.form.upper()}],
            "text": drug.form,
        },
    }


def hash_code(text: str) -> int:
    """A stable five-digit number for a vendor code."""
    return sum(ord(letter) * (place + 7) for place, letter in enumerate(text)) % 90_000 + 10_000


def _repeat(timing: Timing) -> dict[str, Any]:
    repeat: dict[str, Any] = {
        "frequency": timing.frequency,
        "period": timing.period,
        "periodUnit": timing.unit,
    }
    if timing.period_max:
        repeat["periodMax"] = timing.period_max
    return repeat


def _route(drug: Drug) -> dict[str, str]:
    return {"system": SNOMED, "code": _ROUTES[drug.route]}


def _amount(order: Order, units: int) -> str:
    high = order.units_high or units
    noun = order.drug.form + ("s" if high > 1 else "")
    return f"{units}-{high} {noun}" if high != units else f"{units} {noun}"


def _dose(order: Order, units: int) -> dict[str, Any]:
    def form(count: int) -> dict[str, Any]:
        return {"value": count, "unit": order.drug.form, "system": UCUM, "code": _FORM_CODES[order.drug.form]}

    if order.units_high:
        return {"doseRange": {"low": form(units), "high": form(order.units_high)}}
    return {"doseQuantity": form(units)}


def _epic_doses(order: Order, units: int) -> list[dict[str, Any]]:
    drug = order.drug
    in_forms = _dose(order, units)
    by_strength = in_forms
    if drug.strength:

        def weigh(count: int) -> dict[str, Any]:
            unit = drug.strength_unit
            return {"value": count * drug.strength, "unit": unit, "system": UCUM, "code": unit}

        by_strength = {"doseQuantity": weigh(units)}
        if order.units_high:
            by_strength = {"doseRange": {"low": weigh(units), "high": weigh(order.units_high)}}
    kinds = (("calculated", by_strength), ("admin-amount", in_forms), ("ordered", by_strength))
    return [
        {
            "type": {
                "coding": [
                    {"system": "http://epic.com/CodeSystem/dose-rate-type", "code": kind, "display": kind}
                ],
                "text": kind,
            },
            **dose,
        }
        for kind, dose in kinds
    ]
