"""From rows to charts: the resources of each patient, newest version of each, with what was set aside.

A kind of resource counts as connected for a patient when the patient's own files hold any of it: a chart
without a single Procedure says nothing about procedures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from app.population.rows import Row, SetAside
from fhir_mappings.facts import Source

SHARED_KINDS = frozenset({"Medication"})
_MEDICATION_REFERENCE = re.compile(rb'"(?:[^"\s]*/)?Medication/([^"/\s]+)')


@dataclass(slots=True)
class Chart:
    """One patient's resources as text, ready for mapping."""

    patient: str
    raw: tuple[bytes, ...]
    sources: dict[str, Source]


@dataclass(slots=True)
class Collected:
    """Everything read from the inputs, grouped; `set_aside` lists what could not be used."""

    rows: dict[tuple[str, str, str], Row] = field(default_factory=dict[tuple[str, str, str], Row])
    shared: dict[str, Row] = field(default_factory=dict[str, Row])
    set_aside: list[SetAside] = field(default_factory=list[SetAside])
    kinds_of_file: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    files_of_patient: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    ownerless: int = 0
    duplicates: int = 0


def _container(file: str) -> str:
    """Bundles are charts of their own; NDJSON files of one folder belong together."""
    if not file.lower().endswith(".json"):
        return file.rpartition("/")[0] + "/"
    return file


def collect(rows: Iterable[Row | SetAside]) -> Collected:
    """Group rows by patient.  Of two rows with one kind and id the newest stays, in any order."""
    found = Collected()
    for row in rows:
        if isinstance(row, SetAside):
            found.set_aside.append(row)
            continue
        container = _container(row.file)
        found.kinds_of_file.setdefault(container, set()).add(row.kind)
        if row.patient is None:
            if row.kind in SHARED_KINDS and row.id:
                found.shared[row.id] = max(row, found.shared.get(row.id, row), key=_newness)
            else:
                found.ownerless += 1
            continue
        found.files_of_patient.setdefault(row.patient, set()).add(container)
        key = (row.patient, row.kind, row.id or f"{row.file}:{row.line}")
        other = found.rows.get(key)
        found.duplicates += other is not None
        found.rows[key] = max(row, other or row, key=_newness)
    return found


def _newness(row: Row) -> tuple[str, int, str, bytes]:
    updated, version = row.version
    return updated, len(version), version, row.raw


def charts(found: Collected) -> Iterator[Chart]:
    """One chart per patient, ordered by patient id, each with the shared resources it may refer to."""
    owned: dict[str, list[Row]] = {}
    for (patient, _, _), row in found.rows.items():
        owned.setdefault(patient, []).append(row)
    damaged: dict[str, dict[str, int]] = {}
    for row in found.set_aside:
        intact = (row.patient, row.kind, row.id) in found.rows
        if row.patient and row.kind and not intact:
            counts = damaged.setdefault(row.patient, {})
            counts[row.kind] = counts.get(row.kind, 0) + 1
    for patient in sorted(owned.keys() | damaged.keys()):
        rows = owned.get(patient, [])
        kinds = {
            kind for file in found.files_of_patient.get(patient, ()) for kind in found.kinds_of_file[file]
        }
        raw = tuple(row.raw for row in rows)
        wanted = {ref.decode() for text in raw for ref in _MEDICATION_REFERENCE.findall(text)}
        needed = tuple(found.shared[id_].raw for id_ in sorted(wanted & found.shared.keys()))
        yield Chart(patient, raw + needed, _sources(rows, kinds, damaged.get(patient, {})))


def _sources(rows: list[Row], kinds: set[str], damaged: dict[str, int]) -> dict[str, Source]:
    read: dict[str, int] = dict.fromkeys(kinds, 0)
    for row in rows:
        read[row.kind] = read.get(row.kind, 0) + 1
    return {
        kind: Source(
            kind,
            read.get(kind, 0),
            complete=kind not in damaged,
            problem=f"{damaged[kind]} could not be read" if kind in damaged else "",
        )
        for kind in sorted(read.keys() | damaged.keys())
    }
