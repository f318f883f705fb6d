"""The one entry point: what follows from a chart under a policy on a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from app.clinical.elements import elements
from app.clinical.evaluation import Evaluation
from app.clinical.exclusions import exclusions
from app.clinical.gaps import gaps
from app.clinical.gaps.case import Case
from app.clinical.ltot import ltot
from app.clinical.mme import mme
from app.clinical.overlaps import overlaps, whole_stock
from app.clinical.policy import Policy
from app.clinical.records import BY_PLACE, Record
from app.clinical.risk import risk
from app.clinical.state import Decision, State
from app.clinical.udt import analytes
from app.clinical.version import CODE_VERSION
from fhir_mappings.facts import Facts
from valuesets import Terms


def evaluate(
    facts: Facts,
    policy: Policy,
    terms: Terms,
    as_of: date,
    *,
    earlier: State | None = None,
    decisions: Sequence[Decision] = (),
    records: Sequence[Record] = (),
) -> Evaluation:
    """The whole answer for one patient on one day; the same input gives the same answer, in any order of facts.

    earlier: the state on the clinic's list before.  decisions, records: what people noted in the registry.
    """
    case = case_of(facts, policy, terms, as_of, earlier=earlier, decisions=decisions, records=records)
    return answer(case, terms)


def case_of(
    facts: Facts,
    policy: Policy,
    terms: Terms,
    as_of: date,
    *,
    earlier: State | None = None,
    decisions: Sequence[Decision] = (),
    records: Sequence[Record] = (),
) -> Case:
    """Everything that is derived before the rules run."""
    facts = replace(facts)  # its index is worked out for this answer and goes with it
    stock = whole_stock(facts, policy, as_of)
    dose = mme(facts, policy, terms, as_of, stock.opioids)
    therapy = ltot(facts, policy, as_of, stock.opioids, earlier=earlier, decisions=decisions)
    together = overlaps(facts, policy, as_of, stock)
    urine = analytes(facts, policy, as_of, stock)
    return Case(
        facts=facts,
        policy=policy,
        as_of=as_of,
        mme=dose,
        ltot=therapy,
        risk=risk(facts, policy, dose, together, as_of, records, stock, urine),
        exclusions=exclusions(facts, policy, as_of),
        overlaps=together,
        records=tuple(sorted(records, key=BY_PLACE)),
        laid=stock,
        judged=urine,
    )


def answer(case: Case, terms: Terms) -> Evaluation:
    """The rules and elements of a case, with all that was derived before them."""
    facts = case.facts
    return Evaluation(
        patient=facts.person.id,
        as_of=case.as_of,
        versions=_versions(case.policy, terms),
        ltot=case.ltot,
        mme=case.mme,
        exclusions=case.exclusions,
        risk=case.risk,
        gaps=gaps(case),
        elements=elements(case),
        overlaps=tuple(one.evidence for one in case.overlaps),
        sources=tuple(facts.sources[kind] for kind in sorted(facts.sources)),
        issues=tuple(
            sorted(facts.issues, key=lambda issue: (issue.ref, issue.code, issue.where, issue.text))
        ),
    )


def _versions(policy: Policy, terms: Terms) -> dict[str, str]:
    return {
        "code": CODE_VERSION,
        "policy": policy.label,
        "factors": policy.mme.factor_table,
        "valuesets": terms.version,
    }
