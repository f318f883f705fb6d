"""Parts: byte ranges of an export's files, so that several processes read one large file side by side."""

from __future__ import annotations

import gzip
import zlib
from array import array
from collections.abc import Iterable, Iterator
from itertools import accumulate, compress, count, islice, pairwise
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import msgspec

from app.population.rows import SetAside, set_aside

PART_BYTES = 16 * 1024 * 1024
MAX_LINE = 64 * 1024 * 1024
_READ = 4 * 1024 * 1024
_SHOWN = 65_536
_USUAL = 2 * PART_BYTES
_BLOCK = 128 * 1024
_LINES = 4096
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Digest(Protocol):
    """What takes in bytes, such as SHA-256."""

    def update(self, data: bytes, /) -> None: ...


class Part(msgspec.Struct, frozen=True, gc=False):
    """Bytes [start, end) of one file, cut at line ends; a gzip file is one part, read to its end.

    first: number of the file's lines in earlier parts, once they have been counted.  moment: when the file's
    export was taken.  max_line: longer lines are damage.  server: the EHR, where its resources may have moved to
    another patient, else empty.
    claims: whom it names is compared with what other EHRs name.
    """

    path: str
    name: str
    start: int
    end: int
    compressed: bool
    moment: float = 0.0
    first: int = 0
    max_line: int = MAX_LINE
    server: str = ""
    claims: bool = False


class Damage(msgspec.Struct, frozen=True, gc=False):
    """A line that cannot be read: its beginning, and why.  rest_lost: nor can anything behind it."""

    raw: bytes
    reason: str
    rest_lost: bool = False


def damaged(damage: Damage, part: Part, number: int) -> SetAside:
    """The damage as a row set aside; number counts within the file."""
    aside = set_aside(damage.raw, part.name, number, damage.reason)
    return msgspec.structs.replace(aside, moment=part.moment, rest_lost=damage.rest_lost)


def parts_of(path: Path, name: str, moment: float, *, part_bytes: int, max_line: int) -> list[Part]:
    """One file as parts of about `part_bytes`."""
    size = path.stat().st_size
    if name.lower().endswith(".gz"):
        return [Part(str(path), name, 0, size, compressed=True, moment=moment, max_line=max_line)]
    cuts = [0, *_line_starts(path, size, part_bytes), size]
    return [
        Part(str(path), name, start, end, compressed=False, moment=moment, max_line=max_line)
        for start, end in pairwise(cuts)
        if end > start
    ]


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


def lines_of(part: Part) -> Iterator[tuple[int, bytes | Damage]]:
    """Size on disk and text of every line, blank ones as empty text; byte order mark, CR and LF are taken off.

    A line longer than allowed, and what follows a broken gzip stream, is damage.
    """
    with _opened(part) as file:
        position, limit, begun = part.start, part.max_line, part.start > 0
        while part.compressed or position < part.end:
            try:
                line = file.readline(limit)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                yield 0, Damage(b"", f"the compressed file breaks off: {error}", rest_lost=True)
                return
            if not line:
                return
            size = len(line)
            if size == limit and not line.endswith(b"\n"):
                size += _rest_of_line(file)
                position += size
                yield size, Damage(line[:_SHOWN], f"the line is longer than {limit} bytes")
                continue
            position += size
            text = line.strip()
            yield size, text if begun else text.removeprefix(BYTE_ORDER_MARK)
            begun = True


class Block(msgspec.Struct, frozen=True, gc=False):
    """Lines that follow each other, with their sizes on disk.

    utf8: all of it is UTF-8, as JSON must be.  Lines may end in LF or CRLF and begin with a byte order mark;
    damaged ones are empty here and listed by position.
    """

    lines: list[bytes]
    sizes: list[int]
    utf8: bool
    damages: dict[int, Damage]


def blocks_of(part: Part, digest: Digest) -> Iterator[Block]:
    """The lines of a part, many at a time; small blocks stay in the processor's cache.

    digest: is given the part's bytes as they are on disk.
    """
    if part.compressed or part.end - part.start > min(_USUAL, part.max_line):
        yield from _careful_blocks(part, digest)
        return
    with _opened(part) as file:
        left = part.end - part.start
        while left > 0:
            # readlines stops behind the line that exceeds its hint; a hint of 0 would mean no limit.
            lines = file.readlines(min(_BLOCK, left - 1)) if left > 1 else [file.read(1)]
            data = b"".join(lines)
            if not data:
                return
            digest.update(data)
            left -= len(data)
            yield Block(lines, list(map(len, lines)), _is_utf8(data), {})


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _careful_blocks(part: Part, digest: Digest) -> Iterator[Block]:
    with Path(part.path).open("rb") as file:
        file.seek(part.start)
        left = part.end - part.start
        while left > 0 and (chunk := file.read(min(left, _READ))):
            digest.update(chunk)
            left -= len(chunk)
    several = lines_of(part)
    while found := list(islice(several, _LINES)):
        damages = {place: line for place, (_, line) in enumerate(found) if isinstance(line, Damage)}
        lines = [b"" if isinstance(line, Damage) else line for _, line in found]
        yield Block(lines, [size for size, _ in found], all(map(_is_utf8, lines)), damages)


def chosen_lines(part: Part, sizes: array[int], chosen: Iterable[bool]) -> Iterator[tuple[int, bytes]]:
    """Number and text of the chosen lines only.  sizes: of every line on disk.

    Most lines are nobody's: choosing them runs no Python code for each.
    """
    placed = zip(count(1), accumulate(sizes, initial=0), sizes)
    with _opened(part) as file:
        for number, position, size in compress(placed, chosen):
            file.seek(part.start + position)
            yield number, file.read(size).strip().removeprefix(BYTE_ORDER_MARK)


def _opened(part: Part) -> BinaryIO:
    if part.compressed:
        return cast("BinaryIO", gzip.open(part.path, "rb"))
    file = Path(part.path).open("rb")  # noqa: SIM115 - closed by the caller's with
    file.seek(part.start)
    return file


def _rest_of_line(file: BinaryIO) -> int:
    skipped = 0
    while chunk := file.readline(_READ):
        skipped += len(chunk)
        if chunk.endswith(b"\n"):
            break
    return skipped
