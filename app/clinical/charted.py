"""A chart with what was recorded in visits beside it, judged together."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from app.clinical.entries import Entry, VisitEntry, decisions_of, records_of, with_entries, without
from app.clinical.evaluate import answer, case_of
from app.clinical.evaluation import Evaluation
from app.clinical.gaps import gaps
from app.clinical.gaps.case import Case
from app.clinical.policy import Policy
from app.clinical.records import BY_PLACE, Record, RecordKind
from fhir_mappings.facts import Facts
from valuesets import Terms


@dataclass(frozen=True)
class Charted:
    """A chart with the entries that count beside it, under one policy on one day."""

    facts: Facts
    policy: Policy
    terms: Terms
    as_of: date
    entries: tuple[Entry, ...] = ()

    @cached_property
    def case(self) -> Case:
        """What is derived before the rules run."""
        return case_of(
            with_entries(self.facts, self.entries),
            self.policy,
            self.terms,
            self.as_of,
            decisions=decisions_of(self.entries),
            records=records_of(self.entries),
        )

    def evaluation(self) -> Evaluation:
        """The whole answer."""
        return answer(self.case, self.terms)

    def reviewable(self, found: Evaluation) -> frozenset[str]:
        """Rules whose finding would be another after a review today: only there is a review offered.

        Reviews are read by the rules alone, so only they are asked again.
        """
        reviews = (Record(self.as_of, RecordKind.REVIEW, gap.id, text="reviewed") for gap in found.gaps)
        before = {gap.id: (gap.status, gap.text) for gap in found.gaps}
        after = gaps(replace(self.case, records=tuple(sorted((*self.case.records, *reviews), key=BY_PLACE))))
        return frozenset(gap.id for gap in after if before.get(gap.id) != (gap.status, gap.text))


def with_visits(
    facts: Facts, visits: Iterable[VisitEntry], held: Collection[str]
) -> tuple[Facts, tuple[Entry, ...]]:
    """The chart and the entries that count beside it.

    held: references of the resources read.  An entry among them counts as the EHR has it, which may be as a mistake.
    What became of one that no longer stands does not count.
    """
    known = tuple(visits)
    facts = without(facts, {one.reference for one in known if one.reference and not one.stands})
    return facts, tuple(one.entry for one in known if one.stands and one.reference not in held)
