"""The worked cases of dose and long-term therapy as pages, each with the engine's own answer beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from app.clinical.evaluation import Mme
from app.clinical.ltot import ltot
from app.clinical.mme import mme
from app.clinical.words import day
from tests.spec import (
    test_ltot_vectors,
    test_mme_vectors,
    test_published_calculators,
    test_states,
    test_supply_rules,
    test_ways_to_find_people,
)
from tests.spec.charts import number

_NAMES = {
    "mme2022": "MME",
    "mme2016": "MME with the factors of 2016",
    "headline_qty": "MME by quantity and days",
    "sig_max": "most the directions allow",
    "peak_day": "highest day",
    "covered_days": "days covered",
    "day3": "MME on day 3",
    "day10": "MME on day 10",
}
_WRITTEN = "Written by `make docs` from the tables the tests run; do not edit by hand."


def _said(value: float | None) -> str:
    return "cannot tell" if value is None else f"{value:g}" if value < 10_000 else str(value)


def _table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    names = list(header)
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    return lines + [f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |" for row in rows]


def _arithmetic(found: Mme) -> str:
    counted = [one.arithmetic for one in found.contributions]
    missing = [f"not counted: {one.text}" for one in found.uncounted]
    return "; ".join(counted + missing)


def _doses() -> list[str]:
    spec = test_mme_vectors
    rows = (
        (
            case.id,
            case.title,
            ", ".join(f"{_NAMES[name]} {_said(value)}" for name, value in case.expected.items()),
            _arithmetic(mme(case.facts, spec.POLICY, spec.TERMS, case.as_of)),
            case.trap,
        )
        for case in spec.CASES
    )
    return _table(("case", "prescribed", "answer", "the engine's arithmetic", "what it guards against"), rows)


def _published() -> list[str]:
    rows = []
    for row in test_published_calculators.INPUTS:
        found = test_published_calculators.found(row.resources)
        rows.append((row.title, _said(number(found.current)), _arithmetic(found), row.wrong))
    return _table(("input", "answer", "the engine's arithmetic", "a published calculator answered"), rows)


def _supply() -> list[str]:
    rows = (
        (rule.title, rule.covered, _said(rule.mme), "yes" if rule.whole else "at least")
        for rule in test_supply_rules.RULES
    )
    return _table(("rule", "days covered of 90", "MME", "whole"), rows)


def _timelines() -> list[str]:
    rows = (
        (
            line.id,
            line.title,
            ", ".join(f"{days} days from {start}" for start, days in line.fills),
            line.as_of,
            line.covered,
            line.yes or "none",
            line.no or "none",
            line.state,
        )
        for line in test_ltot_vectors.TIMELINES
    )
    names = ("case", "timeline", "fills", "as of", "covered of 90", "definitions met", "not met", "state")
    return _table(names, rows)


def _states() -> list[str]:
    rows = []
    for case in test_states.CASES:
        found = ltot(
            case.facts,
            test_states.POLICY,
            test_states.AS_OF,
            earlier=case.earlier,
            decisions=case.decisions,
        )
        before = str(case.earlier) if case.earlier else ""
        decided = "; ".join(
            f"{'excluded' if word.excluded else 'yes' if word.is_ltot else 'no'}, {day(word.on)}"
            for word in case.decisions
        )
        rows.append((case.title, before, decided, found.state, test_states.state_evidence(found)))
    return _table(("case", "state before", "clinicians said", "state", "what the panel says"), rows)


def _ways() -> list[str]:
    rows = (
        (
            way.kind.replace("_", " ").replace("mme", "MME").replace("pdmp", "PDMP"),
            way.title,
            way.says or "nothing is claimed",
        )
        for way in test_ways_to_find_people.WAYS
    )
    return _table(("way", "case", "what it says"), rows)


def _page(title: str, about: str, *parts: tuple[str, Callable[[], list[str]]]) -> str:
    lines = [f"# {title}", "", about, "", _WRITTEN]
    for heading, table in parts:
        lines += ["", f"## {heading}", "", *table()]
    return "\n".join(lines) + "\n"


def doses_page() -> str:
    """docs/worked-doses.md: every worked dose with its arithmetic."""
    return _page(
        "Worked doses",
        "MME a day for charts worked out by hand, with factors cdc-2022 unless the answer says otherwise.",
        ("Worked cases", _doses),
        ("Inputs on which published calculators go wrong", _published),
        ("What orders, fills and reports come to together", _supply),
    )


def therapy_page() -> str:
    """docs/worked-therapy.md: every worked timeline, state and way to find people."""
    return _page(
        "Worked timelines of long-term opioid therapy",
        "D0, the default, asks for 70 of the last 90 days covered; the other definitions are shown beside it.",
        ("Timelines", _timelines),
        (f"States, as of {day(test_states.AS_OF)}", _states),
        ("Six ways to find people", _ways),
    )
