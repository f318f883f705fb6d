"""Rows: one FHIR resource each, with where it came from, whose it is, and how new it is.

Probing decodes only what grouping needs; the mapping decodes the rest later.  A row that cannot be
probed becomes a `SetAside` naming file, line and reason, and nothing of what the resource says.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

_FHIR_ID = r"[A-Za-z0-9\-._~%+]{1,200}"
_PATIENT_IN_TEXT = re.compile(
    rf'"(?:[^"\s]*/)?Patient/({_FHIR_ID})(?:/_history/[^"]*)?"'
    rf'|"(?:subject|patient)"\s*:\s*\{{[^{{}}]*"urn:(?:uuid|oid):({_FHIR_ID})"'.encode()
)
_TYPE_IN_TEXT = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]{1,40})"')
_ID_IN_TEXT = re.compile(rf'"id"\s*:\s*"({_FHIR_ID})"'.encode())
_REFERENCE = re.compile(rf"^(?:.*/)?Patient/({_FHIR_ID})(?:/_history/.*)?$|^urn:(?:uuid|oid):({_FHIR_ID})$")
_USUAL_PORT = re.compile(r":(?:80|443)$")
_VISIBLE = 65_536
ABSENT = msgspec.Raw(b"null")
DRUG_KINDS = frozenset({"MedicationRequest", "MedicationStatement", "MedicationDispense"})


class _Reference(msgspec.Struct, gc=False):
    reference: str | None = None


class _Meta(msgspec.Struct, gc=False):
    versionId: str | None = None  # noqa: N815 - FHIR's own name
    lastUpdated: str | None = None  # noqa: N815


class _Participant(msgspec.Struct, gc=False):
    actor: _Reference | None = None


class Probe(msgspec.Struct, gc=False):
    """What grouping needs of any resource."""

    resourceType: str  # noqa: N815
    id: str | None = None
    meta: _Meta | None = None
    subject: _Reference | None = None
    patient: _Reference | None = None
    participant: list[_Participant] = []


class DrugProbe(Probe, gc=False):
    """The same of a drug line, with everything that can name its drug, unread."""

    medicationCodeableConcept: msgspec.Raw = ABSENT  # noqa: N815
    medicationReference: msgspec.Raw = ABSENT  # noqa: N815
    contained: msgspec.Raw = ABSENT
    dosageInstruction: msgspec.Raw = ABSENT  # noqa: N815
    dosage: msgspec.Raw = ABSENT
    status: msgspec.Raw = ABSENT


decode_probe = msgspec.json.Decoder(Probe).decode
decode_drug_probe = msgspec.json.Decoder(DrugProbe).decode
NOT_UTF8 = "the text is not UTF-8"


Newness = tuple[float, float, int, str]


class Row(msgspec.Struct, frozen=True, array_like=True, tag="row", gc=False):
    """One resource as text.  patient is None for what belongs to nobody (Medication, Organization).

    moment: when its export was taken, in seconds since 1970; 0 when that is not known.
    """

    kind: str
    id: str | None
    patient: str | None
    raw: bytes
    file: str
    line: int
    version: tuple[str, str] = ("", "")
    moment: float = 0.0

    @property
    def ref(self) -> str:
        """ "kind/id"; without an id a name made of its content, as the mapping names it."""
        return f"{self.kind}/{self.id or '?' + hashlib.sha256(self.raw).hexdigest()[:12]}"

    @property
    def newness(self) -> Newness:
        """A later export before an earlier one; within an export the last update, then the version."""
        updated, version = self.version
        return self.moment, seconds(updated), len(version), version


class SetAside(msgspec.Struct, frozen=True, array_like=True, tag="aside", gc=False):
    """A line or entry that could not be used, with what its text still shows of kind, id and patient.

    rest_lost: nothing behind this line could be read either.  others: whom it names besides.
    """

    file: str
    line: int
    reason: str
    kind: str = ""
    id: str = ""
    patient: str = ""
    moment: float = 0.0
    rest_lost: bool = False
    others: tuple[str, ...] = ()

    @property
    def patients(self) -> tuple[str, ...]:
        """Everyone it names."""
        return (self.patient, *self.others) if self.patient else ()


def newest(versions: Iterable[Newness]) -> frozenset[Newness]:
    """The newest of a resource's versions; two when one is of an export of unknown time and nothing says which it is.

    Between such an export and others only `meta.lastUpdated` decides.
    """
    by_age: dict[bool, Newness] = {}
    for one in versions:
        by_age[one[0] > 0] = max(one, by_age.get(one[0] > 0, one))
    last = max(by_age.values(), key=lambda one: one[1:])
    undecided = any(not one[1] or one[1:] == last[1:] for one in by_age.values() if one is not last)
    return frozenset(by_age.values() if undecided or not last[1] else {last})


def server_of(address: str) -> str:
    """A FHIR address without what may be written otherwise: scheme, case of the host, usual port, last slash.

    Empty for a relative one.
    """
    host, slash, path = address.partition("://")[2].partition("/")
    return f"{_USUAL_PORT.sub('', host.lower())}{slash}{path}".rstrip("/")


def seconds(instant: str) -> float:
    """A FHIR instant in seconds since 1970; 0 for what is none."""
    try:
        moment = datetime.fromisoformat(instant)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


@lru_cache(maxsize=100_000)
def patient_in(reference: str | None) -> str | None:
    """The patient id in a relative, absolute or urn reference; None for conditional or other references."""
    match = _REFERENCE.match(reference or "")
    return (match[1] or match[2]) if match else None


def _outermost(pattern: re.Pattern[bytes], raw: bytes) -> list[str]:
    """The matches nested least deeply: a contained resource has a type and an id of its own."""
    matches = list(pattern.finditer(raw))
    depths = [raw.count(b"{", 0, m.start()) - raw.count(b"}", 0, m.start()) for m in matches]
    return [m[1].decode() for m, depth in zip(matches, depths, strict=True) if depth == min(depths)]


def _only(found: list[str]) -> str:
    """What all of them say, empty where they differ."""
    return found[0] if len({*found}) == 1 else ""


def plain_slashes(raw: bytes) -> bytes:
    """JSON text with slashes as references have them: JSON allows them escaped, and PHP escapes them."""
    return raw.replace(b"\\/", b"/") if b"\\/" in raw else raw


def set_aside(raw: bytes, file: str, line: int, reason: str) -> SetAside:
    """Keep what the damaged text still says about itself, so that the right patients are marked incomplete.

    Where line breaks are lost it is several resources: then it has no kind and no id.
    """
    beginning = plain_slashes(raw[:_VISIBLE])
    kinds, ids = _outermost(_TYPE_IN_TEXT, beginning), _outermost(_ID_IN_TEXT, beginning)
    named = [(m[1] or m[2]).decode() for m in _PATIENT_IN_TEXT.finditer(plain_slashes(raw))]
    if {*kinds} == {"Patient"}:
        named = [*ids, *named]
    first, *others = dict.fromkeys(named) or [""]
    return SetAside(file, line, reason, _only(kinds), _only(ids), first, others=tuple(others))


def read_probe(raw: bytes) -> Probe | str:
    """What grouping needs, or why the text is no resource."""
    try:
        if not raw.isascii():
            raw.decode()
        return decode_probe(raw)
    except msgspec.DecodeError as error:
        return str(error)
    except UnicodeDecodeError:
        return NOT_UTF8
    except RecursionError:
        return "it is nested too deeply"


def owner_of(seen: Probe) -> tuple[str | None, str]:
    """Whose resource it is, and, when that cannot be told although it should, why."""
    if seen.resourceType == "Patient":
        return (seen.id, "") if seen.id else (None, "a Patient without an id")
    reference = (seen.subject or seen.patient or _attending(seen)).reference
    owner = patient_in(reference)
    if owner is None and reference and ("Patient" in reference or reference.startswith("urn:")):
        return None, "the reference to the patient cannot be resolved"
    if owner is None and seen.resourceType in DRUG_KINDS:
        return None, "it names no patient"
    if seen.resourceType == "Bundle":
        return None, "a Bundle stands where one resource is expected"
    return owner, ""


def _attending(seen: Probe) -> _Reference:
    """Appointments name their patient among the participants."""
    actors = [p.actor for p in seen.participant if p.actor and patient_in(p.actor.reference)]
    return actors[0] if seen.resourceType == "Appointment" and len(actors) == 1 else _Reference()


def probe(raw: bytes, file: str, line: int, moment: float = 0.0) -> Row | SetAside:
    """Whose resource is this, and of what kind?"""
    seen = read_probe(raw)
    if isinstance(seen, str):
        return msgspec.structs.replace(set_aside(raw, file, line, seen), moment=moment)
    owner, problem = owner_of(seen)
    if problem:
        return msgspec.structs.replace(set_aside(raw, file, line, problem), moment=moment)
    meta = seen.meta or _Meta()
    version = (meta.lastUpdated or "", meta.versionId or "")
    return Row(seen.resourceType, seen.id, owner, raw, file, line, version, moment)
