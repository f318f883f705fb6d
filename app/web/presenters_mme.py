"""The daily MME: its headline, its bar, and the lines that add up to it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from app.clinical.evaluation import Evaluation, Mme
from app.web.presenters_why import contribution_detail, method_words, uncounted_line
from app.web.views import Bar, DoseLine, Number, Tone, Why
from app.web.wording import amount, day, plain, rounded, source_name

BAR_WIDTH = 400
_SHORTEST_SCALE = Fraction(120)
_WORTH_SAYING = Fraction(6, 5)
_UNIT = "MME/day"


def number(evaluation: Evaluation, marks: tuple[int, ...]) -> Number:
    """The number as it may honestly be said.  Raises ValueError when it is not the sum of its lines."""
    mme = evaluation.mme
    tone, headline = _headline(mme, marks)
    missing = [one for one in mme.uncounted if one.active]
    ended = [one for one in mme.uncounted if not one.active]
    return Number(
        tone=tone,
        headline=headline,
        notes=_notes(evaluation, marks),
        uncounted=tuple(uncounted_line(one) for one in missing),
        bar=_bar(mme, marks),
        lines=_lines(mme),
        total=f"{'at least ' if not mme.complete else ''}{amount(mme.current)}"
        if mme.current is not None
        else "",
        why=Why(
            "the MME number",
            (
                *(f"Not counted: {uncounted_line(one)} ({one.ref})" for one in missing),
                *(f"No longer in use: {uncounted_line(one)} ({one.ref})" for one in ended),
            ),
        ),
    )


def _known(mme: Mme) -> Fraction | None:
    """The number, unless it is a zero that nobody proved."""
    return None if mme.current == 0 and not mme.complete else mme.current


def _only_buprenorphine(mme: Mme) -> bool:
    others = [one for one in mme.uncounted if one.active and one.ingredient != "buprenorphine"]
    return "buprenorphine" in mme.flags and not mme.contributions and not others


def _headline(mme: Mme, marks: tuple[int, ...]) -> tuple[Tone, str]:
    current = _known(mme)
    if current is None and _only_buprenorphine(mme):
        return Tone.INFO, "Buprenorphine only: no MME"
    if current is None:
        return Tone.UNKNOWN, "MME cannot be calculated"
    said = f"{amount(current)} {_UNIT} today"
    if not mme.complete:
        return Tone.WARNING, f"At least {said}"
    return (Tone.WARNING if current >= min(marks) else Tone.INFO), said


def _notes(evaluation: Evaluation, marks: tuple[int, ...]) -> tuple[str, ...]:
    mme, current = evaluation.mme, _known(evaluation.mme)
    notes = []
    reached = [mark for mark in marks if current is not None and current >= mark]
    if reached:
        notes.append(f"At or above the {max(reached)} mark.")
    if current == 0:
        notes.append(_why_zero(evaluation))
    if current is None and not mme.uncounted and not mme.flags:
        notes.append("Not enough of the chart was read to say.")
    if current and not mme.complete and not mme.uncounted:
        notes.append("Not everything could be read; the true number may be higher.")
    if mme.sig_max is not None and mme.sig_max > (current or 0) * _WORTH_SAYING:
        notes.append(f"Up to {amount(mme.sig_max)} {_UNIT} if taken as often as the directions allow.")
    if mme.outside:
        notes.append(f"Of this, {amount(mme.outside)} {_UNIT} prescribed elsewhere.")
    if "buprenorphine" in mme.flags and not any(one.ingredient == "buprenorphine" for one in mme.uncounted):
        notes.append("Buprenorphine has no MME factor and is not in the sum.")
    if methods := sorted({method_words(one.method) for one in mme.contributions}):
        notes.append(
            f"Counted {', '.join(methods)}; factors {evaluation.versions.get('factors', 'not named')}."
        )
    trend = [
        f"{label} {amount(value)}"
        for label, value in (("90-day average", mme.avg_90), ("highest day in 90 days", mme.peak_90))
        if value
    ]
    if trend:
        notes.append(" · ".join(trend) + f" {_UNIT}")
    return tuple(notes)


def _why_zero(evaluation: Evaluation) -> str:
    if last := _last_day_with_supply(evaluation.mme.timeline):
        return f"Every opioid order is known to have ended; the last day with supply was {day(last)}."
    orders = [
        source for source in evaluation.sources if source.connected and source.kind.startswith("Medication")
    ]
    read = " and ".join(f"{source.read} {source_name(source.kind)}" for source in orders)
    return f"No opioid in use: {read or 'no orders'} read, all complete."


def _last_day_with_supply(timeline: tuple[tuple[date, Fraction | None], ...]) -> date | None:
    """A point holds until the next one, so supply ends the day before the first zero after it."""
    ended = [after for (_, mme), (after, later) in pairwise(sorted(timeline)) if mme != 0 and later == 0]
    return max(ended) - timedelta(days=1) if ended else None


def _bar(mme: Mme, marks: tuple[int, ...]) -> Bar | None:
    current = _known(mme)
    if current is None:
        return None
    scale = max(_SHORTEST_SCALE, current * Fraction(11, 10), Fraction(max(marks)) * Fraction(4, 3))

    def place(value: Fraction | int) -> str:
        return plain(rounded(Fraction(value) * BAR_WIDTH / scale))

    named = " and ".join(str(mark) for mark in marks)
    at_least = "" if mme.complete else "at least "
    return Bar(
        value=place(current),
        marks=tuple((place(mark), str(mark)) for mark in marks),
        open_ended=not mme.complete,
        description=f"Bar: {at_least}{amount(current)} {_UNIT}, with marks at {named}.",
    )


def _lines(mme: Mme) -> tuple[DoseLine, ...]:
    """The lines of the sum; where lines rounded for display miss the rounded total, a line says so."""
    exact = sum((one.mme for one in mme.contributions), Fraction(0))
    if mme.current is not None and exact != mme.current:
        raise ValueError("the MME is not the sum of its lines")
    lines = [
        DoseLine(
            f"{one.drug_name or one.ingredient}: {one.arithmetic}", amount(one.mme), contribution_detail(one)
        )
        for one in mme.contributions
    ]
    shown = sum((rounded(one.mme) for one in mme.contributions), Decimal(0))
    missed = rounded(exact) - shown
    if lines and missed:
        sign = "+" if missed > 0 else "−"
        lines.append(DoseLine("Rounding of the lines above", f"{sign}{plain(abs(missed))}", ""))
    return tuple(lines)
