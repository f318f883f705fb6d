"""Evaluate charts held in files: Bundles, single resources or NDJSON, one evaluation per patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, tzinfo
from pathlib import Path

from app.clinical.evaluate import evaluate
from app.clinical.evaluation import Evaluation, LtotStatus
from app.clinical.policy import Policy
from app.errors import LtotError
from app.population.charts import Collected, charts, collect
from app.population.inputs import InputError, read_path
from fhir_mappings.chart import map_chart
from valuesets import Terms


@dataclass(frozen=True, slots=True)
class FileRun:
    """The charts found in the given paths; iterate `evaluations` once per use."""

    collected: Collected
    policy: Policy
    terms: Terms
    as_of: date
    zone: tzinfo

    def evaluations(self, patient: str | None = None) -> Iterator[Evaluation]:
        """One evaluation per patient, by patient id; only `patient` when given."""
        for chart in charts(self.collected):
            if patient is None or chart.patient == patient:
                facts = map_chart(
                    chart.patient, chart.raw, terms=self.terms, sources=chart.sources, zone=self.zone
                )
                yield evaluate(facts, self.policy, self.terms, self.as_of)


def read_files(paths: Sequence[Path], *, policy: Policy, terms: Terms, as_of: date, zone: tzinfo) -> FileRun:
    """Read every path; raises LtotError (LT-501 to LT-504) naming the first that is no chart at all."""
    try:
        collected = collect(row for path in paths for row in read_path(path))
    except InputError as error:
        raise LtotError(error.code, error.detail) from None
    if not collected.rows and not collected.set_aside:
        raise LtotError("LT-504", ", ".join(str(path) for path in paths))
    return FileRun(collected, policy, terms, as_of, zone)


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

    def add(self, evaluation: Evaluation) -> None:
        mme = evaluation.mme
        self.patients += 1
        self.with_opioid += bool(mme.contributions or mme.uncounted or mme.flags or mme.current is not None)
        self.on_ltot += evaluation.ltot.status is LtotStatus.YES
        self.counted.update(contribution.method for contribution in mme.contributions)
        self.uncounted.update(missing.reason for missing in mme.uncounted)
        self.issues.update(issue.code for issue in evaluation.issues)

    def lines(self) -> list[str]:
        """The summary: patients, what was counted and how, and everything that was set aside, by name."""
        found = self.collected
        summary = [
            (
                f"{self.patients} patients, {self.with_opioid} with an opioid, "
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
