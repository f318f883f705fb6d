"""FHIR resources of entries made in the visit, checked by fhir.resources before they leave.

A PDMP check becomes a Procedure, a signed agreement a DocumentReference, PEG and the totals of questionnaires an
Observation.  Each carries the entry's id as identifier, so that the EHR can tell a repeated attempt from a second
entry.  What has no code that the chart could be read by again (ORT-OUD, naloxone offered, what was judged) is not
written.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from app.clinical.entries import Entry, EntryKind
from app.clinical.words import day

KIND_OF: dict[EntryKind, str] = {
    EntryKind.PDMP: "Procedure",
    EntryKind.AGREEMENT: "DocumentReference",
    EntryKind.PEG: "Observation",
    EntryKind.SCREEN: "Observation",
}
"""The resource type an entry of this kind is written as; other entries stay in the registry."""

_Code = tuple[str, str]
LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
_CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
_NOTES = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"
_PEG_ITEMS = (
    ("75893-8", "Pain severity, past week"),
    ("91145-3", "Interference with enjoyment of life, past week"),
    ("91146-1", "Interference with general activity, past week"),
)
_ITEM_9 = ("44260-8", "PHQ-9 item 9")
_TOTALS = {
    "phq2": ("55758-7", "PHQ-2 total score"),
    "phq9": ("44261-6", "PHQ-9 total score"),
    "gad7": ("70274-6", "GAD-7 total score"),
}


@dataclass(frozen=True, slots=True)
class About:
    """What an entry does not say itself.

    made: when it was recorded.  author: reference of the person who recorded it, "" when the EHR did not tell.
    system: namespace of entry ids.  snomed: whether SNOMED CT codes may be used here.
    """

    patient: str
    made: datetime
    author: str
    system: str
    zone: tzinfo
    snomed: bool


def kind_of(entry: Entry) -> str | None:
    """The resource type this entry is written as; None for one that stays in the registry."""
    if entry.kind is EntryKind.SCREEN and entry.outcome not in _TOTALS:
        return None
    return KIND_OF.get(entry.kind)


def resource_of(entry: Entry, about: About) -> bytes:
    """The resource as JSON.  Raises KeyError for a kind that is not written, ValueError when it is not valid FHIR."""
    from fhir.resources.R4B.documentreference import DocumentReference
    from fhir.resources.R4B.observation import Observation
    from fhir.resources.R4B.procedure import Procedure

    build, model = {
        EntryKind.PDMP: (_procedure, Procedure),
        EntryKind.AGREEMENT: (_document, DocumentReference),
        EntryKind.PEG: (_peg, Observation),
        EntryKind.SCREEN: (_screen, Observation),
    }[entry.kind]
    shared = {
        "identifier": [{"system": about.system, "value": entry.id}],
        "subject": {"reference": f"Patient/{about.patient}"},
    }
    return model.model_validate(shared | build(entry, about)).model_dump_json().encode()


def _author(entry: Entry, about: About) -> dict[str, str]:
    """Reference and name of who recorded it, as far as they are known."""
    name = "" if entry.author == about.author else entry.author
    named = {"reference": about.author, "display": name}
    return {key: value for key, value in named.items() if value}


def _procedure(entry: Entry, about: About) -> dict[str, Any]:
    author = _author(entry, about)
    whom = f"Checked on behalf of {entry.on_behalf_of}." if entry.on_behalf_of else ""
    note = " ".join(part for part in (whom, entry.text) if part)
    coding = [{"system": SNOMED, "code": "461621000124108"}] if about.snomed else []
    return {
        "status": "completed",
        "code": {"text": "PDMP review", **({"coding": coding} if coding else {})},
        "performedDateTime": entry.on.isoformat(),
        **({"performer": [{"actor": author}]} if author else {}),
        **({"outcome": {"text": entry.outcome}} if entry.outcome else {}),
        **({"note": [{"text": note}]} if note else {}),
    }


def _document(entry: Entry, about: About) -> dict[str, Any]:
    author = _author(entry, about)
    words = f"Opioid agreement signed on {day(entry.on)}."
    text = f"{words} {entry.text}".strip()
    same_day = about.made.astimezone(about.zone).date() == entry.on
    when = about.made if same_day else datetime.combine(entry.on, time(12), about.zone)
    return {
        "status": "current",
        "docStatus": "final",
        "type": {"coding": [{"system": LOINC, "code": "94136-9"}], "text": "Controlled substance agreement"},
        "category": [{"coding": [{"system": _NOTES, "code": "clinical-note"}]}],
        "date": when.astimezone(UTC).isoformat(timespec="seconds"),
        **({"author": [author]} if author else {}),
        "description": words,
        "content": [
            {
                "attachment": {
                    "contentType": "text/plain",
                    "title": "Controlled substance agreement",
                    "data": base64.b64encode(text.encode()).decode(),
                }
            }
        ],
    }


def _peg(entry: Entry, about: About) -> dict[str, Any]:
    mean = (Decimal(sum(entry.scores)) / len(entry.scores)).quantize(Decimal("0.1"), ROUND_HALF_UP)
    parts = zip(_PEG_ITEMS, entry.scores, strict=True)
    return _observation(entry, about, ("91147-9", "PEG mean score"), mean, parts)


def _screen(entry: Entry, about: About) -> dict[str, Any]:
    total, *item_9 = entry.scores
    return _observation(entry, about, _TOTALS[entry.outcome], Decimal(total), ((_ITEM_9, i) for i in item_9))


def _observation(
    entry: Entry, about: About, code: _Code, value: Decimal, parts: Iterable[tuple[_Code, int]]
) -> dict[str, Any]:
    author = _author(entry, about)
    components = [{"code": _loinc(part), "valueQuantity": _score(Decimal(score))} for part, score in parts]
    return {
        "status": "final",
        "category": [{"coding": [{"system": _CATEGORIES, "code": "survey"}]}],
        "code": _loinc(code),
        "effectiveDateTime": entry.on.isoformat(),
        **({"performer": [author]} if author else {}),
        **({"note": [{"text": entry.text}]} if entry.text else {}),
        "valueQuantity": _score(value),
        **({"component": components} if components else {}),
    }


def _loinc(code: _Code) -> dict[str, Any]:
    return {"coding": [{"system": LOINC, "code": code[0]}], "text": code[1]}


def _score(value: Decimal) -> dict[str, object]:
    return {"value": value, "unit": "score", "system": UCUM, "code": "{score}"}
