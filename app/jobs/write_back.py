"""Write an entry of the visit to the EHR as well, where the clinic wants that and the EHR lets us."""

from __future__ import annotations

from app.ehr.create import Created, FhirWriter, NotCreated
from app.ehr.entry_resources import KIND_OF, About, resource_of
from app.ehr.granted import Granted
from app.errors import LtotError
from app.jobs.record import note, recordable, standing_entry
from app.jobs.service import Service, in_thread
from app.jobs.tokens import LaunchTokens
from app.store.launch import Launch
from app.store.records import KeptEntry, WriteBack
from app.store.tenants import Tenant

OPTION = "write_back"


def writes_back(tenant: Tenant) -> bool:
    """Whether this clinic wants entries in the EHR as well; then a launch asks for the permission to write."""
    return tenant.options.get(OPTION) is True


async def write_back(service: Service, tenant: Tenant, launch: Launch, cookie: str, kept: KeptEntry) -> None:
    """Try to write an entry to the EHR and keep what came of it; the entry itself stays as it is.

    Raises LtotError LT-606 when the access log cannot be written; then nothing was sent.
    """
    kind = KIND_OF.get(kept.entry.kind)
    done = kept.write_back is not None and kept.write_back.reference
    if kind is None or done or not writes_back(tenant):
        return
    if not Granted(launch.scopes).create(kind):
        outcome: Created | NotCreated = NotCreated("the EHR granted no permission to write it")
    else:
        await note(service, launch, "write_back", "sent")
        outcome = await _sent(service, tenant, launch, cookie, kept, kind)
    if isinstance(outcome, Created):
        attempt, code = WriteBack(service.now(), reference=outcome.reference), "ok"
    else:
        attempt = WriteBack(service.now(), reason=outcome.reason, unsure=outcome.unsure)
        code = "LT-415" if outcome.unsure else "LT-414"
    await in_thread(service.records.note_write_back, tenant.id, kept.entry.id, attempt)
    await note(service, launch, "write_back", code)


async def retry_write_back(
    service: Service, tenant: Tenant, launch: Launch, cookie: str, record_id: str
) -> None:
    """Try again.  Raises LtotError LT-412 for a role that may not, LT-413 without such an entry."""
    kept = await standing_entry(service, tenant, launch, record_id)
    if kept.entry.kind not in recordable(launch.roles):
        raise LtotError("LT-412")
    await write_back(service, tenant, launch, cookie, kept)


async def _sent(
    service: Service, tenant: Tenant, launch: Launch, cookie: str, kept: KeptEntry, kind: str
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
    unsure = kept.write_back is not None and kept.write_back.unsure
    return await writer.create(
        kind,
        resource_of(kept.entry, about),
        unless_identifier=f"{system}|{kept.entry.id}" if unsure else "",
    )
