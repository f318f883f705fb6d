"""One resource's JSON text to its struct: without a wrong element rather than not at all."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from fhir_mappings import resources as r
from fhir_mappings.facts import Issue, IssueCode

Decoded = tuple[r.Resource | r.OperationOutcome | None, tuple[Issue, ...]]
TYPES: dict[str, type[r.Resource | r.OperationOutcome]] = {
    "Medication": r.Medication,
    "MedicationRequest": r.MedicationRequest,
    "MedicationStatement": r.MedicationStatement,
    "MedicationDispense": r.MedicationDispense,
    "Observation": r.Observation,
    "DiagnosticReport": r.DiagnosticReport,
    "Condition": r.Condition,
    "Encounter": r.Encounter,
    "Appointment": r.Appointment,
    "Procedure": r.Event,
    "ServiceRequest": r.Event,
    "Communication": r.Event,
    "DocumentReference": r.Document,
    "Consent": r.Document,
    "QuestionnaireResponse": r.QuestionnaireResponse,
    "Patient": r.Patient,
    "OperationOutcome": r.OperationOutcome,
}
_DECODERS = {kind: msgspec.json.Decoder(type_) for kind, type_ in TYPES.items()}
_KIND = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]{1,40})"')
# Nearly every server writes the type first; then the text need not be read twice to tell it.
_FIRST_MEMBER = re.compile(rb'\{\s*"resourceType"\s*:\s*"([A-Za-z]{1,40})"')
_DECODERS_BY_BYTES = {kind.encode(): decoder for kind, decoder in _DECODERS.items()}
_PATH = re.compile(r" - at `\$([^`]*)`")
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NEEDED = frozenset({"resourceType", "id", "subject", "patient"})
# Elements that say something only as a whole: a period without its frequency would mean another dose.
_WHOLE = frozenset(
    {
        "timing", "doseAndRate", "maxDosePerPeriod", "quantity", "expectedSupplyDuration", "daysSupply",
        "validityPeriod", "valueQuantity", "period", "effectivePeriod", "onsetPeriod", "abatementPeriod",
        "performedPeriod", "occurrencePeriod",
    }
)  # fmt: skip
_MOST_LEFT_OUT = 20
_FAILURES = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


_HEAD = msgspec.json.Decoder(r.Head)


def resource_type_of(raw: bytes) -> str:
    """The resource type, also of damaged text; empty when none is to be found."""
    found = _KIND.search(raw)
    return found[1].decode() if found else ""


def decode(raw: bytes) -> Decoded:
    """One resource, and an issue for each element that had to be left out of it.  Never raises.

    No resource and no issue: a type we do not read.  No resource and an issue: it could not be read at all.
    """
    if raw.startswith(_BYTE_ORDER_MARK):
        raw = raw.removeprefix(_BYTE_ORDER_MARK)
    quick = _FIRST_MEMBER.match(raw)
    if quick is not None and (known := _DECODERS_BY_BYTES.get(quick[1])) is not None:
        try:
            return known.decode(raw), ()
        except _FAILURES:
            pass  # Read with care below.
    return _decode_with_care(raw)


def _decode_with_care(raw: bytes) -> Decoded:
    try:
        head = _HEAD.decode(raw)
    except _FAILURES as error:
        return None, (_unreadable(resource_type_of(raw), error),)
    decoder = _DECODERS.get(head.resourceType)
    if decoder is None:
        if head.resourceType:
            return None, ()
        return None, (Issue("unknown", IssueCode.UNREADABLE, "it has no resourceType"),)
    try:
        return decoder.decode(raw), ()
    except _FAILURES as error:
        return _without_wrong_elements(raw, head, error)


def _without_wrong_elements(raw: bytes, head: r.Head, error: Exception) -> Decoded:
    """Leave out one wrong element at a time: an odd note must not hide an opioid order."""
    ref = f"{head.resourceType}/{head.id or '?'}"
    try:
        members: Any = msgspec.json.decode(raw)
    except _FAILURES:
        return None, (_unreadable(ref, error),)
    left_out: list[Issue] = []
    for _ in range(_MOST_LEFT_OUT):
        where = _cut(members, str(error))
        if where is None:
            break
        text = f"it was read without one element: {_reason(error)}"
        left_out.append(Issue(ref, IssueCode.UNREADABLE, text, where))
        try:
            return _DECODERS[head.resourceType].decode(msgspec.json.encode(members)), tuple(left_out)
        except _FAILURES as another:
            error = another
    return None, (_unreadable(ref, error),)


def _cut(members: Any, message: str) -> str | None:
    """Delete the element the message names and return its path; None when the resource cannot do without."""
    found = _PATH.search(message)
    steps = [name or int(index) for name, index in _STEP.findall(found[1])] if found else []
    if not steps or steps[0] in _NEEDED:
        return None
    for depth, step in enumerate(steps):
        if step in _WHOLE:
            steps = steps[: depth + 1]
            break
    # One instruction less would be a smaller dose: then none is read.
    if isinstance(steps[-1], int) and steps[0] in {"dosageInstruction", "dosage"}:
        steps = steps[:1]
    holder = members
    try:
        for step in steps[:-1]:
            holder = holder[step]
        del holder[steps[-1]]
    except (KeyError, IndexError, TypeError):
        return None
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _unreadable(ref: str, error: Exception) -> Issue:
    found = _PATH.search(str(error)) if isinstance(error, msgspec.DecodeError) else None
    where = f"${found[1]}" if found else ""
    return Issue(ref or "unknown", IssueCode.UNREADABLE, f"it could not be read: {_reason(error)}", where)


def _reason(error: Exception) -> str:
    """The decoder's words: types, never a value of the chart."""
    if isinstance(error, msgspec.DecodeError):
        return _PATH.sub("", str(error))
    return "it is nested too deeply" if isinstance(error, RecursionError) else "the text is not UTF-8"
