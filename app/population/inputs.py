"""From paths to rows: FHIR Bundles, single resources, and NDJSON (also gzipped) in Bulk Data layout.

A path that cannot be read at all raises InputError with one sentence; within a folder, a file that is
not FHIR is set aside by name and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from app.population.exports import Export, Inputs, inputs_in
from app.population.parts import MAX_LINE, Damage, damaged, lines_of, parts_of
from app.population.rows import Row, SetAside, probe

CHART_BUNDLES = frozenset({"collection", "searchset", "batch", "transaction", "document", "message"})


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
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def open_path(path: Path) -> Inputs:
    """What a path holds.  Raises InputError when there is nothing, or no Bundle and no NDJSON."""
    if not path.exists():
        raise InputError("LT-501", str(path))
    inputs = inputs_in(path)
    if not inputs.files and not inputs.bundles:
        raise InputError("LT-504", str(path))
    return inputs


def together(several: Iterable[Inputs]) -> Inputs:
    """Several inputs as one; names that occur twice are told apart by a number in front."""
    parts = list(several)
    if len(parts) == 1:
        return parts[0]
    found = Inputs()
    for number, part in enumerate(parts, 1):
        head = f"{number}/"
        found.files |= {head + name: path for name, path in part.files.items()}
        found.bundles |= {head + name: path for name, path in part.bundles.items()}
        found.exports |= {head + name: _below(head, export) for name, export in part.exports.items()}
        for ref, said in part.deleted.items():
            renamed = [msgspec.structs.replace(one, export=head + one.export) for one in said]
            found.deleted.setdefault(ref, []).extend(renamed)
        found.unread |= {head + name: why for name, why in part.unread.items()}
        found.set_aside += [msgspec.structs.replace(row, file=head + row.file) for row in part.set_aside]
    return found


def _below(head: str, export: Export) -> Export:
    kinds = {head + file: kind for file, kind in export.kinds.items()}
    return replace(export, name=head + export.name, kinds=kinds)


def read(inputs: Inputs) -> Iterator[Row | SetAside]:
    """Every resource of the inputs.  Raises InputError only when a single file is all there is and no chart."""
    alone = len(inputs.files) + len(inputs.bundles) == 1
    yield from inputs.set_aside
    for name, file in inputs.files.items():
        yield from _read_ndjson(file, name, inputs.export_of(name).moment)
    for name, file in inputs.bundles.items():
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
    except _BROKEN:
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
    except _BROKEN:
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


def _read_ndjson(file: Path, name: str, moment: float) -> Iterator[Row | SetAside]:
    """One row per line that is not blank."""
    for part in parts_of(file, name, moment, part_bytes=file.stat().st_size + 1, max_line=MAX_LINE):
        for number, (_, line) in enumerate(lines_of(part), 1):
            if isinstance(line, Damage):
                yield damaged(line, part, number)
            elif line:
                yield probe(line, name, number, moment)
