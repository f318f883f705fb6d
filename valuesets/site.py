"""A site's own codes: local drugs, flowsheet rows, document types.  They win over the shipped tables."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

from valuesets.errors import ValueSetError
from valuesets.kinds import kind_of
from valuesets.model import Drug
from valuesets.systems import canonical_code

Key = tuple[str, str]
_UNITS = ("mg", "mg/mL", "mcg/h", "mg/{actuat}")
_NO_DRUGS: Mapping[Key, Drug] = {}
_NO_CODES: Mapping[Key, frozenset[str]] = {}
_FIELDS = {
    "drug": {"system", "code", "name", "ingredient", "strength", "unit", "form_key", "dose_form", "route",
             "release", "classes"},
    "condition": {"system", "code", "groups"},
    "observation": {"system", "code", "elements"},
    "documents": {"agreement_titles"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SiteCodes:
    """Codes by (system, code)."""

    drugs: Mapping[Key, Drug] = field(default_factory=lambda: _NO_DRUGS)
    conditions: Mapping[Key, frozenset[str]] = field(default_factory=lambda: _NO_CODES)
    observations: Mapping[Key, frozenset[str]] = field(default_factory=lambda: _NO_CODES)
    document_titles: tuple[str, ...] = ()
    version: str = ""


@dataclass(frozen=True, slots=True)
class KnownWords:
    """The words a site's file may use, because the product understands them."""

    form_keys: Collection[str]
    groups: Collection[str]
    elements: Collection[str]
    classes: Collection[str]


def read_site_codes(path: Path, known: KnownWords) -> SiteCodes:
    """Read a site's file.  Raises ValueSetError naming the file, the entry and the field that does not fit.

    [[drug]] system, code, name, ingredient, strength, unit, form_key, route, release, dose_form, classes;
    [[condition]] system, code, groups; [[observation]] system, code, elements; [documents] agreement_titles.
    """
    try:
        raw = path.read_bytes()
        tables = tomllib.loads(raw.decode("utf-8"), parse_float=str)
    except OSError:
        raise ValueSetError(f"{path.name} cannot be read. Check the path.") from None
    except ValueError as error:
        raise ValueSetError(f"{path.name} is not TOML: {error}.") from None
    try:
        return _site_codes(tables, known, hashlib.sha256(raw).hexdigest()[:12])
    except ValueSetError as error:
        raise ValueSetError(f"{path.name}: {error}") from None


def _site_codes(tables: Mapping[str, Any], known: KnownWords, version: str) -> SiteCodes:
    for name in tables:
        _one_of(name, _FIELDS, "table")
    documents = tables.get("documents", {})
    if not isinstance(documents, dict):
        raise ValueSetError("[documents] is one table; write single brackets.")
    titles = _Entry("documents", 1, cast("Mapping[str, Any]", documents))
    return SiteCodes(
        drugs={entry.key(): _drug(entry, known) for entry in _entries(tables, "drug")},
        conditions={
            entry.key(): entry.words("groups", known.groups) for entry in _entries(tables, "condition")
        },
        observations={
            entry.key(): with_test(entry.words("elements", known.elements))
            for entry in _entries(tables, "observation")
        },
        document_titles=tuple(sorted(w.lower() for w in titles.words("agreement_titles")))
        if documents
        else (),
        version=version,
    )


def with_test(elements: frozenset[str]) -> frozenset[str]:
    """The elements; what is part of a urine drug test is a result of one."""
    return elements | {"udt"} if any(element.startswith("udt_") for element in elements) else elements


class _Entry:
    """One entry of the file, and how an error speaks of it."""

    def __init__(self, table: str, number: int, values: Mapping[str, Any]) -> None:
        self.values = values
        self.label = f"[{table}]" if table == "documents" else f"[[{table}]] number {number}"
        for name in values:
            _one_of(name, _FIELDS[table], f"field of {self.label}")

    def text(self, name: str, usual: str | None = None) -> str:
        value = self.values.get(name, usual)
        if not isinstance(value, str) or not value.strip():
            raise ValueSetError(f"{self.label} needs {name} as text.")
        return value.strip()

    def key(self) -> Key:
        return canonical_code(self.text("system"), self.text("code"))

    def words(self, name: str, known: Collection[str] | None = None) -> frozenset[str]:
        value = self.values.get(name)
        if not isinstance(value, list) or not value:
            raise ValueSetError(f"{self.label} needs {name} as a list of words.")
        words = [str(word) for word in cast("list[object]", value)]
        for word in words if known is not None else ():
            _one_of(word, known or (), f"word in {name} of {self.label}")
        return frozenset(words)

    def amount(self, name: str) -> Fraction | None:
        value = self.values.get(name)
        if value is None:
            return None
        try:
            found = Fraction(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else None
        except (ValueError, ZeroDivisionError):
            found = None
        if found is None or found <= 0:
            raise ValueSetError(f"{self.label} needs {name} as a number above zero.")
        return found


def _entries(tables: Mapping[str, Any], name: str) -> list[_Entry]:
    entries = tables.get(name, [])
    if not isinstance(entries, list):
        raise ValueSetError(f"[[{name}]] is a list of tables; write two brackets.")
    listed = cast("list[Mapping[str, Any]]", entries)
    return [_Entry(name, number, entry) for number, entry in enumerate(listed, 1)]


def _one_of(word: str, known: Collection[str], what: str) -> None:
    if word in known:
        return
    near = get_close_matches(word, list(known), 1)
    hint = f"Did you mean {near[0]}?" if near else "Check its spelling."
    if not near and len(known) <= 12:
        hint = f"Use one of: {', '.join(sorted(known))}."
    raise ValueSetError(f"{word} is not a known {what}. {hint}")


def _drug(entry: _Entry, known: KnownWords) -> Drug:
    form_key = entry.text("form_key") if "form_key" in entry.values else None
    if form_key is not None:
        _one_of(form_key, known.form_keys, f"form_key of {entry.label}")
    unit = entry.text("unit", "mg")
    _one_of(unit, _UNITS, f"unit of {entry.label}")
    classes = entry.words("classes", known.classes) if "classes" in entry.values else frozenset({"opioid"})
    opioid = "opioid" in classes
    ingredient = entry.text("ingredient").lower()
    if form_key is not None and form_key.split("|", maxsplit=1)[0] != ingredient:
        raise ValueSetError(
            f"{entry.label}: form_key {form_key} belongs to another ingredient than {ingredient}."
        )
    category, counted, further = kind_of(ingredient, form_key) if opioid else ("", "n/a", frozenset[str]())
    return Drug(
        code=entry.text("code"),
        tty="SITE",
        name=entry.text("name"),
        ingredient=ingredient,
        strength=entry.amount("strength"),
        strength_unit=unit if "strength" in entry.values else None,
        dose_form=entry.text("dose_form") if "dose_form" in entry.values else "",
        route=entry.text("route", "transdermal" if unit == "mcg/h" else "oral"),
        release=entry.text("release", "IR"),
        category=category,
        counted=counted,
        form_key=form_key,
        classes=classes | further,
    )
