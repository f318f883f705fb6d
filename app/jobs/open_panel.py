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
    does not count.  reviewable: rules whose finding a review changes.
    """

    evaluation: Evaluation
    person: Person
    policy: Policy
    read_at: datetime
    entries: tuple[KeptEntry, ...]
    over: tuple[KeptEntry, ...]
    reviewable: frozenset[str]


async def open_panel(service: Service, tenant: Tenant, launch: Launch, cookie: str) -> OpenedPanel:
    """Read and evaluate the launch's chart.

    Raises LtotError: LT-202 or LT-201 when the patient cannot be read, LT-203 when the EHR no longer accepts
    the launch, LT-606 when the access cannot be recorded; then nothing is shown.
    """
    pull = await _pull(service, tenant, launch, cookie)
    policy = service.policy_of(tenant)
    read_at = service.now().astimezone(service.settings.time_zone)
    facts = map_chart(
        launch.patient, pull.raw, terms=service.terms, sources=pull.sources, zone=service.settings.time_zone
    )
    _require_patient(facts)
    entries = await settled(
        service, launch, await in_thread(service.records.of_patient, tenant.id, launch.patient), pull.raw
    )
    kept = standing(entries)
    over = tuple(one for one in entries if one not in kept and one.write_back and one.write_back.reference)
    facts, own = with_visits(facts, visit_entries(entries))
    chart = Charted(facts, policy, service.terms, read_at.date(), own)
    evaluation = chart.evaluation()
    await in_thread(service.audit.append, _event(tenant, launch, evaluation), service.now())
    return OpenedPanel(evaluation, facts.person, policy, read_at, kept, over, chart.reviewable(evaluation))


async def _pull(service: Service, tenant: Tenant, launch: Launch, cookie: str) -> ChartPull:
    profile = service.profile_of(tenant)
    client = FhirClient(
        tenant.issuer,
        service.http,
        LaunchTokens(service, tenant, launch, cookie),
        profile,
        client_id=tenant.client_id,
    )
    return await pull_chart(
        client,
        launch.patient,
        profile=profile,
        granted_scopes=launch.scopes,
        deadline=time.monotonic() + service.settings.panel_budget,
        today=service.now().astimezone(service.settings.time_zone).date(),
    )


def _require_patient(facts: Facts) -> None:
    """Without the patient resource, and when it is another patient's, nobody can tell whose chart this is."""
    source = facts.source("Patient")
    if source.read == 0:
        raise LtotError("LT-202" if source.complete else "LT-201")
    if any(
        issue.code is IssueCode.FOREIGN_PATIENT and issue.ref.startswith("Patient/") for issue in facts.issues
    ):
        raise LtotError(
            "LT-201", "It answered with the record of another patient; two records may have been merged."
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
