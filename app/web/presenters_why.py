"""The sentences that open under a Why."""

from __future__ import annotations

from app.clinical.evaluation import Contribution, Evidence, Gap, Ltot, Uncounted
from app.web.wording import amount, day, phrase, sentence

_METHODS = {
    "quantity": "from quantity and days' supply",
    "sig": "from the directions",
    "free_text": "from free-text directions",
    "patch": "from the patch strength",
}


def evidence_line(found: Evidence) -> str:
    """One piece of evidence with its date and its resources."""
    when = f"{day(found.when)}: " if found.when else ""
    refs = f" ({', '.join(found.refs)})" if found.refs else ""
    return f"{when}{sentence(found.text).rstrip('.')}{refs}."


def ltot_lines(ltot: Ltot) -> tuple[str, ...]:
    """The evidence, the definition in force, and what the other definitions say."""
    lines = [evidence_line(found) for found in ltot.evidence]
    lines.append(f"Definition {ltot.definition}; state: {phrase(ltot.state).lower()}.")
    if ltot.definitions:
        words = {True: "yes", False: "no", None: "cannot tell"}
        others = ", ".join(f"{name} {words[value]}" for name, value in ltot.definitions.items())
        lines.append(f"By each definition: {others}.")
    return tuple(lines)


def gap_lines(gap: Gap) -> tuple[str, ...]:
    """The evidence of a care gap, or at least the resources it rests on."""
    if gap.refs and not gap.evidence:
        return (f"From {', '.join(gap.refs)}.",)
    return tuple(evidence_line(found) for found in gap.evidence)


def uncounted_line(missing: Uncounted) -> str:
    """An opioid that is not in the sum, and why."""
    return f"{missing.drug_name or missing.ingredient}: {missing.text.rstrip('.')}"


def method_words(method: str) -> str:
    """How one line of the sum was made; an unknown method by its own name."""
    return _METHODS.get(method, f"by {method}")


def contribution_detail(counted: Contribution) -> str:
    """When, by whom, from which order, and how one line of the sum was made."""
    parts = [_dates(counted), counted.prescriber, counted.ref, method_words(counted.method)]
    if counted.prn:
        parts.append("as needed")
    if counted.outside:
        parts.append("prescribed elsewhere")
    if counted.peak is not None and counted.peak != counted.mme:
        parts.append(f"{amount(counted.peak)} MME on dosing days")
    parts += [counted.note, counted.factor_source and f"factor: {counted.factor_source}"]
    return " · ".join(part for part in parts if part)


def _dates(counted: Contribution) -> str:
    start = day(counted.start) if counted.start else ""
    end = day(counted.end) if counted.end else ""
    if start and end:
        return f"{start} to {end}"
    return f"from {start}" if start else f"until {end}" if end else ""
