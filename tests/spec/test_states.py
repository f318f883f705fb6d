"""Where a person stands on the list: supply, the state before, and what clinicians said."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest

from app.clinical.evaluation import Ltot
from app.clinical.ltot import ltot
from app.clinical.policy import LtotPolicy, Policy
from app.clinical.state import Decision, State
from fhir_mappings.facts import Facts, Person
from tests.spec.charts import chart, drug, order, sig

POLICY = Policy()
AS_OF = date(2025, 6, 30)


def days_ago(days: int) -> date:
    return AS_OF - timedelta(days=days)


def yes(days: int) -> Decision:
    return Decision(days_ago(days), is_ltot=True, author="Dr A")


def no(days: int) -> Decision:
    return Decision(days_ago(days), is_ltot=False, author="Dr A")


def supplied(*spans: tuple[int, int]) -> Facts:
    """Spans as (days ago of the first day, days), in prescriptions of at most 30 days."""
    made = []
    for first, length in spans:
        for offset in range(0, length, 30):
            days = str(min(30, length - offset))
            made.append(
                order(
                    f"{first}-{offset}",
                    drug("oxycodone", "10"),
                    days_ago(first - offset),
                    sig("1", "4"),
                    days=days,
                )
            )
    return chart(*made)


@dataclass(frozen=True)
class Case:
    title: str
    facts: Facts
    state: str
    reason: str = ""
    earlier: State | None = None
    decisions: tuple[Decision, ...] = ()
    ask: str = ""


STEADY = supplied((199, 200))
HALF = supplied((199, 150), (20, 10))
CASES = (
    Case("no opioid ever", chart(), "none", "no opioid supply"),
    Case("ten days of supply", supplied((9, 10)), "acute"),
    Case("41 days of supply", supplied((40, 41)), "acute"),
    Case("42 days of supply", supplied((41, 42)), "subacute"),
    Case("the definition is met", STEADY, "candidate", "meets the definition", ask="confirm or refuse"),
    Case("a clinician confirmed", STEADY, "confirmed", "confirmed on 31 May 2025", decisions=(yes(30),)),
    Case("confirmed, now below the definition and no long gap", HALF, "confirmed", "confirmed",
         decisions=(yes(60),), ask="keep or remove?"),
    Case("confirmed before, now below the definition", HALF, "confirmed", earlier=State.CONFIRMED,
         ask="keep or remove?"),
    Case("never confirmed, fell below", HALF, "subacute", "fell below the definition", earlier=State.CANDIDATE),
    Case("confirmed, 29 days without supply", supplied((228, 200)), "confirmed", decisions=(yes(90),),
         ask="keep or remove?"),
    Case("30 days without supply", supplied((229, 200)), "lapsed", "no supply for 30 days", ask="stopped"),
    Case("59 days without supply", supplied((258, 200)), "lapsed"),
    Case("60 days without supply", supplied((259, 200)), "exited", "no supply for 60 days"),
    Case("confirmed, then 30 days without supply", supplied((229, 199)), "lapsed", decisions=(yes(100),)),
    Case("long use with long gaps never met the definition",
         supplied(*((days, 10) for days in (190, 160, 130, 100, 70))), "none"),
    Case("a clinician said no", STEADY, "subacute", "a clinician said not long-term", decisions=(no(10),)),
    Case("a no is asked again after 28 further covered days", STEADY, "candidate", decisions=(no(28),)),
    Case("a no holds for 180 days", supplied((199, 110)), "exited", decisions=(no(180),)),
    Case("the newest word counts", STEADY, "confirmed", decisions=(no(10), yes(5))),
    Case("a word of tomorrow does not count yet", STEADY, "candidate", decisions=(yes(-1),)),
    Case("returned after an end", supplied((399, 120), (79, 80)), "candidate", "returned"),
    Case("returned with the first opioid after an end", supplied((399, 120), (9, 10)), "candidate", "returned",
         earlier=State.EXITED),
    Case("a yes about the therapy that ended does not confirm the next", supplied((399, 120), (79, 80)), "candidate",
         "returned", decisions=(yes(350),)),
    Case("excluded by decision", STEADY, "excluded", decisions=(replace(no(5), excluded=True),)),
    Case("recorded as deceased", replace(STEADY, person=Person("p", deceased=True)), "exited", "deceased"),
    Case("an order of unknown length", chart(order("1", drug("oxycodone", "10"), days_ago(50))), "possible",
         ask="check the supply"),
)  # fmt: skip


def state_evidence(found: Ltot) -> str:
    return next(one.text for one in found.evidence if one.kind == "state")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_state(case: Case) -> None:
    found = ltot(case.facts, POLICY, AS_OF, earlier=case.earlier, decisions=case.decisions)
    assert found.state == case.state
    assert case.reason.lower() in state_evidence(found).lower()
    assert case.ask in state_evidence(found)


def test_decisions_may_come_in_any_order() -> None:
    words = (no(10), yes(5), no(90))
    assert ltot(STEADY, POLICY, AS_OF, decisions=words) == ltot(STEADY, POLICY, AS_OF, decisions=words[::-1])


@pytest.mark.parametrize(
    ("facts", "new"),
    [
        (supplied((89, 90)), True),
        (supplied((599, 600)), False),
        (supplied((499, 120), (89, 90)), True),
        (supplied((299, 120), (89, 90)), False),
    ],
    ids=["began 90 days ago", "for 600 days", "again after 290 days", "again after 90 days"],
)
def test_new_means_no_long_term_therapy_in_the_180_days_before(facts: Facts, new: bool) -> None:
    assert ltot(facts, POLICY, AS_OF).new is new


def test_another_definition_decides_who_lapsed() -> None:
    """Sixty days in the quarter is enough for Bree; seventy of ninety were never covered."""
    facts = supplied((129, 62))
    bree = replace(POLICY, ltot=LtotPolicy(definition="D3"))
    assert ltot(facts, POLICY, AS_OF).state == "none"
    assert ltot(facts, bree, date(2025, 3, 31)).definition == "D3"
