"""Small charts for spec tables: orders, fills and sigs written in one line each."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

from fhir_mappings.facts import Amount, DrugBasis, DrugFact, Facts, Fill, Order, Person, Sig, Source

KINDS = (
    "MedicationRequest", "MedicationDispense", "Observation", "Condition", "Procedure", "DocumentReference",
    "Encounter", "Appointment", "Patient",
)  # fmt: skip
_FORMS = {
    "fentanyl patch": ("fentanyl", "fentanyl|transdermal", "transdermal", "analgesic", "ER"),
    "buprenorphine patch": ("buprenorphine", "buprenorphine|transdermal", "transdermal", "pain_buprenorphine", "ER"),
    "buprenorphine film": ("buprenorphine", "buprenorphine|buccal_film_mcg", "", "pain_buprenorphine", "IR"),
    "buprenorphine": ("buprenorphine", "buprenorphine|sl_tablet_or_film", "", "oud_treatment", "IR"),
    "fentanyl buccal": ("fentanyl", "fentanyl|buccal_sl_tablet_or_lozenge", "", "analgesic", "IR"),
    "hydrocodone cough": ("hydrocodone", "hydrocodone|oral", "oral", "cough_cold", "IR"),
    "methadone": ("methadone", "methadone|oral", "oral", "methadone", "IR"),
}  # fmt: skip


def drug(name: str, strength: str | None = None, unit: str = "mg", release: str = "IR") -> DrugFact:
    """An opioid with its strength: drug("oxycodone", "10"), drug("fentanyl patch", "25", "mcg/h")."""
    ingredient, key, route, category, kind = _FORMS.get(
        name, (name, f"{name}|oral", "oral", "analgesic", release)
    )
    return DrugFact(
        name=f"{name} {strength} {unit}" if strength else name,
        basis=DrugBasis.PRODUCT_CODE,
        ingredient=ingredient,
        strength=Fraction(strength) if strength else None,
        strength_unit=unit if strength else None,
        route=route,
        release=kind if name in _FORMS else release,
        form_key=key,
        category=category,
        counted="yes",
        classes=frozenset({"opioid"}),
    )


def sig(dose: str | None, times: str | None, *, low: str | None = None, least: str | None = None, unit: str = "unit",
        prn: bool = False, peak: str | None = None, most: tuple[str, str] | None = None,
        start: date | None = None, end: date | None = None) -> Sig:  # fmt: skip
    """dose units, times a day: sig("1", "4"); low and least are the ends of ranges; most: (amount, unit) a day."""
    amount = Amount(Fraction(least or dose), Fraction(dose), unit) if dose else None
    high = Fraction(times) if times else None
    return Sig(
        dose=amount,
        times_low=Fraction(low) if low else high,
        times_high=high,
        peak_times=Fraction(peak) if peak else None,
        prn=prn,
        start=start,
        end=end,
        max_per_day=(Amount(Fraction(most[0]), Fraction(most[0]), most[1]),) if most else (),
    )


def order(ref: str, what: DrugFact, start: date, *sigs: Sig, quantity: str | None = None, days: str | None = None,
          status: str = "active", prescriber: str = "", **more: object) -> Order:  # fmt: skip
    made = Order(
        ref=f"MedicationRequest/{ref}",
        drug=what,
        status=status,
        authored=start,
        start=start,
        sigs=sigs,
        quantity=Fraction(quantity) if quantity else None,
        quantity_unit=("mL" if what.strength_unit == "mg/mL" else "unit") if quantity else "",
        supply_days=Fraction(days) if days else None,
        prescriber=prescriber,
    )
    return replace(made, **more) if more else made


def fill(ref: str, what: DrugFact, when: date, *, quantity: str | None = None, days: str | None = None,
         of: str | None = None, outside: bool = False, prescriber: str = "") -> Fill:  # fmt: skip
    return Fill(
        ref=f"MedicationDispense/{ref}",
        drug=what,
        status="completed",
        when=when,
        order=f"MedicationRequest/{of}" if of else None,
        quantity=Fraction(quantity) if quantity else None,
        quantity_unit="unit" if quantity else "",
        supply_days=Fraction(days) if days else None,
        prescriber=prescriber,
        outside=outside,
    )


def chart(*items: Order | Fill, **more: object) -> Facts:
    """A chart of these orders and fills, every source read to its end unless `more` says otherwise."""
    facts = Facts(
        person=Person("p", birth_date=date(1970, 1, 1)),
        orders=tuple(item for item in items if isinstance(item, Order)),
        fills=tuple(item for item in items if isinstance(item, Fill)),
        sources={kind: Source(kind, read=1) for kind in KINDS},
    )
    return replace(facts, **more) if more else facts


def number(value: Fraction | None) -> float | None:
    """For comparing with vectors printed to six decimals."""
    return None if value is None else round(float(value), 6)
