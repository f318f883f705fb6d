"""The terminology comes from checked files, says what is loaded, and is there quickly."""

import csv
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import valuesets
from valuesets import ValueSetError, load_terms
from valuesets.check import check, info
from valuesets.loader import Tables

PACKAGE = Path(valuesets.__file__).parent
DATA = PACKAGE / "data"
PREPARED = Path(__file__).resolve().parents[3] / "shared/data/terminology"
MANIFEST = tomllib.loads((DATA / "MANIFEST.toml").read_text(encoding="utf-8"))
FIRST_USE = {
    "opioids.csv": lambda terms: terms.drug("7804"),
    "ndc.csv": lambda terms: terms.drug_by_ndc("00406052301"),
    "factors.csv": lambda terms: terms.factor("cdc-2022", "morphine|oral"),
    "conditions.csv": lambda terms: terms.condition_groups("http://hl7.org/fhir/sid/icd-10-cm", "D57.1"),
    "observations.csv": lambda terms: terms.observation_elements("http://loinc.org", "91147-9"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA, tmp_path / "data"))


@pytest.mark.parametrize("name", FIRST_USE)
def test_a_changed_file_is_refused_when_it_is_needed(folder: Path, name: str) -> None:
    with (folder / name).open("a", encoding="utf-8") as file:
        file.write("\n")
    with pytest.raises(ValueSetError) as caught:
        FIRST_USE[name](load_terms(folder=folder))
    assert str(caught.value) == f"{name} was changed since it was released. Install the release again."
    assert check(folder) == [str(caught.value)]


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "factors.csv").unlink()
    with pytest.raises(ValueSetError, match=r"factors\.csv is missing\. Install the release again\."):
        load_terms(folder=folder).factor("cdc-2022", "morphine|oral")


def test_without_a_manifest_nothing_is_loaded(folder: Path) -> None:
    (folder / "MANIFEST.toml").write_text("version = 1", encoding="utf-8")
    with pytest.raises(ValueSetError, match=r"MANIFEST\.toml cannot be read .* Install the release again\."):
        load_terms(folder=folder)
    assert "MANIFEST.toml" in check(folder)[0]


def test_the_shipped_files_are_sound() -> None:
    assert check() == []


def test_check_finds_a_wrong_row_count(folder: Path) -> None:
    manifest = folder / "MANIFEST.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace("rows = 7986", "rows = 7985"), encoding="utf-8")
    assert check(folder) == ["opioids.csv has 7986 rows instead of 7985. Install the release again."]


@pytest.mark.parametrize("entry", MANIFEST["file"], ids=lambda entry: entry["file"])
def test_every_file_names_source_version_licence_and_checksum(entry: dict[str, object]) -> None:
    assert set(entry) == {"file", "source", "version", "licence", "rows", "sha256"}
    assert all(entry.values())
    assert any(str(entry["file"]) in line and str(entry["licence"]) in line for line in info())
    assert f"`{entry['file']}`" in (PACKAGE / "LICENCES.md").read_text(encoding="utf-8")


def test_every_row_keeps_its_source() -> None:
    for entry in MANIFEST["file"]:
        if entry["file"] == "components.csv":  # strengths parsed from the names in opioids.csv
            continue
        with (DATA / entry["file"]).open(newline="", encoding="utf-8") as file:
            assert all(row["source"] for row in csv.DictReader(file)), entry["file"]


def test_ndc_rows_hold_no_product_names() -> None:
    with (DATA / "ndc.csv").open(newline="", encoding="utf-8") as file:
        assert next(csv.reader(file)) == [
            "ndc11", "rxcui", "ingredient", "form", "strength", "unit", "form_key", "source",
        ]  # fmt: skip


def test_snomed_can_be_left_out_and_the_version_says_so() -> None:
    with_codes, without = load_terms(), load_terms(snomed=False)
    cancer = ("http://snomed.info/sct", "363346000")
    assert "active_cancer" in with_codes.condition_groups(*cancer)
    assert without.condition_groups(*cancer) == frozenset()
    assert without.condition_groups("http://hl7.org/fhir/sid/icd-10-cm", "C50.911")
    assert (with_codes.versions["snomed"], without.versions["snomed"]) == ("included", "left out")
    assert with_codes.version != without.version


def test_the_first_lookup_reads_the_tables_of_drugs_once_and_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other tables are the larger ones; `make bench` tells the milliseconds."""
    read: list[str] = []
    rows = Tables.rows

    def noted(tables: Tables, name: str) -> Iterator[list[str]]:
        read.append(name)
        return rows(tables, name)

    monkeypatch.setattr(Tables, "rows", noted)
    terms = load_terms()
    assert terms.drug("1049621") is not None
    assert terms.drug("197901") is not None
    assert sorted(read) == ["classes.csv", "components.csv", "opioids.csv"]


@pytest.mark.shared
def test_the_data_are_what_the_builder_makes_of_the_prepared_tables(tmp_path: Path) -> None:
    if not PREPARED.is_dir():
        pytest.skip("the prepared terminology tables are not beside the project")
    builder = PACKAGE / "build" / "derive.py"
    subprocess.run(
        [sys.executable, str(builder), str(PREPARED), str(tmp_path)], check=True, capture_output=True
    )
    for path in sorted(DATA.iterdir()):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name
