"""Record in the visit: who may record what, and an entry that is in the access log before it is kept."""

from __future__ import annotations

from collections.abc import Iterable

from app.clinical.entries import Entry, EntryKind
from app.clinical.gaps import OWN_INTERVAL
from app.errors import LtotError
from app.jobs.entries import standing
from app.jobs.service import Service, in_thread
from app.store.audit import AuditEvent
from app.store.launch import Launch
from app.store.records import KeptEntry
from app.store.tenants import Tenant

CLINICIAN, RECORDER = "clinician", "recorder"
_BY_RECORDER = frozenset(
    {
        EntryKind.PDMP,
        EntryKind.AGREEMENT,
        EntryKind.PEG,
        EntryKind.SCREEN,
        EntryKind.NALOXONE,
        EntryKind.DEFERRAL,
    }
)


def recordable(roles: Iterable[str]) -> frozenset[EntryKind]:
    """What these roles may record: a recorder what was done, a clinician also what was judged."""
    held = set(roles)
    if CLINICIAN in held:
        return frozenset(EntryKind)
    return _BY_RECORDER if RECORDER in held else frozenset()


async def record_entry(service: Service, tenant: Tenant, launch: Launch, entry: Entry) -> KeptEntry:
    """Keep an entry about the launch's patient.

    Raises LtotError: LT-412 for a role that may not, LT-411 naming what does not fit, LT-606 when the access log
    cannot be written; then nothing was kept.
    """
    if entry.kind not in recordable(launch.roles):
        await note(service, launch, f"record_{entry.kind}", "LT-412")
        raise LtotError("LT-412")
    today = service.now().astimezone(service.settings.time_zone).date()
    problem = entry.problem(today)
    if entry.gap and entry.gap not in service.policy_of(tenant).gaps:
        problem = "There is no such item."
    elif entry.kind is EntryKind.INTERVAL and entry.gap not in OWN_INTERVAL:
        problem = "This item has no interval of its own."
    if problem:
        raise LtotError("LT-411", problem)
    await note(service, launch, f"record_{entry.kind}", "ok")
    return await in_thread(service.records.add, launch, entry, service.now())


async def withdraw_entry(service: Service, tenant: Tenant, launch: Launch, record_id: str) -> None:
    """Take an entry back: by whoever made it, or by a clinician.

    Raises LtotError: LT-411 for one the EHR holds, which is corrected there, LT-412, LT-413, LT-606.
    """
    await standing_entry(service, tenant, launch, record_id)
    claim = await in_thread(service.write_claims.take, tenant.id, record_id, service.now())
    if claim is None:
        raise LtotError("LT-411", "The entry is being written to the EHR at this moment.")
    try:
        await _withdraw(service, tenant, launch, record_id)
    finally:
        await in_thread(service.write_claims.give_back, claim)


async def _withdraw(service: Service, tenant: Tenant, launch: Launch, record_id: str) -> None:
    kept = await standing_entry(service, tenant, launch, record_id)
    if CLINICIAN not in launch.roles and kept.author_hash != launch.user_hash:
        raise LtotError("LT-412")
    if kept.reference:
        raise LtotError("LT-411", "The entry is in the EHR by now: it is corrected there.")
    today = service.now().astimezone(service.settings.time_zone).date()
    await note(service, launch, "record_withdrawal", "ok")
    withdrawal = Entry(EntryKind.WITHDRAWAL, today, withdraws=record_id)
    await in_thread(service.records.add, launch, withdrawal, service.now())


async def standing_entry(service: Service, tenant: Tenant, launch: Launch, record_id: str) -> KeptEntry:
    """An entry of the launch's patient that was not taken back.  Raises LtotError LT-413."""
    kept = standing(await in_thread(service.records.of_patient, tenant.id, launch.patient))
    for one in kept:
        if one.entry.id == record_id:
            return one
    raise LtotError("LT-413")


async def note(service: Service, launch: Launch, action: str, outcome: str) -> None:
    """An entry in the access log; raises LT-606 when it cannot be written."""
    event = AuditEvent(
        launch.tenant_id,
        action,
        outcome,
        actor=launch.user.subject,
        patient=launch.patient,
        launch_id=launch.id,
    )
    await in_thread(service.audit.append, event, service.now())
