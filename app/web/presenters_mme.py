"""The daily MME: its headline, its bar, and the lines that add up to it."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from operator import itemgetter

from app.clinical.evaluation import Evaluation, Mme
from app.clinical.explain import METHODS, contribution_line, mme_lines, uncounted_line
from app.clinical.words import amount, counted_kind, day, joined
from app.web.views import Bar, DoseLine, Number, Tone, Why
from app.web.wording import plain, reasons, rounded

BAR_WIDTH = 400
_SHORTEST_SCALE = Fraction(120)
_WORTH_SAYING = Fraction(6, 5)
_UNIT = "MME/day"
_NO_FACTOR = {"buprenorphine": "buprenorphine", "oud_methadone": "methadone for opioid use disorder"}
_FLAG_NOTES = {
    "buprenorphine": "Buprenorphine has no MME factor and is not in the sum.",
    "oud_methadone": "Methadone for opioid use disorder is not in the sum.",
    "cough_product": "An opioid cough or cold product is on the list.",
    "stale_order": "An older order may still be in use; it is not in the sum.",
    "reported_opioid": "An opioid reported by the patient or another source is on the list.",
}


def number(evaluation: Evaluation, marks: tuple[int, ...]) -> Number:
    """The number as it may honestly be said.  Raises ValueError when it is not the sum of its lines."""
    mme = evaluation.mme
    tone, headline = _headline(mme, marks)
    at_least = "" if mme.complete else "at least "
    return Number(
        tone=tone,
        headline=headline,
        notes=_notes(evaluation, marks),
        caveats=_caveats(mme),
        uncounted=_uncounted(mme),
        uncounted_orders=sum(one.active for one in mme.uncounted),
        bar=_bar(mme, marks),
        lines=_lines(mme),
        total=f"{at_least}{amount(mme.current)}" if mme.current is not None and mme.contributions else "",
        why=Why("the MME number", _other_lines(evaluation)),
    )


def _uncounted(mme: Mme) -> tuple[str, ...]:
    """Each uncounted drug once with its reason; their references stand under Why."""
    lines = Counter(uncounted_line(one).removesuffix(f" ({one.ref})") for one in mme.uncounted if one.active)
    return tuple(line if number == 1 else f"{line} ({number} orders)" for line, number in lines.items())


def _other_lines(evaluation: Evaluation) -> tuple[str, ...]:
    """The explanation without the lines of the sum, which stand in a table of their own."""
    explained = mme_lines(evaluation.mme, evaluation.versions.get("factors", ""))
    return reasons(explained[len(evaluation.mme.contributions) :])


def _known(mme: Mme) -> Fraction | None:
    """The number, unless it is a zero that nobody proved."""
    return None if mme.current == 0 and not mme.complete else mme.current


def _headline(mme: Mme, marks: tuple[int, ...]) -> tuple[Tone, str]:
    current = _known(mme)
    if current is None and mme.complete:
        return Tone.INFO, f"No MME: {_without_factor(mme)}"
    if current is None:
        return Tone.UNKNOWN, "MME cannot be calculated"
    said = f"{amount(current)} {_UNIT} today"
    if not mme.complete:
        return Tone.WARNING, f"At least {said}"
    return (Tone.WARNING if current >= min(marks) else Tone.INFO), said


def _without_factor(mme: Mme) -> str:
    """Which opioids there are when none of them has an MME by design."""
    present = [words for flag, words in _NO_FACTOR.items() if flag in mme.flags]
    return f"{joined(present) or 'opioids without a factor'} only"


def _notes(evaluation: Evaluation, marks: tuple[int, ...]) -> tuple[str, ...]:
    mme, current = evaluation.mme, _known(evaluation.mme)
    notes = []
    reached = [mark for mark in marks if current is not None and current >= mark]
    if reached:
        notes.append(f"At or above the {max(reached)} mark.")
    if current == 0:
        notes.append(_why_zero(evaluation))
    if current is None and not mme.complete and not any(one.active for one in mme.uncounted):
        notes.append("Not enough of the chart was read to say.")
    notes += _caveats(mme)
    if methods := sorted({METHODS.get(one.method, one.method) for one in mme.contributions}):
        table = evaluation.versions.get("factors", "not named")
        notes.append(f"Counted {joined(methods)}; factors {table}.")
    least = "" if mme.window_complete else "at least "
    trend = [
        f"{label} {least}{amount(value)}"
        for label, value in (("90-day average", mme.avg_90), ("highest day in 90 days", mme.peak_90))
        if value
    ]
    if trend:
        notes.append(" · ".join(trend) + f" {_UNIT}")
    if trend and least and mme.complete:
        notes.append("Not every opioid of these 90 days could be counted.")
    return tuple(notes)


def _caveats(mme: Mme) -> tuple[str, ...]:
    """What makes the number mean more or less than it says; it goes wherever the number goes."""
    current = _known(mme)
    caveats = []
    if current and not mme.complete and not any(one.active for one in mme.uncounted):
        caveats.append("Not everything could be read; the true number may be higher.")
    if mme.sig_max is not None and mme.sig_max > (current or 0) * _WORTH_SAYING:
        caveats.append(f"Up to {amount(mme.sig_max)} {_UNIT} if taken as often as the directions allow.")
    if mme.outside:
        caveats.append(f"Of this, {amount(mme.outside)} {_UNIT} prescribed elsewhere.")
    return (*caveats, *(words for flag, words in _FLAG_NOTES.items() if flag in mme.flags))


def _why_zero(evaluation: Evaluation) -> str:
    if ended := _end_of_supply(evaluation.mme.timeline):
        last, counted = ended
        to = (
            f"the last day with supply was {day(last)}"
            if counted
            else f"supply may have lasted to {day(last)}"
        )
        return f"Every opioid order that has begun is known to have ended; {to}."
    orders = [
        source for source in evaluation.sources if source.connected and source.kind.startswith("Medication")
    ]
    read = " and ".join(counted_kind(source.read, source.kind) for source in orders)
    return f"No opioid in use: {read or 'no orders'} read, all complete."


def _end_of_supply(timeline: tuple[tuple[date, Fraction | None], ...]) -> tuple[date, bool] | None:
    """The last day before the last zero, and whether its MME is known: a point holds until the next one."""
    points = sorted(timeline, key=itemgetter(0))
    ended = [
        (after, mme is not None) for (_, mme), (after, later) in pairwise(points) if mme != 0 and later == 0
    ]
    return (ended[-1][0] - timedelta(days=1), ended[-1][1]) if ended else None


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
    lines = [DoseLine(contribution_line(one), amount(one.mme)) for one in mme.contributions]
    shown = sum((rounded(one.mme) for one in mme.contributions), Decimal(0))
    missed = rounded(exact) - shown
    if lines and missed:
        sign = "+" if missed > 0 else "−"
        lines.append(DoseLine("Rounding of the lines above", f"{sign}{plain(abs(missed))}"))
    return tuple(lines)
