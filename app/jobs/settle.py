"""Settle what an attempt to write to the EHR left open: a resource in the chart that carries the entry's id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from app.ehr.entry_resources import kind_of
from app.jobs.held import read_written
from app.jobs.record import note
from app.jobs.service import Service, in_thread
from app.store.launch import Launch
from app.store.records import KeptEntry, WriteBack


async def settled(
    service: Service, launch: Launch, kept: Iterable[KeptEntry], raw: Sequence[bytes]
) -> tuple[KeptEntry, ...]:
    """The entries; one of which it was not known whether the EHR has it is settled when the chart read holds it.

    Raises LtotError LT-606 when the access log cannot be written.
    """
    found: list[KeptEntry] = []
    for one in kept:
        reference = _reference(one, raw)
        if not reference:
            found.append(one)
            continue
        attempt = WriteBack(service.now(), reference=reference)
        await note(service, launch, "write_back", "found")
        await in_thread(service.records.note_write_back, launch.tenant_id, one.entry.id, attempt)
        found.append(replace(one, write_back=attempt))
    return tuple(found)


def _reference(kept: KeptEntry, raw: Iterable[bytes]) -> str:
    if kept.write_back is None or not kept.write_back.unsure:
        return ""
    mark = kept.entry.id.encode()
    for text in raw:
        resource = read_written(text) if mark in text else None
        if resource is None:
            continue
        named = {identifier.value for identifier in resource.identifier}
        if resource.resourceType == kind_of(kept.entry) and kept.entry.id in named:
            return f"{resource.resourceType}/{resource.id}"
    return ""
