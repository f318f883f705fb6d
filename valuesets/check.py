"""`ltot valuesets check` and `info`: are the files the released ones and sound, and what are they?"""

from __future__ import annotations

import csv
from pathlib import Path

from valuesets.errors import ValueSetError
from valuesets.loader import DATA, SNOMED_FILES, FileEntry, Manifest, checked_text, load_terms, read_manifest
from valuesets.systems import HCPCS, ICD10, LOINC, SNOMED

CDS_CONNECT = "http://cds.ahrq.gov/cdsconnect/pms"
_OPEN_SYSTEMS = {"conditions.csv": {ICD10, HCPCS}, "observations.csv": {LOINC, HCPCS, CDS_CONNECT, ""}}


def check(folder: Path = DATA) -> list[str]:
    """What is wrong with the files, in sentences; empty when nothing is.

    Every file against its checksum and row count; codes under a licence only in their own files; every countable
    drug known to every factor table.
    """
    try:
        manifest = read_manifest(folder)
    except ValueSetError as error:
        return [str(error)]
    problems = [problem for entry in manifest.files for problem in _file(folder, entry)]
    return problems or [*_licences(folder, manifest), *_factors(folder)]


def _file(folder: Path, entry: FileEntry) -> list[str]:
    try:
        rows = sum(1 for _ in csv.reader(checked_text(folder, entry).splitlines())) - 1
    except ValueSetError as error:
        return [str(error)]
    if rows != entry.rows:
        return [f"{entry.file} has {rows} rows instead of {entry.rows}. Install the release again."]
    return []


def _licences(folder: Path, manifest: Manifest) -> list[str]:
    problems: list[str] = []
    for name, systems in {**_OPEN_SYSTEMS, **{name: {SNOMED} for name in SNOMED_FILES}}.items():
        rows = csv.DictReader(checked_text(folder, manifest.entry(name)).splitlines())
        strangers = {row["system"] for row in rows} - systems
        problems += [
            f"{name} holds codes of {system}, which belong elsewhere." for system in sorted(strangers)
        ]
    return problems


def _factors(folder: Path) -> list[str]:
    terms = load_terms(folder=folder)
    tables = terms.factor_tables
    return [
        f"{table} says nothing about {key}, though drugs of that form are counted."
        for key in sorted({drug.form_key for drug in terms.counted_drugs() if drug.form_key})
        for table in tables
        if not terms.knows_factor(table, key)
    ]


def info() -> list[str]:
    """One line for the release, then one per file: rows, version, source, licence, checksum."""
    manifest = read_manifest(DATA)
    lines = [f"version {manifest.version}: {manifest.source}"]
    lines += [
        f"{e.file:24} {e.rows:6} rows  {e.version}  {e.source}  [{e.licence}]  sha256 {e.sha256[:12]}"
        for e in manifest.files
    ]
    return lines
