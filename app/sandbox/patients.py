"""The synthetic patients as FHIR resources of one flavour."""

from datetime import date

from app.sandbox.charts import CHARTS, Chart
from app.sandbox.config import USERS, Flavour, Resource
from app.sandbox.drugs import RXNORM
from app.sandbox.faults import Fault
from app.sandbox.findings import findings
from app.sandbox.ids import resource_id
from app.sandbox.orders import Writer, epic_medication
from app.sandbox.site import PatientCard

STORM_PATIENT = "sandbox-storm"


def synthetic_patients(flavour: Flavour, as_of: date) -> tuple[list[Resource], list[PatientCard]]:
    """All synthetic resources, with dates relative to `as_of`, and a card for each patient."""
    resources = practitioners(flavour)
    cards: list[PatientCard] = []
    for chart in CHARTS:
        resources += _chart(Writer(flavour, chart, as_of))
        cards.append(
            PatientCard(
                resource_id(flavour, "Patient", chart.key), f"{chart.family}, {chart.given}", chart.shows
            )
        )
    if flavour == "epic":
        products = {order.drug.rxcui: order.drug for chart in CHARTS for order in chart.orders}
        resources += [epic_medication(drug) for drug in products.values()]
    if flavour == "generic":
        resources += _external_medication(resources)
    if flavour != "epic":
        moment = f"{as_of.isoformat()}T05:00:00Z"
        for resource in resources:
            resource["meta"] = {"versionId": "1", "lastUpdated": moment}
    return resources, cards


def _chart(writer: Writer) -> list[Resource]:
    chart: Chart = writer.chart
    resources = findings(writer)
    for number, order in enumerate(chart.orders, start=1):
        resources.append(writer.medication_request(order, number))
        if chart.fills and order.drug.route == "Oral":
            resources.append(writer.dispense(order, number))
    return resources


def _external_medication(resources: list[Resource]) -> list[Resource]:
    """Moves the products of one patient's orders into Medication resources, so that `_include` has work."""
    products: dict[str, Resource] = {}
    for resource in resources:
        owner = resource.get("subject", {}).get("reference")
        if resource["resourceType"] != "MedicationRequest" or owner != "Patient/sandbox-patch":
            continue
        concept = resource.pop("medicationCodeableConcept")
        code = next(coding["code"] for coding in concept["coding"] if coding["system"] == RXNORM)
        products[code] = {"resourceType": "Medication", "id": f"product-{code}", "code": concept}
        resource["medicationReference"] = {"reference": f"Medication/product-{code}"}
    return list(products.values())


def practitioners(flavour: Flavour) -> list[Resource]:
    """The signed-in users as Practitioner resources."""
    return [
        {
            "resourceType": "Practitioner",
            "id": resource_id(flavour, "Practitioner", user.key),
            "active": True,
            "name": [{"use": "official", "family": user.family, "given": [user.given], "text": user.name}],
        }
        for user in USERS
    ]


def storm_faults(flavour: Flavour) -> list[Fault]:
    """The faults that make the storm patient's chart what it is."""
    patient = resource_id(flavour, "Patient", STORM_PATIENT)
    return [
        Fault("429", "Observation", patient, retry_after=30),
        Fault("429", "DocumentReference", patient, retry_after=30),
        Fault("slow", "Encounter", patient, seconds=2.0),
    ]
