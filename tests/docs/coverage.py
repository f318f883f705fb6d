"""Writes docs/coverage.md: `python -m tests.docs.coverage`.  How every opioid order of the public data is treated.

Each order is taken on its own first day: counted by one of the methods, set apart by design, or not counted for a
named reason.  The data is read from the folder `shared` beside the project and not copied.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date
from fractions import Fraction
from pathlib import Path

from app.clinical.counting import Counter as MmeCounter
from app.clinical.counting import is_counted
from app.clinical.evaluation import Contribution
from app.clinical.opioids import for_opioid_use_disorder, has_no_factor_by_design
from app.clinical.policy import Policy
from app.clinical.supply import supplies
from app.jobs.evaluate_files import read_files
from app.jobs.policies import load_policy, load_site_terms
from fhir_mappings.facts import Facts, Order
from valuesets import Terms

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared/data"
FAR = date(2199, 12, 31)
INTRODUCTION = (
    "Written by `make docs`. Each order is judged on its own first day. Orders set apart are shown but belong",
    "into no sum: hospital drugs, drugs for opioid use disorder, buprenorphine, cough medicines, reported and",
    "cancelled orders.",
    "Last column: outpatient orders with any dose information that were counted, or refused with a named reason.",
)
METHODS = ("quantity", "sig", "free_text", "patch")


def sources() -> list[Path]:
    """Every prepared folder with charts."""
    population = sorted(path for path in (DATA / "population").iterdir() if path.is_dir())
    samples = sorted(path for path in (DATA / "ehr_samples").iterdir() if path.is_dir())
    return [*population, *samples]


def treatment(order: Order, facts: Facts, counter: MmeCounter) -> str:
    """What becomes of one opioid order: a method, "apart: ..." or "not counted: ..."."""
    if order.status in {"entered-in-error", "cancelled", "draft"} or order.do_not_perform:
        return f"apart: {order.status or 'not to be given'}"
    if order.reported:
        return "apart: reported, not prescribed"
    if order.setting != "outpatient":
        return "apart: in hospital or by injection"
    alone = Facts(person=facts.person, orders=(order,))
    found = supplies(alone, lambda drug: drug.is_opioid, FAR.toordinal())
    if not found:
        return f"apart: {'status ' + order.status if order.start else 'no readable date'}"
    supply = found[0]
    if for_opioid_use_disorder(supply):
        return "apart: treats opioid use disorder"
    if has_no_factor_by_design(supply):
        return "apart: buprenorphine has no factor"
    if not is_counted(supply):
        return f"apart: {supply.drug.category.replace('_', ' ')}"
    part = counter.count(supply, supply.start)
    return part.method if isinstance(part, Contribution) else f"not counted: {part.reason}"


def says_a_dose(order: Order) -> bool:
    """Whether any field of the order holds dose information."""
    return bool(order.sigs and any(s.dose or s.text for s in order.sigs)) or order.quantity is not None


def tally(folder: Path, policy: Policy, terms: Terms) -> tuple[Counter[str], Counter[str]]:
    """Treatments of all opioid orders of one folder, and of those among them that carry dose information."""
    every: Counter[str] = Counter()
    dosed: Counter[str] = Counter()
    counter = MmeCounter(policy, terms, Fraction(0))
    run = read_files([folder], policy=policy, terms=terms, as_of=FAR, zone=UTC)
    for facts in run.facts():
        for order in facts.orders:
            if order.drug.is_opioid:
                what = treatment(order, facts, counter)
                every[what] += 1
                dosed[what] += says_a_dose(order)
    return every, dosed


def page() -> str:
    policy, terms = load_policy(), load_site_terms()
    lines = [
        "# Coverage: what becomes of every opioid order in the public data",
        "",
        *INTRODUCTION,
        "",
        "| source | opioid orders | quantity | sig | free text | patch | set apart | not counted | accounted for |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    reasons: Counter[str] = Counter()
    for folder in sources():
        every, dosed = tally(folder, policy, terms)
        if not every:
            continue
        apart = sum(n for what, n in every.items() if what.startswith("apart"))
        missed = sum(n for what, n in every.items() if what.startswith("not counted"))
        usable = sum(n for what, n in dosed.items() if not what.startswith("apart"))
        cells = [every[method] for method in METHODS]
        lines.append(
            f"| {folder.parent.name}/{folder.name} | {sum(every.values())} | {' | '.join(map(str, cells))} "
            f"| {apart} | {missed} | {usable} of {usable} |"
        )
        reasons.update({what: n for what, n in every.items() if what not in METHODS})
    lines += ["", "## Set apart and not counted, by reason", "", "| reason | orders |", "|---|---:|"]
    lines += [f"| {what} | {count} |" for what, count in sorted(reasons.items())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (ROOT / "docs/coverage.md").write_text(page(), encoding="utf-8")
