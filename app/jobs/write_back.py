"""Write an entry of the visit to the EHR as well, where the clinic wants that and the EHR lets us."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from app.ehr.create import Created, FhirWriter, NotCreated
from app.ehr.entry_resources import About, kind_of, resource_of
from app.ehr.granted import Granted
from app.errors import LtotError
from app.jobs.record import note, recordable, standing_entry
from app.jobs.service import Service, in_thread
from app.jobs.tokens import LaunchTokens
from app.store.launch import Launch
from app.store.records import KeptEntry, WriteBack
from app.store.tenants import Tenant

OPTION = "write_back"
LONGEST_SECONDS = 60.0
"""For one attempt, waiting included: well inside the time for which an entry is claimed."""
_WAIT = 0.25
_PATIENCE = 100


def writes_back(tenant: Tenant) -> bool:
    """Whether this clinic wants entries in the EHR as well; then a launch asks for the permission to write."""
    return tenant.options.get(OPTION) is True


async def write_back(service: Service, tenant: Tenant, launch: Launch, cookie: str, kept: KeptEntry) -> None:
    """Try to write an entry to the EHR and keep what came of it; the entry itself stays as it is.

    Of several at once, one tries, and the others wait for what comes of that.
    Raises LtotError LT-606 when the access log cannot be written; then nothing was sent.
    """
    kind = kind_of(kept.entry)
    if kind is None or not writes_back(tenant):
        return
    for _ in range(_PATIENCE):
        claim = await in_thread(service.write_claims.take, tenant.id, kept.entry.id, service.now())
        if claim is not None:
            try:
                await _write(service, tenant, launch, cookie, kept, kind)
            finally:
                await in_thread(service.write_claims.give_back, claim)
            return
        await asyncio.sleep(_WAIT)


async def retry_write_back(
    service: Service, tenant: Tenant, launch: Launch, cookie: str, record_id: str
) -> None:
    """Try again.  Raises LtotError LT-412 for a role that may not, LT-413 without such an entry."""
    kept = await standing_entry(service, tenant, launch, record_id)
    if kept.entry.kind not in recordable(launch.roles):
        raise LtotError("LT-412")
    await write_back(service, tenant, launch, cookie, kept)


async def _write(
    service: Service,
    tenant: Tenant,
    launch: Launch,
    cookie: str,
    known: KeptEntry,
    kind: str,
) -> None:
    try:
        kept = await standing_entry(service, tenant, launch, known.entry.id)
    except LtotError as error:
        if error.entry.code != "LT-413":
            raise
        # Taken back, or replaced by another of the day, while this one waited.
        return
    if kept.write_back != known.write_back or kept.reference:
        return
    at = service.now()
    # An earlier attempt of which nobody knows what came of it may have left the resource there.
    doubt = kept.write_back is not None and kept.write_back.unsure
    if not Granted(launch.scopes).create(kind):
        outcome: Created | NotCreated = NotCreated("the EHR granted no permission to write it")
    else:
        await note(service, launch, "write_back", "sent")
        # Noted first: whatever happens to this process, nobody takes the entry for one that was never sent.
        begun = WriteBack(service.now(), reason="the attempt was not finished", unsure=True)
        await in_thread(service.records.note_write_back, tenant.id, kept.entry.id, begun)
        outcome = await _sent(service, tenant, launch, cookie, kept, kind, doubt=doubt)
        at = max(service.now(), begun.at + timedelta(microseconds=1))
    if isinstance(outcome, Created):
        attempt, code = WriteBack(at, reference=outcome.reference), "ok"
    else:
        # That this attempt surely failed settles nothing about an earlier one.
        attempt = WriteBack(at, reason=outcome.reason, unsure=outcome.unsure or doubt)
        code = "LT-415" if attempt.unsure else "LT-414"
    await in_thread(service.records.note_write_back, tenant.id, kept.entry.id, attempt)
    await note(service, launch, "write_back", code)


async def _sent(
    service: Service,
    tenant: Tenant,
    launch: Launch,
    cookie: str,
    kept: KeptEntry,
    kind: str,
    *,
    doubt: bool,
) -> Created | NotCreated:
    system = f"{service.settings.base_url}/records"
    user = launch.user.fhir_user or ""
    about = About(
        patient=launch.patient,
        made=kept.at,
        author="" if "://" in user else user,
        system=system,
        zone=service.settings.time_zone,
        snomed=service.settings.snomed,
    )
    writer = FhirWriter(
        tenant.issuer,
        service.http,
        LaunchTokens(service, tenant, launch, cookie),
        service.profile_of(tenant),
        tenant.client_id,
    )
    body = resource_of(kept.entry, about)
    unless = f"{system}|{kept.entry.id}" if doubt else ""
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            return await writer.create(kind, body, unless_identifier=unless)
    except TimeoutError:
        return NotCreated("the EHR did not answer in time", unsure=True)
