"""The clinic's list in the browser: whom a run found, for one user with the population role."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from app.clinical.gaps import RULES
from app.errors import LtotError
from app.jobs.entries import standing
from app.jobs.registry import Listing, filters_of, list_patients, run_of
from app.jobs.registry_files import csv_of
from app.jobs.service import Service, in_thread
from app.store.launch import Launch
from app.store.records import KeptEntry
from app.store.registry import Filters, Order, Registry, RunSummary
from app.store.tenants import Tenant

ROWS = 50
GAPS = {rule.id: rule.name for rule in RULES}


@dataclass(frozen=True, slots=True)
class Asked:
    """What to list, in the words of `ltot registry list`; "" asks for everyone.  run: "" for the newest."""

    run: str = ""
    ltot: str = ""
    mme: str = ""
    gap: str = ""
    status: str = ""
    prescriber: str = ""
    order: Order = Order.OVERDUE
    page: int = 1

    def filters(self) -> Filters:
        """Raises LT-601 for one that cannot be."""
        return filters_of(
            ltot=self.ltot or None,
            mme=self.mme or None,
            gap=self.gap or None,
            status=self.status or None,
            prescriber=self.prescriber or None,
        )


@dataclass(frozen=True, slots=True)
class OpenedList:
    """One page of the list.  since: by patient, entries recorded in visits that the run does not count."""

    asked: Asked
    runs: tuple[RunSummary, ...]
    listing: Listing | None
    prescribers: tuple[str, ...]
    since: dict[str, int]
    read_at: datetime

    @property
    def pages(self) -> int:
        return max(1, -(-self.listing.total // ROWS)) if self.listing else 1


async def open_list(service: Service, tenant: Tenant, launch: Launch, asked: Asked) -> OpenedList:
    """One page, the last one where a later one is asked for.

    Raises LtotError: LT-512 for a run that is not there, LT-606 when the access cannot be recorded; then nothing is
    shown.
    """
    return await in_thread(_open_list, service, tenant, launch, asked)


def _open_list(service: Service, tenant: Tenant, launch: Launch, asked: Asked) -> OpenedList:
    registry = Registry(service.store, tenant.id)
    runs = registry.runs()
    now = service.now()
    read_at = now.astimezone(service.settings.time_zone)
    if not runs:
        return OpenedList(asked, (), None, (), {}, read_at)
    run, filters = run_of(registry, asked.run or None), asked.filters()
    last = max(1, -(-registry.count(run.id, filters) // ROWS))
    page = min(max(1, asked.page), last)
    listing = list_patients(
        service.store,
        tenant.id,
        run.id,
        filters,
        action="population_view",
        actor=launch.user.subject,
        now=now,
        launch_id=launch.id,
        order=asked.order,
        offset=(page - 1) * ROWS,
        limit=ROWS,
    )
    kept = service.records.of_patients(tenant.id, [entry.patient for entry in listing.entries])
    since = {patient: count for patient, made in kept.items() if (count := _not_counted(made, run))}
    shown = replace(asked, run=run.id, page=page)
    return OpenedList(shown, runs, listing, registry.prescribers(run.id), since, read_at)


def _not_counted(made: tuple[KeptEntry, ...], run: RunSummary) -> int:
    """How many standing entries the run did not know of."""
    counted = run.record.get("visit_entries") is not None
    started = datetime.fromisoformat(run.record["started"])
    return sum(not counted or one.at > started for one in standing(made))


async def list_as_csv(
    service: Service, tenant: Tenant, launch: Launch, asked: Asked
) -> tuple[RunSummary, bytes]:
    """Everyone who fits as a CSV file.  Raises as `open_list`; LT-512 where no run is loaded."""
    return await in_thread(_list_as_csv, service, tenant, launch, asked)


def _list_as_csv(service: Service, tenant: Tenant, launch: Launch, asked: Asked) -> tuple[RunSummary, bytes]:
    found = list_patients(
        service.store,
        tenant.id,
        asked.run or None,
        asked.filters(),
        action="population_csv",
        actor=launch.user.subject,
        now=service.now(),
        launch_id=launch.id,
        order=asked.order,
    )
    return found.run, csv_of(found.entries)


def read_asked(fields: dict[str, str]) -> Asked:
    """What a form asks for.  Raises LT-404 for what the page does not offer: a list is never wider than asked for."""
    try:
        asked = Asked(
            run=fields.get("run", ""),
            ltot=fields.get("ltot", ""),
            mme=fields.get("mme", ""),
            gap=fields.get("gap", ""),
            status=fields.get("status", "") if fields.get("gap") else "",
            prescriber=fields.get("prescriber", ""),
            order=Order(fields.get("order") or Order.OVERDUE),
            page=int(fields.get("page") or 1),
        )
        asked.filters()
    except (ValueError, LtotError):
        raise LtotError("LT-404") from None
    if asked.gap and asked.gap not in GAPS:
        raise LtotError("LT-404")
    return asked
