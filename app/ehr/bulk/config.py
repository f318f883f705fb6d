"""What to export, from where, into which folder, and how patiently."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_TYPE = re.compile(r"[A-Z][A-Za-z]+")
_NOT_IN_FILTERS = frozenset(
    {"_include", "_revinclude", "_sort", "_elements", "_count", "_summary", "_total", "_contained"}
)


class Level(StrEnum):
    """Whose data an export holds: everybody's, all patients', or one group's."""

    SYSTEM = "system"
    PATIENT = "patient"
    GROUP = "group"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportConfig:
    """One export.  Raises ValueError naming the field that does not fit.

    base_url: the FHIR base.  folder: new or empty; it will hold patient data.  group: the Group's id.
    types: resource types, all when empty.  since: FHIR instant; only what changed after it.
    type_filters: `Type?query`, one type each.  patients: ids, for an explicit list or a crawl.
    crawl: search patient by patient instead of asking for an export.  post: kick off by POST; None tries GET
    first, as most servers want it.  allowed_origins: besides the base's own, origins that may see the token.
    parallel: files at once.  poll_cap: the longest wait between two status requests in seconds, whatever the
    server asks.  time_limit: how long one
    run waits for the manifest.  delete_after: tell the server when all is verified.
    """

    base_url: str
    folder: Path
    level: Level = Level.GROUP
    group: str | None = None
    types: tuple[str, ...] = ()
    since: str | None = None
    type_filters: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    crawl: bool = False
    post: bool | None = None
    vendor: str = "generic"
    client_id: str = ""
    allowed_origins: frozenset[str] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    parallel: int = 4
    poll_cap: float = 600.0
    time_limit: timedelta = timedelta(days=14)
    file_attempts: int = 4
    delete_after: bool = True

    def __post_init__(self) -> None:
        checks = (self._level, self._since, self._types, self._filters, self._numbers)
        for check in checks:
            if problem := check():
                raise ValueError(problem)

    def _level(self) -> str:
        if not urlsplit(self.base_url).hostname:
            return "base_url: write the FHIR address, starting with https."
        if self.crawl:
            return "" if self.group or self.patients else "patients: a crawl needs a group or a list of ids."
        if (self.level is Level.GROUP) != (self.group is not None):
            return "group: is needed for a group export, and only for one."
        if self.patients and self.level is Level.SYSTEM:
            return "patients: a list of patients cannot be given to a system export."
        return ""

    def _since(self) -> str:
        fits = self.since is None or _INSTANT.fullmatch(self.since)
        return "" if fits else "since: write an instant with a time zone, such as 2026-01-31T00:00:00Z."

    def _types(self) -> str:
        wrong = next((kind for kind in self.types if not _TYPE.fullmatch(kind)), None)
        return f"types: {wrong} is no resource type." if wrong else ""

    def _filters(self) -> str:
        for text in self.type_filters:
            kind, found, query = text.partition("?")
            if not found or not _TYPE.fullmatch(kind):
                return "type_filters: write each as Type?query."
            names = {name.partition(":")[0] for name, _ in parse_qsl(query, keep_blank_values=True)}
            if wrong := sorted(names & _NOT_IN_FILTERS):
                return f"type_filters: {wrong[0]} cannot be part of a filter."
        return ""

    def _numbers(self) -> str:
        fits = self.parallel >= 1 and self.poll_cap >= 1 and self.file_attempts >= 1
        return "" if fits else "parallel, poll_cap, file_attempts: must be at least 1."

    @property
    def own_origins(self) -> frozenset[str]:
        """The origins that may see the access token."""
        return frozenset({origin_of(self.base_url), *map(origin_of, self.allowed_origins)})


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, in one spelling; empty when it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return ""
    if not parts.hostname or port is None or "@" in parts.netloc:
        return ""
    return f"{parts.scheme}://{parts.hostname}:{port}"
