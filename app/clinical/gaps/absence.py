"""Absence needs proof: whether what was read is enough to say that something is not there."""

from __future__ import annotations

from collections.abc import Sequence

from app.clinical.evaluation import Evidence, Status
from app.clinical.gaps.case import Case, Finding, unknown
from app.clinical.words import counted_kind, joined, kind_words
from fhir_mappings.facts import Facts, Source


class AbsenceError(RuntimeError):
    """A rule claimed absence from a source that was not read completely: a mistake in the rule."""


def _places(facts: Facts, kinds: Sequence[str], also: Sequence[str]) -> list[Source]:
    """The sources to judge: every needed one, and of the others those the site offers."""
    needed = [facts.source(kind) for kind in kinds]
    return needed + [facts.source(kind) for kind in also if kind in facts.whole or kind in facts.partial]


def unproven(facts: Facts, kinds: Sequence[str], also: Sequence[str] = ()) -> Evidence | None:
    """Why absence cannot be concluded from these kinds of resource; None when it can.

    kinds: where the thing is kept; also: where some sites keep it, judged only when the site offers them.
    """
    if facts.whole.issuperset(kinds) and facts.partial.isdisjoint(also):
        return None
    partial = [one for one in _places(facts, kinds, also) if not (one.complete and one.connected)]
    missing = [kind_words(source.kind) for source in partial if not source.connected]
    if missing:
        return Evidence("source", f"no data source: {joined(missing)} not connected")
    what = joined(kind_words(source.kind) for source in partial)
    problems = sorted({source.problem.rstrip(".") for source in partial if source.problem})
    return Evidence("source", f"{what} could not be read completely" + "".join(f" ({p})" for p in problems))


def unreadable(case: Case, kinds: Sequence[str], also: Sequence[str] = (), *past: Evidence) -> Finding | None:
    """The finding "cannot tell" where absence cannot be concluded; None where it can."""
    reason = unproven(case.facts, kinds, also)
    if reason is None:
        return None
    text = reason.text[:1].upper() + reason.text[1:]
    return unknown(text, reason, *past)


def only_if_read(finding: Finding, facts: Facts, kinds: Sequence[str], also: Sequence[str] = ()) -> Finding:
    """A reassuring answer about the newest of something holds only when nothing newer can be missing."""
    doubt = unproven(facts, kinds, also)
    if finding.status is not Status.MET or doubt is None:
        return finding
    text = f"{finding.text}; a newer one cannot be ruled out: {doubt.text}"
    return unknown(text, *finding.evidence, doubt, last=finding.last)


def absent(facts: Facts, what: str, kinds: Sequence[str], also: Sequence[str] = ()) -> Evidence:
    """The evidence that there is none.  Raises AbsenceError unless every source was read completely."""
    reason = unproven(facts, kinds, also)
    if reason is not None:
        raise AbsenceError(f"no absence of {what} may be claimed: {reason.text}")
    places = [facts.sources[kind] for kind in (*kinds, *also) if kind in facts.whole]
    read = joined([counted_kind(source.read, source.kind) for source in places])
    return Evidence("absence", f"no {what} in {read} read")
