"""Open the panel: pull the chart of the launch's patient, map it, evaluate it, record the access, then answer."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from datetime import datetime

import msgspec

from app.clinical.as_json import as_json
from app.clinical.charted import Charted, with_visits
from app.clinical.evaluation import Evaluation
from app.clinical.policy import Policy
from app.ehr.chart import ChartPull, pull_chart
from app.ehr.client import FhirClient
from app.errors import LtotError
from app.jobs.entries import standing, visit_entries
from app.jobs.held import held_among, removed
from app.jobs.service import Service, in_thread
from app.jobs.settle import settled
from app.jobs.tokens import LaunchTokens
from app.store.audit import AuditEvent
from app.store.launch import Launch
from app.store.records import KeptEntry
from app.store.tenants import Tenant
from fhir_mappings.chart import map_chart
from fhir_mappings.facts import Facts, IssueCode, Person


@dataclass(frozen=True, slots=True)
class OpenedPanel:
    """What the page shows: one evaluation, whose it is, and when (local time) the chart was read.

    entries: what was recorded in visits and still stands.  over: what no longer does, although the EHR took it; it
    does not count.  gone: ids of those of them that the EHR itself removed.  reviewable: rules whose finding a review
    changes.
    """

    evaluation: Evaluation
    person: Person
    policy: Policy
    read_at: datetime
    entries: tuple[KeptEntry, ...]
    over: tuple[KeptEntry, ...]
    gone: frozenset[str]
    reviewable: frozenset[str]


async def open_panel(service: Service, tenant: Tenant, launch: Launch, cookie: str) -> OpenedPanel:
    """Read and evaluate the launch's chart.

    Raises LtotError: LT-202 or LT-201 when the patient cannot be read, LT-203 when the EHR no longer accepts
    the launch, LT-606 when the access cannot be recorded; then nothing is shown.
    """
    client, deadline = (
        _client(service, tenant, launch, cookie),
        time.monotonic() + service.settings.panel_budget,
    )
    pull = await _pull(service, tenant, launch, client, deadline)
    policy = service.policy_of(tenant)
    read_at = service.now().astimezone(service.settings.time_zone)
    facts = map_chart(
        launch.patient, pull.raw, terms=service.terms, sources=pull.sources, zone=service.settings.time_zone
    )
    _require_patient(facts)
    entries = await settled(
        service, launch, await in_thread(service.records.of_patient, tenant.id, launch.patient), pull.raw
    )
    held = held_among(pull.raw, entries)
    stand = standing(entries)
    written = [one for one in stand if one.reference and one.reference not in held]
    gone = await removed(client, written, deadline)
    kept = tuple(one for one in stand if one.entry.id not in gone)
    over = tuple(one for one in entries if one not in kept and one.reference)
    visits = [one for one in visit_entries(entries) if one.entry.id not in gone]
    facts, own = with_visits(facts, visits, held)
    chart = Charted(facts, policy, service.terms, read_at.date(), own)
    evaluation = chart.evaluation()
    await in_thread(service.audit.append, _event(tenant, launch, evaluation), service.now())
    return OpenedPanel(
        evaluation, facts.person, policy, read_at, kept, over, gone, chart.reviewable(evaluation)
    )


def _client(service: Service, tenant: Tenant, launch: Launch, cookie: str) -> FhirClient:
    return FhirClient(
        tenant.issuer,
        service.http,
        LaunchTokens(service, tenant, launch, cookie),
        service.profile_of(tenant),
        client_id=tenant.client_id,
    )


async def _pull(
    service: Service, tenant: Tenant, launch: Launch, client: FhirClient, deadline: float
) -> ChartPull:
    return await pull_chart(
        client,
        launch.patient,
        profile=service.profile_of(tenant),
        granted_scopes=launch.scopes,
        deadline=deadline,
        today=service.now().astimezone(service.settings.time_zone).date(),
    )


def _require_patient(facts: Facts) -> None:
    """Without the patient resource, and when it is another patient's, nobody can tell whose chart this is.

    What belongs to a record that was merged into another one may be found there alone.
    """
    source = facts.source("Patient")
    if source.read == 0:
        raise LtotError("LT-202" if source.complete else "LT-201")
    if any(
        issue.code is IssueCode.FOREIGN_PATIENT and issue.ref.startswith("Patient/") for issue in facts.issues
    ):
        raise LtotError(
            "LT-201", "It answered with the record of another patient; two records may have been merged."
        )
    if facts.person.merged:
        raise LtotError(
            "LT-201",
            "This record was merged into another one; open the panel from the chart that took its place.",
        )


def _event(tenant: Tenant, launch: Launch, evaluation: Evaluation) -> AuditEvent:
    shown = msgspec.json.encode(as_json(evaluation), order="sorted")
    return AuditEvent(
        tenant.id,
        "panel_view",
        "ok",
        actor=launch.user.subject,
        patient=launch.patient,
        launch_id=launch.id,
        evaluation_hash=hashlib.sha256(shown).hexdigest(),
        source_versions=dict(evaluation.versions),
    )
