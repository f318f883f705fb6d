"""What the clinician reads in each state of the panel."""

import dataclasses
from datetime import date
from fractions import Fraction

import pytest
from msgspec.structs import replace

from app.clinical.evaluation import Evidence, Status
from app.clinical.explain import gap_lines, ltot_lines, mme_lines
from app.web.presenters import banner, panel_view
from app.web.render import render_shell
from fhir_mappings.facts import Issue, IssueCode, Source
from tests.web import samples
from tests.web.reading import panel, read


def test_complete_chart_answers_first_then_number_then_gaps() -> None:
    seen = panel(samples.COMPLETE).glance
    order = [
        "Rivera, Maria · 14 Mar 1961 (65 y) · F · MRN …4417",
        "Long-term opioid therapy: yes 84 of the last 90 days covered, since 29 Aug 2025.",
        "80 MME/day today",
        "Needs action (5) 5 items need action: 2 overdue, 1 cannot tell, 1 due soon, 1 to look at.",
        "Overdue Naloxone None in 24 months.",
        "Overdue Urine drug test Older than 4 months. Last 2 Aug 2025 · was due 2 Dec 2025",
        "Cannot tell Opioid agreement Documents could not be read.",
        "Due soon PDMP check Due in 12 days.",
        "Needs a look Therapy on the problem list Z79.891 not on the problem list.",
        "Up to date (2)",
        "Overlap Benzodiazepine Lorazepam on 11 of the last 90 days. 1 Sep 2026",
        "Risk tier: ◆ Moderate",
        "12 months",
        "Sources 31 medication orders, 22 fills, 18 problems · all complete · 10:42 PDT",
        "Not included: PDMP reports.",
        "policy default 1 · MME factors cdc-2022 · codes 2026-10",
    ]
    places = [seen.find(part) for part in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)
    assert "At least" not in seen
    assert "Try again" not in seen


def test_what_is_met_is_folded_but_there() -> None:
    page = panel(samples.COMPLETE)
    assert "PHQ-9" not in page.glance
    assert "Up to date PHQ-9 6 of 27. Last 1 May 2026 · due 1 May 2027" in page.text


def test_every_finding_opens_its_evidence_rule_and_source() -> None:
    text = panel(samples.COMPLETE).text
    assert "oxycodone 10 mg tab: 10 mg × 120 ÷ 30 d = 40 mg/d × 1.5 = 60" in text
    assert "60 MME (12 Sep 2026 to 11 Oct 2026; Dr Ada Okafor; MedicationRequest/1; from quantity" in text
    assert "By each definition: D0 yes, D1 yes, D2 cannot tell." in text
    assert "2 Aug 2025: urine drug test, expected result (Observation/77)" in text
    assert "Rule: Due every 12 months at low" in text
    assert "Source: CDC 2022 guideline, recommendation 10" in text


@pytest.mark.parametrize("state", samples.STATES)
def test_every_line_of_explain_about_an_answer_is_on_the_panel(state: str) -> None:
    evaluation = samples.STATES[state]
    shown = panel(evaluation).text
    explained = [*ltot_lines(evaluation.ltot)[1:], *mme_lines(evaluation.mme, "cdc-2022")[1:]]
    for gap in evaluation.gaps:
        explained += gap_lines(gap)[1:] if gap.status is not Status.NOT_APPLICABLE else []
    for line in explained:
        assert " ".join(line.split()) in shown


def test_partial_chart_says_at_least_what_is_missing_and_offers_to_try_again() -> None:
    seen = panel(samples.PARTIAL).glance
    assert "At least 96 MME/day today Not counted (1): tramadol 50 mg tab: the order has neither" in seen
    assert "Up to 144 MME/day if taken as often as the directions allow." in seen
    assert (
        "Results did not load (the EHR did not answer in time): urine drug tests and screening scores "
        "cannot be judged. Try again" in seen
    )
    assert "1 of 6 sources incomplete" in seen
    assert "Cannot tell Urine drug test" in seen


def test_uncounted_opioids_stand_directly_under_the_number() -> None:
    seen = panel(samples.PARTIAL).glance
    assert seen.index("At least 96") < seen.index("Not counted (1)") < seen.index("At or above the 90 mark")


@pytest.mark.parametrize("kind", [source.kind for source in samples.SOURCES])
def test_each_failed_source_is_announced(kind: str) -> None:
    shown = panel(replace(samples.COMPLETE, sources=samples.failed(kind)))
    assert "did not load (the EHR did not answer in time)" in shown.glance
    assert "all complete" not in shown.glance
    assert "incomplete: the EHR did not answer in time" in shown.text


def test_truncated_source_is_not_called_loaded() -> None:
    sources = (Source("Observation", 400, complete=False, problem="more than 400 results"),)
    seen = panel(replace(samples.COMPLETE, sources=sources)).glance
    assert "Results did not load completely (more than 400 results)" in seen


def test_source_the_site_does_not_offer_is_not_included_rather_than_failed() -> None:
    sources = (*samples.SOURCES, Source("Consent", complete=False, connected=False))
    seen = panel(replace(samples.COMPLETE, sources=sources)).glance
    assert "Not included: consents, PDMP reports." in seen
    assert "did not load" not in seen


def test_one_of_a_kind_is_not_called_several() -> None:
    one = tuple(Source(kind, 1) for kind in ("MedicationRequest", "Encounter", "ServiceRequest"))
    seen = panel(replace(samples.COMPLETE, sources=one)).glance
    assert "1 medication order, 1 visit, 1 referral or request" in " ".join(seen.split())


def test_empty_and_complete_chart_says_what_was_read() -> None:
    seen = panel(samples.EMPTY).glance
    assert "Long-term opioid therapy: no" in seen
    assert "0 MME/day today" in seen
    assert "No opioid in use: 31 medication orders and 22 fills read, all complete." in seen
    assert "No item needs action." in seen
    assert "12 months" not in seen


def test_all_ended_names_the_last_day_with_supply() -> None:
    seen = panel(samples.ENDED).glance
    assert "0 MME/day today" in seen
    assert (
        "Every opioid order that has begun is known to have ended; the last day with supply was 4 Mar 2026."
        in seen
    )


def test_all_ended_claims_no_last_day_where_the_last_supply_is_of_unknown_length() -> None:
    history = ((date(2025, 10, 1), None), (date(2026, 1, 29), Fraction(0)))
    seen = panel(replace(samples.ENDED, mme=replace(samples.ENDED.mme, timeline=history))).glance
    assert "known to have ended; supply may have lasted to 28 Jan 2026." in seen


def test_an_average_that_misses_something_says_so() -> None:
    missing = replace(samples.COMPLETE, mme=replace(samples.COMPLETE.mme, window_complete=False))
    seen = panel(missing).glance
    assert "90-day average at least 80 · highest day in 90 days at least 80 MME/day" in seen
    assert "Not every opioid of these 90 days could be counted." in seen


def test_method_and_factor_table_are_named_beside_the_number() -> None:
    seen = panel(samples.COMPLETE).glance
    assert "Counted from quantity and days' supply; factors cdc-2022." in seen


def test_number_of_a_chart_read_in_part_says_that_it_may_be_higher() -> None:
    partly = replace(samples.COMPLETE, mme=replace(samples.COMPLETE.mme, complete=False))
    seen = panel(partly).glance
    assert "At least 80 MME/day today" in seen
    assert "Not everything could be read; the true number may be higher." in seen


def test_short_therapy_is_no_with_its_number() -> None:
    seen = panel(samples.SHORT).glance
    assert "Long-term opioid therapy: no 6 of the last 90 days covered." in seen
    assert "5 MME/day today" in seen


@pytest.mark.parametrize(
    ("state", "text"),
    [("hospice", "hospice care"), ("cancer", "active cancer"), ("sickle-cell", "sickle cell disease")],
)
def test_excluded_patient_shows_reason_evidence_and_keeps_safety(state: str, text: str) -> None:
    seen = panel(samples.STATES[state]).glance
    assert f"Dose prompts do not apply: {text} (Condition/4, since 2 Apr 2023)." in seen
    assert "Safety items are still shown." in seen
    assert "Overdue Naloxone" in seen


def test_unread_orders_give_no_number_and_no_no() -> None:
    seen = panel(samples.CANNOT_TELL).glance
    assert "Long-term opioid therapy: cannot tell 28 days of the last 90 known to be covered" in seen
    assert "MME cannot be calculated Not enough of the chart was read to say." in seen
    assert "Medication orders did not load" in seen
    assert "MME/day today" not in seen
    assert "No opioid" not in seen


def test_unproven_zero_is_not_shown_as_zero() -> None:
    unproven = replace(samples.EMPTY, mme=replace(samples.EMPTY.mme, complete=False))
    seen = panel(unproven).glance
    assert "MME cannot be calculated" in seen
    assert "0 MME" not in seen


def test_only_uncountable_opioids_give_no_number() -> None:
    seen = panel(samples.UNCOUNTABLE).glance
    assert "MME cannot be calculated Not counted (1): tramadol 50 mg tab: the order has neither" in seen
    assert "MME/day today" not in seen


def test_buprenorphine_alone_is_no_unknown() -> None:
    seen = panel(samples.BUPRENORPHINE).glance
    assert "No MME: buprenorphine only Buprenorphine has no MME factor and is not in the sum." in seen
    assert "cannot be calculated" not in seen
    assert "0 MME" not in seen


def test_methadone_for_opioid_use_disorder_alone_is_no_zero() -> None:
    seen = panel(samples.METHADONE_FOR_OUD).glance
    assert "No MME: methadone for opioid use disorder only" in seen
    assert "0 MME" not in seen


def test_older_order_that_may_still_be_in_use_is_mentioned() -> None:
    seen = panel(replace(samples.COMPLETE, mme=replace(samples.COMPLETE.mme, flags=("stale_order",)))).glance
    assert "An older order may still be in use; it is not in the sum." in seen


def test_high_dose_names_the_mark_and_gives_no_target() -> None:
    seen = panel(samples.HIGH).glance
    assert "480 MME/day today" in seen
    assert "At or above the 90 mark." in seen
    assert "Of this, 120 MME/day prescribed elsewhere." in seen
    assert "Review benefits and risks with the patient" in seen


def test_a_date_the_sentence_already_names_is_not_repeated() -> None:
    named = replace(samples.GAPS[0], text="Urine drug test on 2 Aug 2025; overdue 9 months")
    seen = panel(replace(samples.COMPLETE, gaps=(named,))).glance
    assert "Urine drug test on 2 Aug 2025; overdue 9 months. Was due 2 Dec 2025" in seen


def test_equal_uncounted_orders_share_a_line_and_are_all_counted() -> None:
    three = tuple(replace(samples.TRAMADOL, ref=f"MedicationRequest/{n}") for n in range(3))
    page = panel(replace(samples.PARTIAL, mme=replace(samples.PARTIAL.mme, uncounted=three)))
    assert (
        "Not counted (3): tramadol 50 mg tab: the order has neither quantity nor dose (3 orders)"
        in page.glance
    )
    assert all(one.ref in page.text for one in three)


def test_a_chart_with_very_many_remarks_stays_light_and_says_what_is_not_shown() -> None:
    issues = tuple(
        Issue(f"Observation/{kind}-{n}", IssueCode.UNIT_UNKNOWN, f"unit {kind} is not known")
        for kind in range(60)
        for n in range(20)
    )
    page = panel(replace(samples.COMPLETE, issues=issues))
    assert "Set aside or read with care (1200)" in page.glance
    assert "Unit 0 is not known (unit_unknown): Observation/0-0, Observation/0-1," in page.text
    assert "and 15 more" in page.text
    assert "20 further remarks not shown here" in page.text


def test_many_unknowns_share_a_line_that_names_each_and_opens_their_reasons() -> None:
    page = panel(samples.CROWDED)
    assert (
        "Needs action (11) 11 items need action: 1 overdue, 8 cannot tell, 1 due soon, 1 to look at."
        in page.glance
    )
    assert (
        "Needs a look Therapy on the problem list Z79.891 not on the problem list. "
        "Why : Therapy on the problem list (G27) ? Cannot tell Urine drug test, Opioid agreement, GAD-7,"
        in page.glance
    )
    assert "? Cannot tell GAD-7 No data source." in page.text


def test_safety_item_that_cannot_be_told_keeps_its_own_row() -> None:
    gaps = tuple(replace(gap, safety=gap.id == "G05") for gap in samples.CROWDED.gaps)
    seen = panel(replace(samples.CROWDED, gaps=gaps)).glance
    assert "? Cannot tell Opioid agreement Documents could not be read." in seen


def test_safety_items_come_first_within_their_status() -> None:
    unsafe = tuple(replace(gap, status=Status.OVERDUE, safety=gap.id == "G06") for gap in samples.GAPS)
    view = panel_view(replace(samples.COMPLETE, gaps=unsafe), samples.PERSON, samples.NOW)
    assert view.gaps.needs_action[0].title == "PEG"


def test_print_view_opens_every_why_and_says_when_and_that_it_is_no_record() -> None:
    page = panel(samples.COMPLETE, printing=True)
    assert page.glance == page.text
    assert "Printed 21 Sep 2026 10:42 PDT, chart as of 21 Sep 2026. Not the legal record." in page.glance


def test_banner_names_the_patient_and_the_full_number_when_the_ehr_shows_none() -> None:
    seen = read(render_shell(samples.PAGE, banner(samples.PERSON, samples.AS_OF, full=True))).glance
    assert seen.startswith("Rivera, Maria · 14 Mar 1961 (65 y) · F · MRN 00194417")


def test_banner_says_what_is_not_recorded_and_that_a_person_has_died() -> None:
    bare = dataclasses.replace(samples.PERSON, display="", birth_date=None, mrn="", sex="", deceased=True)
    shown = read(render_shell(samples.PAGE, banner(bare, samples.AS_OF, full=False))).glance
    assert shown.startswith("Name not recorded · birth date not recorded · Deceased")


def test_first_paint_has_a_way_on_without_script() -> None:
    html = render_shell(samples.PAGE)
    assert "Reading the chart" in read(html).glance
    assert '<noscript><p><a class="button" href="/p/l1?whole=1">Show the panel</a></p></noscript>' in html


def test_summary_is_plain_text_with_date_source_and_uncertainty_but_no_name() -> None:
    text = panel_view(samples.PARTIAL, samples.PERSON, samples.NOW).summary
    assert text.splitlines() == [
        "Opioid therapy summary, as of 21 Sep 2026",
        "Long-term opioid therapy: yes. 84 of the last 90 days covered, since 29 Aug 2025.",
        "At least 96 MME/day today.",
        "Not counted: tramadol 50 mg tab: the order has neither quantity nor dose",
        "Up to 144 MME/day if taken as often as the directions allow.",
        "Overdue: Naloxone. None in 24 months.",
        "Cannot tell: Urine drug test. Results could not be read.",
        "Cannot tell: Opioid agreement. Documents could not be read.",
        "Due soon: PDMP check. Due in 12 days. (last 3 Jul 2026 · due 3 Oct 2026)",
        "Needs a look: Therapy on the problem list. Z79.891 not on the problem list.",
        "Overlap: Benzodiazepine. Lorazepam on 11 of the last 90 days.",
        "Not fully read: results.",
        "Not included: PDMP reports.",
        (
            "Source: LtOT Panel, from the chart as read 21 Sep 2026 10:42 PDT "
            "(code 1.0.0, policy default 1, factors cdc-2022, valuesets 2026-10)."
        ),
    ]


def test_live_region_text_counts_what_needs_action() -> None:
    view = panel_view(samples.COMPLETE, samples.PERSON, samples.NOW)
    assert (
        view.announcement
        == "Panel loaded. 5 items need action: 2 overdue, 1 cannot tell, 1 due soon, 1 to look at."
    )


@pytest.mark.parametrize("state", samples.STATES)
def test_every_state_of_a_finding_is_a_word_beside_its_shape(state: str) -> None:
    view = panel_view(samples.STATES[state], samples.PERSON, samples.NOW)
    groups = view.gaps
    for row in (
        *groups.needs_action,
        *groups.cannot_tell,
        *groups.up_to_date,
        *groups.set_apart,
        *view.overlaps,
        view.risk,
    ):
        assert row.word
        assert row.tone.shape in "●◆✓■?"


def test_the_answer_says_when_the_supply_ends_for_whoever_covers_today() -> None:
    lasting = Evidence("supply_end", "Supply on record to 11 Oct 2026 (oxycodone).")
    therapy = replace(samples.COMPLETE.ltot, evidence=(*samples.COMPLETE.ltot.evidence, lasting))
    view = panel_view(replace(samples.COMPLETE, ltot=therapy), samples.PERSON, samples.NOW)
    assert view.answer.detail.endswith("since 29 Aug 2025. Supply on record to 11 Oct 2026 (oxycodone).")
    assert "Supply on record to 11 Oct 2026 (oxycodone)." in view.summary
