"""From an evaluation to the words and shapes of the panel.  Pure: the time is an argument.

The text under every Why is the one `ltot explain` prints; it comes from app.clinical.explain.
"""

from __future__ import annotations

from datetime import date, datetime

from app.clinical.evaluation import Evaluation, Evidence, Exclusion, LtotStatus, Risk
from app.clinical.explain import evidence_line, ltot_lines
from app.clinical.words import counted, day, references
from app.web.presenters_chart import step_charts
from app.web.presenters_gaps import gap_groups
from app.web.presenters_mme import number
from app.web.presenters_records import (
    NOTHING_RECORDABLE,
    Recording,
    gap_links,
    recorded_rows,
    therapy_link,
    tier_link,
)
from app.web.presenters_sources import element_rows, source_notices, sources
from app.web.summary import summary_text
from app.web.views import Answer, Banner, Finding, Notice, PanelView, RecordLink, Tone, Why
from app.web.wording import age, clock, phrase, reasons, sentence
from fhir_mappings.facts import Person

_ANSWERS = {
    LtotStatus.YES: (Tone.INFO, "yes"),
    LtotStatus.NO: (Tone.INFO, "no"),
    LtotStatus.CANNOT_TELL: (Tone.UNKNOWN, "cannot tell"),
}
_SEXES = {"female": "F", "male": "M"}
_TIER_TONES = {"high": Tone.OVERDUE, "moderate": Tone.WARNING, "low": Tone.OK}


def banner(person: Person, today: date, *, full: bool) -> Banner:
    """Whose chart it is.  full: the EHR asked for a patient banner, else one line with a shortened number."""
    born = f"{day(person.birth_date)} ({age(person.birth_date, today)} y)" if person.birth_date else ""
    mrn = person.mrn if full or len(person.mrn) <= 4 else f"…{person.mrn[-4:]}"
    return Banner(
        name=person.display or "Name not recorded",
        born=born or "birth date not recorded",
        sex=_SEXES.get(person.sex, phrase(person.sex)),
        mrn=mrn,
        deceased=person.deceased,
        full=full,
    )


def panel_view(
    evaluation: Evaluation,
    person: Person,
    now: datetime,
    *,
    full_banner: bool = False,
    marks: tuple[int, ...] = (50, 90),
    recording: Recording = NOTHING_RECORDABLE,
) -> PanelView:
    """Everything the panel says about one evaluation.

    now: local time at which the chart was read.  marks: the MME levels drawn on the bar and the chart, from the
    policy.  recording: what this user may record, and what was recorded.  Raises ValueError when the evaluation's
    total is not the sum of its lines: no such number is shown.
    """
    gaps = gap_groups(evaluation.gaps, gap_links(evaluation, recording))
    mme = number(evaluation, marks)
    answer = _answer(evaluation, therapy_link(evaluation, recording))
    return PanelView(
        banner=banner(person, evaluation.as_of, full=full_banner),
        answer=answer,
        number=mme,
        notices=(*_exclusion_notices(evaluation.exclusions), *source_notices(evaluation.sources)),
        gaps=gaps,
        overlaps=tuple(_overlap(found) for found in evaluation.overlaps),
        risk=_risk(evaluation.risk, tier_link(evaluation, recording)),
        charts=step_charts(
            evaluation.mme.timeline, evaluation.as_of, marks, complete=evaluation.mme.complete
        ),
        elements=element_rows(evaluation.elements),
        sources=sources(evaluation.sources, evaluation.issues, now),
        recorded=recorded_rows(recording, now),
        versions=_versions(evaluation),
        as_of=day(evaluation.as_of),
        read_at=clock(now),
        printed=f"Printed {day(now.date())} {clock(now)}, chart as of {day(evaluation.as_of)}",
        announcement=f"Panel loaded. {gaps.tally}",
        summary=summary_text(evaluation, answer, mme, gaps, now),
    )


def _answer(evaluation: Evaluation, link: RecordLink | None) -> Answer:
    ltot = evaluation.ltot
    tone, word = _ANSWERS[ltot.status]
    headline = f"Long-term opioid therapy: {word}"
    why = Why(headline, reasons(ltot_lines(ltot)))
    return Answer(tone, headline, _answer_detail(evaluation), why, link)


def _answer_detail(evaluation: Evaluation) -> str:
    ltot = evaluation.ltot
    if ltot.status is LtotStatus.CANNOT_TELL:
        unread = any(not source.complete and source.connected for source in evaluation.sources)
        known = f"{counted(ltot.covered_days_90, 'day')} of the last 90 known to be covered"
        return f"{known}; the chart was not fully read." if unread else f"{known}."
    covered = f"{ltot.covered_days_90} of the last 90 days covered"
    since = f", since {day(ltot.since)}" if ltot.since else ""
    supply = "".join(f" {one.text}" for one in ltot.evidence if one.kind == "supply_end")
    return f"{covered}{since}.{supply}"


def _exclusion_notices(exclusions: tuple[Exclusion, ...]) -> tuple[Notice, ...]:
    notices = []
    for exclusion in exclusions:
        since = f", since {day(exclusion.since)}" if exclusion.since else ""
        refs = f" ({references(exclusion.refs)}{since})" if exclusion.refs else since
        what = exclusion.text.rstrip(".") or phrase(exclusion.kind)
        notices.append(
            Notice(Tone.INFO, f"Dose prompts do not apply: {what}{refs}. Safety items are still shown.")
        )
    return tuple(notices)


def _overlap(found: Evidence) -> Finding:
    dates = day(found.when) if found.when else ""
    title = phrase(found.kind)
    why = Why(f"overlap with {title.lower()}", (evidence_line(found),))
    return Finding(Tone.WARNING, "Overlap", title, sentence(found.text), dates, why)


def _risk(risk: Risk, link: RecordLink | None) -> Finding:
    known = risk.tier in _TIER_TONES
    return Finding(
        tone=_TIER_TONES.get(risk.tier, Tone.UNKNOWN),
        word=phrase(risk.tier) if known else "Cannot tell",
        title="Risk tier",
        text="Computed from the chart; the clinician confirms it.",
        dates="",
        why=Why("risk tier", tuple(sentence(reason) for reason in risk.reasons)),
        record=link,
    )


def _versions(evaluation: Evaluation) -> str:
    names = {"code": "software", "policy": "policy", "factors": "MME factors", "valuesets": "codes"}
    return " · ".join(f"{names.get(key, key)} {value}" for key, value in evaluation.versions.items() if value)
