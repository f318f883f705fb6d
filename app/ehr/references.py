"""Reads the drugs that orders and fills name by reference, each of them once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from msgspec import Struct

from app.ehr.bundles import identity
from app.ehr.client import FhirClient
from app.ehr.fetched import Fetched

READS_AT_ONCE = 300


class _Reference(Struct, gc=False):
    reference: str = ""


class _Order(Struct, gc=False, rename="camel"):
    medication_reference: _Reference | None = None


_ORDER = msgspec.json.Decoder(_Order)


def medication_ids(resources: Iterable[bytes], base_url: str) -> tuple[tuple[str, ...], int]:
    """Ids of the Medications on this server that these orders or fills name, and how many name one elsewhere."""
    ids: dict[str, None] = {}
    elsewhere = 0
    for raw in resources:
        reference = _reference(raw)
        if not reference or reference.startswith("#"):
            continue
        local = reference.removeprefix(f"{base_url}/").split("/")
        if local[0] == "Medication" and len(local) >= 2 and local[1]:
            ids[local[1]] = None
        else:
            elsewhere += 1
    return tuple(ids), elsewhere


def _reference(raw: bytes) -> str:
    try:
        order = _ORDER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # The mapping reports what is wrong with this resource.
        return ""
    return order.medication_reference.reference if order.medication_reference else ""


@dataclass(frozen=True, slots=True)
class Drugs:
    """The Medications that some orders or fills name; unresolved: how many of them are not among these."""

    raw: tuple[bytes, ...]
    unresolved: int


class Medications:
    """The drugs of one chart, or of many.  One refused read leaves that drug unresolved and nothing else."""

    def __init__(self, client: FhirClient, *, readable: bool) -> None:
        self._client, self._readable = client, readable
        self._known: dict[str, bytes] = {}
        self._reads: dict[str, asyncio.Task[Fetched]] = {}

    def include(self, raw: bytes) -> None:
        """A Medication that came along with a search, so that it need not be read."""
        kind, id_ = identity(raw)
        if kind == "Medication" and id_:
            self._known[id_] = raw

    async def resolve(self, resources: Iterable[bytes], deadline: float) -> Drugs:
        """The drugs these orders or fills refer to, read where they are not known yet."""
        ids, elsewhere = medication_ids(resources, self._client.base_url)
        wanted = [id_ for id_ in ids if id_ not in self._known]
        if self._readable:
            await asyncio.gather(*(self._read(id_, deadline) for id_ in wanted[:READS_AT_ONCE]))
        found = [self._known[id_] for id_ in ids if id_ in self._known]
        return Drugs(tuple(found), elsewhere + len(ids) - len(found))

    async def _read(self, id_: str, deadline: float) -> None:
        task = self._reads.get(id_)
        if task is None:
            task = self._reads[id_] = asyncio.ensure_future(self._client.read("Medication", id_, deadline))
        try:
            fetched = await task
        finally:
            self._reads.pop(id_, None)
        if fetched.complete:
            self._known[id_] = fetched.items[0]
