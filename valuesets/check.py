"""`ltot valuesets check` and `info`: are the files the released ones, and what are they?"""

from __future__ import annotations

import csv
from pathlib import Path

from valuesets.errors import ValueSetError
from valuesets.loader import DATA, checked_text, read_manifest


def check(folder: Path = DATA) -> list[str]:
    """Every file against its checksum and row count; the list of what is wrong, empty when nothing is."""
    try:
        manifest = read_manifest(folder)
    except ValueSetError as error:
        return [str(error)]
    problems: list[str] = []
    for entry in manifest.files:
        try:
            rows = sum(1 for _ in csv.reader(checked_text(folder, entry).splitlines())) - 1
        except ValueSetError as error:
            problems.append(str(error))
            continue
        if rows != entry.rows:
            problems.append(f"{entry.file} has {rows} rows instead of {entry.rows}.")
    return problems


def info(folder: Path = DATA) -> list[str]:
    """One line per file: rows, licence, checksum."""
    manifest = read_manifest(folder)
    lines = [f"version {manifest.version}: {manifest.source}"]
    lines += [f"{e.file:26} {e.rows:6} rows  {e.licence}  sha256 {e.sha256[:12]}" for e in manifest.files]
    return lines
