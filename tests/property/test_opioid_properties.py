"""What holds for every chart: nothing unknown is ever zero, and nothing depends on the order of the resources."""

import re
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from app.clinical.directions import as_directed
from app.clinical.episodes import merged
from app.clinical.evaluation import LtotStatus, Mme, Uncounted
from app.clinical.ltot import ltot
from app.clinical.mme import mme, opioid_timeline
from app.clinical.policy import Policy
from app.jobs.policies import load_site_terms
from fhir_mappings.facts import Amount, DrugFact, Facts, Order, Sig, Source
from tests.examples import examples
from tests.property.charts import AS_OF, PILLS, charts, days_before, plain_orders
from tests.spec.charts import chart, drug

TERMS, POLICY = load_site_terms(), Policy()
TOTALS = ("current", "sig_max", "avg_90", "avg_on_therapy", "avg_supply", "peak_90")


def found(facts: Facts, as_of: date = AS_OF) -> Mme:
    return mme(facts, POLICY, TERMS, as_of)


def covered(facts: Facts) -> int:
    return ltot(facts, POLICY, AS_OF).covered_days_90


@given(charts(), st.randoms(use_true_random=False))
def test_the_order_of_resources_means_nothing(facts: Facts, random: object) -> None:
    shuffled_orders, shuffled_fills = list(facts.orders), list(facts.fills)
    random.shuffle(shuffled_orders)
    random.shuffle(shuffled_fills)
    shuffled = replace(facts, orders=tuple(shuffled_orders), fills=tuple(shuffled_fills))
    assert found(shuffled) == found(facts)
    assert ltot(shuffled, POLICY, AS_OF) == ltot(facts, POLICY, AS_OF)


@given(charts())
def test_resources_sent_twice_count_once(facts: Facts) -> None:
    twice = replace(facts, orders=facts.orders * 2, fills=facts.fills * 2)
    assert found(twice) == found(facts)
    assert covered(twice) == covered(facts)


@given(charts())
def test_every_answer_hangs_together(facts: Facts) -> None:
    result = found(facts)
    status = ltot(facts, POLICY, AS_OF)
    assert result.current is None or result.current == sum((c.mme for c in result.contributions), Fraction(0))
    assert result.current is not None or not result.contributions
    assert not (result.complete and any(u.active and not by_design(u) for u in result.uncounted))
    assert not (result.current == 0 and any(u.active for u in result.uncounted)), "unknown is never zero"
    assert 0 <= status.covered_days_90 <= 90
    assert [point for point, _ in result.timeline] == sorted({point for point, _ in result.timeline})
    if result.own is not None and result.outside is not None:
        assert result.own + result.outside == result.current


def by_design(missing: Uncounted) -> bool:
    return missing.ingredient == "buprenorphine" or missing.reason == "oud_treatment"


@given(
    charts(),
    st.sampled_from([drug("oxycodone", "10"), drug("oxycodone"), drug("tramadol")]),
    days_before(0, 89),
)
def test_an_order_that_cannot_be_counted_never_lowers_a_number(
    facts: Facts, what: DrugFact, start: date
) -> None:
    opaque = Order("MedicationRequest/opaque", what, "active", authored=start, start=start, prescriber="Dr Z")
    before, after = found(facts), found(replace(facts, orders=(*facts.orders, opaque)))
    assert not after.complete
    assert any(u.active and u.ingredient == what.ingredient for u in after.uncounted)
    for name in TOTALS:
        was, now = getattr(before, name), getattr(after, name)
        assert was in {None, 0} or (now is not None and now >= was), name


@given(charts(), days_before(0, 89), st.integers(1, 60))
def test_a_supply_without_a_dose_never_lowers_a_number(facts: Facts, start: date, days: int) -> None:
    """Its days are known, its dose is not: it may not thin out an average."""
    opaque = Order("MedicationRequest/opaque", drug("codeine"), "active", authored=start, start=start,
                   supply_days=Fraction(days), prescriber="Dr Z")  # fmt: skip
    before, after = found(facts), found(replace(facts, orders=(*facts.orders, opaque)))
    assert covered(replace(facts, orders=(*facts.orders, opaque))) >= covered(facts)
    for name in TOTALS:
        was, now = getattr(before, name), getattr(after, name)
        assert was in {None, 0} or (now is not None and now >= was), name


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=5), st.data())
def test_different_drugs_add_up(seeds: list[int], data: st.DataObject) -> None:
    kinds = {one.ingredient: one for one in PILLS}
    prescribed = [data.draw(plain_orders(name, (what,))) for name, what in kinds.items()]
    together = found(chart(*prescribed))
    alone = [found(chart(one)) for one in prescribed]
    assert together.current == sum((one.current or 0 for one in alone), Fraction(0))
    assert together.avg_90 == sum((one.avg_90 or 0 for one in alone), Fraction(0))


@given(st.data())
def test_more_of_the_same_drug_never_lowers_covered_days(data: st.DataObject) -> None:
    what = (data.draw(st.sampled_from(PILLS)),)
    prescribed = [data.draw(plain_orders(str(number), what)) for number in range(4)]
    counts = [covered(chart(*prescribed[:number])) for number in range(1, 5)]
    assert counts == sorted(counts)


@given(st.data())
def test_another_drug_never_lowers_covered_days(data: st.DataObject) -> None:
    first = [data.draw(plain_orders(str(number), PILLS[:1])) for number in range(2)]
    other = data.draw(plain_orders("other", PILLS[2:4]))
    assert covered(chart(*first, other)) >= covered(chart(*first))


@given(charts(), st.sampled_from(["MedicationRequest"]))
def test_a_source_not_read_completely_never_gives_no_or_zero(facts: Facts, kind: str) -> None:
    partial = replace(facts, sources={**facts.sources, kind: Source(kind, complete=False)})
    assert ltot(partial, POLICY, AS_OF).status is not LtotStatus.NO
    result = found(partial)
    assert not result.complete
    assert result.current != 0
    assert result.avg_90 != 0


@given(charts())
def test_no_opioid_is_found_where_none_was_supplied(facts: Facts) -> None:
    """Long after everything has run out the number is zero, and said to be whole; a fill without a date may be new."""
    dated = tuple(one for one in facts.fills if one.when is not None)
    prescribed = tuple(replace(one, status="completed", reported=False) for one in facts.orders)
    later = found(replace(facts, orders=prescribed, fills=dated), AS_OF + timedelta(days=1000))
    assert (later.current, later.complete) == (Fraction(0), True)


@given(charts(), st.integers(-500, 500))
def test_only_the_distance_in_days_matters(facts: Facts, shift: int) -> None:
    def moved(when: date | None) -> date | None:
        return when + timedelta(days=shift) if when else None

    def moved_order(one: Order) -> Order:
        sigs = tuple(structs.replace(sig, start=moved(sig.start), end=moved(sig.end)) for sig in one.sigs)
        return replace(
            one, start=moved(one.start), authored=moved(one.authored), end=moved(one.end), sigs=sigs
        )

    shifted = replace(
        facts,
        orders=tuple(moved_order(one) for one in facts.orders),
        fills=tuple(replace(f, when=moved(f.when)) for f in facts.fills),
    )  # fmt: skip
    there = AS_OF + timedelta(days=shift)
    assert found(shifted, there).current == found(facts).current
    assert ltot(shifted, POLICY, there).covered_days_90 == covered(facts)


_TERM = re.compile(
    r"^(?P<sum>.+) = (?P<per_day>[\d.]+) (?P<unit>mc?g)/d × (?P<factor>[\d.]+) = (?P<mme>[\d.]+)$"
)


def _worked_out(text: str, unit: str) -> float:
    """What a reader with a pocket calculator gets, in `unit`."""
    total = 0.0
    for part in text.split(", at most", maxsplit=1)[0].split(" + "):
        value = 1.0
        for sign, number in re.findall(r"(^|×|÷)\s*(?:[\d.]+ to )?([\d.]+)", part):
            value = value / float(number) if sign == "÷" else value * float(number)
        total += value / 1000 if " mcg" in part and unit == "mg" else value
    return total


@given(charts())
@settings(max_examples=examples(200))
def test_the_printed_arithmetic_is_right(facts: Facts) -> None:
    for one in found(facts).contributions:
        if one.method == "patch" or ", at most" in one.arithmetic:
            continue
        match = _TERM.match(one.arithmetic)
        assert match, one.arithmetic
        assert abs(_worked_out(match["sum"], match["unit"]) - float(match["per_day"])) < 0.01, one.arithmetic
        assert abs(float(match["per_day"]) * float(match["factor"]) - float(one.mme)) < 0.01, one.arithmetic
        assert abs(float(match["mme"]) - float(one.mme)) < 0.0001


def _naive_days(prescribed: list[Order], cap: int) -> set[int]:
    """Which days are covered when each supply is taken day by day, starting when the one before is used up."""
    taken: set[int] = set()
    for one in sorted(prescribed, key=lambda o: (o.start or date.min, o.ref)):
        left, day = int(one.supply_days or 0), (one.start or date.min).toordinal()
        last = day + left - 1 + cap
        while left and day <= last:
            if day not in taken:
                taken.add(day)
                left -= 1
            day += 1
    return taken


@given(st.data())
def test_covered_days_equal_a_count_day_by_day(data: st.DataObject) -> None:
    what = (data.draw(st.sampled_from(PILLS)),)
    prescribed = [
        data.draw(plain_orders(str(number), what)) for number in range(data.draw(st.integers(1, 6)))
    ]
    unlike = list({(o.start, o.quantity, o.supply_days): o for o in prescribed}.values())
    today = AS_OF.toordinal()
    expected = _naive_days(unlike, POLICY.ltot.carry_cap_days)
    assert covered(chart(*unlike)) == len([day for day in expected if today - 89 <= day <= today])


@given(st.data())
def test_refills_of_one_order_never_double_the_dose(data: st.DataObject) -> None:
    """However early fills are collected, one drug on one schedule is taken once."""
    one = data.draw(plain_orders("0", PILLS[:1]))
    starts = [data.draw(days_before(0, 100)) for _ in range(4)]
    prescribed = [
        replace(one, ref=f"MedicationRequest/{n}", start=s, authored=s) for n, s in enumerate(starts)
    ]
    whole = found(chart(*prescribed))
    dose = (one.sigs[0].times_high or 0) * 5 * Fraction(3, 2)
    assert max(value or 0 for _, value in whole.timeline) == dose
    assert whole.current in {0, dose}


@given(charts())
def test_directions_of_newer_orders_leave_no_covered_day_without_a_dose(facts: Facts) -> None:
    laid = opioid_timeline(facts, POLICY, AS_OF)
    before, after = (
        merged([(one.first, one.last) for one in timeline.covering]) for timeline in (laid, as_directed(laid))
    )
    assert merged([*before, *after]) == after


AMOUNT = Amount(Fraction(1), Fraction(1), "unit")


@given(st.sampled_from(["0", "1/7", "24", "1000"]), st.sampled_from(["0", "-3", "1/1000", "100000"]))
def test_absurd_numbers_do_not_stop_the_evaluation(times: str, quantity: str) -> None:
    sig = Sig(dose=AMOUNT, times_low=Fraction(times), times_high=Fraction(times))
    facts = chart(
        Order("MedicationRequest/1", PILLS[0], "active", start=AS_OF, sigs=(sig,), quantity=Fraction(quantity),
              quantity_unit="unit")
    )  # fmt: skip
    result = found(facts)
    assert result.current is None or result.current >= 0
