"""From rows to charts: the resources of each patient, newest version of each, with what was set aside.

A kind of resource counts as connected for a patient when an export that holds the patient holds any of it: an
export without a single Procedure says nothing about procedures.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from app.population.census import Census
from app.population.deletions import Deletions
from app.population.exports import EVERY
from app.population.missing import OUTDATED
from app.population.rows import DRUG_KINDS, Row, SetAside, newest, plain_slashes
from fhir_mappings.facts import Source

_SEVERAL = "some came in several versions, and it cannot be told which is the newest"
_ELSEWHERE = "another record of the same person has orders"
_LOST = "the drug of some could not be read, or is deleted"
SHARED_KINDS = frozenset({"Medication"})
_MEDICATION_REFERENCE = re.compile(rb'"(?:(?:[^"\s]*/)?Medication/|urn:(?:uuid|oid):)([^"/\s]+)')


@dataclass(slots=True)
class Chart:
    """One patient's resources as text, ready for mapping.

    rows: where each comes from.  damaged: kinds of which some could not be read, or came in several versions of
    which none is the newest (EVERY: the kind is not known).
    """

    patient: str
    raw: tuple[bytes, ...]
    sources: dict[str, Source]
    rows: tuple[Row, ...]
    damaged: frozenset[str] = frozenset()


@dataclass(slots=True)
class Collected:
    """Everything read from the inputs, grouped; `set_aside` lists what could not be used.

    rows: the newest rows of each resource; several when equally new texts differ, for the mapping to judge.
    lines: by file, how many of each kind were read.
    """

    rows: dict[tuple[str, str, str], list[Row]] = field(default_factory=dict[tuple[str, str, str], list[Row]])
    shared: dict[str, list[Row]] = field(default_factory=dict[str, list[Row]])
    set_aside: list[SetAside] = field(default_factory=list[SetAside])
    lines: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    files_of_patient: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    ownerless: int = 0
    duplicates: int = 0
    deleted: int = 0


def collect(
    rows: Iterable[Row | SetAside], deleted: Deletions, left: Mapping[str, Collection[str]]
) -> Collected:
    """Group rows by patient.  Of rows with one kind and id the newest stay, in any order; deleted ones go.

    left: by resource, the patients it has moved away from.
    """
    found = Collected()
    for row in rows:
        if isinstance(row, SetAside):
            found.set_aside.append(row)
            continue
        kinds = found.lines.setdefault(row.file, {})
        kinds[row.kind] = kinds.get(row.kind, 0) + 1
        if deleted.include(row):
            found.deleted += 1
        elif left and row.patient in left.get(row.ref, ()):
            found.duplicates += 1
        elif row.patient is not None:
            found.files_of_patient.setdefault(row.patient, set()).add(row.file)
            found.duplicates += _put(row, found.rows.setdefault(_key(row), []))
        elif row.kind in SHARED_KINDS and row.id:
            found.duplicates += _put(row, found.shared.setdefault(row.id, []))
        else:
            found.ownerless += 1
    found.rows = {key: _newest(versions) for key, versions in found.rows.items()}
    found.shared = {id_: _newest(versions) for id_, versions in found.shared.items()}
    return found


def _put(row: Row, versions: list[Row]) -> bool:
    """Keep a row among the versions of its resource; whether another one was known."""
    versions.append(row)
    return len(versions) > 1


def _newest(versions: list[Row]) -> list[Row]:
    """The newest of a resource's versions, each text once, in the order they came."""
    if len(versions) == 1:
        return versions
    last = newest(row.newness for row in versions)
    texts: dict[bytes, Row] = {}
    for row in versions:
        if row.newness in last:
            texts.setdefault(row.raw, row)
    return list(texts.values())


def medications_in(raw: bytes) -> set[str]:
    """Ids of the Medications a drug line, or a Medication, refers to; empty for every other resource."""
    if b'"medicationReference"' not in raw and b'"itemReference"' not in raw:
        return set()
    return {ref.decode() for ref in _MEDICATION_REFERENCE.findall(plain_slashes(raw))}


def charts(found: Collected, census: Census, deleted: Deletions) -> Iterator[Chart]:
    """One chart per patient, ordered by patient id, each with the shared resources it may refer to."""
    owned: dict[str, list[Row]] = {}
    for (patient, _, _), rows in found.rows.items():
        owned.setdefault(patient, []).extend(rows)
    damaged = _damaged(found, deleted)
    lost = set(census.lost_drugs) - found.shared.keys()
    linked = set(census.linked)
    disputed = {id_ for id_, rows in found.shared.items() if _differ(rows)}
    for patient in sorted(owned.keys() | damaged.keys()):
        rows = owned.get(patient, [])
        exports = {census.export_of[file] for file in found.files_of_patient.get(patient, ())}
        shared = _needed(rows, found.shared)
        several = {
            row.kind for row in rows if row.kind in DRUG_KINDS and _differ(found.rows.get(_key(row), ()))
        }
        if disputed and any(row.id in disputed for row in shared):
            several.add("MedicationRequest")
        doubts = dict.fromkeys(several, _SEVERAL)
        if patient in linked:
            doubts["MedicationRequest"] = _ELSEWHERE
        for row in rows if lost else ():
            if row.kind in DRUG_KINDS and not lost.isdisjoint(medications_in(row.raw)):
                doubts[row.kind] = _LOST
        sources = _sources(rows, exports, damaged.get(patient, {}), doubts, census)
        together = (*rows, *shared)
        damage = frozenset(damaged.get(patient, ())) | doubts.keys()
        yield Chart(patient, tuple(row.raw for row in together), sources, together, damage)


def _key(row: Row) -> tuple[str, str, str]:
    return row.patient or "", row.kind, row.id or f"{row.file}:{row.line}"


def _differ(versions: Sequence[Row]) -> bool:
    """Whether equally new versions of one resource say different things."""
    return len(versions) > 1 and any(
        msgspec.json.decode(one.raw) != msgspec.json.decode(versions[0].raw) for one in versions[1:]
    )


def _needed(rows: Iterable[Row], shared: Mapping[str, list[Row]]) -> list[Row]:
    """The Medications rows refer to, and those these refer to in turn."""
    needed: dict[str, list[Row]] = {}
    wanted = set().union(*(medications_in(row.raw) for row in rows if row.kind in DRUG_KINDS))
    while wanted := wanted & shared.keys() - needed.keys():
        needed |= {id_: shared[id_] for id_ in wanted}
        wanted = set().union(*(medications_in(row.raw) for id_ in wanted for row in shared[id_]))
    return [row for id_ in sorted(needed) for row in needed[id_]]


def _damaged(found: Collected, deleted: Deletions) -> dict[str, dict[str, int]]:
    """By patient and kind, how many resources could not be read and are not intact in a version as new."""
    damaged: dict[str, dict[str, int]] = {}
    for row in (
        msgspec.structs.replace(one, patient=name) for one in found.set_aside for name in one.patients
    ):
        if deleted.include(row):
            continue
        intact = found.rows.get((row.patient, row.kind, row.id), ())
        if not any(one.moment >= row.moment and (row.moment or not one.moment) for one in intact):
            counts = damaged.setdefault(row.patient, {})
            counts[row.kind or EVERY] = counts.get(row.kind or EVERY, 0) + 1
    return damaged


def _sources(
    rows: list[Row], exports: set[str], damaged: dict[str, int], doubts: dict[str, str], census: Census
) -> dict[str, Source]:
    kinds = {kind for export in exports for kind in census.kinds.get(export, ())}
    read: dict[str, int] = dict.fromkeys(kinds, 0)
    for row in rows:
        read[row.kind] = read.get(row.kind, 0) + 1
    problems = {kind: f"{count} could not be read" for kind, count in damaged.items()}
    problems = doubts | problems
    if exports and exports <= set(census.changes_only):
        problems.setdefault(EVERY, "only changes since an earlier export are here")
    if exports and exports <= set(census.outdated):
        problems.setdefault(EVERY, f"the newest export with this patient was {OUTDATED}")
    for kind, why in census.lacking.items():
        problems.setdefault(kind, why)
    named = (read.keys() | problems.keys()) - {EVERY}
    found: dict[str, Source] = {}
    for kind in sorted(named):
        problem = problems.get(kind) or problems.get(EVERY, "")
        found[kind] = Source(kind, read.get(kind, 0), complete=not problem, problem=problem)
    return found
