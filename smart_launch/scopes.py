"""SMART scopes: what we ask for, and what of it was granted.

Source: SMART App Launch 2.2, "Scopes and Launch Context". Grants in the version 1 form are understood as
well.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

_SCOPE = re.compile(r"(patient|user|system)/([A-Za-z]+|\*)\.([A-Za-z*]+)(\?\S+)?")
_LETTERS = re.compile(r"c?r?u?d?s?")
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}


class ScopeStyle(StrEnum):
    """The scope syntax an app registration uses; a registration has one, never both."""

    V1 = "v1"
    V2 = "v2"


class Compartment(StrEnum):
    """Whose data a scope covers: the patient in context, whatever the user may see, or the whole system."""

    PATIENT = "patient"
    USER = "user"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class ResourceScope:
    """One data scope. ``letters``: a subset of ``cruds``. ``query``: a restriction such as
    ``?category=…``."""

    compartment: Compartment
    resource: str
    letters: frozenset[str]
    query: str | None

    def covers(self, other: "ResourceScope") -> bool:
        """Whether this unrestricted-or-equal scope reaches everything of ``other`` for the letters both
        name."""
        return (
            self.compartment is other.compartment
            and self.resource in ("*", other.resource)
            and self.query in (None, other.query)
        )


@dataclass(frozen=True, slots=True)
class ScopeComparison:
    """Granted against asked. ``missing``: asked, not granted in full. ``narrowed``: those of the missing
    that were granted for a part of the data only. ``extra``: granted without having been asked."""

    missing: tuple[str, ...]
    narrowed: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Everything that was asked was granted."""
        return not self.missing


def read_scopes(resources: Iterable[str], compartment: Compartment, style: ScopeStyle) -> tuple[str, ...]:
    """Read-and-search scopes for the named resource types, in the registration's syntax, sorted, without
    repeats."""
    suffix = "read" if style is ScopeStyle.V1 else "rs"
    return tuple(f"{compartment}/{resource}.{suffix}" for resource in sorted(set(resources)))


def parse_scope(text: str) -> ResourceScope | None:
    """A data scope of either version; None for context scopes and for malformed ones, which count as not
    granted."""
    match = _SCOPE.fullmatch(text)
    if match is None:
        return None
    compartment, resource, permission, query = match.groups()
    letters = _VERSION_1.get(permission.lower(), permission)
    if not letters or not _LETTERS.fullmatch(letters):
        return None
    return ResourceScope(Compartment(compartment), resource, frozenset(letters), query)


def compare_scopes(asked: Sequence[str], granted: Sequence[str]) -> ScopeComparison:
    """What was not granted, only partly granted, or granted unasked. Separate grants of letters add up."""
    data = [scope for text in granted if (scope := parse_scope(text)) is not None]
    wanted = [scope for text in asked if (scope := parse_scope(text)) is not None]
    missing: list[str] = []
    narrowed: list[str] = []
    for text in asked:
        scope = parse_scope(text)
        if scope is None:
            if text not in granted:
                missing.append(text)
            continue
        if not scope.letters <= _letters(data, scope):
            missing.append(text)
            if any(_overlaps(item, scope) for item in data):
                narrowed.append(text)
    extra = [text for text in granted if text not in asked and not _wanted(text, wanted)]
    return ScopeComparison(tuple(missing), tuple(narrowed), tuple(extra))


def _letters(granted: Iterable[ResourceScope], scope: ResourceScope) -> frozenset[str]:
    return frozenset(letter for item in granted if item.covers(scope) for letter in item.letters)


def _overlaps(granted: ResourceScope, scope: ResourceScope) -> bool:
    return (
        granted.compartment is scope.compartment
        and granted.resource in ("*", scope.resource)
        and bool(granted.letters & scope.letters)
    )


def _wanted(text: str, wanted: Iterable[ResourceScope]) -> bool:
    scope = parse_scope(text)
    return scope is not None and scope.letters <= _letters(wanted, scope)
