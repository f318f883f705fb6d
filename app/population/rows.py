"""Rows: one FHIR resource each, with where it came from, whose it is, and how new it is.

Probing decodes only what grouping needs; the mapping decodes the rest later.  A row that cannot be
probed becomes a `SetAside` naming file, line and reason, and nothing of the patient.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

_FHIR_ID = r"[A-Za-z0-9\-._~%+]{1,200}"
_PATIENT_IN_TEXT = re.compile(rf'"(?:[^"\s]*/)?Patient/({_FHIR_ID})"'.encode())
_TYPE_IN_TEXT = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]{1,40})"')
_ID_IN_TEXT = re.compile(rf'"id"\s*:\s*"({_FHIR_ID})"'.encode())
_REFERENCE = re.compile(rf"^(?:.*/)?Patient/({_FHIR_ID})(?:/_history/.*)?$|^urn:(?:uuid|oid):({_FHIR_ID})$")


class _Reference(msgspec.Struct, gc=False):
    reference: str | None = None


class _Meta(msgspec.Struct, gc=False):
    versionId: str | None = None  # noqa: N815 - FHIR's own name
    lastUpdated: str | None = None  # noqa: N815


class _Participant(msgspec.Struct, gc=False):
    actor: _Reference | None = None


class _Probe(msgspec.Struct, gc=False):
    resourceType: str  # noqa: N815
    id: str | None = None
    meta: _Meta | None = None
    subject: _Reference | None = None
    patient: _Reference | None = None
    participant: list[_Participant] = []


_DECODER = msgspec.json.Decoder(_Probe)


@dataclass(frozen=True, slots=True)
class Row:
    """One resource as text.  patient is None for what belongs to nobody (Medication, Organization)."""

    kind: str
    id: str | None
    patient: str | None
    raw: bytes
    file: str
    line: int
    version: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class SetAside:
    """A line or entry that could not be used, with what its text still shows of kind, id and patient."""

    file: str
    line: int
    reason: str
    kind: str = ""
    id: str = ""
    patient: str = ""


def patient_in(reference: str | None) -> str | None:
    """The patient id in a relative, absolute or urn reference; None for conditional or other references."""
    match = _REFERENCE.match(reference or "")
    return (match[1] or match[2]) if match else None


def _first(pattern: re.Pattern[bytes], raw: bytes) -> str:
    match = pattern.search(raw)
    return match[1].decode() if match else ""


def set_aside(raw: bytes, file: str, line: int, reason: str) -> SetAside:
    """Keep what the damaged text still says about itself, so that the right patient is marked incomplete."""
    return SetAside(
        file,
        line,
        reason,
        _first(_TYPE_IN_TEXT, raw),
        _first(_ID_IN_TEXT, raw),
        _first(_PATIENT_IN_TEXT, raw),
    )


def _attending(seen: _Probe) -> _Reference:
    """Appointments name their patient among the participants."""
    actors = [p.actor for p in seen.participant if p.actor and patient_in(p.actor.reference)]
    return actors[0] if seen.resourceType == "Appointment" and len(actors) == 1 else _Reference()


def probe(raw: bytes, file: str, line: int) -> Row | SetAside:
    """Whose resource is this, and of what kind?"""
    try:
        seen = _DECODER.decode(raw)
    except msgspec.DecodeError as error:
        return set_aside(raw, file, line, str(error))
    except UnicodeDecodeError:
        return set_aside(raw, file, line, "the text is not UTF-8")
    if seen.resourceType == "Patient":
        if not seen.id:
            return set_aside(raw, file, line, "a Patient without an id")
        owner = seen.id
    else:
        reference = (seen.subject or seen.patient or _attending(seen)).reference
        owner = patient_in(reference)
        if owner is None and reference and ("Patient" in reference or reference.startswith("urn:")):
            return set_aside(raw, file, line, "the reference to the patient cannot be resolved")
    meta = seen.meta or _Meta()
    return Row(
        seen.resourceType,
        seen.id,
        owner,
        bytes(raw),
        file,
        line,
        (meta.lastUpdated or "", meta.versionId or ""),
    )
