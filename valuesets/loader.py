"""Reads the data files, and refuses one that differs from its line in the manifest."""

from __future__ import annotations

import csv
import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from valuesets.errors import ValueSetError
from valuesets.site import SiteCodes, read_site_codes
from valuesets.terms import Terms

DATA = Path(__file__).parent / "data"
SNOMED_FILES = frozenset({"conditions_snomed.csv", "observations_snomed.csv"})


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One line of the manifest."""

    file: str
    source: str
    version: str
    licence: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    version: str
    source: str
    files: tuple[FileEntry, ...]

    def entry(self, name: str) -> FileEntry:
        for entry in self.files:
            if entry.file == name:
                return entry
        raise ValueSetError(f"{name} is not in the manifest. Install the release again.")


def read_manifest(folder: Path) -> Manifest:
    """Raises ValueSetError when there is none or it cannot be read."""
    try:
        raw = tomllib.loads((folder / "MANIFEST.toml").read_text(encoding="utf-8"))
        files = tuple(
            FileEntry(
                str(f["file"]),
                str(f["source"]),
                str(f["version"]),
                str(f["licence"]),
                int(f["rows"]),
                str(f["sha256"]),
            )
            for f in raw["file"]
        )
        return Manifest(str(raw["version"]), str(raw["source"]), files)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueSetError(f"MANIFEST.toml cannot be read ({error}). Install the release again.") from None


@dataclass(frozen=True, slots=True)
class Tables:
    """The data folder; each file is checked and read when it is first asked for."""

    folder: Path
    manifest: Manifest
    snomed: bool

    def rows(self, name: str) -> Iterator[list[str]]:
        """The rows of one file without its header.  Raises ValueSetError for a wrong checksum."""
        if name in SNOMED_FILES and not self.snomed:
            return
        text = checked_text(self.folder, self.manifest.entry(name))
        rows = csv.reader(text.splitlines())
        next(rows)
        yield from rows


def checked_text(folder: Path, entry: FileEntry) -> str:
    """The content of a file whose checksum is right."""
    try:
        raw = (folder / entry.file).read_bytes()
    except OSError:
        raise ValueSetError(f"{entry.file} is missing. Install the release again.") from None
    if hashlib.sha256(raw).hexdigest() != entry.sha256:
        raise ValueSetError(f"{entry.file} was changed since it was released. Install the release again.")
    return raw.decode("utf-8")


@cache
def _shipped() -> Manifest:
    return read_manifest(DATA)


def load_terms(*, site_file: Path | None = None, snomed: bool = True, folder: Path | None = None) -> Terms:
    """The terminology.  site_file: a TOML file with a site's own codes, which win over the shipped ones.

    snomed False leaves the SNOMED CT rows out (for sites without a licence) and says so in `versions`.
    Raises ValueSetError.
    """
    place = folder or DATA
    manifest = read_manifest(place) if folder else _shipped()
    tables = Tables(place, manifest, snomed)
    versions = {
        "valuesets": manifest.version,
        "snomed": "included" if snomed else "left out",
        "site codes": "none",
    }
    shipped = Terms(tables, SiteCodes(), versions)
    if site_file is None:
        return shipped
    site = read_site_codes(site_file, shipped.known_words())
    return Terms(tables, site, {**versions, "site codes": site.version})
