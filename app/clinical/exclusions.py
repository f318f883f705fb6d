"""Exclusions: conditions under which guideline dose prompts are not meant for a person.

Source: CDC 2022 scope (cancer, sickle cell disease, palliative and end-of-life care) and the CDC decision-support
guide (age, encounter counts).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from app.clinical.evaluation import Exclusion
from app.clinical.months import age_on
from app.clinical.policy import Policy
from fhir_mappings.facts import Facts, Problem

ADULT_AGE = 18
_ENCOUNTERS_NEEDED = 2
_RECENT = timedelta(days=365)
_VISIT, _HISTORY = "encounter-diagnosis", "medical-history"
_NOT_ACTIVE_CANCER = frozenset({"active_cancer:non_melanoma_skin", "active_cancer:remission"})
_WORDS = {
    "cancer": "active cancer",
    "sickle_cell": "sickle cell disease",
    "hospice": "hospice care",
    "palliative": "palliative care",
    "age": f"under {ADULT_AGE} years",
}


def exclusions(facts: Facts, policy: Policy, as_of: date) -> tuple[Exclusion, ...]:
    """Every exclusion the policy has on and the chart shows, with its evidence.

    An empty answer proves nothing while problems were not read completely; rules must say so.
    """
    found = (
        _cancer(facts, as_of),
        _exclusion("sickle_cell", active_problems(facts, as_of, {"sickle_cell_disease"})),
        _care("hospice", facts, as_of, "hospice"),
        _care("palliative", facts, as_of, "palliative_care"),
        _age(facts, as_of),
    )
    return tuple(one for one in found if one is not None and policy.exclusions[one.kind])


def active_problems(facts: Facts, as_of: date, groups: Iterable[str]) -> list[Problem]:
    """Confirmed problems of these groups that began by `as_of` and are not known to have ended, by reference."""
    wanted = frozenset(groups)
    if wanted.isdisjoint(facts.problem_groups):
        return []
    return sorted(
        (problem for problem in facts.problems if wanted & problem.groups and is_active(problem, as_of)),
        key=lambda problem: problem.ref,
    )


def is_active(problem: Problem, as_of: date) -> bool:
    """Not refuted, not ended by `as_of`, and not recorded later.  No status counts as active.

    What was recorded by then and is said to begin later, as in 2099, has begun.
    """
    dates = [day for day in (problem.onset, problem.recorded) if day is not None]
    if not problem.confirmed or min(dates, default=as_of) > as_of:
        return False
    if problem.abated is not None:
        return problem.abated > as_of
    return problem.active is not False


def began(problem: Problem) -> date | None:
    """The day of onset, else of the record; the record where it came before the onset."""
    if problem.onset is not None and problem.recorded is not None:
        return min(problem.onset, problem.recorded)
    return problem.onset or problem.recorded


def is_use_disorder(problem: Problem, group: str) -> bool:
    """Whether a problem of a group of substances is a disorder: unspecified use, as of what is prescribed, is none."""
    return problem.groups.isdisjoint(
        f"{group}:{part}" for part in ("use_unspecified", "header", "opioid_induced_disorder")
    )


def in_remission(problem: Problem, group: str) -> bool:
    """In remission or in the past, by its code or its status."""
    past = (f"{group}:remission", f"{group}:remission_or_history")
    return problem.active is False or not problem.groups.isdisjoint(past)


def active_disorders(facts: Facts, as_of: date, group: str) -> list[Problem]:
    """Active disorders of a group of substances, none of them in remission."""
    return [
        problem
        for problem in active_problems(facts, as_of, {group})
        if is_use_disorder(problem, group) and not in_remission(problem, group)
    ]


def is_current(problem: Problem, as_of: date) -> bool:
    """Whether an active problem speaks of now: no past history, no diagnosis of a visit long ago or of unknown date.

    EHRs give the diagnoses of a visit no status, so that a visit years ago would otherwise count for ever.
    """
    if problem.category == _VISIT and problem.active is None:
        noted = problem.recorded or problem.onset
        return noted is not None and noted >= as_of - _RECENT
    return problem.category != _HISTORY


def _cancer(facts: Facts, as_of: date) -> Exclusion | None:
    """On the problem list, or a diagnosis at two visits in twelve months, or pain from a neoplasm."""
    candidates = [
        problem
        for problem in active_problems(facts, as_of, {"active_cancer", "cancer_pain"})
        if is_current(problem, as_of)
        and (not _NOT_ACTIVE_CANCER & problem.groups or "cancer_pain" in problem.groups)
    ]
    listed = [problem for problem in candidates if problem.category != _VISIT]
    start = as_of - _RECENT
    at_visits = [
        problem
        for problem in candidates
        if problem.category == _VISIT and (problem.recorded or problem.onset or as_of) >= start
    ]
    days = {problem.recorded or problem.onset or problem.encounter or problem.ref for problem in at_visits}
    return _exclusion("cancer", listed or (at_visits if len(days) >= _ENCOUNTERS_NEEDED else []))


def _care(kind: str, facts: Facts, as_of: date, group: str) -> Exclusion | None:
    """A kind of care on the problem list, or noted, ordered or given within twelve months."""
    problems = [p for p in active_problems(facts, as_of, {group}) if is_current(p, as_of)]
    if problems:
        return _exclusion(kind, problems)
    if group not in facts.event_elements:
        return None
    events = sorted(
        (event.when, event.ref)
        for event in facts.events
        if group in event.elements and event.done and event.when and as_of - _RECENT <= event.when <= as_of
    )
    if not events:
        return None
    return Exclusion(kind, _WORDS[kind], tuple(ref for _, ref in events), events[0][0])


def _exclusion(kind: str, problems: list[Problem]) -> Exclusion | None:
    if not problems:
        return None
    since = min((start for problem in problems if (start := began(problem))), default=None)
    return Exclusion(kind, _WORDS[kind], tuple(problem.ref for problem in problems), since)


def _age(facts: Facts, as_of: date) -> Exclusion | None:
    born = facts.person.birth_date
    if born is None or age_on(born, as_of) >= ADULT_AGE:
        return None
    return Exclusion("age", _WORDS["age"], (f"Patient/{facts.person.id}",), None)
