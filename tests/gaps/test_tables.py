"""Every rule gives the answer its table owes, with evidence, in words a person can read."""

import pytest

from app.clinical.evaluation import Colour, Status
from app.clinical.gaps import RULES
from tests.gaps.spec import Row, answer
from tests.gaps.tables import TABLES

ROWS = [pytest.param(gap, row, id=f"{gap}: {row.given}") for gap, rows in TABLES.items() for row in rows]
USUAL = {
    Status.MET: {Colour.GREEN, Colour.GREY},
    Status.DUE_SOON: {Colour.YELLOW},
    Status.OVERDUE: {Colour.RED, Colour.YELLOW},
    Status.UNKNOWN: {Colour.GREY, Colour.YELLOW, Colour.RED},
}


@pytest.mark.parametrize(("gap", "row"), ROWS)
def test_the_rule_answers_as_its_table_says(gap: str, row: Row) -> None:
    found = answer(gap, row.case)
    assert found.status is row.status, found.text
    assert row.says.lower() in found.text.lower()
    if row.due is not None:
        assert found.due == row.due
    if row.colour is not None:
        assert found.colour is row.colour
    assert found.colour in USUAL.get(found.status, {Colour.GREY})


@pytest.mark.parametrize(("gap", "row"), ROWS)
def test_every_answer_rests_on_evidence(gap: str, row: Row) -> None:
    found = answer(gap, row.case)
    assert found.evidence
    assert all(item.text.strip() for item in found.evidence)
    assert set(found.refs) == {ref for item in found.evidence for ref in item.refs}
    assert found.rule
    assert found.source
    assert "{" not in found.rule


def test_every_rule_has_a_table() -> None:
    assert set(TABLES) == {rule.id for rule in RULES}


@pytest.mark.parametrize("gap", sorted(TABLES))
def test_each_table_holds_four_cases_and_one_that_cannot_be_told_or_does_not_apply(gap: str) -> None:
    statuses = [row.status for row in TABLES[gap]]
    assert len(statuses) >= 4
    assert {Status.UNKNOWN, Status.NOT_APPLICABLE} & set(statuses)
    assert len(set(statuses)) >= 2
