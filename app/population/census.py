"""Census: which kinds of resources the inputs hold, and which of them cannot be trusted to be complete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from app.population.exports import EVERY, Inputs, kind_named
from app.population.missing import OUTDATED, holes, lacking, outdated, unordered
from app.population.rows import SetAside


class Census(msgspec.Struct):
    """What holds for every patient of the inputs.

    kinds: by export name, the kinds it holds or should hold.  lacking: kinds (EVERY for all) incomplete for
    everyone, with the reason.  changes_only: exports that hold only what changed since an earlier one.  outdated:
    exports too old for the day evaluated for.
    export_of: the export of each file.  lost_drugs: ids of Medications that could not be read, or are deleted.
    linked: patients of whom another record has orders.
    """

    kinds: dict[str, list[str]]
    lacking: dict[str, str]
    changes_only: list[str]
    outdated: list[str]
    export_of: dict[str, str]
    lost_drugs: list[str] = []
    linked: list[str] = []


def unread_rows(inputs: Inputs) -> list[SetAside]:
    """What exports could not read of single patients, as rows: a patient of whom nothing came is in no file."""
    return [
        SetAside(
            export.name, 0, "it could not be read", "" if kind == EVERY else kind, "", patient, export.moment
        )
        for export in inputs.exports.values()
        for patient, kind in export.unread
    ]


def census_of(
    inputs: Inputs,
    lines: Mapping[str, Mapping[str, int]],
    set_aside: Iterable[SetAside],
    outdated_before: float,
) -> Census:
    """Compare what was read with what was promised.

    lines: by file, how many of each kind were read.  outdated_before: as of `missing.outdated_before`.
    """
    aside = list(set_aside)
    of_file = {file: inputs.export_of(file) for file in sorted({*lines, *inputs.files, *inputs.bundles})}
    exports = list(inputs.exports.values())
    lost = lacking(exports)
    old = outdated(exports, outdated_before)
    if old and len(old) == len(exports):
        lost.setdefault(EVERY, f"the newest export was {OUTDATED}")
    for why in sorted([*holes(exports), *unordered(inputs)]):
        lost.setdefault(EVERY, why)
    for name, why in sorted(inputs.unread.items()):
        lost.setdefault(kind_named(name), f"{name} was not read: {why}")
    kinds = {export.name: {*export.kinds.values(), *export.lacking} - {EVERY} for export in exports}
    for file, seen in lines.items():
        kinds[of_file[file].name].update(seen)
    for row in aside:
        if row.rest_lost and row.file in of_file:
            listed = of_file[row.file].kinds.get(row.file)
            for kind in [listed] if listed else lines.get(row.file) or [EVERY]:
                lost.setdefault(kind, f"{row.file} breaks off")
                kinds[of_file[row.file].name].update({kind} - {EVERY})
    read = {file: sum(seen.values()) for file, seen in lines.items()}
    for row in aside:
        read[row.file] = read.get(row.file, 0) + 1
    for export in exports:
        for kind, expected in export.expected.items():
            found = sum(read.get(file, 0) for file, listed in export.kinds.items() if listed == kind)
            if found < expected:
                lost.setdefault(kind, f"{expected - found} of {expected} listed are missing")
    return Census(
        {name: sorted(found) for name, found in kinds.items()},
        lost,
        [export.name for export in exports if export.since is not None],
        old,
        {file: export.name for file, export in of_file.items()},
        sorted(_lost_drugs(inputs, aside)),
    )


def _lost_drugs(inputs: Inputs, set_aside: Iterable[SetAside]) -> set[str]:
    gone = {ref.partition("/")[2] for ref in inputs.deleted if ref.startswith("Medication/")}
    return gone | {row.id for row in set_aside if row.kind == "Medication" and row.id}
