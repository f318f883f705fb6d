"""Random but plausible opioid charts for property tests."""

from datetime import date, timedelta
from fractions import Fraction

from hypothesis import strategies as st

from fhir_mappings.facts import Amount, DrugFact, Facts, Fill, Order, Sig
from tests.spec.charts import chart, drug

AS_OF = date(2025, 6, 30)
PILLS = (
    drug("oxycodone", "5"),
    drug("oxycodone", "10"),
    drug("hydrocodone", "10"),
    drug("morphine", "15", release="ER"),
    drug("morphine", "30", release="ER"),
    drug("tramadol", "50"),
    drug("methadone", "10"),
)
DRUGS = (
    *PILLS,
    drug("fentanyl patch", "25", "mcg/h"),
    drug("buprenorphine patch", "10", "mcg/h"),
    drug("hydrocodone cough", "1", "mg/mL"),
    drug("oxycodone"),
)
STATUSES = ("active", "completed", "stopped", "on-hold", "cancelled", "draft", "entered-in-error", "unknown")


def days_before(least: int = 0, most: int = 400) -> st.SearchStrategy[date]:
    return st.integers(least, most).map(lambda back: AS_OF - timedelta(days=back))


amounts = st.builds(
    lambda low, more, unit: Amount(low, low + more, unit),
    st.sampled_from([Fraction(1, 2), Fraction(1), Fraction(2), Fraction(10)]),
    st.sampled_from([Fraction(0), Fraction(1)]),
    st.sampled_from(["unit", "mg", "mL", "patch", "mcg", "spray"]),
)
sigs = st.builds(
    Sig,
    dose=st.none() | amounts,
    times_low=st.just(Fraction(1)),
    times_high=st.none() | st.sampled_from([Fraction(1), Fraction(3), Fraction(6), Fraction(1, 3)]),
    peak_times=st.none() | st.just(Fraction(1)),
    max_per_day=st.tuples() | st.tuples(amounts),
    prn=st.booleans(),
    start=st.none() | days_before(),
    end=st.none() | days_before(-60),
    sequence_day=st.none() | st.integers(0, 20),
    duration_days=st.none() | st.integers(1, 30),
    problem=st.sampled_from(["", "sig_leftover", "unit_unknown"]),
)
quantities = st.none() | st.integers(1, 300).map(Fraction)
supply_days = st.none() | st.integers(1, 90).map(Fraction)
prescribers = st.sampled_from(["", "Dr A", "Dr B"])


@st.composite
def orders(draw: st.DrawFn, drugs: tuple[DrugFact, ...] = DRUGS) -> Order:
    """Any order an EHR may send, sensible or not."""
    start = draw(st.none() | days_before(-10))
    return Order(
        ref=f"MedicationRequest/{draw(st.integers(0, 30))}",
        drug=draw(st.sampled_from(drugs)),
        status=draw(st.sampled_from(STATUSES)),
        intent=draw(st.sampled_from(["order", "plan", "original-order"])),
        setting=draw(st.sampled_from(["outpatient", "outpatient", "inpatient"])),
        reported=draw(st.booleans()),
        authored=start,
        start=start,
        end=draw(st.none() | days_before(-90)),
        end_basis=draw(st.sampled_from(["", "bounds", "validity", "text"])),
        sigs=tuple(draw(st.lists(sigs, max_size=3))),
        quantity=draw(quantities),
        quantity_unit=draw(st.sampled_from(["", "unit", "mL", "patch"])),
        supply_days=draw(supply_days),
        refills_allowed=draw(st.none() | st.integers(0, 5)),
        replaces=draw(st.none() | st.integers(0, 30).map(lambda n: f"MedicationRequest/{n}")),
        prescriber=draw(prescribers),
    )


@st.composite
def fills(draw: st.DrawFn) -> Fill:
    kind = draw(st.sampled_from(["MedicationDispense", "PDMP"]))
    return Fill(
        ref=f"{kind}/{draw(st.integers(0, 30))}",
        drug=draw(st.sampled_from(DRUGS)),
        status=draw(st.sampled_from(["completed", "declined", "unknown"])),
        when=draw(st.none() | days_before(-5)),
        order=draw(st.none() | st.integers(0, 30).map(lambda n: f"MedicationRequest/{n}")),
        quantity=draw(quantities),
        quantity_unit=draw(st.sampled_from(["", "unit", "mL"])),
        supply_days=draw(supply_days),
        prescriber=draw(prescribers),
        outside=kind == "PDMP" and draw(st.booleans()),
    )


@st.composite
def charts(draw: st.DrawFn) -> Facts:
    """A chart of up to six orders and four fills, each with a reference of its own."""
    found_orders = draw(st.lists(orders(), max_size=6, unique_by=lambda one: one.ref))
    found_fills = draw(st.lists(fills(), max_size=4, unique_by=lambda one: one.ref))
    return chart(*found_orders, *found_fills)


@st.composite
def plain_orders(draw: st.DrawFn, ref: str, drugs: tuple[DrugFact, ...] = PILLS) -> Order:
    """A prescription with directions, quantity and days that agree, by one prescriber."""
    start, what = draw(days_before(0, 200)), draw(st.sampled_from(drugs))
    a_day, days = draw(st.integers(1, 4)), draw(st.integers(3, 40))
    one = Fraction(1)
    return Order(
        ref=f"MedicationRequest/{ref}",
        drug=what,
        status=draw(st.sampled_from(["active", "completed"])),
        authored=start,
        start=start,
        sigs=(Sig(dose=Amount(one, one, "unit"), times_low=Fraction(a_day), times_high=Fraction(a_day)),),
        quantity=Fraction(a_day * days),
        quantity_unit="unit",
        supply_days=Fraction(days),
        prescriber="Dr A",
    )
