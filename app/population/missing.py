"""Missing: what exports lack, alone and in the order they were taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from app.population.exports import Export, Inputs


def lacking(exports: Iterable[Export]) -> dict[str, str]:
    """Kinds that are incomplete for everyone, over all exports, with the first reason by export name."""
    found: dict[str, str] = {}
    for export in sorted(exports, key=lambda one: one.name):
        for kind, why in export.lacking.items():
            found.setdefault(kind, why)
    return found


def holes(exports: Iterable[Export]) -> Iterator[str]:
    """What is wrong with exports of changes that do not follow, without a gap, on a whole export of their EHR."""
    taken = sorted(exports, key=lambda one: (one.moment, one.name))
    whole = [one for one in taken if one.since is None]
    for export in taken:
        if export.since is None:
            continue
        servers = {export.server, ""} if export.server else {one.server for one in whole}
        if max((one.moment for one in whole if one.server in servers), default=0.0) >= export.since:
            whole.append(export)
        else:
            name = export.name or "the export"
            yield f"{name} holds only changes, and the export they follow on is not here"


def unordered(inputs: Inputs) -> Iterator[str]:
    """Which exports of unknown time cannot be put in order with the deletions of others, or theirs with others."""
    for said in {one for several in inputs.deleted.values() for one in several}:
        for export in inputs.exports.values():
            apart = said.server and export.server and said.server != export.server
            if export.name != said.export and not apart and not (said.moment and export.moment):
                name = (export.name if said.moment else said.export) or "the export"
                yield f"{name} is of unknown time, so it cannot be told whether what is listed as deleted is gone"
