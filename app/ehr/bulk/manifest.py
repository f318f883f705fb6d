"""Reads export manifests of every version in use: STU1 to STU3 and the 4.0 ballot."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from urllib.parse import urljoin

import msgspec
from msgspec import Struct

from app.ehr.bulk.results import StoppedError


class ManifestError(StoppedError):
    """The answer is no manifest; the message is a sentence."""


class _Item(Struct, gc=False):
    url: str = ""
    type: str | None = None
    count: int | None = None


class _Link(Struct, gc=False):
    relation: str = ""
    url: str = ""


class _Manifest(Struct, gc=False, rename="camel"):
    transaction_time: str | None = None
    requires_access_token: bool | None = None
    output: list[_Item] | None = None
    deleted: list[_Item] | None = None
    error: list[_Item] | None = None
    outcome: list[_Item] | None = None
    link: list[_Link] | None = None
    output_organized_by: str | None = None
    resource_type: str | None = None


_DECODER = msgspec.json.Decoder(_Manifest)


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file of a manifest.  section: "output", "deleted" or "error".  kind None: several types in one file."""

    section: str
    url: str
    kind: str | None
    count: int | None
    organised: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """One page.  requires_token None: the server does not say.  next: address of the next page."""

    files: tuple[ListedFile, ...]
    transaction_time: str | None
    requires_token: bool | None
    next: str | None


def read_manifest(body: bytes, url: str) -> Manifest:
    """The manifest found at `url`; missing members are tolerated, addresses made absolute.

    Raises ManifestError for anything that is no manifest, so that it is never taken for an empty one.
    """
    try:
        found = _DECODER.decode(body.removeprefix(codecs.BOM_UTF8))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ManifestError("The EHR said the export is finished, but sent no readable manifest.") from None
    if found.resource_type is not None or (found.output is None and found.transaction_time is None):
        raise ManifestError("The EHR said the export is finished, but sent something else than a manifest.")
    sections = (
        ("output", found.output),
        ("deleted", found.deleted),
        ("error", [*(found.error or []), *(found.outcome or [])]),
    )
    organised = found.output_organized_by is not None
    files = [
        _listed(section, item, url, organised=organised)
        for section, items in sections
        for item in items or []
    ]
    following = next((link.url for link in found.link or [] if link.relation == "next" and link.url), None)
    return Manifest(
        tuple(files),
        found.transaction_time,
        found.requires_access_token,
        urljoin(url, following) if following else None,
    )


def _listed(section: str, item: _Item, url: str, *, organised: bool) -> ListedFile:
    if not item.url:
        raise ManifestError("The manifest lists a file without an address.")
    kind = item.type
    if section == "error":
        kind = "OperationOutcome"
    if section == "deleted":
        kind = "Bundle"
    return ListedFile(section, urljoin(url, item.url), kind, item.count, organised and section == "output")
