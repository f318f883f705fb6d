"""Long-term opioid therapy: yes, no, or cannot tell, with the days and gaps that say so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from msgspec.structs import replace

from app.clinical.cohort import Therapy, confidence, ways
from app.clinical.definitions import DEFINITIONS, current_episode, held_between
from app.clinical.episodes import Coverage, coverage
from app.clinical.evaluation import Evidence, Ltot, LtotStatus
from app.clinical.mme import opioid_timeline
from app.clinical.opioids import counts_for_therapy, reported_only, undated_fills
from app.clinical.policy import Policy
from app.clinical.state import LISTED, Decision, Standing, State, standing
from app.clinical.supply import Supply, all_read
from app.clinical.timeline import Timeline
from app.clinical.words import day, joined
from fhir_mappings.facts import Facts, Order

_LEAST_USE = (
    "Days are counted at the greatest use the directions allow; at the least use the definition would be met."
)
_CUT_SHORT = (
    "An order took the place of one that lasts longer; with all days of that one the definition would be met."
)


def ltot(
    facts: Facts,
    policy: Policy,
    as_of: date,
    timeline: Timeline | None = None,
    *,
    earlier: State | None = None,
    decisions: Sequence[Decision] = (),
) -> Ltot:
    """The status by the policy's definition, every other definition beside it, and the evidence.

    "no" needs proof: an unread source of prescriptions, or an opioid whose supply is not known, gives "cannot tell".
    """
    laid = timeline or opioid_timeline(facts, policy, as_of)
    covering = [supply for supply in laid.covering if counts_for_therapy(supply)]
    unknown = [supply for supply in laid.unknown if counts_for_therapy(supply)]
    found = coverage(covering, as_of.toordinal())
    whole = all_read(facts)
    reported = reported_only(facts, laid, policy.ltot.window_days, as_of)
    undated = undated_fills(facts, laid, as_of)
    open_question = bool(reported or undated) or not whole
    cut_short = [supply for supply in laid.cut_short if counts_for_therapy(supply)]
    longest = _at_least_use(covering, cut_short, as_of.toordinal())
    answers = {name: _answer(name, found, longest, unknown, policy, open_question) for name in DEFINITIONS}
    chosen = answers[policy.ltot.definition]
    hinges = chosen is None and longest is not None and _holds(policy.ltot.definition, longest, policy)
    status = LtotStatus.CANNOT_TELL if chosen is None else LtotStatus.YES if chosen else LtotStatus.NO
    where = standing(
        found, policy.ltot, holds=chosen, earlier=earlier, decisions=decisions, deceased=facts.person.deceased
    )
    first = as_of.toordinal() - policy.ltot.window_days + 1
    episode = current_episode(found, policy.ltot.lapse_days - 1)
    return Ltot(
        status=status,
        definition=policy.ltot.definition,
        state=where.state,
        since=date.fromordinal(episode[0]) if episode else None,
        covered_days_90=found.covered(as_of.toordinal() - 89, as_of.toordinal()),
        definitions=answers,
        evidence=(
            *_supply_evidence(found, covering, unknown, policy, first),
            *([Evidence("least_use", _CUT_SHORT if cut_short else _LEAST_USE)] if hinges else []),
            *([] if whole else [Evidence("orders", "Prescriptions or fills were not read completely.")]),
            *(_reported_evidence(order) for order in reported),
            *(
                Evidence("undated", f"{fill.drug.name}: a fill without a date.", (fill.ref,))
                for fill in undated
            ),
            Evidence("state", _sentence(where)),
            *ways(facts, Therapy(covering, unknown, chosen), as_of),
        ),
        uncovered_days=found.uncovered,
        new=_is_new(found, policy) if status is LtotStatus.YES or where.state in LISTED else None,
        confidence=confidence(facts, chosen, where.word, as_of),
    )


def _sentence(where: Standing) -> str:
    ask = f"; {where.ask}" if where.ask else ""
    said = f"{where.reason[:1].upper()}{where.reason[1:]}{ask}"
    return said if said.endswith("?") else f"{said}."


def _answer(
    name: str,
    found: Coverage,
    longest: Coverage | None,
    unknown: Sequence[Supply],
    policy: Policy,
    open_question: bool,
) -> bool | None:
    """The definition's answer.

    A "no" that something unread or undated, or a smaller use than the greatest, could turn into a "yes" is None.
    """
    held = _holds(name, found, policy)
    if held is not False:
        return held
    reach = found.day - DEFINITIONS[name].reach
    unread = any(supply.start > reach or (supply.longest or reach) > reach for supply in unknown)
    if unread or open_question:
        return None
    return None if longest is not None and _holds(name, longest, policy) is not False else False


def _holds(name: str, found: Coverage, policy: Policy) -> bool | None:
    return DEFINITIONS[name].holds(found, policy.ltot)


def _at_least_use(covering: Sequence[Supply], cut_short: Sequence[Supply], today: int) -> Coverage | None:
    """The days covered if the least was taken of everything; None where the directions leave no choice."""
    if not cut_short and all(supply.longest is None for supply in covering):
        return None
    return coverage([*map(_stretched, covering), *cut_short], today)


def _stretched(supply: Supply) -> Supply:
    if supply.longest is None or supply.longest <= supply.last:
        return supply
    return replace(supply, last=supply.longest, days=supply.longest - supply.start + 1)


def _reported_evidence(order: Order) -> Evidence:
    text = f"{order.drug.name} is reported as taken at home; no prescription says since when or how much."
    return Evidence("reported", text, (order.ref,), order.start or order.authored)


def _supply_evidence(
    found: Coverage, covering: Sequence[Supply], unknown: Sequence[Supply], policy: Policy, first: int
) -> list[Evidence]:
    """How many days, which gaps, and which prescriptions."""
    window = policy.ltot.window_days
    days = found.covered(first, found.day)
    refs = tuple(s.ref for s in covering if s.last >= first and s.first <= found.day)
    text = (
        f"{days} of the last {window} days covered; the definition asks for {policy.ltot.min_covered_days}."
    )
    evidence = [Evidence("orders", text, refs)]
    gaps = _gaps(found, first)
    if gaps and days:
        evidence.append(Evidence("gaps", f"Days without supply: {gaps}."))
    if lasting := _lasting(covering, found.day):
        evidence.append(Evidence("supply_end", lasting))
    for supply in unknown:
        if supply.start >= first:
            text = f"{supply.drug.name}: how long it lasts is not recorded."
            evidence.append(Evidence("unknown_supply", text, (supply.ref,), date.fromordinal(supply.start)))
    return evidence


def _lasting(covering: Sequence[Supply], today: int) -> str:
    """The last day with supply of each drug in supply today: what a covering clinician asks first about a refill."""
    last: dict[str, int] = {}
    for supply in covering:
        if supply.last >= today:
            name = supply.drug.ingredient or supply.drug.name
            last[name] = max(supply.last, last.get(name, 0))
    ends = sorted((end, name) for name, end in last.items())
    said = joined(f"{day(date.fromordinal(end))} ({name})" for end, name in ends)
    return f"Supply on record to {said}." if said else ""


def _gaps(found: Coverage, first: int) -> str:
    free: list[str] = []
    cursor = first
    for start, end in found.spans:
        if end < first:
            continue
        if start > cursor:
            free.append(_span(cursor, start - 1))
        cursor = max(cursor, end + 1)
    if cursor <= found.day:
        free.append(_span(cursor, found.day))
    return ", ".join(free)


def _span(first: int, last: int) -> str:
    start, end = date.fromordinal(first), date.fromordinal(last)
    return day(start) if first == last else f"{day(start)} to {day(end)}"


def _is_new(found: Coverage, policy: Policy) -> bool:
    """New: therapy began within the look-back, and the definition held on no day of the look-back before that."""
    episode = current_episode(found, policy.ltot.lapse_days - 1)
    lookback = policy.ltot.new_lookback_days
    if episode is None or found.day - episode[0] >= lookback:
        return False
    return not held_between(found, policy.ltot, episode[0] - lookback, episode[0] - 1)
