"""Reads the drugs that orders and fills name by reference, each of them once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from app.ehr.client import FhirClient
from app.ehr.fetched import Fetched

READS_PER_CHART = 300


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


class Medications:
    """The drugs of one chart.  One refused read leaves that drug unresolved and nothing else."""

    def __init__(self, client: FhirClient, deadline: float, *, readable: bool) -> None:
        self._client, self._deadline, self._readable = client, deadline, readable
        self._reads: dict[str, asyncio.Task[Fetched]] = {}
        self._included: dict[str, bytes] = {}

    def include(self, id_: str, raw: bytes) -> None:
        """A Medication that came along with a search, so that it need not be read."""
        self._included[id_] = raw

    async def resolve(self, resources: Iterable[bytes]) -> int:
        """Read what these orders or fills refer to; how many drugs stay unresolved."""
        ids, unresolved = medication_ids(resources, self._client.base_url)
        wanted = [id_ for id_ in ids if id_ not in self._included]
        for id_ in wanted:
            if self._readable and id_ not in self._reads and len(self._reads) < READS_PER_CHART:
                read = self._client.read("Medication", id_, self._deadline)
                self._reads[id_] = asyncio.ensure_future(read)
        found = await asyncio.gather(*(self._reads[id_] for id_ in wanted if id_ in self._reads))
        return unresolved + len(wanted) - sum(fetched.complete for fetched in found)

    def raw(self) -> tuple[bytes, ...]:
        """Every Medication there is; call it when all `resolve` calls have returned."""
        read = (task.result() for task in self._reads.values() if task.done() and not task.cancelled())
        return (*self._included.values(), *(item for fetched in read for item in fetched.items))
