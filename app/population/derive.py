"""Deriving: one shard's rows to charts, facts, evaluations and table rows, by the calls the panel makes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa

from app.clinical.charted import Charted, with_visits
from app.clinical.evaluation import LtotStatus
from app.clinical.policy import Policy, parse_policy
from app.population.census import Census
from app.population.charts import Chart, charts, collect
from app.population.exports import EVERY
from app.population.keep import Wanted
from app.population.rows import DRUG_KINDS, Row, SetAside
from app.population.tables import Tables
from fhir_mappings.chart import map_chart
from fhir_mappings.decoding import decode
from fhir_mappings.facts import Facts, IssueCode
from valuesets import Terms, load_terms


@dataclass(frozen=True, slots=True)
class Task:
    """What decides a run besides its inputs, in words another process can be given."""

    policy: str
    as_of: date
    zone: str
    site_codes: str | None = None
    snomed: bool = True

    def tools(self) -> Tools:
        """Load the policy and the terminology."""
        terms = load_terms(site_file=Path(self.site_codes) if self.site_codes else None, snomed=self.snomed)
        return Tools(parse_policy(self.policy), terms, self.as_of, ZoneInfo(self.zone))


@dataclass(frozen=True, slots=True)
class Tools:
    """A task as objects."""

    policy: Policy
    terms: Terms
    as_of: date
    zone: ZoneInfo


class Tally(msgspec.Struct):
    """What a shard, or a run, found.

    patients: evaluated, with_opioid of whom have one for certain.  duplicates: lines that repeat a resource.
    """

    patients: int = 0
    with_opioid: int = 0
    on_ltot: int = 0
    cannot_tell: int = 0
    resources: int = 0
    duplicates: int = 0

    def add(self, other: Tally) -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Derived(msgspec.Struct):
    """The result of one shard.  batches: by table, as Arrow IPC."""

    tally: Tally
    batches: dict[str, bytes]
    set_aside: list[SetAside]


def derive(records: Iterable[Row | SetAside], census: Census, wanted: Wanted, tools: Tools) -> Derived:
    """Evaluate every patient of a shard who has an opioid, or of whom that cannot be told."""
    deleted = wanted.deleted
    found = collect(sorted(records, key=lambda row: (row.file, row.line)), deleted, wanted.left)
    tally = Tally(duplicates=found.duplicates)
    tables, set_aside = Tables(), list[SetAside]()
    for chart in charts(found, census, deleted):
        facts = map_chart(chart.patient, chart.raw, terms=tools.terms, sources=chart.sources, zone=tools.zone)
        opioid = has_opioid(facts, chart)
        if not opioid:
            continue
        visits = wanted.recorded.get(chart.patient, ())
        facts, entries = with_visits(facts, visits, {row.ref for row in chart.rows} if visits else ())
        evaluation = Charted(facts, tools.policy, tools.terms, tools.as_of, entries).evaluation()
        tables.add(evaluation, facts.person, opioid)
        set_aside += unreadable(facts, chart)
        tally.patients += 1
        tally.with_opioid += opioid == "yes"
        tally.resources += len(chart.rows)
        tally.on_ltot += evaluation.ltot.status is LtotStatus.YES
        tally.cannot_tell += evaluation.ltot.status is LtotStatus.CANNOT_TELL
    batches = {name: _ipc(batch) for name, batch in tables.batches().items()}
    return Derived(tally, batches, set_aside)


def has_opioid(facts: Facts, chart: Chart) -> str:
    """ "yes", "cannot_tell" when one of the patient's drugs could not be read or is not named, or empty."""
    if any(one.drug.is_opioid for one in (*facts.orders, *facts.fills)):
        return "yes"
    for issue in facts.issues:
        unread = issue.code in {IssueCode.MEDICATION_MISSING, IssueCode.UNREADABLE}
        if unread and issue.ref.partition("/")[0] in DRUG_KINDS:
            return "cannot_tell"
    return "cannot_tell" if chart.damaged & (DRUG_KINDS | {EVERY}) else ""


def unreadable(facts: Facts, chart: Chart) -> Iterable[SetAside]:
    """The rows the mapping could not read at all, with its reason."""
    reasons = {issue.ref: issue.text for issue in facts.issues if issue.code is IssueCode.UNREADABLE}
    for row in chart.rows if reasons else ():
        if row.ref in reasons and decode(row.raw)[0] is None:
            yield SetAside(
                row.file, row.line, reasons[row.ref], row.kind, row.id or "", chart.patient, row.moment
            )


def _ipc(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def read_ipc(data: bytes) -> pa.Table:
    return pa.ipc.open_stream(data).read_all()
