"""A site's own codes: local drugs, flowsheet rows, document types.  They win over the shipped tables."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

from valuesets.errors import ValueSetError
from valuesets.model import Drug

_NO_DRUGS: Mapping[tuple[str, str], Drug] = {}
_NO_CODES: Mapping[tuple[str, str], frozenset[str]] = {}


@dataclass(frozen=True, slots=True)
class SiteCodes:
    """Codes by (system, code)."""

    drugs: Mapping[tuple[str, str], Drug] = field(default_factory=lambda: _NO_DRUGS)
    conditions: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=lambda: _NO_CODES)
    observations: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=lambda: _NO_CODES)
    document_titles: tuple[str, ...] = ()
    version: str = ""


def read_site_codes(path: Path) -> SiteCodes:
    """Read a site's file.  Raises ValueSetError naming the entry and field that does not fit.

    [[drug]] system, code, name, ingredient, strength, unit, form_key, classes; [[condition]] system, code,
    groups; [[observation]] system, code, elements; [documents] agreement_titles.
    """
    try:
        raw = path.read_bytes()
        tables = tomllib.loads(raw.decode("utf-8"))
    except OSError:
        raise ValueSetError(f"{path.name} cannot be read. Check the path.") from None
    except ValueError as error:
        raise ValueSetError(f"{path.name} is not TOML: {error}.") from None
    unknown = tables.keys() - {"drug", "condition", "observation", "documents"}
    if unknown:
        raise ValueSetError(f"{path.name}: unknown table {min(unknown)}.")
    titles = tables.get("documents", {}).get("agreement_titles", [])
    return SiteCodes(
        drugs={_key(e, "drug"): _drug(e) for e in _entries(tables, "drug")},
        conditions={
            _key(e, "condition"): _words(e, "condition", "groups") for e in _entries(tables, "condition")
        },
        observations={
            _key(e, "observation"): _words(e, "observation", "elements")
            for e in _entries(tables, "observation")
        },
        document_titles=tuple(str(title).lower() for title in titles),
        version=hashlib.sha256(raw).hexdigest()[:12],
    )


def _entries(tables: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    entries = tables.get(name, [])
    if not isinstance(entries, list):
        raise ValueSetError(f"[[{name}]] is a list of tables; write two brackets.")
    return cast("list[Mapping[str, Any]]", entries)


def _text(entry: Mapping[str, Any], table: str, name: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        raise ValueSetError(f"[[{table}]] needs {name} as text.")
    return value


def _key(entry: Mapping[str, Any], table: str) -> tuple[str, str]:
    return _text(entry, table, "system"), _text(entry, table, "code")


def _words(entry: Mapping[str, Any], table: str, name: str) -> frozenset[str]:
    value = entry.get(name)
    if not isinstance(value, list) or not value:
        raise ValueSetError(f"[[{table}]] needs {name} as a list of words.")
    return frozenset(str(word) for word in cast("list[object]", value))


def _drug(entry: Mapping[str, Any]) -> Drug:
    strength = entry.get("strength")
    if strength is not None and not isinstance(strength, (int, float, str)):
        raise ValueSetError("[[drug]] needs strength as a number.")
    classes = _words(entry, "drug", "classes") if "classes" in entry else frozenset({"opioid"})
    opioid = "opioid" in classes
    return Drug(
        code=_text(entry, "drug", "code"),
        tty="SITE",
        name=_text(entry, "drug", "name"),
        ingredient=_text(entry, "drug", "ingredient").lower(),
        strength=Fraction(str(strength)) if strength is not None else None,
        strength_unit=str(entry.get("unit", "mg")),
        dose_form=str(entry.get("dose_form", "")),
        route=str(entry.get("route", "oral")),
        release=str(entry.get("release", "IR")),
        category=str(entry.get("category", "full_agonist_analgesic" if opioid else "")),
        counted="yes" if opioid else "n/a",
        form_key=str(entry["form_key"]) if "form_key" in entry else None,
        classes=classes,
    )
