"""Numbers and dates as they are written, and sums that add up on screen."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.clinical.words import amount, day
from app.web.presenters import panel_view
from app.web.presenters_chart import step_charts
from app.web.wording import age, sentence
from tests.web import samples

DOSES = st.fractions(min_value=Fraction(1, 10), max_value=500, max_denominator=97)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(96), "96"),
        (Fraction(1, 2), "0.5"),
        (Fraction(235, 7), "33.6"),
        (Fraction(1205, 100), "12.1"),
        (Fraction(1200), "1200"),
        (Fraction(0), "0"),
        (Fraction(4, 100), "under 0.1"),
    ],
)
def test_amounts_have_no_trailing_zero_and_never_hide_a_dose(value: Fraction, text: str) -> None:
    assert amount(value) == text


@given(st.lists(DOSES, min_size=1, max_size=8))
def test_sum_on_screen_is_the_sum_of_the_lines_on_screen(doses: list[Fraction]) -> None:
    lines = tuple(replace(samples.OXYCODONE, mme=dose) for dose in doses)
    view = panel_view(replace(samples.COMPLETE, mme=samples.mme(*lines)), samples.PERSON, samples.NOW)
    shown = sum(Decimal(line.mme.replace("−", "-")) for line in view.number.lines)
    assert shown == Decimal(view.number.total)
    assert view.number.headline == f"{view.number.total} MME/day today"


def test_rounding_that_would_not_add_up_is_a_line_of_its_own() -> None:
    third = replace(samples.OXYCODONE, mme=Fraction(235, 7))
    view = panel_view(replace(samples.COMPLETE, mme=samples.mme(third, third)), samples.PERSON, samples.NOW)
    assert [line.mme for line in view.number.lines] == ["33.6", "33.6", "−0.1"]
    assert view.number.lines[-1].text == "Rounding of the lines above"
    assert view.number.total == "67.1"


def test_total_that_is_not_the_sum_of_its_lines_is_never_shown() -> None:
    wrong = replace(samples.COMPLETE, mme=replace(samples.COMPLETE.mme, current=Fraction(97)))
    with pytest.raises(ValueError, match="not the sum of its lines"):
        panel_view(wrong, samples.PERSON, samples.NOW)


def test_dates_cannot_be_misread_between_countries() -> None:
    assert day(date(2025, 9, 3)) == "3 Sep 2025"


@pytest.mark.parametrize(
    ("born", "years"),
    [(date(1961, 9, 21), 65), (date(1961, 9, 22), 64), (date(2024, 2, 29), 2), (date(2026, 9, 21), 0)],
)
def test_age_is_in_completed_years(born: date, years: int) -> None:
    assert age(born, samples.AS_OF) == years


@pytest.mark.parametrize(
    ("text", "written"), [("none found", "None found."), ("Is it?", "Is it?"), ("", ""), (" ok. ", "Ok.")]
)
def test_sentences_end(text: str, written: str) -> None:
    assert sentence(text) == written


def test_bar_reaches_its_mark_exactly_at_the_mark() -> None:
    ninety = replace(samples.OXYCODONE, mme=Fraction(90))
    bar = panel_view(
        replace(samples.COMPLETE, mme=samples.mme(ninety)), samples.PERSON, samples.NOW
    ).number.bar
    assert bar is not None
    assert dict(bar.marks)[bar.value] == "90"
    assert bar.description == "Bar: 90 MME/day, with marks at 50 and 90."


def test_marks_follow_the_policy() -> None:
    view = panel_view(samples.COMPLETE, samples.PERSON, samples.NOW, marks=(50, 90, 120))
    assert view.number.bar is not None
    assert [label for _, label in view.number.bar.marks] == ["50", "90", "120"]
    assert [label for _, label, is_mark in view.charts[0].levels if is_mark] == ["50", "90", "120"]


class TestChart:
    def test_table_holds_every_period_newest_first(self) -> None:
        view = panel_view(samples.COMPLETE, samples.PERSON, samples.NOW)
        assert [(p.start, p.end, p.mme) for p in view.charts[0].periods] == [
            ("23 Jul 2026", "21 Sep 2026", "80"),
            ("14 Apr 2026", "22 Jul 2026", "60"),
            ("15 Mar 2026", "13 Apr 2026", "cannot tell"),
            ("25 Nov 2025", "14 Mar 2026", "60"),
            ("22 Sep 2025", "24 Nov 2025", "45"),
        ]
        assert view.charts[1].months == 24

    def test_daily_points_and_points_of_change_draw_the_same_chart(self) -> None:
        def daily(when: date) -> Fraction | None:
            return [mme for start, mme in timeline if start <= when][-1]

        timeline = samples.COMPLETE.mme.timeline
        first = timeline[0][0]
        days = [first + timedelta(days=n) for n in range((samples.AS_OF - first).days + 1)]
        every_day = tuple((when, daily(when)) for when in days)
        assert step_charts(every_day, samples.AS_OF, (50, 90)) == step_charts(
            timeline, samples.AS_OF, (50, 90)
        )

    def test_days_that_cannot_be_told_interrupt_the_line(self) -> None:
        chart = panel_view(samples.COMPLETE, samples.PERSON, samples.NOW).charts[0]
        assert len(chart.unknown) == 1
        assert chart.line.count("M") == 2
        assert "Some days cannot be told" in chart.description

    def test_the_history_ends_with_at_least_where_the_headline_says_so(self) -> None:
        timeline = samples.COMPLETE.mme.timeline
        chart = step_charts(timeline, samples.AS_OF, (50, 90), complete=False)[0]
        assert chart.periods[0].mme.startswith("at least ")
        assert "on the last day it is at least " in chart.description
        assert not any(period.mme.startswith("at least") for period in chart.periods[1:])

    def test_no_chart_is_drawn_without_an_opioid(self) -> None:
        assert step_charts(((date(2025, 1, 1), Fraction(0)),), samples.AS_OF, (50, 90)) == ()
        assert step_charts((), samples.AS_OF, (50, 90)) == ()

    @given(st.lists(st.tuples(st.integers(0, 800), st.none() | DOSES), max_size=30))
    def test_every_point_stays_inside_the_frame(self, points: list[tuple[int, Fraction | None]]) -> None:
        timeline = tuple((samples.AS_OF - timedelta(days=back), mme) for back, mme in points)
        for chart in step_charts(timeline, samples.AS_OF, (50, 90)):
            for y, _, _ in chart.levels:
                assert 0 <= Decimal(y) <= chart.base
            for x, width in chart.unknown:
                assert Decimal(x) >= chart.left
                assert Decimal(x) + Decimal(width) <= chart.width + 1
