"""Passed over: files of an export's folder that may hold data and cannot be read."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

_PACKED = re.compile(
    r"\.(?:ndjson|jsonl|json)\.(?:zst|bz2|xz|lz4|lzma|br|zip|7z|z)$|\.json\.gz$|\.(?:zip|7z|tar|tgz|tar\.gz)$",
    re.IGNORECASE,
)
_BEGINNING = 65_536
_NO_DATA = frozenset({b"CapabilityStatement", b"OperationOutcome", b"Parameters"})
_RESOURCE = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]+)"')


def all_below(folder: Path) -> Iterator[Path]:
    """Files and folders in a folder, and in those below; of a folder that may not be read the folder alone."""
    for path in folder.iterdir():
        yield path
        if path.is_dir() and not path.is_symlink() and may_enter(path):
            yield from all_below(path)


def may_enter(folder: Path) -> bool:
    """Whether this user may see the files of a folder, and open them."""
    return os.access(folder, os.R_OK | os.X_OK)


def why_unread(path: Path) -> str:
    """Why a file or folder that may hold data is not read; empty for one that is, and for what is no data."""
    if path.is_dir() and not may_enter(path):
        return "it is a folder that may not be read"
    if path.is_symlink() and path.is_dir():
        return "it is a link to a folder"
    if path.is_symlink() and not path.exists():
        return "it is a link that leads nowhere" if path.suffix else ""
    if not path.is_file():
        return ""
    if _PACKED.search(path.name):
        return "it is packed in a way that is not read"
    is_hollow = path.suffix.lower() == ".gz" and path.stat().st_size == 0
    return "it is no whole gzip file" if is_hollow else ""


def is_fhir(path: Path) -> bool:
    """Whether a file, packed with gzip or not, begins with a resource that may be a patient's, or holds some."""
    if path.parent.name.startswith(".work-"):
        return False  # of a run that was killed
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
            kind = _RESOURCE.search(file.read(_BEGINNING))
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return False
    return kind is not None and kind[1] not in _NO_DATA
