"""Patient to person."""

from __future__ import annotations

from datetime import UTC

from fhir_mappings import resources as r
from fhir_mappings.dates import local_date
from fhir_mappings.facts import Person

_NAME_USE = {"official": 0, "usual": 1, "": 2, "nickname": 4, "maiden": 5, "old": 6, "anonymous": 7}


def person_of(resource: r.Patient, patient_id: str) -> Person:
    """Who the chart is about.  The birth date is a calendar date and is not moved between zones."""
    return Person(
        id=patient_id,
        birth_date=local_date(resource.birthDate, UTC),
        sex=resource.gender,
        deceased=bool(resource.deceasedBoolean or resource.deceasedDateTime),
        display=_name(resource.name),
        mrn=_mrn(resource.identifier),
        general_practitioner=next((gp.display or gp.reference for gp in resource.generalPractitioner), ""),
        merged=any(link.type == "replaced-by" for link in resource.link),
    )


def _name(names: list[r.Name]) -> str:
    if not names:
        return ""
    name = min(names, key=lambda each: _NAME_USE.get(each.use, 3))
    given = " ".join(name.given)
    if name.family and given:
        return f"{name.family}, {given}"
    return name.family or given or name.text


def _mrn(identifiers: list[r.Identifier]) -> str:
    for identifier in identifiers:
        codes = [coding.code for coding in identifier.type.coding] if identifier.type else []
        if "MR" in codes and identifier.value:
            return identifier.value
    return ""
