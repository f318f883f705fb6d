"""Reads what an export says besides its data: its errors, and the resources that no longer exist."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from app.ehr.bulk.disk import PartFile
from app.ehr.bulk.job_state import FileState
from app.ehr.bundles import read_outcome

_DELETED = re.compile(r"([A-Z][A-Za-z]+)/([^/?#]+)$")


class _Request(Struct, gc=False):
    method: str = ""
    url: str = ""


class _Entry(Struct, gc=False):
    request: _Request | None = None


class _Bundle(Struct, gc=False):
    entry: list[_Entry] | None = None


class _Id(Struct, gc=False):
    id: str = ""


_BUNDLE = msgspec.json.Decoder(_Bundle)
_ID = msgspec.json.Decoder(_Id)


@dataclass(frozen=True, slots=True)
class Reported:
    """What the error files say.  errors: outcomes of severity error or fatal; remarks: in words, with counts."""

    errors: int
    remarks: tuple[str, ...]


def read_errors(files: Iterable[Path]) -> Reported:
    """The outcomes in error files: codes and counts only, since their texts can name patients."""
    errors, remarks = 0, Counter[str]()
    for line in _lines(files):
        outcome = read_outcome(line)
        errors += outcome.failed
        for warning in outcome.warnings:
            remarks[warning] += 1
    return Reported(errors, tuple(f"{text} ({count} times)" for text, count in sorted(remarks.items())))


def read_deletions(files: Iterable[Path]) -> dict[str, set[str]]:
    """Ids by resource type that `deleted` files name.  Raises msgspec.ValidationError for what is no Bundle."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for line in _lines(files):
        for entry in _BUNDLE.decode(line).entry or ():
            request = entry.request
            match = _DELETED.search(request.url) if request and request.method == "DELETE" else None
            if match:
                found[match[1]].add(match[2])
    return dict(found)


def drop_deleted(folder: Path, files: Iterable[FileState], deleted: dict[str, set[str]]) -> int:
    """Take deleted resources out of the data files, each file replaced whole; how many were taken out."""
    dropped = 0
    for file in files:
        ids = deleted.get(file.kind or "", set())
        if not ids:
            continue
        kept, gone = _split(folder / file.name, ids)
        if gone:
            with PartFile(folder / file.name) as part:
                for line in kept:
                    part.write(line + b"\n")
                part.commit()
            file.size, file.sha256 = part.size, part.sha256
            file.resources -= gone
            file.counts = []
            dropped += gone
    return dropped


def _split(path: Path, ids: set[str]) -> tuple[list[bytes], int]:
    kept: list[bytes] = []
    gone = 0
    for line in _lines([path]):
        if _ID.decode(line).id in ids:
            gone += 1
        else:
            kept.append(line)
    return kept, gone


def _lines(files: Iterable[Path]) -> Iterator[bytes]:
    for path in files:
        with path.open("rb") as opened:
            for line in opened:
                text = line.removeprefix(b"\xef\xbb\xbf").strip()
                if text:
                    yield text
