"""The plain text of "Copy summary": what the panel says, with its date and its sources, for a note."""

from __future__ import annotations

from datetime import datetime

from app.clinical.evaluation import Evaluation
from app.clinical.words import day, joined, kind_words
from app.web.presenters_sources import not_included
from app.web.views import Answer, Finding, GapGroups, Number
from app.web.wording import clock, phrase, sentence


def summary_text(
    evaluation: Evaluation, answer: Answer, number: Number, gaps: GapGroups, now: datetime
) -> str:
    """No name and no number of the patient: the text is pasted into that patient's own chart."""
    as_of = day(evaluation.as_of)
    lines = [
        f"Opioid therapy summary, as of {as_of}",
        f"{answer.headline}. {answer.detail}",
        f"{number.headline}.",
    ]
    lines += [f"Not counted: {missing}" for missing in number.uncounted]
    lines += number.caveats
    lines += [f"Excluded from dose prompts: {sentence(found.text)}" for found in evaluation.exclusions]
    lines += [_finding(row) for row in (*gaps.needs_action, *gaps.cannot_tell)]
    lines += [f"Overlap: {phrase(found.kind)}. {sentence(found.text)}" for found in evaluation.overlaps]
    incomplete = joined(kind_words(s.kind) for s in evaluation.sources if s.connected and not s.complete)
    if incomplete:
        lines.append(f"Not fully read: {incomplete}.")
    if apart := joined(not_included(evaluation.sources)):
        lines.append(f"Not included: {apart}.")
    versions = ", ".join(f"{key} {value}" for key, value in evaluation.versions.items() if value)
    lines.append(f"Source: LtOT Panel, from the chart as read {day(now.date())} {clock(now)} ({versions}).")
    return "\n".join(lines)


def _finding(row: Finding) -> str:
    dates = f" ({row.dates})" if row.dates else ""
    return f"{row.word}: {row.title}. {row.text}{dates}"
