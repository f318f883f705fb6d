"""Where a medicine is taken: at home, or under the eyes of staff."""

from __future__ import annotations

import re
from functools import lru_cache

from fhir_mappings import resources as r
from fhir_mappings.facts import DrugFact
from fhir_mappings.references import id_of

# HL7 v3 ActCode classes of encounters in hospital; Epic has its own codes and says it in words.
_HOSPITAL = frozenset({"IMP", "ACUTE", "NONAC", "OBSENC", "SS"})
_EMERGENCY = frozenset({"EMER"})
_HOSPITAL_WORDS = re.compile(
    r"\binpatient\b|\bhospital encounter\b|\bobservation\b|\bsurgery\b", re.IGNORECASE
)
_EMERGENCY_WORDS = re.compile(r"\bemergency\b", re.IGNORECASE)
_AT_HOME = frozenset({"community", "outpatient", "discharge", "patientspecified"})
# Where "outpatient" is an infusion or procedure room.
_BY_THE_PATIENT = _AT_HOME - {"outpatient"}
# Into a vein, an artery or the spine: SNOMED CT, and Oracle's code set 4001.
_LINE_ROUTES = frozenset(
    {"47625008", "418114005", "255560000", "58100008", "404820008", "72607000", "318170"}
)
_LINE_WORDS = re.compile(
    r"intravenous|\biv\b|intra-?arterial|epidural|intrathecal|infusion|\bpca\b", re.IGNORECASE
)
_NEEDLE_ROUTES = frozenset({"78421000", "34206005"})
_NEEDLE_WORDS = re.compile(r"inject|intramuscular|subcutaneous|\bim\b|\bsubq\b|\bsq\b", re.IGNORECASE)


def encounter_setting(encounter: r.Encounter) -> str:
    """ "inpatient", "emergency" or "outpatient", by class and, where the class is a vendor's own, by its words."""
    kind = encounter.class_ or r.Coding()
    if kind.code in _HOSPITAL or _HOSPITAL_WORDS.search(kind.display):
        return "inpatient"
    if kind.code in _EMERGENCY or _EMERGENCY_WORDS.search(kind.display):
        return "emergency"
    return "outpatient"


def setting_of(resource: r.MedicationRequest, drug: DrugFact, hospital: frozenset[str]) -> str:
    """ "inpatient", "outpatient" or "injected" for one order.  hospital: ids of encounters that are hospital stays.

    The category decides; without one, an order of a hospital stay that nobody is to dispense is inpatient.
    Injected opioids are inpatient, except treatment of opioid use disorder; so is whatever runs through a line.
    An opioid ordered for home all the same is "injected": a pump, or injections by the patient.
    """
    words = {coding.code.lower() for concept in resource.category for coding in concept.coding}
    words |= {concept.text.lower() for concept in resource.category}
    ways = {_way(dosage.route) for dosage in resource.dosageInstruction if dosage.route is not None}
    injected = ways == {"needle"} and drug.is_opioid and drug.category != "oud_treatment"
    if ways == {"line"} or drug.category == "injectable" or injected:
        return "injected" if drug.is_opioid and words & _BY_THE_PATIENT else "inpatient"
    if words & _AT_HOME:
        return "outpatient"
    if "inpatient" in words:
        return "inpatient"
    in_stay = resource.encounter is not None and id_of(resource.encounter.reference) in hospital
    return "inpatient" if in_stay and not _to_be_dispensed(resource.dispenseRequest) else "outpatient"


def is_taken_home(resource: r.MedicationDispense) -> bool:
    """Handed over for home, as it says itself: doses for a ward have no days' supply."""
    return resource.daysSupply is not None or bool(_codes(resource.category) & _AT_HOME)


def is_hospital_dispense(resource: r.MedicationDispense, hospital: frozenset[str]) -> bool:
    """A dose handed to a ward, which is no supply to take home."""
    if is_taken_home(resource):
        return False
    return "inpatient" in _codes(resource.category) or (
        resource.context is not None and id_of(resource.context.reference) in hospital
    )


def _codes(category: r.Concept | None) -> set[str]:
    return {coding.code.lower() for coding in category.coding} if category else set()


def _to_be_dispensed(request: r.DispenseRequest | None) -> bool:
    return request is not None and (
        request.quantity is not None or request.expectedSupplyDuration is not None
    )


def _way(route: r.Concept) -> str:
    return _way_of(route.text, tuple((coding.code, coding.display) for coding in route.coding))


@lru_cache(maxsize=1024)
def _way_of(text: str, codings: tuple[tuple[str, str], ...]) -> str:
    """ "line" into a vein, an artery or the spine, "needle" into muscle or skin, else empty."""
    codes = {code for code, _ in codings}
    words = " ".join([text, *(display or code for code, display in codings)])
    if codes & _LINE_ROUTES or _LINE_WORDS.search(words):
        return "line"
    return "needle" if codes & _NEEDLE_ROUTES or _NEEDLE_WORDS.search(words) else ""
