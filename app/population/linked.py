"""Linked: people with several records, of whom one record alone shows too little.

Records are not joined: an EHR that merged two usually has moved the orders itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from app.population.rows import patient_in


class _Reference(msgspec.Struct):
    reference: str = ""


class _Link(msgspec.Struct):
    other: _Reference
    type: str = ""


class _Linked(msgspec.Struct):
    link: list[_Link] = []


_decode = msgspec.json.Decoder(_Linked).decode
Pair = tuple[str, str]
"""A record, and the record of the same person that is used instead or as well."""


def links_of(raw: bytes, patient: str) -> list[Pair]:
    """The pairs a Patient, as text, tells of."""
    if b'"link"' not in raw:
        return []
    try:
        links = _decode(raw).link
    except msgspec.DecodeError:
        return []
    pairs = {"replaced-by": (False,), "replaces": (True,), "seealso": (False, True)}
    return [
        (other, patient) if turned else (patient, other)
        for link in links
        if (other := patient_in(link.other.reference)) and other != patient
        for turned in pairs.get(link.type, ())
    ]


def told_too_little(links: Iterable[Pair], with_orders: Collection[str]) -> list[str]:
    """Patients of whom another record has orders: those in use, and replaced ones that have some themselves."""
    found: set[str] = set()
    for record, used in links:
        if record in with_orders:
            found.add(used)
            if used in with_orders:
                found.add(record)
    return sorted(found)
