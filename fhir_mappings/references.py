"""References: which resource one points to, and whose a resource is."""

from __future__ import annotations

from collections.abc import Iterable

from fhir_mappings import resources as r


def id_of(reference: str) -> str:
    """The bare id in a relative, absolute, versioned or urn:uuid reference; empty when there is none."""
    if reference.startswith("urn:"):
        return reference.rpartition(":")[2]
    return reference.partition("/_history/")[0].rpartition("/")[2]


def ref_to(link: r.Reference | None, kind: str) -> str | None:
    """ "kind/id" as facts name resources; None when the link leads nowhere or to another kind."""
    if link is None or not link.reference or link.reference.startswith("#"):
        return None
    path = link.reference.partition("/_history/")[0]
    if path.startswith("urn:"):
        return f"{kind}/{id_of(path)}"
    head, _, tail = path.rpartition("/")
    return f"{kind}/{tail}" if tail and head.rpartition("/")[2] == kind else None


def who(link: r.Reference | None) -> str:
    """A person or place as the EHR shows it, else the reference itself."""
    if link is None:
        return ""
    return link.display or "/".join(link.reference.partition("/_history/")[0].split("/")[-2:])


def patients_of(resource: r.Resource) -> frozenset[str]:
    """Ids of the patients a resource is about; empty when it names none."""
    if type(resource) is r.Patient:
        return frozenset({resource.id} if resource.id else ())
    links: Iterable[r.Reference | None] = (resource.subject, resource.patient)
    if type(resource) is r.Appointment:
        links = (part.actor for part in resource.participant)
    return frozenset(ref.partition("/")[2] for link in links if (ref := ref_to(link, "Patient")) is not None)


def is_about_another(observation: r.Observation, patient_id: str) -> bool:
    """Whether what was observed is another person, such as a newborn, although it is filed under the patient."""
    found = [ref_to(link, kind) for link in observation.focus for kind in ("Patient", "RelatedPerson")]
    people = {ref for ref in found if ref is not None}
    return bool(people) and f"Patient/{patient_id}" not in people
