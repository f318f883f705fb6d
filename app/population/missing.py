"""Missing: what exports lack, alone and in the order they were taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta, tzinfo

from app.population.exports import Export, Inputs

MOST_DAYS_OLD = 31
"""Exports are taken every month; one older than that says nothing about the day evaluated for."""
OUTDATED = f"taken more than {MOST_DAYS_OLD} days before the day evaluated for"


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


def outdated_before(as_of: date, zone: tzinfo) -> float:
    """The moment from which on an export must have been taken to speak of the day evaluated for."""
    return datetime.combine(as_of - timedelta(days=MOST_DAYS_OLD), time(), zone).timestamp()


def outdated(exports: Iterable[Export], before: float) -> list[str]:
    """Names of exports that were taken, and followed by exports of changes, before a moment at the latest."""
    taken = list(exports)
    changes = sorted(
        ((since, one) for one in taken if (since := one.since) is not None), key=lambda pair: pair[0]
    )
    found: list[str] = []
    for export in taken:
        known = export.moment
        for since, later in changes:
            apart = export.server and later.server and export.server != later.server
            if since <= known and not apart:
                known = max(known, later.moment)
        if 0 < known < before:
            found.append(export.name)
    return found


def unordered(inputs: Inputs) -> Iterator[str]:
    """Which exports of unknown time cannot be put in order with the deletions of others, or theirs with others."""
    for said in {one for several in inputs.deleted.values() for one in several}:
        for export in inputs.exports.values():
            apart = said.server and export.server and said.server != export.server
            if export.name != said.export and not apart and not (said.moment and export.moment):
                name = (export.name if said.moment else said.export) or "the export"
                yield f"{name} is of unknown time, so it cannot be told whether what is listed as deleted is gone"
