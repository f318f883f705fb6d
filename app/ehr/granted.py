"""Whether the granted scopes reach a search or a write: wholly, in part, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from urllib.parse import parse_qsl

from smart_launch.scopes import ResourceScope, parse_scope


class Reach(StrEnum):
    """How much of what a search asks for the grant lets through."""

    WHOLE = "whole"
    PART = "part"
    NONE = "none"


class Granted:
    """The grant of a launch.  `scopes` None: not known, so everything is tried."""

    def __init__(self, scopes: Iterable[str] | None) -> None:
        parsed = None if scopes is None else [parse_scope(text) for text in scopes]
        self._scopes: list[ResourceScope] | None = None if parsed is None else [s for s in parsed if s]

    def read(self, kind: str) -> Reach:
        """Reach of reading one resource by id."""
        return self._reach(kind, "r", None)

    def search(self, kind: str, category: str | None = None) -> Reach:
        """Reach of a search, of one category if given."""
        return self._reach(kind, "s", category)

    def create(self, kind: str) -> bool:
        """Whether new resources of this type may be written."""
        return self._reach(kind, "c", None) is Reach.WHOLE

    def _reach(self, kind: str, letter: str, category: str | None) -> Reach:
        if self._scopes is None:
            return Reach.WHOLE
        fitting = [s for s in self._scopes if s.resource in {"*", kind} and letter in s.letters]
        if any(scope.query is None or _is_for(scope.query, category) for scope in fitting):
            return Reach.WHOLE
        return Reach.PART if fitting and category is None else Reach.NONE


def _is_for(query: str, category: str | None) -> bool:
    """Whether a restriction such as `?category=system|survey` lets the whole category through."""
    pairs = parse_qsl(query.removeprefix("?"))
    return category is not None and [(name, value.rpartition("|")[2]) for name, value in pairs] == [
        ("category", category)
    ]
