"""Parts: byte ranges of an export's files, so that several processes read one large file side by side."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from app.population.inputs import MAX_LINE, is_ndjson

PART_BYTES = 32 * 1024 * 1024
_READ = 4 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes [start, end) of one file, cut at line ends; a gzip file is one part, read to its end."""

    path: Path
    name: str
    start: int
    end: int
    compressed: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One non-blank line.  number counts from 1 within its part."""

    number: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Damage:
    """The part could not be read beyond this line."""

    number: int
    reason: str


def export_files(folder: Path) -> list[Path]:
    """The NDJSON files of an export folder, in a stable order."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and is_ndjson(path))


def parts_of(folder: Path, *, part_bytes: int = PART_BYTES) -> list[Part]:
    """Every file of the folder as parts of about `part_bytes`."""
    found: list[Part] = []
    for path in export_files(folder):
        name, size = str(path.relative_to(folder)), path.stat().st_size
        if path.name.lower().endswith(".gz"):
            found.append(Part(path, name, 0, size, compressed=True))
            continue
        cuts = [0, *_line_starts(path, size, part_bytes), size]
        found += [Part(path, name, a, b, compressed=False) for a, b in pairwise(cuts) if b > a]
    return found


def _line_starts(path: Path, size: int, part_bytes: int) -> Iterator[int]:
    """Positions just behind a line end, about every `part_bytes`."""
    with path.open("rb") as file:
        position = part_bytes
        while position < size:
            file.seek(position)
            while chunk := file.readline(_READ):
                position += len(chunk)
                if chunk.endswith(b"\n"):
                    break
            if position < size:
                yield position
            position += part_bytes


def read_part(part: Part) -> Iterator[Line | Damage]:
    """The lines of one part.  A line of more than 64 MiB, and what follows a broken gzip stream, is damage."""
    with gzip.open(part.path, "rb") if part.compressed else part.path.open("rb") as file:
        if not part.compressed:
            file.seek(part.start)
        number, position = 0, part.start
        while part.compressed or position < part.end:
            try:
                line = file.readline(MAX_LINE)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                yield Damage(number + 1, f"the compressed file breaks off: {error}")
                return
            if not line:
                return
            number, position = number + 1, position + len(line)
            if len(line) == MAX_LINE and not line.endswith(b"\n"):
                yield Damage(number, f"the line is longer than {MAX_LINE} bytes")
                position += _rest_of_line(file)
                continue
            text = line.strip()
            if number == 1 and part.start == 0:
                text = text.removeprefix(_BOM)
            if text:
                yield Line(number, text)


def _rest_of_line(file: gzip.GzipFile | object) -> int:
    skipped = 0
    while chunk := file.readline(_READ):  # type: ignore[attr-defined]
        skipped += len(chunk)
        if chunk.endswith(b"\n"):
            break
    return skipped
