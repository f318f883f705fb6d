"""Evaluate charts held in files: Bundles, single resources or NDJSON, one evaluation per patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, tzinfo
from pathlib import Path

from app.clinical.evaluate import evaluate
from app.clinical.evaluation import Evaluation, LtotStatus
from app.clinical.policy import Policy
from app.clinical.words import counted
from app.errors import LtotError
from app.population.apart import require_apart
from app.population.census import Census, census_of, unread_rows
from app.population.charts import Chart, Collected, charts, collect
from app.population.deletions import Deletions
from app.population.derive import has_opioid
from app.population.inputs import InputError, open_path, read, together
from app.population.linked import links_of, told_too_little
from app.population.missing import outdated_before
from app.population.moved import holders_among, left_behind, number_of
from app.population.rows import Row, SetAside
from fhir_mappings.chart import map_chart
from fhir_mappings.facts import Facts
from valuesets import Terms


@dataclass(frozen=True, slots=True)
class FileRun:
    """The charts found in the given paths; iterate `evaluations` once per use."""

    collected: Collected
    census: Census
    deleted: Deletions
    policy: Policy
    terms: Terms
    as_of: date
    zone: tzinfo

    def facts(self, patient: str | None = None) -> Iterator[Facts]:
        """The facts of each patient, by patient id; only of `patient` when given."""
        for chart in charts(self.collected, self.census, self.deleted):
            if patient is None or chart.patient == patient:
                yield self.mapped(chart)

    def mapped(self, chart: Chart) -> Facts:
        return map_chart(chart.patient, chart.raw, terms=self.terms, sources=chart.sources, zone=self.zone)

    def evaluations(self, patient: str | None = None) -> Iterator[tuple[Facts, Evaluation]]:
        """One evaluation per patient with the facts it rests on, by patient id; only `patient` when given."""
        for facts in self.facts(patient):
            yield facts, evaluate(facts, self.policy, self.terms, self.as_of)


def read_files(paths: Sequence[Path], *, policy: Policy, terms: Terms, as_of: date, zone: tzinfo) -> FileRun:
    """Read every path; raises LtotError LT-501 to LT-504 naming the first that is no chart at all, or LT-511."""
    try:
        inputs = together(open_path(path) for path in paths)
        rows = list(read(inputs))
        require_apart(_claims(rows, inputs.known_servers()))
        left = left_behind(holders_among(rows, inputs.servers()))
        deleted = inputs.deletions()
        collected = collect(rows, deleted, left)
    except InputError as error:
        raise LtotError(error.code, error.detail) from None
    if not collected.rows and not collected.set_aside:
        raise LtotError("LT-504", ", ".join(str(path) for path in paths))
    census = census_of(inputs, collected.lines, collected.set_aside, outdated_before(as_of, zone))
    collected.set_aside += unread_rows(inputs)
    found = FileRun(collected, census, deleted, policy, terms, as_of, zone)
    census.linked = _linked(found)
    return found


def _linked(found: FileRun) -> list[str]:
    """Patients of whom another record has, or may have, an opioid."""
    people = (row for (_, kind, _), rows in found.collected.rows.items() if kind == "Patient" for row in rows)
    links = [pair for row in people for pair in links_of(row.raw, row.patient or "")]
    several = {one for pair in links for one in pair}
    with_orders = {
        chart.patient
        for chart in (charts(found.collected, found.census, found.deleted) if links else ())
        if chart.patient in several and has_opioid(found.mapped(chart), chart)
    }
    return told_too_little(links, with_orders)


def _claims(rows: Iterable[Row | SetAside], servers: Mapping[str, str]) -> Iterator[tuple[str, list[int]]]:
    for row in rows if servers else ():
        if row.file in servers and (row.patient or row.kind == "Medication"):
            kind, id_ = ("Patient", row.patient) if row.patient else (row.kind, row.id)
            yield servers[row.file], [number_of(kind, id_ or "")]


@dataclass(slots=True)
class Tally:
    """What a run over files saw, for the summary on standard error."""

    collected: Collected
    patients: int = 0
    with_opioid: int = 0
    on_ltot: int = 0
    counted: Counter[str] = field(default_factory=Counter[str])
    uncounted: Counter[str] = field(default_factory=Counter[str])
    issues: Counter[str] = field(default_factory=Counter[str])

    def add(self, facts: Facts, evaluation: Evaluation) -> None:
        mme = evaluation.mme
        self.patients += 1
        self.with_opioid += any(item.drug.is_opioid for item in (*facts.orders, *facts.fills))
        self.on_ltot += evaluation.ltot.status is LtotStatus.YES
        self.counted.update(contribution.method for contribution in mme.contributions)
        self.uncounted.update(missing.reason for missing in mme.uncounted)
        self.issues.update(issue.code for issue in evaluation.issues)

    def lines(self) -> list[str]:
        """The summary: patients, what was counted and how, and everything that was set aside, by name."""
        found = self.collected
        summary = [
            (
                f"{counted(self.patients, 'patient')}, {self.with_opioid} with an opioid, "
                f"{self.on_ltot} on long-term opioid therapy"
            ),
            (
                f"{len(found.rows)} resources of patients, {len(found.shared)} shared, "
                f"{found.ownerless} of no patient, {found.duplicates} repeated, "
                f"{len(found.set_aside)} set aside"
            ),
        ]
        for title, counts in (
            ("current orders and fills counted, by method", self.counted),
            ("not counted, by reason", self.uncounted),
            ("issues, by code", self.issues),
        ):
            if counts:
                summary.append(f"{title}: " + ", ".join(f"{name} {n}" for name, n in sorted(counts.items())))
        summary += [f"set aside: {row.file}:{row.line}: {row.reason}" for row in found.set_aside]
        return summary
