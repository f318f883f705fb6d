"""Where a person stands on the clinic's list: a pure function of coverage, the earlier state and decisions.

none, acute, subacute, candidate, confirmed, lapsed, exited, excluded.  A confirmed person stays on the list until
therapy lapses, even when the definition no longer holds; a clinician's "not LtOT" holds until enough further days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.clinical.definitions import current_episode
from app.clinical.episodes import Coverage
from app.clinical.policy import LtotPolicy

SUBACUTE_FROM = 42
CHRONIC_FROM = 90


class State(StrEnum):
    NONE = "none"
    ACUTE = "acute"
    SUBACUTE = "subacute"
    CANDIDATE = "candidate"
    CONFIRMED = "confirmed"
    LAPSED = "lapsed"
    EXITED = "exited"
    EXCLUDED = "excluded"
    POSSIBLE = "possible"


LISTED = frozenset({State.CANDIDATE, State.CONFIRMED, State.LAPSED})


@dataclass(frozen=True, slots=True)
class Decision:
    """A clinician or data lead said yes or no to long-term therapy, or took the person off the list."""

    on: date
    is_ltot: bool
    author: str = ""
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """The state and the sentence that explains how it came about; it feeds the list's add and drop reasons."""

    state: State
    reason: str
    ask: str = ""


def standing(
    found: Coverage,
    policy: LtotPolicy,
    *,
    holds: bool | None,
    earlier: State | None = None,
    decisions: Sequence[Decision] = (),
    deceased: bool = False,
) -> Standing:
    """The state on `found.day`.  holds: whether the chosen definition is met; None: cannot be told."""
    if deceased:
        return Standing(State.EXITED, "recorded as deceased")
    decision = _latest(decisions, found.day)
    if decision is not None and decision.excluded:
        return Standing(State.EXCLUDED, f"excluded by decision on {decision.on.isoformat()}")
    uncovered = found.uncovered
    on_list = earlier in LISTED or (decision is not None and decision.is_ltot)
    if on_list and uncovered is not None and uncovered >= policy.exit_days:
        return Standing(State.EXITED, f"no supply for {uncovered} days")
    if on_list and uncovered is not None and uncovered >= policy.lapse_days:
        return Standing(State.LAPSED, f"no supply for {uncovered} days", "check whether therapy was stopped")
    if decision is not None and not decision.is_ltot and _refusal_holds(decision, found, policy):
        return Standing(
            _by_length(found, policy), f"a clinician said not long-term on {decision.on.isoformat()}"
        )
    if decision is not None and decision.is_ltot:
        ask = "" if holds else "below the definition: keep or remove?"
        return Standing(State.CONFIRMED, f"confirmed on {decision.on.isoformat()}", ask)
    if holds:
        returned = " after an earlier end" if earlier is State.EXITED else ""
        return Standing(State.CANDIDATE, f"meets the definition{returned}", "confirm or refuse")
    if earlier is State.CANDIDATE and holds is False:
        return Standing(_by_length(found, policy), "fell below the definition")
    if holds is None:
        return Standing(State.POSSIBLE, "supply is not fully known", "check the supply")
    return _without_list(found, policy)


def _without_list(found: Coverage, policy: LtotPolicy) -> Standing:
    """Nobody put the person on a list: what the supply alone says."""
    uncovered = found.uncovered
    long_ago = [end - start + 1 for start, end in found.episodes(policy.lapse_days)]
    was_long = bool(long_ago) and long_ago[-1] >= CHRONIC_FROM
    if was_long and uncovered is not None and policy.lapse_days <= uncovered < policy.exit_days:
        return Standing(State.LAPSED, f"no supply for {uncovered} days", "check whether therapy was stopped")
    if was_long and uncovered is not None and uncovered >= policy.exit_days:
        return Standing(State.EXITED, f"no supply for {uncovered} days")
    state = _by_length(found, policy)
    return Standing(state, "no opioid supply now" if state is State.NONE else "below the definition")


def _by_length(found: Coverage, policy: LtotPolicy) -> State:
    episode = current_episode(found, policy.lapse_days - 1)
    if episode is None:
        return State.NONE
    return State.ACUTE if found.day - episode[0] + 1 < SUBACUTE_FROM else State.SUBACUTE


def _latest(decisions: Sequence[Decision], day: int) -> Decision | None:
    past = [decision for decision in decisions if decision.on.toordinal() <= day]
    return max(past, key=lambda d: (d.on, d.is_ltot, d.author), default=None)


def _refusal_holds(decision: Decision, found: Coverage, policy: LtotPolicy) -> bool:
    """A "no" holds for a time, unless enough further covered days came after it."""
    said = decision.on.toordinal()
    further = found.covered(said + 1, found.day)
    return found.day - said < policy.not_ltot_days and further < policy.reask_days
