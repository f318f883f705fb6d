"""What was recorded in visits, put beside the chart and judged with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from app.clinical.entries import Entry, decisions_of, records_of, standing_entries, with_entries
from app.clinical.evaluate import evaluate
from app.clinical.evaluation import Evaluation
from app.clinical.policy import Policy
from app.clinical.records import Record, RecordKind
from app.store.records import KeptEntry
from fhir_mappings.facts import Facts
from valuesets import Terms


@dataclass(frozen=True, slots=True)
class Charted:
    """A chart with the entries that count beside it, under one policy on one day."""

    facts: Facts
    policy: Policy
    terms: Terms
    as_of: date
    entries: tuple[Entry, ...] = ()

    def evaluation(self, *further: Record) -> Evaluation:
        """The whole answer.  further: records taken as made, to see what they would change."""
        return evaluate(
            with_entries(self.facts, self.entries),
            self.policy,
            self.terms,
            self.as_of,
            decisions=decisions_of(self.entries),
            records=(*records_of(self.entries), *further),
        )

    def reviewable(self, found: Evaluation) -> frozenset[str]:
        """Rules whose finding would be another after a review today: only there is a review offered."""
        reviews = (Record(self.as_of, RecordKind.REVIEW, gap.id, text="reviewed") for gap in found.gaps)
        before = {gap.id: (gap.status, gap.text) for gap in found.gaps}
        after = self.evaluation(*reviews).gaps
        return frozenset(gap.id for gap in after if before.get(gap.id) != (gap.status, gap.text))


def standing(kept: Sequence[KeptEntry]) -> tuple[KeptEntry, ...]:
    """The entries that still stand, in the order they were made."""
    ids = {one.id for one in standing_entries(one.entry for one in kept)}
    return tuple(one for one in kept if one.entry.id in ids)


def own_entries(kept: Iterable[KeptEntry], facts: Facts) -> tuple[Entry, ...]:
    """The entries that count beside the chart: one the EHR holds by now counts as the EHR has it."""
    seen = {one.ref for part in (facts.events, facts.results, facts.documents) for one in part}
    return tuple(one.entry for one in kept if one.write_back is None or one.write_back.reference not in seen)
