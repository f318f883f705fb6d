"""Exports of several EHRs may lie side by side while they share no id: the same id is another person at each."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from app.errors import LtotError


def require_apart(claims: Iterable[tuple[str, Iterable[int]]]) -> None:
    """claims: EHRs, each with numbers of patients and Medications it holds.  Raises LtotError LT-511."""
    held: dict[str, set[int]] = {}
    for server, numbers in claims:
        held.setdefault(server, set()).update(numbers)
    for one, other in combinations(sorted(held), 2):
        if shared := len(held[one] & held[other]):
            raise LtotError("LT-511", f"{one} and {other} share {shared} ids.")
