"""The resources a sandbox serves, indexed by type, id and patient."""

from collections.abc import Iterable, Iterator
from typing import Any

from app.sandbox.config import Resource


class Records:
    """Resources by type and id, in insertion order, with each resource's patient."""

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        self._by_type: dict[str, dict[str, Resource]] = {}
        self._by_patient: dict[tuple[str, str], dict[str, Resource]] = {}
        for resource in resources:
            self.put(resource)

    def put(self, resource: Resource) -> None:
        """Add or replace one resource; a replaced one leaves its former patient's index."""
        kind, key = resource["resourceType"], resource["id"]
        former = self._by_type.get(kind, {}).get(key)
        if former is not None:
            former_patient = patient_of(former)
            if former_patient:
                del self._by_patient[kind, former_patient][key]
        self._by_type.setdefault(kind, {})[key] = resource
        patient = patient_of(resource)
        if patient:
            self._by_patient.setdefault((kind, patient), {})[key] = resource

    def get(self, resource_type: str, key: str) -> Resource | None:
        """One resource, or None."""
        return self._by_type.get(resource_type, {}).get(key)

    def of(self, resource_type: str, patient: str | None = None) -> list[Resource]:
        """All resources of a type, of one patient when given."""
        if patient is None:
            return list(self._by_type.get(resource_type, {}).values())
        return list(self._by_patient.get((resource_type, patient), {}).values())

    def types(self) -> list[str]:
        """Types that have at least one resource."""
        return sorted(kind for kind, held in self._by_type.items() if held)

    def open_encounter(self, patient: str) -> str | None:
        """The id of the encounter in progress, which an EHR launch passes on."""
        return next(
            (e["id"] for e in self.of("Encounter", patient) if e.get("status") == "in-progress"), None
        )


def patient_of(resource: Resource) -> str | None:
    """The id of the patient a resource belongs to, None for resources outside the patient compartment."""
    if resource.get("resourceType") == "Patient":
        return resource.get("id")
    for reference in _patient_references(resource):
        patient = reference_id(reference, "Patient")
        if patient:
            return patient
    return None


def _patient_references(resource: Resource) -> Iterator[Any]:
    for name in ("subject", "patient"):
        yield from references_in(resource.get(name))
    for participant in _list(resource.get("participant")):
        if isinstance(participant, dict):
            yield from references_in(participant.get("actor"))


def references_in(element: Any) -> Iterator[str]:
    """Reference strings of one Reference or a list of them."""
    for item in _list(element):
        if isinstance(item, dict) and isinstance(item.get("reference"), str):
            yield item["reference"]


def reference_id(reference: str, resource_type: str) -> str | None:
    """The id in a relative or absolute reference to `resource_type`; None for any other reference."""
    parts = reference.split("/_history/", maxsplit=1)[0].rstrip("/").rsplit("/", 2)
    if len(parts) >= 2 and parts[-2] == resource_type:
        return parts[-1]
    return None


def _list(element: Any) -> list[Any]:
    if element is None:
        return []
    return element if isinstance(element, list) else [element]
