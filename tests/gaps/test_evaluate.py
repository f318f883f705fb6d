"""One chart in, one answer out: the same whatever the order of facts, stamped, and in the public shape."""

import json
import random
import tomllib
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from app.clinical.as_json import as_json
from app.clinical.elements import elements
from app.clinical.evaluate import case_of, evaluate
from app.clinical.evaluation import LtotStatus, Status
from app.clinical.explain import explain
from app.clinical.gaps import gaps
from app.clinical.policy import Policy
from app.clinical.state import Decision
from app.clinical.version import CODE_VERSION
from fhir_mappings.facts import Facts
from tests.examples import examples
from tests.gaps.build import AS_OF, BUPRENORPHINE_NALOXONE, OXYCODONE, chart, order, problem, record
from tests.gaps.charts import EMPTY, FULL, ITEMS
from valuesets import Terms, load_terms

PARTS = ("orders", "fills", "results", "problems", "events", "documents", "visits")


def shuffled(facts: Facts, seed: int) -> Facts:
    chance = random.Random(seed)
    moved = {part: tuple(chance.sample(getattr(facts, part), len(getattr(facts, part)))) for part in PARTS}
    kinds = chance.sample(sorted(facts.sources), len(facts.sources))
    return replace(facts, sources={kind: facts.sources[kind] for kind in kinds}, **moved)


@settings(max_examples=examples(25))
@given(seed=st.integers(0, 10**6))
def test_the_order_of_facts_changes_nothing(seed: int) -> None:
    terms = load_terms()
    records = (record("review", "2025-05-01", "G15"), record("joined", "2025-01-01"))
    once = evaluate(FULL, Policy(), terms, AS_OF, records=records)
    again = evaluate(shuffled(FULL, seed), Policy(), terms, AS_OF, records=tuple(reversed(records)))
    assert as_json(again) == as_json(once)
    assert explain(again) == explain(once)


def test_a_review_changes_what_rules_find_and_nothing_derived_before_them(terms: Terms) -> None:
    """So the page may ask the rules of one case again to learn where a review would change anything."""
    case = case_of(FULL, Policy(), terms, AS_OF)
    reviews = tuple(record("review", "2025-06-15", gap.id) for gap in gaps(case))
    reviewed = evaluate(FULL, Policy(), terms, AS_OF, records=reviews)
    assert gaps(replace(case, records=reviews)) == reviewed.gaps != gaps(case)
    assert (case.risk, case.ltot, case.mme, elements(case)) == (
        reviewed.risk,
        reviewed.ltot,
        reviewed.mme,
        reviewed.elements,
    )


def test_an_evaluation_is_stamped_with_everything_it_depends_on(terms: Terms) -> None:
    found = evaluate(FULL, Policy(), terms, AS_OF)
    assert found.versions == {
        "code": CODE_VERSION,
        "policy": "default 1",
        "factors": "cdc-2022",
        "valuesets": terms.version,
    }


def test_json_has_the_public_shape_with_numbers_as_numbers(terms: Terms) -> None:
    found = json.loads(json.dumps(as_json(evaluate(FULL, Policy(), terms, AS_OF))))
    assert list(found)[:10] == [
        "patient", "as_of", "versions", "ltot", "mme", "exclusions", "risk", "gaps", "elements", "overlaps",
    ]  # fmt: skip
    assert found["as_of"] == "2025-06-15"
    assert found["ltot"]["status"] == "yes"
    assert found["ltot"]["definitions"]["D0"] is True
    assert {"kind", "text", "refs"} <= set(found["ltot"]["evidence"][0])
    mme = found["mme"]
    assert (mme["current"], mme["complete"]) == (60, True)
    line = mme["contributions"][0]
    assert {"ref", "ingredient", "mg_per_day", "factor", "mme", "method", "arithmetic"} <= set(line)
    assert (line["mg_per_day"], line["factor"], line["mme"]) == (40, 1.5, 60)
    gap = next(gap for gap in found["gaps"] if gap["id"] == "G05")
    assert (gap["status"], gap["colour"], gap["due"], gap["last"]) == (
        "met",
        "green",
        "2025-08-20",
        "2024-08-20",
    )
    assert {"prescriber", "mme", "udt_result", "peg_trend"} <= set(found["elements"])
    assert found["risk"]["tier"] == "high"


def test_the_json_sum_is_the_sum_of_its_lines(terms: Terms) -> None:
    facts = chart(order(OXYCODONE, "2025-06-01", quantity=Fraction(100)))
    mme = evaluate(facts, Policy(), terms, AS_OF).mme
    assert mme.current == sum(line.mme for line in mme.contributions) == 50
    assert as_json(evaluate(facts, Policy(), terms, AS_OF))["mme"]["current"] == 50


def test_explain_shows_each_sum_with_date_prescriber_rule_and_source(terms: Terms) -> None:
    text = "\n".join(explain(evaluate(FULL, Policy(), terms, AS_OF)))
    assert "10 mg × 120 ÷ 30 d = 40 mg/d × 1.5 = 60 MME (1 Jun 2025 to 30 Jun 2025; Dr Ada Okafor" in text
    assert "MME today: 60 MME a day" in text
    assert "Rule: definition D0" in text
    assert "Source: CDC 2022 guideline, recommendation 8" in text
    assert "G05 opioid agreement: up to date" in text
    assert "2025-06-15" not in text.replace("-2025-06-15", "")


def test_explain_names_what_is_not_counted(terms: Terms) -> None:
    facts = chart(order(OXYCODONE, "2025-06-01"), order(OXYCODONE, "2025-06-02", None, sigs=()))
    text = "\n".join(explain(evaluate(facts, Policy(), terms, AS_OF)))
    assert "at least 60 MME a day" in text
    assert "Not counted: oxycodone 10 mg tab" in text


def test_a_chart_without_opioids_asks_for_nothing(terms: Terms) -> None:
    found = evaluate(EMPTY, Policy(), terms, AS_OF)
    assert found.ltot.status is LtotStatus.NO
    assert found.mme.current == 0
    assert {gap.status for gap in found.gaps} == {Status.NOT_APPLICABLE}


def test_buprenorphine_for_use_disorder_alone_still_asks_for_naloxone(terms: Terms) -> None:
    facts = chart(order(BUPRENORPHINE_NALOXONE, "2025-06-01"), problem("opioid_use_disorder:dependence"))
    found = {gap.id: gap for gap in evaluate(facts, Policy(), terms, AS_OF).gaps}
    assert found["G13"].status is Status.OVERDUE
    assert found["G24"].status is Status.MET


def test_exclusions_take_the_dose_rules_and_leave_safety(terms: Terms) -> None:
    facts = chart(*FULL.orders, problem("sickle_cell_disease", "2023-04-02"))
    found = evaluate(facts, Policy(), terms, AS_OF)
    by_id = {gap.id: gap.status for gap in found.gaps}
    assert [one.kind for one in found.exclusions] == ["sickle_cell"]
    assert (by_id["G15"], by_id["G16"], by_id["G17"]) == (Status.EXCLUDED,) * 3
    assert by_id["G14"] is Status.OVERDUE
    assert by_id["G13"] is Status.MET


def test_the_day_asked_about_decides_not_the_clock(terms: Terms) -> None:
    """The agreement of 20 Aug 2024 is due a year later; a decision keeps the person on the list until then."""
    said = (Decision(date(2025, 8, 1), is_ltot=True),)
    found = [
        evaluate(chart(*ITEMS, order(OXYCODONE, "2025-07-01", 60)), Policy(), terms, day, decisions=said)
        for day in (date(2025, 8, 19), date(2025, 8, 20))
    ]
    statuses = [next(gap.status for gap in one.gaps if gap.id == "G05") for one in found]
    assert statuses == [Status.DUE_SOON, Status.OVERDUE]


def test_the_stamped_version_is_that_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())["project"]
    assert project["version"] == CODE_VERSION


def test_records_of_a_later_day_are_not_known_yet(terms: Terms) -> None:
    later = record("review", "2025-06-16", "G14")
    found = evaluate(FULL, Policy(), terms, AS_OF, records=(later,))
    assert next(gap.status for gap in found.gaps if gap.id == "G14") is Status.OVERDUE
    same_day = record("review", "2025-06-15", "G14")
    found = evaluate(FULL, Policy(), terms, AS_OF, records=(same_day,))
    assert next(gap.status for gap in found.gaps if gap.id == "G14") is Status.DUE_SOON


def test_records_of_one_day_are_taken_in_any_order_also_without_an_end(terms: Terms) -> None:
    open_end = record("deferral", "2025-06-15", "G14")
    until = record("deferral", "2025-06-15", "G14", until=date(2025, 9, 1))
    one, other = (
        evaluate(FULL, Policy(), terms, AS_OF, records=both)
        for both in ((open_end, until), (until, open_end))
    )
    assert one == other
    assert next(gap.status for gap in one.gaps if gap.id == "G14") is Status.DEFERRED


def test_hospice_takes_routine_rules_and_leaves_safety(terms: Terms) -> None:
    found = evaluate(chart(*FULL.orders, problem("hospice")), Policy(), terms, AS_OF)
    by_id = {gap.id: gap.status for gap in found.gaps}
    assert {by_id[number] for number in ("G01", "G03", "G05", "G06", "G15", "G19")} == {Status.EXCLUDED}
    assert (by_id["G13"], by_id["G14"]) == (Status.MET, Status.OVERDUE)


def test_a_confirmed_person_stays_in_scope_below_the_definition(terms: Terms) -> None:
    facts = chart(order(OXYCODONE, "2025-06-01", 28))
    without = evaluate(facts, Policy(), terms, AS_OF)
    said = evaluate(facts, Policy(), terms, AS_OF, decisions=(Decision(date(2025, 6, 2), is_ltot=True),))
    status = [next(gap.status for gap in found.gaps if gap.id == "G05") for found in (without, said)]
    assert status == [Status.NOT_APPLICABLE, Status.OVERDUE]
