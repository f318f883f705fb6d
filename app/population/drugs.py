"""Which patients may have an opioid: a quick, generous look at drug lines, answered by the mapping itself.

The look must find everyone the mapping finds.  Whatever names the drug (its concept, the contained or referenced
Medication, the display of the reference) is put to the mapping once and remembered; directions are read only
where the mapping could recognise an opioid by them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from enum import IntEnum

import msgspec
from msgspec import structs

from app.population.charts import medications_in
from app.population.rows import ABSENT, DrugProbe
from fhir_mappings import resources as r
from fhir_mappings.decoding import decode
from fhir_mappings.facts import DrugFact, Issue, IssueCode
from fhir_mappings.orders import Context, Ordered, fill_of, order_of, statement_of
from fhir_mappings.references import id_of
from valuesets import Terms

_MOST_REMEMBERED = 50_000
_OPIOID_WORDS = [r.Dosage(text="oxycodone 5 mg tablet")]
_OTHER_DRUG = "lisinopril"


class Verdict(IntEnum):
    """Whether a drug is an opioid.  BY_TEXT: directions can decide.  SILENT: no name is given at all."""

    NO = 0
    SILENT = 1
    BY_TEXT = 2
    MAYBE = 3


_reference = msgspec.json.Decoder(r.Reference).decode


class Drugs:
    """Looks at drug lines and Medications, and remembers what was found."""

    def __init__(self, terms: Terms) -> None:
        self._context = Context(terms, UTC)
        self._known: dict[bytes, Verdict] = {}

    def of_line(self, line: DrugProbe, raw: bytes) -> tuple[Verdict, str]:
        """Whether the line itself names an opioid (MAYBE), another drug (NO) or none (SILENT), and the id of the
        Medication that can decide otherwise."""
        key = b"\0".join(
            (bytes(line.medicationCodeableConcept), bytes(line.medicationReference), bytes(line.contained))
        )
        verdict = self._known.get(key)
        if verdict is None:
            verdict = self._remember(key, self._by_name(raw))
        if verdict is Verdict.BY_TEXT:
            key = b"\0".join((key, *map(bytes, (line.dosageInstruction, line.dosage, line.status))))
            verdict = self._known.get(key)
            if verdict is None:
                verdict = self._remember(key, self._as_written(raw))
        return verdict, _medication(line)

    def of_medication(self, raw: bytes) -> tuple[Verdict, list[str]]:
        """Whether the Medication is an opioid, and the ids of Medications it is made of."""
        decoded, _ = decode(raw)
        if not isinstance(decoded, r.Medication) or decoded.id is None:
            return Verdict.MAYBE, []
        context = replace(self._context, medications={decoded.id: decoded})
        link = r.Reference(reference=f"Medication/{decoded.id}")
        order = r.MedicationRequest("MedicationRequest", status="active", medicationReference=link)
        verdict = _by_name(order, context)
        if verdict is Verdict.BY_TEXT:
            link.display = _OTHER_DRUG
            verdict = Verdict.SILENT if _by_name(order, context) is Verdict.NO else Verdict.BY_TEXT
        return verdict, sorted(medications_in(raw) - {decoded.id})

    def _by_name(self, raw: bytes) -> Verdict:
        decoded, _ = decode(raw)
        return _by_name(decoded, self._context) if isinstance(decoded, Ordered) else Verdict.MAYBE

    def _as_written(self, raw: bytes) -> Verdict:
        decoded, _ = decode(raw)
        if not isinstance(decoded, Ordered):
            return Verdict.MAYBE
        drug, issues = _mapped(decoded, self._context)
        if drug.is_opioid:
            return Verdict.MAYBE
        missing = any(issue.code is IssueCode.MEDICATION_MISSING for issue in issues)
        return Verdict.SILENT if missing else Verdict.NO

    def _remember(self, key: bytes, verdict: Verdict) -> Verdict:
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[key] = verdict
        return verdict


def may_be_opioid(line: Verdict, medication: Verdict | None) -> bool:
    """Both looks together; medication None: there is none, or it is not among the inputs."""
    if line is Verdict.MAYBE or (medication is not None and medication >= Verdict.BY_TEXT):
        return True
    return line is Verdict.SILENT and medication in {None, Verdict.SILENT}


def _by_name(resource: Ordered, context: Context) -> Verdict:
    """MAYBE or NO whatever the directions say, else BY_TEXT: put to the mapping without and with an opioid in them.

    MAYBE also where its drug is lost.
    """
    missing = False
    for directions, verdict in (([], Verdict.MAYBE), (_OPIOID_WORDS, Verdict.BY_TEXT)):
        member = {
            "dosage" if isinstance(resource, r.MedicationStatement) else "dosageInstruction": directions
        }
        drug, issues = _mapped(structs.replace(resource, status="active", **member), context)
        if drug.is_opioid:
            return verdict
        missing = any(issue.code is IssueCode.MEDICATION_MISSING for issue in issues)
    return Verdict.MAYBE if missing else Verdict.NO


def _mapped(resource: Ordered, context: Context) -> tuple[DrugFact, list[Issue]]:
    if isinstance(resource, r.MedicationRequest):
        fact, issues = order_of(resource, "", context)
    elif isinstance(resource, r.MedicationStatement):
        fact, issues = statement_of(resource, "", context)
    else:
        fact, issues = fill_of(resource, "", context)
    return fact.drug, issues


def _medication(line: DrugProbe) -> str:
    """The id of the Medication a line refers to; empty where its drug is written on the line."""
    if line.medicationReference == ABSENT or line.medicationCodeableConcept != ABSENT:
        return ""
    try:
        link = _reference(line.medicationReference)
    except msgspec.DecodeError:
        return ""
    return "" if link.reference.startswith("#") else id_of(link.reference)
