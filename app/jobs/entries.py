"""What was recorded in visits and counts: of one patient for the panel, of many for a run over an export."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

from app.clinical.entries import VisitEntry, standing_entries
from app.population.keep import Recorded
from app.store.audit import AuditEvent, AuditLog
from app.store.db import Store
from app.store.records import KeptEntry, Records
from app.store.tenants import Tenants


def standing(kept: Sequence[KeptEntry]) -> tuple[KeptEntry, ...]:
    """The entries that still stand, in the order they were made."""
    ids = {one.id for one in standing_entries(one.entry for one in kept)}
    return tuple(one for one in kept if one.entry.id in ids)


def visit_entries(kept: Sequence[KeptEntry]) -> tuple[VisitEntry, ...]:
    """The entries with what they became at the EHR; one that no longer stands only when it became anything."""
    ids = {one.entry.id for one in standing(kept)}
    found = (VisitEntry(one.entry, one.reference, one.entry.id in ids) for one in kept)
    return tuple(one for one in found if one.stands or one.reference)


def recorded_until(
    store: Store, tenant_id: str, as_of: date, *, actor: str, clock: Callable[[], datetime]
) -> Callable[[Sequence[str]], Recorded]:
    """Gives the entries of the patients named that are about a day up to `as_of`, and those that no longer stand.

    The access log says first that they are read.  Raises LT-607 for a tenant that is not there, LT-606.
    """
    Tenants(store).get(tenant_id)
    # A run starts processes: they must not share a connection.
    store.engine.dispose()

    def recorded(patients: Sequence[str]) -> Recorded:
        event = AuditEvent(
            tenant_id, "population.entries", f"{len(patients)} patients asked for", actor=actor
        )
        AuditLog(store).append(event, clock())
        found = {
            patient: [one for one in visit_entries(kept) if one.entry.on <= as_of or not one.stands]
            for patient, kept in Records(store).of_patients(tenant_id, patients).items()
        }
        return {patient: entries for patient, entries in sorted(found.items()) if entries}

    return recorded
