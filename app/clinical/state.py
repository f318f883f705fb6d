"""Where a person stands on the clinic's list: a pure function of coverage, the earlier state and decisions.

none, acute, subacute, possible, candidate, confirmed, lapsed, exited, excluded.  A confirmed person stays on the list
until therapy lapses, even when the definition no longer holds; a clinician's "not LtOT" holds until enough further
days.  Who returns after an end is a candidate again, and the reason says "returned".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from msgspec import Struct

from app.clinical.definitions import current_episode, held_between
from app.clinical.episodes import Coverage
from app.clinical.policy import LtotPolicy
from app.clinical.words import day

SUBACUTE_FROM = 42


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


class Standing(Struct, frozen=True):
    """The state and the sentence that explains how it came about; it feeds the list's add and drop reasons.

    word: a clinician's yes or no, as long as it stands.
    """

    state: State
    reason: str
    ask: str = ""
    word: bool | None = None


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
        return Standing(State.EXCLUDED, f"excluded by decision on {day(decision.on)}")
    if decision is not None and not _stands(decision, found, policy):
        decision = None
    gone = _without_supply(found, policy, listed=_listed(earlier, decision, found, policy))
    if gone is not None:
        return gone
    if decision is not None:
        return _decided(decision, found, policy, holds=holds)
    return _undecided(found, policy, holds=holds, earlier=earlier)


def _listed(earlier: State | None, decision: Decision | None, found: Coverage, policy: LtotPolicy) -> bool:
    """On the list until now: by the state before, by a decision, or because the last episode met the definition."""
    if decision is not None:
        return decision.is_ltot or earlier in LISTED
    last = found.last_day
    episodes = found.episodes(policy.lapse_days - 1)
    met = last is not None and held_between(found, policy, episodes[-1][0], last)
    return earlier in LISTED or met


def _without_supply(found: Coverage, policy: LtotPolicy, *, listed: bool) -> Standing | None:
    """Lapsed, then exited, when days without supply go on."""
    uncovered = found.uncovered
    if not listed or uncovered is None or uncovered < policy.lapse_days:
        return None
    if uncovered >= policy.exit_days:
        return Standing(State.EXITED, f"no supply for {uncovered} days")
    return Standing(State.LAPSED, f"no supply for {uncovered} days", "check whether therapy was stopped")


def _decided(decision: Decision, found: Coverage, policy: LtotPolicy, *, holds: bool | None) -> Standing:
    """What a clinician said."""
    if decision.is_ltot:
        ask = "below the definition: keep or remove?" if holds is False else ""
        return Standing(State.CONFIRMED, f"confirmed on {day(decision.on)}", ask, word=True)
    reason = f"a clinician said not long-term on {day(decision.on)}"
    return Standing(_by_length(found, policy), reason, word=False)


def _undecided(found: Coverage, policy: LtotPolicy, *, holds: bool | None, earlier: State | None) -> Standing:
    """Nobody's word stands: the state before, and what the supply says."""
    if earlier is State.CONFIRMED and not holds:
        ask = "below the definition: keep or remove?" if holds is False else "check the supply"
        return Standing(State.CONFIRMED, "confirmed before", ask)
    if holds:
        again = earlier is State.EXITED or _returned(found, policy)
        reason = "returned: meets the definition after an earlier end" if again else "meets the definition"
        return Standing(State.CANDIDATE, reason, "confirm or refuse")
    if earlier is State.EXITED and found.uncovered is not None and found.uncovered < policy.lapse_days:
        return Standing(State.CANDIDATE, "returned: an opioid after an earlier end", "confirm or refuse")
    if holds is None:
        return Standing(State.POSSIBLE, "supply is not fully known", "check the supply")
    state = _by_length(found, policy)
    if earlier is State.CANDIDATE:
        return Standing(state, "fell below the definition")
    return Standing(state, "no opioid supply now" if state is State.NONE else "below the definition")


def _stands(decision: Decision, found: Coverage, policy: LtotPolicy) -> bool:
    """A "yes" is about one therapy and ends with it; a "no" holds for a time, or until enough further days."""
    said = decision.on.toordinal()
    if decision.is_ltot:
        return not any(said <= end for _, end in found.episodes(policy.exit_days - 1)[:-1])
    further = found.covered(said + 1, found.day)
    return found.day - said < policy.not_ltot_days and further < policy.reask_days


def _returned(found: Coverage, policy: LtotPolicy) -> bool:
    """Whether an earlier episode, over long enough to have ended therapy, met the definition."""
    earlier = found.episodes(policy.exit_days - 1)[:-1]
    return any(held_between(found, policy, start, end) for start, end in earlier)


def _by_length(found: Coverage, policy: LtotPolicy) -> State:
    episode = current_episode(found, policy.lapse_days - 1)
    if episode is None:
        return State.NONE
    return State.ACUTE if found.day - episode[0] + 1 < SUBACUTE_FROM else State.SUBACUTE


def _latest(decisions: Sequence[Decision], today: int) -> Decision | None:
    past = [decision for decision in decisions if decision.on.toordinal() <= today]
    return max(past, key=lambda d: (d.on, d.is_ltot, d.author), default=None)
