"""Writes docs/rules from the tables the tests run: `python -m tests.render_rules`."""

from __future__ import annotations

from pathlib import Path

from app.clinical.evaluation import Status
from app.clinical.gaps.case import Rule, Scope
from app.clinical.policy import Policy
from app.clinical.words import day
from tests.gaps.build import AS_OF
from tests.gaps.spec import BY_ID, answer
from tests.gaps.tables import TABLES

FOLDER = Path(__file__).resolve().parents[1] / "docs/rules"
WORDS = {
    Status.MET: "up to date",
    Status.DUE_SOON: "due soon, or needs a look",
    Status.OVERDUE: "overdue",
    Status.UNKNOWN: "cannot tell",
    Status.NOT_APPLICABLE: "does not apply",
    Status.EXCLUDED: "excluded",
    Status.DEFERRED: "deferred",
}
SCOPES = {
    Scope.EVERYONE: "everyone",
    Scope.OPIOID: "people with an opioid in use",
    Scope.LTOT: "people on long-term opioid therapy",
}


ROUTINE = "routine rule: hospice, palliative care and age under 18 take it away"


def page(rule: Rule) -> str:
    """One rule: its sentence, source, whom it concerns, and every case of its table with the rule's own answer."""
    kind = "safety rule: no exclusion takes it away" if rule.safety else ROUTINE
    kind = "dose rule: every exclusion takes it away" if rule.dose else kind
    off = "" if Policy().gaps[rule.id].enabled else "Off in the default pack."
    lines = [
        f"# {rule.id} {rule.name}",
        "",
        rule.words(Policy()),
        "",
        f"- Concerns: {SCOPES[rule.scope]}; {kind}",
        f"- Source: {rule.source}",
        *([f"- {off}"] if off else []),
        "",
        f"Cases, with the default pack unless the case says otherwise, as of {day(AS_OF)}:",
        "",
        "| case | answer | colour | what the panel says | due |",
        "|---|---|---|---|---|",
    ]
    for row in TABLES[rule.id]:
        found = answer(rule.id, row.case)
        due = day(found.due) if found.due else ""
        lines.append(f"| {row.given} | {WORDS[found.status]} | {found.colour} | {found.text} | {due} |")
    return "\n".join(lines) + "\n"


def index() -> str:
    """The list of rules."""
    lines = [
        "# Care-gap rules",
        "",
        "Written by `python -m tests.render_rules` from the tables the tests run; do not edit by hand.",
        "",
        "| rule | name | in one sentence (default pack) |",
        "|---|---|---|",
    ]
    lines += [
        f"| [{number}]({number}.md) | {BY_ID[number].name} | {BY_ID[number].words(Policy())} |"
        for number in TABLES
    ]
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """Every file of docs/rules by name."""
    return {"README.md": index(), **{f"{number}.md": page(BY_ID[number]) for number in TABLES}}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
