"""Reads one page of a search without decoding its resources: they stay the bytes the EHR sent."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from msgspec import Raw, Struct


class UnreadableBodyError(Exception):
    """The body is no FHIR JSON of the expected kind: cut off, empty, HTML or something else."""


class _Link(Struct, gc=False):
    relation: str = ""
    url: str = ""


class _Search(Struct, gc=False):
    mode: str = ""


class _Entry(Struct, gc=False):
    resource: Raw = Raw(b"")
    search: _Search | None = None


class _Bundle(Struct, gc=False, rename="camel"):
    resource_type: str
    link: list[_Link] | None = None
    entry: list[_Entry] | None = None


class _Meta(Struct, gc=False, rename="camel"):
    version_id: str = ""
    last_updated: str = ""


class _Head(Struct, gc=False, rename="camel"):
    resource_type: str
    id: str = ""
    meta: _Meta | None = None


class _Kind(Struct, gc=False, rename="camel"):
    resource_type: str


class _Coding(Struct, gc=False):
    code: str = ""


class _Details(Struct, gc=False):
    coding: list[_Coding] = []


class _Issue(Struct, gc=False):
    severity: str = ""
    code: str = ""
    details: _Details | None = None
    diagnostics: str = ""


class _Outcome(Struct, gc=False, rename="camel"):
    resource_type: str
    issue: list[_Issue] = []


_BUNDLE = msgspec.json.Decoder(_Bundle)
_HEAD = msgspec.json.Decoder(_Head)
_KIND = msgspec.json.Decoder(_Kind)
_OUTCOME = msgspec.json.Decoder(_Outcome)
_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_WITHHELD_CODES = frozenset({"4118", "4119", "59022", "59203", "59204"})
_WITHHELD_ISSUES = frozenset({"suppressed", "forbidden", "security"})
# FHIR's "transient" issues and a search given up: whatever their severity, not everything was looked through.
_CUT_ISSUES = frozenset(
    {"transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled", "too-costly"}
)
# Only the name of the sub-type is taken from the EHR's words: free text could name the patient.
_SUB_TYPE = re.compile(r"authorized for ([A-Z][A-Za-z]{3,30} - [A-Z][A-Za-z ]{2,40})\.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an OperationOutcome says.  failed: an error; withheld: something was left out for permissions."""

    warnings: tuple[str, ...] = ()
    failed: bool = False
    withheld: bool = False
    codes: frozenset[str] = frozenset()

    def __or__(self, other: Outcome) -> Outcome:
        return Outcome(
            tuple(dict.fromkeys(self.warnings + other.warnings)),
            self.failed or other.failed,
            self.withheld or other.withheld,
            self.codes | other.codes,
        )


NOTHING_SAID = Outcome()


@dataclass(frozen=True, slots=True)
class Page:
    """One page.  unreadable: entries that hold no resource; next: the address of the next page, unchecked."""

    items: tuple[bytes, ...]
    included: tuple[bytes, ...]
    outcome: Outcome
    next: str | None
    unreadable: int = 0


def read_page(kind: str, body: bytes) -> Page:
    """The page of a search for `kind`.  Raises UnreadableBodyError; an OperationOutcome in place of a
    searchset is a page without items whose outcome counts as failed."""
    try:
        bundle = _BUNDLE.decode(body.removeprefix(codecs.BOM_UTF8))
    except _ERRORS:
        raise UnreadableBodyError from None
    if bundle.resource_type == "OperationOutcome":
        return Page((), (), Outcome(failed=True) | read_outcome(body), None)
    if bundle.resource_type != "Bundle":
        raise UnreadableBodyError
    items: list[bytes] = []
    included: list[bytes] = []
    outcome, unreadable = Outcome(), 0
    for entry in bundle.entry or []:
        raw = bytes(entry.resource)
        found = _head(raw)
        if found is None:
            unreadable += 1
        elif found.resource_type == "OperationOutcome":
            outcome |= read_outcome(raw, unreadable=Outcome(failed=True))
        elif found.resource_type == kind:
            items.append(raw)
        else:
            included.append(raw)
    following = [link.url for link in bundle.link or [] if link.relation == "next"]
    if following and not any(following):
        outcome |= Outcome(failed=True)
    return Page(tuple(items), tuple(included), outcome, next(filter(None, following), None), unreadable)


def is_resource(kind: str, body: bytes) -> bool:
    """Whether the body is one whole resource of this type."""
    found = _head(body)
    try:
        return (
            found is not None and found.resource_type == kind and bool(msgspec.json.decode(body, type=dict))
        )
    except _ERRORS:
        return False


def read_outcome(body: bytes, *, unreadable: Outcome = NOTHING_SAID) -> Outcome:
    """The issues of an OperationOutcome; an empty one for anything else, `unreadable` for a damaged one."""
    try:
        outcome = _OUTCOME.decode(body)
    except _ERRORS:
        return unreadable
    if outcome.resource_type != "OperationOutcome":
        return Outcome()
    total = Outcome()
    for issue in outcome.issue:
        codes = {coding.code for coding in (issue.details.coding if issue.details else []) if coding.code}
        failed = issue.severity.lower() in {"error", "fatal"} or issue.code in _CUT_ISSUES
        withheld = bool(codes & _WITHHELD_CODES) or issue.code in _WITHHELD_ISSUES
        # "4101: no results" and "parameter ignored" are said with every other answer.
        warning = (_warning(issue),) if withheld or failed else ()
        total |= Outcome(warning, failed, withheld, frozenset({*codes, issue.code} - {""}))
    return total


def _warning(issue: _Issue) -> str:
    found = _SUB_TYPE.search(issue.diagnostics)
    if found:
        return f"not granted: {found[1]}"
    code = issue.code if re.fullmatch(r"[a-z-]{1,30}", issue.code) else "unknown"
    return f"the EHR reported: {code}"


def newest(resources: Iterable[bytes]) -> tuple[bytes, ...]:
    """Without repeats: of resources with the same type and id the newest version, at its first place."""
    kept: dict[object, tuple[bytes, _Head]] = {}
    for number, raw in enumerate(resources):
        head = _head(raw)
        key: object = (head.resource_type, head.id) if head and head.id else number
        if head is None:
            continue
        known = kept.get(key)
        if known is None or _is_newer(head, known[1]):
            kept[key] = (raw, head)
    return tuple(raw for raw, _ in kept.values())


def identity(raw: bytes) -> tuple[str, str]:
    """Type and id of a resource; empty where it has none."""
    head = _head(raw)
    return (head.resource_type, head.id) if head else ("", "")


def _is_newer(one: _Head, other: _Head) -> bool:
    mine, theirs = one.meta or _Meta(), other.meta or _Meta()
    if mine.version_id.isdecimal() and theirs.version_id.isdecimal():
        return int(mine.version_id) > int(theirs.version_id)
    return mine.last_updated > theirs.last_updated


def _head(raw: bytes) -> _Head | None:
    try:
        return _HEAD.decode(raw)
    except _ERRORS:
        pass
    try:
        # An odd version must not hide an order.
        return _Head(_KIND.decode(raw).resource_type)
    except _ERRORS:
        return None
