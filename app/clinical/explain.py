"""The words under every Why, and of `ltot explain`: the answer, its arithmetic, its evidence, its source."""

from __future__ import annotations

from app.clinical.evaluation import Contribution, Evaluation, Evidence, Gap, Ltot, Mme, Status, Uncounted
from app.clinical.words import amount, counted, day, references

_STATUS = {
    Status.OVERDUE: "overdue",
    Status.DUE_SOON: "due soon or needs a look",
    Status.UNKNOWN: "cannot tell",
    Status.MET: "up to date",
    Status.DEFERRED: "deferred",
    Status.EXCLUDED: "excluded",
    Status.NOT_APPLICABLE: "does not apply",
}
METHODS = {
    "quantity": "from quantity and days' supply",
    "sig": "from the directions",
    "free_text": "from free-text directions",
    "patch": "from the patch strength",
}
_MME_RULE = (
    "MME a day = strength × units a day × factor, added over all opioids in use. Recorded quantity and days' supply "
    "come first, then what the directions allow. A sum that misses an opioid is a lower bound. The number is for "
    "judging risk only: it does not serve to change one opioid for another."
)


def explain(evaluation: Evaluation) -> list[str]:
    """Every answer of one evaluation in words, one line each; headings have no indent."""
    lines = [f"As of {day(evaluation.as_of)}", ""]
    lines += ltot_lines(evaluation.ltot)
    lines += ["", *mme_lines(evaluation.mme, evaluation.versions.get("factors", ""))]
    lines += ["", *_exclusion_lines(evaluation), *_risk_lines(evaluation)]
    for gap in evaluation.gaps:
        lines += ["", *gap_lines(gap)]
    lines += ["", *_overlap_lines(evaluation), *_source_lines(evaluation), ""]
    versions = ", ".join(f"{name} {value}" for name, value in evaluation.versions.items())
    return [*lines, f"Versions: {versions}"]


def ltot_lines(ltot: Ltot) -> list[str]:
    """The status, its evidence, and every definition side by side."""
    since = f", since {day(ltot.since)}" if ltot.since else ""
    words = {True: "yes", False: "no", None: "cannot tell"}
    covered = f"{ltot.covered_days_90} of the last 90 days covered{since}"
    lines = [f"Long-term opioid therapy: {ltot.status.replace('_', ' ')} ({covered})"]
    lines += [f"  {evidence_line(one)}" for one in ltot.evidence]
    lines.append(f"  Rule: definition {ltot.definition} of the policy. State: {ltot.state}.")
    others = ", ".join(f"{name} {words[value]}" for name, value in ltot.definitions.items())
    return [*lines, *([f"  By each definition: {others}."] if others else [])]


def mme_lines(mme: Mme, factors: str) -> list[str]:
    """The number, each line of its sum, what is not in it, the rule and its source."""
    lines = [_mme_headline(mme)]
    lines += [f"  {contribution_line(one)}" for one in mme.contributions]
    lines += [f"  Not counted: {uncounted_line(one)}" for one in mme.uncounted if one.active]
    lines += [f"  No longer in use: {uncounted_line(one)}" for one in mme.uncounted if not one.active]
    if "buprenorphine" in mme.flags:
        lines.append("  Buprenorphine has no MME factor and is not in the sum.")
    least, days = ("", "an opioid") if mme.window_complete else (" at least", "a counted opioid")
    shown = (
        (f"90-day average{least}", mme.avg_90),
        (f"on days with {days}", mme.avg_on_therapy),
        (f"highest{least}", mme.peak_90),
    )
    trend = ", ".join(f"{name} {amount(value)}" for name, value in shown if value is not None)
    lines += [f"  Last 90 days: {trend}"] if trend else []
    sources = sorted({one.factor_source for one in mme.contributions if one.factor_source})
    source = "; ".join(sources) or factors
    return [*lines, f"  Rule: {_MME_RULE}", f"  Source of factors: {source}"]


def _mme_headline(mme: Mme) -> str:
    if mme.current is None:
        return "MME today: cannot be calculated"
    if mme.current == 0 and not mme.complete:
        return "MME today: cannot be calculated, not everything could be read"
    up_to = ""
    if mme.sig_max is not None and mme.sig_max > mme.current:
        up_to = f" (up to {amount(mme.sig_max)} if taken as the directions allow)"
    return f"MME today: {'' if mme.complete else 'at least '}{amount(mme.current)} MME a day{up_to}"


def contribution_line(one: Contribution) -> str:
    """One order or fill: drug, sum, days, prescriber, reference."""
    dates = " to ".join(day(value) for value in (one.start, one.end) if value)
    extra = [
        dates,
        one.prescriber,
        one.ref,
        METHODS.get(one.method, f"by {one.method}"),
        "as needed" if one.prn else "",
        "prescribed elsewhere" if one.outside else "",
        one.note,
    ]
    return f"{one.drug_name}: {one.arithmetic} MME ({'; '.join(part for part in extra if part)})"


def uncounted_line(one: Uncounted) -> str:
    """An opioid that is not in the sum, and why."""
    text = one.text if one.text.startswith(one.drug_name) else f"{one.drug_name}: {one.text}"
    return f"{text.rstrip('.')} ({one.ref})"


def gap_lines(gap: Gap) -> list[str]:
    """One care gap: what was found, on what evidence, by which rule."""
    dates = [f"last {day(gap.last)}" if gap.last else "", f"due {day(gap.due)}" if gap.due else ""]
    when = ", ".join(part for part in dates if part)
    lines = [
        f"{gap.id} {gap.name}: {_STATUS[gap.status]}. {gap.text.rstrip('.')}.{f' ({when})' if when else ''}"
    ]
    lines += [f"  {evidence_line(one)}" for one in gap.evidence]
    return [*lines, f"  Rule: {gap.rule}", f"  Source: {gap.source}"]


def evidence_line(one: Evidence) -> str:
    """One piece of evidence with its date and references."""
    when = f"{day(one.when)}: " if one.when else ""
    refs = f" ({references(one.refs)})" if one.refs else ""
    return f"{when}{one.text.rstrip('.')}{refs}"


def _exclusion_lines(evaluation: Evaluation) -> list[str]:
    lines: list[str] = []
    for one in evaluation.exclusions:
        since = f", since {day(one.since)}" if one.since else ""
        refs = f" ({references(one.refs)})" if one.refs else ""
        lines.append(f"Excluded from dose prompts: {one.text}{since}{refs}. Safety rules still apply.")
    return lines


def _risk_lines(evaluation: Evaluation) -> list[str]:
    return [f"Risk tier: {evaluation.risk.tier}", *(f"  {reason}" for reason in evaluation.risk.reasons)]


def _overlap_lines(evaluation: Evaluation) -> list[str]:
    return [f"Overlap: {evidence_line(one)}" for one in evaluation.overlaps]


def _source_lines(evaluation: Evaluation) -> list[str]:
    lines: list[str] = []
    for one in evaluation.sources:
        state = "complete" if one.complete else f"not complete{': ' + one.problem if one.problem else ''}"
        state = state if one.connected else "not connected"
        lines.append(f"Read: {counted(one.read, one.kind)}, {state}")
    return lines
