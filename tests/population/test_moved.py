"""A resource that moves to another patient is on one chart only, whatever cuts, engines and orders of files do."""

import json
from pathlib import Path

import pytest

from app.jobs.evaluate_population import EngineName
from app.population.pipeline import Limits
from tests.population.conftest import (
    LISINOPRIL,
    OUTPUT,
    Line,
    Run,
    condition,
    evaluate,
    manifest,
    one_by_one,
    order,
    person,
    write,
)

MONTHS = {"a": "2026-06-20T00:00:00Z", "b": "2026-06-01T00:00:00Z"}


def _exports(folder: Path, later: list[Line], earlier: list[Line]) -> Path:
    """The later export's folder comes first by name: the order of names must not count."""
    for name, lines in (("a", later), ("b", earlier)):
        manifest(folder / name, MONTHS[name], output=OUTPUT)
        write(folder / name / "MedicationRequest.ndjson", lines)
    return folder


def _refs(run: Run, patient: str) -> list[str]:
    return [one["ref"] for one in run.evaluations[patient]["mme"]["contributions"]]


def _as_each_chart(run: Run, folder: Path) -> None:
    certain = {p: row["evaluation"] for p, row in run.rows.items() if row["opioid"] == "yes"}
    assert certain == one_by_one(folder)


def test_the_later_export_says_whose_it_is(tmp_path: Path) -> None:
    folder = _exports(
        tmp_path / "in",
        later=[order("moved", "p2"), order("own", "p1"), person("p1"), person("p2")],
        earlier=[order("moved", "p1"), order("own", "p1"), person("p1"), person("p2")],
    )
    run = evaluate(folder, tmp_path / "out")
    assert _refs(run, "p1") == ["MedicationRequest/own"]
    assert _refs(run, "p2") == ["MedicationRequest/moved"]
    assert run.rows["p1"]["mme"] == run.rows["p2"]["mme"] == 30
    _as_each_chart(run, folder)


def test_whoever_had_nothing_but_what_moved_is_not_listed(tmp_path: Path) -> None:
    folder = _exports(
        tmp_path / "in",
        later=[order("moved", "p2", LISINOPRIL), person("p1"), person("p2")],
        earlier=[order("moved", "p1"), person("p1"), person("p2"), condition("c", "p1")],
    )
    run = evaluate(folder, tmp_path / "out")
    assert run.rows == {}
    assert run.record.patients == 2
    _as_each_chart(run, folder)


def test_what_moved_away_and_back_is_with_its_first_patient(tmp_path: Path) -> None:
    folder = _exports(tmp_path / "in", later=[order("m", "p2")], earlier=[order("m", "p1")])
    manifest(folder / "c", "2026-06-25T00:00:00Z", output=OUTPUT)
    write(folder / "c/MedicationRequest.ndjson", [order("m", "p1")])
    assert set(evaluate(folder, tmp_path / "out").rows) == {"p1"}


def test_neither_cuts_processes_nor_damage_beside_it_change_what_moved(tmp_path: Path) -> None:
    people = [f"p{number:03}" for number in range(60)]
    folder = _exports(
        tmp_path / "in",
        later=[b"{broken", *[order(f"m{one}", f"q{one}") for one in people[::3]], b"\xef\xbb\xbf"],
        earlier=[*[order(f"m{one}", one) for one in people], b"", b"{broken"],
    )
    whole = evaluate(folder, tmp_path / "whole")
    assert set(whole.rows) == {f"q{one}" for one in people[::3]} | (set(people) - set(people[::3]))
    cut = evaluate(folder, tmp_path / "cut", workers=2, limits=Limits(part_bytes=3_000, shard_patients=4))
    assert cut.files() == whole.files()
    _as_each_chart(whole, folder)


@pytest.mark.spark
def test_spark_moves_the_same(tmp_path: Path) -> None:
    folder = _exports(
        tmp_path / "in",
        later=[order("moved", "p2"), order("own", "p1")],
        earlier=[order("moved", "p1"), order("own", "p1")],
    )
    embedded = evaluate(folder, tmp_path / "embedded")
    spark = evaluate(folder, tmp_path / "spark", engine=EngineName.SPARK)
    assert spark.files() == embedded.files()
    assert _refs(spark, "p1") == ["MedicationRequest/own"]


def test_a_crawl_takes_charts_one_after_another_so_the_newer_version_says_whose_it_is(tmp_path: Path) -> None:
    state = {
        "stage": "complete", "config": {"crawl": True, "base_url": "https://ehr.example.org/fhir"},
        "files": [{"name": "crawl.1.ndjson", "done": True, "resources": 2}],
    }  # fmt: skip
    old, new = {"lastUpdated": "2026-06-16T08:00:00Z"}, {"lastUpdated": "2026-06-18T08:00:00Z"}
    write(tmp_path / "in/crawl.1.ndjson", [order("m", "p2", meta=new), order("m", "p1", meta=old)])
    (tmp_path / "in/export.json").write_text(json.dumps(state))
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert set(run.rows) == {"p2"}
    _as_each_chart(run, tmp_path / "in")


def test_the_same_id_at_another_ehr_or_at_an_unknown_time_is_another_resource(tmp_path: Path) -> None:
    folder = _exports(tmp_path / "in", later=[order("m", "p2")], earlier=[order("m", "p1")])
    said = json.loads((folder / "a/manifest.json").read_text())
    (folder / "a/manifest.json").write_text(
        json.dumps({**said, "request": "https://other.example.org/fhir/Group/1/$export"})
    )
    assert set(evaluate(folder, tmp_path / "out").rows) == {"p1", "p2"}
    for name in ("x", "y"):
        write(tmp_path / f"unknown/{name}/MedicationRequest.ndjson", [order("m", f"p-{name}")])
    assert set(evaluate(tmp_path / "unknown", tmp_path / "out2").rows) == {"p-x", "p-y"}
