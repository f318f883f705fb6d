"""What entries became at the EHR: whether the chart read holds it, and whether the EHR removed it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from app.ehr.client import FhirClient
from app.store.records import KeptEntry

_REMOVED = frozenset({404, 410})


class _Identifier(msgspec.Struct, gc=False):
    value: str = ""


class WrittenResource(msgspec.Struct, gc=False):
    """What tells whether a resource is what an entry became."""

    resourceType: str = ""  # noqa: N815 - a name of FHIR
    id: str = ""
    status: str = ""
    identifier: list[_Identifier] = []


def held_among(raw: Iterable[bytes], kept: Iterable[KeptEntry]) -> frozenset[str]:
    """Of the resources these entries became, those that were read, whatever they say by now."""
    wanted = {one.reference for one in kept if one.reference}
    if not wanted:
        return frozenset()
    return frozenset(f"{one.resourceType}/{one.id}" for text in raw if (one := read_written(text))) & wanted


async def removed(client: FhirClient, kept: Sequence[KeptEntry], deadline: float) -> frozenset[str]:
    """Ids of the entries whose resource the EHR says it no longer has, or has as a mistake.

    Anything else, such as no answer in time, removes nothing.
    """
    gone = await asyncio.gather(*(_is_gone(client, one.reference, deadline) for one in kept))
    return frozenset(one.entry.id for one, is_gone in zip(kept, gone, strict=True) if is_gone)


async def _is_gone(client: FhirClient, reference: str, deadline: float) -> bool:
    kind, _, id_ = reference.partition("/")
    answer = await client.read(kind, id_, deadline)
    if answer.problem is not None:
        return answer.problem.status in _REMOVED
    found = read_written(answer.items[0])
    return found is not None and found.status == "entered-in-error"


def read_written(text: bytes) -> WrittenResource | None:
    """None for what cannot be read."""
    try:
        return msgspec.json.decode(text, type=WrittenResource)
    except msgspec.MsgspecError:
        return None
