"""What was recorded in the visit closes the gap it is about, through the rules that read the chart."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.clinical.entries import (
    Entry,
    EntryKind,
    decisions_of,
    records_of,
    standing_entries,
    with_entries,
)
from app.clinical.evaluate import evaluate
from app.clinical.evaluation import Evaluation, Gap, Status
from app.clinical.gaps import OWN_INTERVAL
from app.clinical.policy import Policy
from tests.gaps.build import AS_OF, LORAZEPAM, OXYCODONE, case, chart, event, on, order, record
from tests.gaps.spec import answer
from valuesets import Terms

MONTHS = ("2025-02-20", "2025-03-20", "2025-04-19", "2025-05-19")
FACTS = chart(
    *(order(OXYCODONE, day) for day in MONTHS),
    *(order(LORAZEPAM, day) for day in MONTHS[-1:]),
)
EXPECTED = Entry(EntryKind.PDMP, AS_OF, outcome="expected", author="Dr Quill", id="e1")


def evaluated(terms: Terms, *entries: Entry) -> Evaluation:
    stand = standing_entries(entries)
    return evaluate(
        with_entries(FACTS, stand),
        Policy(),
        terms,
        AS_OF,
        decisions=decisions_of(stand),
        records=records_of(stand),
    )


def gap(evaluation: Evaluation, number: str) -> Gap:
    return next(one for one in evaluation.gaps if one.id == number)


OWN = Entry(EntryKind.INTERVAL, AS_OF, gap="G03", months=6, until=on("2026-06-15"), text="stable", id="e1")
CLOSING = {
    "G01": EXPECTED,
    "G02": EXPECTED,
    "G05": Entry(EntryKind.AGREEMENT, AS_OF, id="e1"),
    "G06": Entry(EntryKind.PEG, AS_OF, scores=(5, 6, 6), id="e1"),
    "G08": Entry(EntryKind.SCREEN, AS_OF, outcome="ort_oud", scores=(2,), id="e1"),
    "G09": Entry(EntryKind.SCREEN, AS_OF, outcome="phq9", scores=(9, 0), id="e1"),
    "G10": Entry(EntryKind.SCREEN, AS_OF, outcome="gad7", scores=(9,), id="e1"),
    "G13": Entry(EntryKind.NALOXONE, AS_OF, outcome="offered", id="e1"),
}


@pytest.mark.parametrize("number", CLOSING)
def test_an_entry_closes_its_gap_and_is_its_evidence(terms: Terms, number: str) -> None:
    assert gap(evaluated(terms), number).status is not Status.MET
    closed = gap(evaluated(terms, CLOSING[number]), number)
    assert closed.status is Status.MET
    assert "record:e1" in closed.refs


def test_peg_is_the_exact_mean_of_its_three_items(terms: Terms) -> None:
    found = gap(evaluated(terms, CLOSING["G06"]), "G06")
    assert "5.7 of 10" in found.text


def test_declined_naloxone_is_settled_and_says_so(terms: Terms) -> None:
    found = gap(evaluated(terms, Entry(EntryKind.NALOXONE, AS_OF, outcome="declined", id="e1")), "G13")
    assert (found.status, found.text) == (Status.MET, "Declined on 15 Jun 2025")


def test_an_unexpected_pdmp_result_asks_for_a_review_and_the_review_closes_it(terms: Terms) -> None:
    check = replace(EXPECTED, outcome="unexpected")
    assert gap(evaluated(terms, check), "G02").status is Status.DUE_SOON
    review = Entry(EntryKind.REVIEW, AS_OF, gap="G02", text="discussed", id="e2")
    assert gap(evaluated(terms, check, review), "G02").status is Status.MET


def test_a_check_without_a_result_still_asks_for_it(terms: Terms) -> None:
    check = replace(EXPECTED, outcome="")
    found = evaluated(terms, check)
    assert gap(found, "G01").status is Status.MET
    assert "result not recorded" in gap(found, "G02").text


def test_a_plan_for_sedatives_takes_the_finding_out_of_the_red(terms: Terms) -> None:
    assert gap(evaluated(terms), "G14").status is Status.OVERDUE
    plan = Entry(EntryKind.REVIEW, AS_OF, gap="G14", text="shared plan", id="e1")
    assert gap(evaluated(terms, plan), "G14").status is Status.DUE_SOON


def screen(tool: str, *scores: int, id_: str = "e1") -> Entry:
    return Entry(EntryKind.SCREEN, AS_OF, outcome=tool, scores=scores, id=id_)


def test_phq_2_from_three_asks_for_phq_9_and_both_of_one_day_stand(terms: Terms) -> None:
    assert "PHQ-9 not done since" in gap(evaluated(terms, screen("phq2", 3)), "G09").text
    both = evaluated(terms, screen("phq2", 3), screen("phq9", 4, 0, id_="e2"))
    assert gap(both, "G09").status is Status.MET


def test_a_high_total_asks_for_a_plan_and_the_plan_closes_it(terms: Terms) -> None:
    found = gap(evaluated(terms, screen("phq9", 14, 0)), "G09")
    assert (found.status, "plan not recorded" in found.text) == (Status.OVERDUE, True)
    plan = Entry(EntryKind.REVIEW, AS_OF, gap="G09", text="visit in a week", id="e2")
    assert gap(evaluated(terms, screen("phq9", 14, 0), plan), "G09").status is Status.MET


def test_item_9_above_zero_goes_first_whatever_the_total(terms: Terms) -> None:
    found = gap(evaluated(terms, screen("phq9", 3, 1)), "G09")
    assert found.status is Status.OVERDUE
    assert "item 9 above zero" in found.text


def test_ort_oud_from_its_cut_off_raises_the_tier(terms: Terms) -> None:
    below, reached = (evaluated(terms, screen("ort_oud", total)).risk.reasons for total in (2, 3))
    assert not any("ORT-OUD" in reason for reason in below)
    assert "ORT-OUD 3 on 15 Jun 2025" in reached


def test_an_own_interval_holds_with_its_reason_until_its_last_day(terms: Terms) -> None:
    check = Entry(EntryKind.PDMP, on("2025-02-01"), outcome="expected", id="e1")
    assert gap(evaluated(terms, check), "G01").status is Status.OVERDUE
    own = Entry(EntryKind.INTERVAL, AS_OF, gap="G01", months=12, until=AS_OF, text="stable", id="e2")
    found = gap(evaluated(terms, check, own), "G01")
    assert (found.status, found.due) == (Status.MET, on("2026-02-01"))
    assert any("own interval until 15 Jun 2025: stable" in one.text for one in found.evidence)
    over = replace(own, on=on("2025-03-01"), until=AS_OF - timedelta(days=1))
    assert gap(evaluated(terms, check, over), "G01").status is Status.OVERDUE


@pytest.mark.parametrize("number", sorted(OWN_INTERVAL))
def test_every_rule_offered_an_own_interval_follows_it(number: str) -> None:
    own = record("interval", "2025-06-01", number, months=1, text="close by")
    asked = case(event("pill_count", "2024-01-01"), tier="high", records=(own,))
    found = answer(number, asked)
    assert any("every 1 month (this person's own interval: close by)" in e.text for e in found.evidence)


def test_a_deferral_holds_with_its_reason_until_its_last_day(terms: Terms) -> None:
    put_off = Entry(
        EntryKind.DEFERRAL, on("2025-05-15"), gap="G03", text="acute illness", until=AS_OF, id="e1"
    )
    found = gap(evaluated(terms, put_off), "G03")
    assert (found.status, found.text) == (Status.DEFERRED, "Deferred until 15 Jun 2025: acute illness")
    over = replace(put_off, until=AS_OF - timedelta(days=1))
    assert gap(evaluated(terms, over), "G03").status is not Status.DEFERRED


def test_a_confirmed_tier_and_a_decision_about_therapy_are_shown(terms: Terms) -> None:
    found = evaluated(
        terms,
        Entry(EntryKind.TIER, AS_OF, outcome="high", author="Dr Quill", id="e1"),
        Entry(EntryKind.LTOT, AS_OF, outcome="yes", author="Dr Quill", id="e2"),
    )
    assert found.risk.tier == "high"
    assert found.risk.reasons[0] == "confirmed by Dr Quill on 15 Jun 2025"
    assert found.ltot.state == "confirmed"


def test_the_later_entry_of_a_day_holds(terms: Terms) -> None:
    """By the order in which they were made, whatever their words or ids."""
    high = Entry(EntryKind.TIER, AS_OF, outcome="high", id="e9")
    moderate = replace(high, outcome="moderate", id="e1")
    assert evaluated(terms, high, moderate).risk.tier == "moderate"
    assert evaluated(terms, moderate, high).risk.tier == "high"


def test_an_entry_taken_back_opens_the_gap_again(terms: Terms) -> None:
    back = Entry(EntryKind.WITHDRAWAL, AS_OF, withdraws="e1", id="e2")
    assert gap(evaluated(terms, EXPECTED, back), "G01") == gap(evaluated(terms), "G01")


def test_taking_back_the_later_of_two_lets_the_earlier_stand(terms: Terms) -> None:
    later = replace(EXPECTED, outcome="unexpected", id="e2")
    back = Entry(EntryKind.WITHDRAWAL, AS_OF, withdraws="e2", id="e3")
    assert standing_entries([EXPECTED, later, back]) == (EXPECTED,)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (replace(EXPECTED, on=AS_OF + timedelta(days=1)), "future"),
        (replace(EXPECTED, on=on("2015-06-14")), "10 years"),
        (replace(EXPECTED, outcome="fine"), "answers"),
        (replace(EXPECTED, text="x" * 301), "300"),
        (Entry(EntryKind.PEG, AS_OF, scores=(1, 2)), "all three"),
        (Entry(EntryKind.PEG, AS_OF, scores=(1, 2, 11)), "0 to 10"),
        (Entry(EntryKind.REVIEW, AS_OF), "not named"),
        (Entry(EntryKind.DEFERRAL, AS_OF, gap="G03", until=AS_OF), "reason"),
        (Entry(EntryKind.DEFERRAL, AS_OF, gap="G03", text="ill"), "1 to 3 months"),
        (Entry(EntryKind.DEFERRAL, AS_OF, gap="G03", text="ill", until=on("2025-09-16")), "1 to 3 months"),
        (Entry(EntryKind.TIER, AS_OF), "answers"),
        (Entry(EntryKind.SCREEN, AS_OF, scores=(3,)), "answers"),
        (screen("phq2"), "from 0 to 6"),
        (screen("phq2", 7), "from 0 to 6"),
        (screen("gad7", 22), "from 0 to 21"),
        (screen("ort_oud", 10), "from 0 to 9"),
        (screen("phq9", 12), "with item 9"),
        (screen("phq9", 28, 0), "from 0 to 27"),
        (screen("phq9", 12, 4), "item 9"),
        (screen("phq9", 1, 2), "does not fit its total"),
        (screen("phq9", 27, 2), "does not fit its total"),
        (replace(OWN, gap=""), "not named"),
        (replace(OWN, text=""), "reason"),
        (replace(OWN, months=None), "1 to 24 months"),
        (replace(OWN, months=25), "1 to 24 months"),
        (replace(OWN, until=None), "1 to 12 months"),
        (replace(OWN, until=on("2026-06-16")), "1 to 12 months"),
        (Entry(EntryKind.WITHDRAWAL, AS_OF), "not named"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(entry: Entry, words: str) -> None:
    assert words in entry.problem(AS_OF)


@pytest.mark.parametrize("entry", [*CLOSING.values(), OWN], ids=[*CLOSING, "own"])
def test_what_fits_is_kept(entry: Entry) -> None:
    assert entry.problem(AS_OF) == ""
