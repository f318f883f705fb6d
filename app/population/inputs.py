"""From paths to rows: FHIR Bundles, single resources, and NDJSON (also gzipped) in Bulk Data layout.

A path that cannot be read at all raises InputError with one sentence; within a folder, a file that is
not FHIR is set aside by name and the rest goes on.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from app.population.rows import Row, SetAside, probe, set_aside

CHART_BUNDLES = frozenset({"collection", "searchset", "batch", "transaction", "document", "message"})
MAX_LINE = 64 * 1024 * 1024
_NDJSON = (".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz")


class InputError(Exception):
    """The path is no chart.  code is the catalogue's, detail names the file."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code} {detail}")
        self.code, self.detail = code, detail


class _Entry(msgspec.Struct, gc=False):
    fullUrl: str | None = None  # noqa: N815 - FHIR's own name
    resource: msgspec.Raw = msgspec.Raw()


class _Kind(msgspec.Struct, gc=False):
    resourceType: str | None = None  # noqa: N815


class _Bundle(msgspec.Struct, gc=False):
    type: str | None = None
    entry: list[_Entry] | None = None


_KIND = msgspec.json.Decoder(_Kind)
_BUNDLE = msgspec.json.Decoder(_Bundle)


def is_ndjson(path: Path) -> bool:
    return path.name.lower().endswith(_NDJSON)


def chart_files(path: Path) -> list[Path]:
    """The Bundle and NDJSON files of a path, in a stable order; raises InputError when there are none."""
    if not path.exists():
        raise InputError("LT-501", str(path))
    if path.is_file():
        return [path]
    found = sorted(
        p for p in path.rglob("*") if p.is_file() and (is_ndjson(p) or p.suffix.lower() == ".json")
    )
    found = [p for p in found if p.name not in {"manifest.json", "export.json", "run.json"}]
    if not found:
        raise InputError("LT-504", str(path))
    return found


def read_path(path: Path) -> Iterator[Row | SetAside]:
    """Every resource under `path`.  Raises InputError only when the path as a whole is unusable."""
    alone = path.is_file()
    for file in chart_files(path):
        name = file.name if alone else str(file.relative_to(path))
        if is_ndjson(file):
            yield from read_ndjson(file, name)
            continue
        try:
            yield from _read_json(file, name)
        except InputError as error:
            if alone:
                raise
            yield SetAside(name, 1, error.detail)


def _read_json(file: Path, name: str) -> Iterator[Row | SetAside]:
    raw = file.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        kind = _KIND.decode(raw).resourceType
        bundle = _BUNDLE.decode(raw) if kind == "Bundle" else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InputError(*_why_not(raw, name)) from None
    if kind is None:
        raise InputError("LT-503", f"{name} is JSON but not FHIR.")
    if bundle is None:
        row = probe(raw, name, 1)
        if isinstance(row, Row) and row.patient is None and row.kind != "Medication":
            raise InputError("LT-503", f"{name} holds a {kind} that belongs to no patient.")
        yield row
        return
    if bundle.type not in CHART_BUNDLES:
        raise InputError("LT-503", f"{name} is a Bundle of type {bundle.type or 'unknown'}.")
    yield from _entries(bundle.entry or [], name)


def _why_not(raw: bytes, name: str) -> tuple[str, str]:
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "LT-502", f"{name} is not JSON."
    return "LT-503", f"{name} is JSON but not a FHIR Bundle or resource."


def _entries(entries: list[_Entry], name: str) -> Iterator[Row | SetAside]:
    """Entries of a Bundle; `urn:uuid` links are rewritten to the resource's own id where that differs."""
    raws = [(number, entry) for number, entry in enumerate(entries, 1) if entry.resource]
    links: dict[bytes, bytes] = {}
    for _, entry in raws:
        if entry.fullUrl and entry.fullUrl.startswith("urn:"):
            seen = probe(bytes(entry.resource), name, 0)
            if isinstance(seen, Row) and seen.id and not entry.fullUrl.endswith(f":{seen.id}"):
                links[f'"{entry.fullUrl}"'.encode()] = f'"{seen.kind}/{seen.id}"'.encode()
    for number, entry in raws:
        raw = bytes(entry.resource)
        if links and b'"urn:' in raw:
            for link, target in links.items():
                raw = raw.replace(link, target)
        yield probe(raw, name, number)


def read_ndjson(file: Path, name: str) -> Iterator[Row | SetAside]:
    """One row per line.  Blank lines are skipped, a byte order mark and CRLF are tolerated; a gzip file that
    breaks off is reported as set aside after its last whole line."""
    number = 0
    with gzip.open(file, "rb") if file.name.lower().endswith(".gz") else file.open("rb") as lines:
        try:
            while line := lines.readline(MAX_LINE + 1):
                number += 1
                if len(line) > MAX_LINE:
                    yield set_aside(line[:4096], name, number, f"the line is longer than {MAX_LINE} bytes")
                    _skip_line(lines)
                    continue
                text = line.removeprefix(b"\xef\xbb\xbf").strip()
                if text:
                    yield probe(text, name, number)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            yield SetAside(name, number + 1, f"the compressed file breaks off: {error}")


def _skip_line(lines: Iterable[bytes]) -> None:
    readline = lines.readline  # type: ignore[attr-defined]
    while (part := readline(MAX_LINE)) and not part.endswith(b"\n"):
        continue
