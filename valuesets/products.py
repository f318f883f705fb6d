"""Rows of the drug tables as drugs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Protocol

from valuesets.kinds import kind_of
from valuesets.model import Drug, Ingredient

_ROUTES = frozenset({"oral", "rectal", "transdermal", "nasal", "implant"})


class RowSource(Protocol):
    """Where the rows of a named file come from."""

    def rows(self, name: str) -> Iterator[list[str]]: ...


@lru_cache(maxsize=4096)
def number(text: str) -> Fraction | None:
    """The number in a cell; None for an empty one."""
    return Fraction(text) if text else None


def read_drugs(tables: RowSource) -> dict[str, Drug]:
    """Every RxNorm concept we track, by code: opioids, and members of the other classes."""
    classes: dict[str, set[str]] = {}
    others: dict[str, tuple[str, str, str]] = {}
    for code, name_of_class, tty, name, ingredient, _ in tables.rows("classes.csv"):
        classes.setdefault(code, set()).add(name_of_class)
        others[code] = (tty, name, ingredient)
    parts: dict[str, list[Ingredient]] = {}
    for code, _, name, rxcui, amount, unit, opioid in tables.rows("components.csv"):
        parts.setdefault(code, []).append(Ingredient(name, rxcui, number(amount), unit, opioid == "yes"))
    found: dict[str, Drug] = {}
    for row in tables.rows("opioids.csv"):
        (
            code,
            tty,
            name,
            ingredient,
            strength,
            unit,
            form,
            route,
            release,
            category,
            counted,
            form_key,
            _,
        ) = row
        found[code] = Drug(
            code, tty, name, ingredient or None, number(strength), unit or None, tuple(parts.get(code, ())), form,
            route, release, category, counted, form_key or None, frozenset({"opioid", *classes.get(code, ())}),
        )  # fmt: skip
    for code, (tty, name, ingredient) in others.items():
        if code not in found:
            found[code] = Drug(code, tty, name, ingredient.lower() or None, classes=frozenset(classes[code]))
    return found


def drug_of_ndc(row: list[str], drugs: Mapping[str, Drug]) -> Drug:
    """The product of one row: by its RxNorm code where one is known, else by ingredient, form and strength."""
    ndc, code, ingredient, form, strength, unit, form_key, _ = row
    known = drugs.get(code)
    if known is not None:
        return known
    if form_key.startswith("class:"):
        classes = {form_key[6:], *({"carisoprodol"} & {ingredient})}
        return Drug(ndc, "NDC", f"{ingredient} {form}", ingredient, classes=frozenset(classes))
    category, counted, classes = kind_of(ingredient, form_key or None)
    place = form_key.split("|")[-1]
    route = place if place in _ROUTES else "transmucosal" if place else ""
    amount = f" {strength} {unit}" if strength else ""
    return Drug(
        ndc, "NDC", f"{ingredient}{amount} {form.lower()}", ingredient, number(strength), unit or None, (), form,
        route, "ER" if "extended" in form.lower() else "IR", category, counted, form_key or None,
        frozenset({"opioid", *classes}),
    )  # fmt: skip
