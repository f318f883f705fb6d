"""Small charts for the tables: facts from a few words, and the case the rules are asked about."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

from app.clinical.evaluation import Contribution, Exclusion, Ltot, LtotStatus, Mme, Risk, Uncounted
from app.clinical.exclusions import exclusions
from app.clinical.gaps.case import Case
from app.clinical.overlaps import overlaps
from app.clinical.policy import Policy
from app.clinical.records import BY_PLACE, Record, RecordKind
from fhir_mappings.facts import (
    Amount,
    Document,
    DrugBasis,
    DrugFact,
    Event,
    Facts,
    Fill,
    Order,
    Person,
    Problem,
    Result,
    Sig,
    Source,
    Visit,
)

AS_OF = date(2025, 6, 15)
KINDS = (
    "Appointment", "Condition", "Consent", "DiagnosticReport", "DocumentReference", "Encounter", "MedicationDispense",
    "MedicationRequest", "MedicationStatement", "Observation", "Patient", "Procedure", "QuestionnaireResponse",
    "ServiceRequest",
)  # fmt: skip
PERSON = Person("p1", birth_date=date(1975, 3, 14), sex="female", general_practitioner="Dr Ada Okafor")
FactLike = Order | Fill | Result | Problem | Event | Document | Visit


def on(text: str) -> date:
    return date.fromisoformat(text)


def drug(name: str, *classes: str, ingredient: str | None = None, category: str = "other") -> DrugFact:
    return DrugFact(
        name, DrugBasis.PRODUCT_CODE, ingredient=ingredient or name.split(maxsplit=1)[0], category=category,
        classes=frozenset(classes),
    )  # fmt: skip


OXYCODONE = DrugFact(
    "oxycodone 10 mg tab", DrugBasis.PRODUCT_CODE, "1049621", "oxycodone", Fraction(10), "mg", "tablet", "oral", "IR",
    "oxycodone|oral", "analgesic", "yes", frozenset({"opioid"}),
)  # fmt: skip
LORAZEPAM = drug("lorazepam 1 mg tab", "benzodiazepine")
GABAPENTIN = drug("gabapentin 300 mg cap", "gabapentinoid")
NALOXONE = drug("naloxone 4 mg nasal spray", "naloxone_rescue")
BUPRENORPHINE_NALOXONE = drug(
    "buprenorphine 8 mg / naloxone 2 mg film", "opioid", "moud", category="oud_treatment"
)
METHADONE = drug("methadone 10 mg tab", "opioid", category="methadone")
MORPHINE = drug("morphine 15 mg tab", "opioid", category="analgesic")
CODEINE = drug("codeine 30 mg tab", "opioid", category="analgesic")
HYDROCODONE = drug("hydrocodone 10 mg tab", "opioid", category="analgesic")
ALPRAZOLAM = drug("alprazolam 1 mg tab", "benzodiazepine")


def order(what: DrugFact, begin: str, days: int | None = 30, **more: object) -> Order:
    """An active order of four a day, from `begin` for `days`."""
    sig = Sig(dose=Amount(Fraction(1), Fraction(1), "unit"), times_low=Fraction(4), times_high=Fraction(4))
    given: dict[str, object] = {
        "ref": f"MedicationRequest/{what.name.split(maxsplit=1)[0]}-{begin}",
        "drug": what,
        "status": "active",
        "authored": on(begin),
        "start": on(begin),
        "sigs": (sig,),
        "quantity": Fraction(4 * days) if days else None,
        "quantity_unit": "unit",
        "supply_days": Fraction(days) if days else None,
        "prescriber": "Dr Ada Okafor",
    }
    return Order(**(given | more))  # type: ignore[arg-type]


def fill(what: DrugFact, when: str, days: int = 30, **more: object) -> Fill:
    given: dict[str, object] = {
        "ref": f"MedicationDispense/{what.name.split(maxsplit=1)[0]}-{when}",
        "drug": what,
        "status": "completed",
        "when": on(when),
        "quantity": Fraction(4 * days),
        "quantity_unit": "unit",
        "supply_days": Fraction(days),
        "prescriber": "Dr Ada Okafor",
        "pharmacy": "Main Street Pharmacy",
    }
    return Fill(**(given | more))  # type: ignore[arg-type]


def event(element: str, when: str | None, kind: str = "Procedure", **more: object) -> Event:
    given: dict[str, object] = {
        "ref": f"{kind}/{element}-{when}",
        "elements": frozenset({element}),
        "when": on(when) if when else None,
        "done": True,
    }
    return Event(**(given | more))  # type: ignore[arg-type]


def check(when: str | None, outcome: str = "as expected") -> Event:
    """A PDMP check."""
    return event("pdmp_review", when, outcome=outcome)


def result(elements: str, when: str | None, value: int | str | None = None, **more: object) -> Result:
    """elements: names with blanks between them.  A number is a value, a text is a result."""
    names = frozenset(elements.split())
    given: dict[str, object] = {
        "ref": f"Observation/{elements.split(maxsplit=1)[0]}-{when}",
        "elements": names,
        "when": on(when) if when else None,
        "valid": True,
        "status": "final",
        "value": Fraction(value) if isinstance(value, int) else None,
        "text": value if isinstance(value, str) else "",
    }
    return Result(**(given | more))  # type: ignore[arg-type]


def urine(
    group: str, when: str, text: str, *, method: str = "screen", name: str = "", **more: object
) -> Result:
    """One analyte of a urine drug test."""
    elements = f"udt_result:{group} udt type:qualitative method:{method}"
    ref = f"Observation/udt-{group}-{method}-{when}"
    return result(elements, when, text, **({"ref": ref, "display": name or group.replace("_", " ")} | more))


def problem(group: str, since: str | None = "2020-01-01", **more: object) -> Problem:
    given: dict[str, object] = {
        "ref": f"Condition/{group}-{since}",
        "groups": frozenset({group, group.split(":", maxsplit=1)[0]}),
        "display": group.replace("_", " "),
        "category": "problem-list-item",
        "active": True,
        "onset": on(since) if since else None,
        "recorded": on(since) if since else None,
    }
    return Problem(**(given | more))  # type: ignore[arg-type]


def agreement(when: str | None, *, current: bool = True) -> Document:
    ref = f"DocumentReference/agreement-{when}"
    return Document(
        ref, frozenset({"opioid_treatment_agreement"}), on(when) if when else None, current, "Agreement"
    )


def visit(when: str, status: str = "finished") -> Visit:
    return Visit(f"Encounter/{when}", "encounter", on(when), status, "outpatient", "Office visit")


def appointment(when: str, status: str = "booked") -> Visit:
    return Visit(
        f"Appointment/{when}", "appointment", on(when), status, "outpatient", "Office visit", "Dr Ada Okafor"
    )


def record(kind: str, when: str, gap: str = "", **more: object) -> Record:
    return Record(on(when), RecordKind(kind), gap, **more)  # type: ignore[arg-type]


def sources(*, failed: str = "", missing: str = "") -> dict[str, Source]:
    """Every kind read completely, except those named (blanks between them)."""
    found = {kind: Source(kind, 3) for kind in KINDS}
    for kind in failed.split():
        found[kind] = Source(kind, 1, complete=False, problem="the EHR did not answer in time")
    for kind in missing.split():
        found[kind] = Source(kind, complete=False, connected=False, problem="not offered")
    return found


def chart(*items: FactLike, failed: str = "", missing: str = "", person: Person = PERSON) -> Facts:
    """Facts from single items, each put where it belongs."""

    def of(kind: type) -> tuple:
        return tuple(item for item in items if isinstance(item, kind))

    return Facts(
        person, of(Order), of(Fill), of(Result), of(Problem), of(Event), of(Document), of(Visit),
        sources(failed=failed, missing=missing),
    )  # fmt: skip


def dose(current: int | None, *, complete: bool = True, sig_max: int | None = None, **more: object) -> Mme:
    """An MME of one line; None: an opioid that cannot be counted."""
    amount = Fraction(current) if current is not None else None
    line = (
        Contribution(
            "MedicationRequest/oxycodone", "oxycodone", "oxycodone 10 mg tab", amount / Fraction(3, 2), "mg",
            Fraction(3, 2), "CDC 2022", amount, amount, "quantity", f"counted = {amount}", date(2025, 6, 1),
        ),
    ) if amount else ()  # fmt: skip
    missing = (
        ()
        if complete
        else (
            Uncounted(
                "MedicationRequest/tramadol",
                "tramadol",
                "tramadol 50 mg tab",
                "no_dose",
                "no dose is recorded",
            ),
        )
    )
    top = Fraction(sig_max) if sig_max is not None else amount
    given: dict[str, object] = {
        "current": amount, "complete": complete, "sig_max": top, "avg_90": amount, "avg_on_therapy": amount,
        "avg_supply": amount, "peak_90": amount, "own": amount, "outside": None, "contributions": line,
        "uncounted": missing, "timeline": ((AS_OF - timedelta(days=730), amount),),
    }  # fmt: skip
    return Mme(**(given | more))  # type: ignore[arg-type]


def therapy(status: str = "yes", **more: object) -> Ltot:
    given: dict[str, object] = {
        "status": LtotStatus(status), "definition": "D0", "state": "candidate" if status == "yes" else "none",
        "since": date(2024, 1, 1) if status == "yes" else None, "covered_days_90": 90 if status == "yes" else 0,
    }  # fmt: skip
    return Ltot(**(given | more))  # type: ignore[arg-type]


def case(
    *items: FactLike,
    tier: str = "moderate",
    mme: Mme | int | None = 40,
    ltot: Ltot | str = "yes",
    records: tuple[Record, ...] = (),
    failed: str = "",
    missing: str = "",
    person: Person = PERSON,
    policy: Policy | None = None,
    as_of: date = AS_OF,
) -> Case:
    """A case with the derived parts as given and the rest worked out from the facts."""
    facts = chart(*items, failed=failed, missing=missing, person=person)
    rules = policy or Policy()
    found: tuple[Exclusion, ...] = exclusions(facts, rules, as_of)
    return Case(
        facts=facts,
        policy=rules,
        as_of=as_of,
        mme=mme if isinstance(mme, Mme) else dose(mme, complete=mme is not None),
        ltot=ltot if isinstance(ltot, Ltot) else therapy(ltot),
        risk=Risk(tier, ("as given",)),
        exclusions=found,
        overlaps=overlaps(facts, rules, as_of),
        records=tuple(sorted(records, key=BY_PLACE)),
    )


def with_rule(gap: str, **changes: object) -> Policy:
    """The default policy with members of one rule changed."""
    usual = Policy()
    return replace(usual, gaps={**usual.gaps, gap: replace(usual.gaps[gap], **changes)})  # type: ignore[arg-type]


OPIOID = order(OXYCODONE, "2025-06-01")
NO_OPIOID = dose(0)
