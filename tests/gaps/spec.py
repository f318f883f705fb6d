"""One row of a rule's table: the case in words and in facts, and the answer the rule owes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from app.clinical.evaluation import Colour, Gap, Status
from app.clinical.gaps import RULES
from app.clinical.gaps.case import Case, apply
from tests.gaps.build import on

MET, SOON, OVERDUE = Status.MET, Status.DUE_SOON, Status.OVERDUE
UNKNOWN, NOT, EXCLUDED, DEFERRED = Status.UNKNOWN, Status.NOT_APPLICABLE, Status.EXCLUDED, Status.DEFERRED
BY_ID = {rule.id: rule for rule in RULES}


@dataclass(frozen=True)
class Row:
    """given: the case in words, as the docs print it.  says: words the first sentence must hold."""

    given: str
    case: Case
    status: Status
    says: str = ""
    due: date | None = None
    colour: Colour | None = None


def row(given: str, case: Case, status: Status, says: str = "", *, due: str = "", colour: str = "") -> Row:
    return Row(given, case, status, says, on(due) if due else None, Colour(colour) if colour else None)


def answer(gap: str, case: Case) -> Gap:
    found = apply(BY_ID[gap], case)
    assert found is not None, f"{gap} is off"
    return found
