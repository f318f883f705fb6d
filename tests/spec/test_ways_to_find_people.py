"""Six ways to find people on long-term therapy: what each finds, and its known weakness in words."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from types import MappingProxyType

import pytest

from app.clinical.ltot import ltot
from app.clinical.policy import Policy
from app.clinical.state import Decision
from fhir_mappings.facts import Document, Facts, Problem, Result, Source
from tests.spec.charts import KINDS, chart, drug, fill, order, sig

POLICY, AS_OF = Policy(), date(2025, 6, 30)
OXY = drug("oxycodone", "10")
STEADY = chart(
    *(order(str(n), OXY, AS_OF - timedelta(days=29 + 30 * n), sig("1", "4"), days="30") for n in range(4))
)
SHORT = chart(order("1", OXY, AS_OF - timedelta(days=9), sig("1", "4"), days="10"))
AGREEMENT = Document(
    "DocumentReference/1", frozenset({"opioid_treatment_agreement"}), date(2025, 1, 5), current=True
)
CODED = Problem("Condition/1", frozenset({"ltot_designation", "ltot_designation:explicit"}), "Z79.891", active=True,
                recorded=date(2024, 5, 1))  # fmt: skip


def documented(value: int | None, when: date) -> Result:
    amount = Fraction(value) if value is not None else None
    return Result(
        "Observation/1", frozenset({"mme_documented"}), when, valid=True, status="final", value=amount
    )


NOTED = documented(60, date(2025, 6, 1))


def pdmp(*days_ago: int) -> tuple[object, ...]:
    """Fills elsewhere, so many days ago."""
    made = (
        (ago, fill(str(ago), OXY, AS_OF - timedelta(days=ago), quantity="10", days="2")) for ago in days_ago
    )
    return tuple(replace(one, ref=f"PDMP/{ago}", outside=True) for ago, one in made)


def without(facts: Facts, kind: str) -> Facts:
    sources = {**facts.sources, kind: Source(kind, complete=False, problem="page 2 failed")}
    return replace(facts, sources=MappingProxyType(sources))


@dataclass(frozen=True)
class Way:
    """says: the evidence of this kind; None: nothing is claimed."""

    title: str
    kind: str
    facts: Facts
    says: str | None


WAYS = (
    Way("agreement on file", "agreement", replace(STEADY, documents=(AGREEMENT,)), "Opioid agreement on file."),
    Way("an agreement may be for another drug", "agreement", chart(documents=(AGREEMENT,)),
        "no opioid found in 12 months: it may be for another drug"),
    Way("people who signed none are not missed", "agreement", STEADY, "long-term therapy has none here"),
    Way("an agreement of tomorrow is none", "agreement",
        replace(SHORT, documents=(replace(AGREEMENT, when=AS_OF + timedelta(days=1)),)), "No opioid agreement on file"),
    Way("documents not read completely claim nothing", "agreement", without(STEADY, "DocumentReference"), None),
    Way("a documented MME alone does not qualify", "documented_mme", replace(SHORT, results=(NOTED,)),
        "An MME of 60 is documented; alone it does not make therapy long-term."),
    Way("a documented MME that was never set back", "documented_mme",
        chart(results=(documented(60, date(2025, 1, 1)),)),
        "180 days old and no opioid is in supply: it is not used"),
    Way("an order of unknown length long ago does not keep a documented MME alive", "documented_mme",
        chart(order("1", OXY, date(2024, 1, 1)), results=(documented(60, date(2025, 1, 1)),)), "it is not used"),
    Way("a documented MME that is no number", "documented_mme",
        replace(SHORT, results=(documented(None, date(2025, 6, 1)),)),
        "documented, but not as a number"),
    Way("an order query does not tell how long", "order_query", SHORT,
        "1 opioid prescription in 12 months; prescriptions alone do not tell long-term from short use."),
    Way("an order query of a person on therapy", "order_query", STEADY, "4 opioid prescriptions in 12 months."),
    Way("a single order of unknown length", "order_query", chart(order("1", OXY, AS_OF)),
        "1 opioid prescription in 12 months; its supply is not known."),
    Way("treatment of opioid use disorder is no supply that nobody knows", "order_query",
        chart(order("1", drug("buprenorphine", "8"), AS_OF, sig("1", "2"), days="30")),
        "1 opioid prescription in 12 months, of a kind that does not count for long-term therapy."),
    Way("orders not read completely claim no absence", "order_query", without(chart(), "MedicationRequest"), None),
    Way("the diagnosis is coded", "diagnosis", replace(STEADY, problems=(CODED,)), "(Z79.891) is coded."),
    Way("a coded diagnosis without any opioid", "diagnosis", chart(problems=(CODED,)),
        "but no opioid is found in 12 months"),
    Way("the diagnosis is suggested, never required", "diagnosis", STEADY, "it could be, and is never required"),
    Way("a refuted diagnosis is none", "diagnosis", replace(SHORT, problems=(replace(CODED, confirmed=False),)),
        "Z79.891 is not coded"),
    Way("PDMP rows of several months", "pdmp", chart(*pdmp(100, 70, 40, 10)),
        "PDMP: 4 opioid fills in 4 months of the last 4, the newest on 20 Jun 2025."),
    Way("PDMP reports lag", "pdmp", chart(*pdmp(100, 70)), "newer fills may not have been reported yet"),
    Way("no PDMP connected claims nothing", "pdmp", STEADY, None),
    Way("a PDMP read to its end may say none", "pdmp",
        replace(STEADY, sources=MappingProxyType({k: Source(k, 1) for k in (*KINDS, "PDMP")})),
        "No opioid fill in the PDMP in 4 months"),
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.title)
def test_way(way: Way) -> None:
    said = [one.text for one in ltot(way.facts, POLICY, AS_OF).evidence if one.kind == way.kind]
    if way.says is None:
        assert said == []
    else:
        assert len(said) == 1
        assert way.says in said[0]


def test_no_way_but_the_definition_makes_therapy_long_term() -> None:
    facts = replace(
        SHORT, documents=(AGREEMENT,), problems=(CODED,), results=(documented(120, date(2025, 6, 1)),)
    )
    assert ltot(facts, POLICY, AS_OF).status == "no"


@pytest.mark.parametrize(
    ("facts", "points"),
    [
        (SHORT, {}),
        (STEADY, {"meets the definition": 50}),
        (replace(STEADY, documents=(AGREEMENT,), problems=(CODED,), results=(NOTED,)),
         {"meets the definition": 50, "diagnosis Z79.891": 20, "agreement on file": 15, "documented MME": 5}),
        (chart(*pdmp(100, 70, 40, 10)), {"PDMP fills in three of four months": 20}),
    ],
    ids=["short", "steady", "everything on file", "PDMP only"],
)  # fmt: skip
def test_confidence_lists_each_item(facts: Facts, points: dict[str, int]) -> None:
    assert dict(ltot(facts, POLICY, AS_OF).confidence) == points


@pytest.mark.parametrize(("is_ltot", "points"), [(True, 100), (False, 0)])
def test_a_clinician_s_word_settles_confidence(is_ltot: bool, points: int) -> None:
    word = Decision(AS_OF - timedelta(days=5), is_ltot=is_ltot, author="Dr A")
    assert [value for _, value in ltot(STEADY, POLICY, AS_OF, decisions=(word,)).confidence] == [points]
