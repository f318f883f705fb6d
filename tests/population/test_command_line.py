"""`ltot population` and `ltot registry`, as an operator uses them; their pages say what there is."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from app.population.outputs import TABLES
from app.population.tables import SCHEMAS
from tests.population.conftest import order, person, write

PROJECT = Path(__file__).resolve().parents[2]


def _ltot(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    script = "from app.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=PROJECT, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", **environment},
    )  # fmt: skip


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "LTOT_BASE_URL": "http://localhost:8000",
        "LTOT_DATABASE_URL": f"sqlite:///{tmp_path / 'ltot.db'}",
        "LTOT_MASTER_KEY": base64.b64encode(bytes(range(32))).decode(),
    }


def _evaluate(folder: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return _ltot("population", "evaluate", folder, "--out", out, "--as-of", "2026-06-30", *more)


def test_from_an_export_to_a_list(tmp_path: Path, environment: dict[str, str]) -> None:
    write(
        tmp_path / "in/all.ndjson",
        [person("p1"), *[order(f"m{n}", "p1", authoredOn=f"2026-0{n}-15") for n in (4, 5, 6)]],
    )
    done = _evaluate(tmp_path / "in", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "1 patient, 1 with an opioid, 1 on long-term opioid therapy" in done.stderr
    run_id = done.stdout.strip()
    assert json.loads((tmp_path / "out/run.json").read_text())["id"] == run_id
    assert _ltot("migrate", **environment).returncode == 0
    added = _ltot(
        "tenant", "add", "--id", "north", "--name", "North", "--issuer", "https://north.example.org/fhir",
        "--client-id", "c", **environment,
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    assert _ltot("registry", "load", tmp_path / "out", **environment).stdout.split()[-1] == "loaded"
    assert "was loaded before" in _ltot("registry", "load", tmp_path / "out", **environment).stdout
    listed = _ltot("registry", "list", "--ltot", "yes", "--mme", "1-49", **environment)
    assert listed.stdout.split("\t")[:3] == ["p1", "yes", "30.0"]
    what, columns = listed.stderr.splitlines()
    assert what == f"1 patient of run {run_id}, as of 2026-06-30, complete"
    assert columns.split("\t")[:3] == ["patient", "LtOT", "MME a day"]
    assert len(columns.split("\t")) == len(listed.stdout.split("\t"))
    exported = _ltot("registry", "export", tmp_path / "list.csv", **environment)
    assert exported.stdout.startswith(f"1 patient of run {run_id}")
    assert (
        (tmp_path / "list.csv")
        .read_text(encoding="utf-8-sig")
        .splitlines()[1]
        .startswith("p1,,1961-02-03,,yes,")
    )
    assert "ltot\tyes\twithheld" in _ltot("registry", "measures", **environment).stdout
    out = ("--out", tmp_path / "counted", "--as-of", "2026-06-30", "--tenant", "north")
    assert _ltot("population", "evaluate", tmp_path / "in", *out, **environment).returncode == 0
    assert json.loads((tmp_path / "counted/run.json").read_text())["tenant"] == "north"


def test_a_run_for_a_tenant_goes_by_its_policy(tmp_path: Path, environment: dict[str, str]) -> None:
    write(tmp_path / "in/all.ndjson", [person("p1"), order("m1", "p1", authoredOn="2026-06-15")])
    assert _ltot("migrate", **environment).returncode == 0
    added = _ltot(
        "tenant", "add", "--id", "west", "--name", "West", "--issuer", "https://west.example.org/fhir",
        "--client-id", "c", "--policy", "wa", **environment,
    )  # fmt: skip
    assert added.returncode == 0, added.stderr

    def policy_of(*more: str) -> str:
        out = tmp_path / f"out-{len(more)}-{more[-1]}"
        done = _ltot(
            "population",
            "evaluate",
            tmp_path / "in",
            "--out",
            out,
            "--as-of",
            "2026-06-30",
            *more,
            **environment,
        )
        assert done.returncode == 0, done.stderr
        return json.loads((out / "run.json").read_text())["versions"]["policy"]

    own, named = policy_of("--policy", "wa"), policy_of("--policy", "topcare")
    assert own != named
    assert policy_of("--tenant", "west") == own
    assert policy_of("--tenant", "west", "--policy", "topcare") == named


def test_several_tenants_must_be_told_apart(environment: dict[str, str]) -> None:
    assert _ltot("migrate", **environment).returncode == 0
    refused = _ltot("registry", "measures", **environment)
    assert refused.returncode == 2
    assert "LT-601" in refused.stderr
    assert "LT-607" in _ltot("registry", "measures", "--tenant", "nobody", **environment).stderr


@pytest.mark.parametrize(
    ("prepare", "code"), [("nothing", "LT-501"), ("empty", "LT-504"), ("a bundle", "LT-504")]
)
def test_a_folder_without_an_export_is_refused_in_one_sentence(
    prepare: str, code: str, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    if prepare != "nothing":
        folder.mkdir()
    if prepare == "a bundle":
        (folder / "bundle.json").write_text('{"resourceType":"Bundle","type":"collection"}')
    said = _evaluate(folder, tmp_path / "out")
    assert said.returncode == 2
    assert said.stderr.startswith(code)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("zone", "mme"), [({"LTOT_TIME_ZONE": "America/Los_Angeles"}, 30), ({}, 0)], ids=["the clinic's", "UTC"]
)
def test_days_are_those_of_the_clinic_s_time_zone_as_in_the_panel(
    zone: dict[str, str], mme: int, tmp_path: Path
) -> None:
    write(tmp_path / "in/all.ndjson", [order("m1", "p1", authoredOn="2026-06-30T18:30:00-07:00")])
    out = ("--out", tmp_path / "out", "--as-of", "2026-06-30")
    assert _ltot("population", "evaluate", tmp_path / "in", *out, **zone).returncode == 0
    assert [row["mme"] for row in pq.read_table(tmp_path / "out/evaluations.parquet").to_pylist()] == [mme]


def test_a_run_that_lost_too_much_ends_with_1(tmp_path: Path) -> None:
    write(tmp_path / "in/MedicationRequest.ndjson", [order("m1", "p1"), b"{"])
    said = _evaluate(tmp_path / "in", tmp_path / "out")
    assert said.returncode == 1
    assert "failed" in said.stderr
    assert (tmp_path / "out/run.json").is_file()


def test_an_unknown_engine_is_wrong_usage(tmp_path: Path) -> None:
    said = _evaluate(tmp_path, tmp_path / "out", "--engine", "abacus")
    assert said.returncode == 2
    assert "embedded or spark" in said.stderr


def test_the_page_of_tables_names_every_file_and_column() -> None:
    page = (PROJECT / "docs/tables.md").read_text(encoding="utf-8")
    missing = [name for schema in SCHEMAS.values() for name in schema.names if f"`{name}`" not in page]
    assert missing == []
    for name in (*TABLES, "quarantine.ndjson", "run.json"):
        assert f"## {name}" in page


@pytest.mark.parametrize(("more", "environment"), [((), {"LTOT_SNOMED": "off"}), (("--snomed", "off"), {})])
def test_snomed_codes_are_left_out_where_the_operator_says_so(
    tmp_path: Path, more: tuple[str, ...], environment: dict[str, str]
) -> None:
    cancer = {"coding": [{"system": "http://snomed.info/sct", "code": "363346000"}]}
    problem = {
        "resourceType": "Condition",
        "id": "c1",
        "subject": {"reference": "Patient/p1"},
        "code": cancer,
    }
    write(tmp_path / "in/all.ndjson", [person("p1"), order("m1", "p1"), problem])
    read = ("--as-of", "2026-06-30")
    usual = json.loads(_ltot("evaluate", tmp_path / "in", *read).stdout)
    without = json.loads(_ltot("evaluate", tmp_path / "in", *read, *more, **environment).stdout)
    assert usual["exclusions"]
    assert without["exclusions"] == []
    assert without["versions"]["valuesets"] == f"{usual['versions']['valuesets']}-no-snomed"
    run = _ltot(
        "population", "evaluate", tmp_path / "in", "--out", tmp_path / "out", *read, *more, **environment
    )
    assert run.returncode == 0, run.stderr
    evaluations = pq.read_table(tmp_path / "out/evaluations.parquet")
    assert json.loads(evaluations["evaluation"][0].as_py()) == without


def test_site_codes_of_the_panel_count_for_files_as_well(tmp_path: Path) -> None:
    codes = tmp_path / "codes.toml"
    codes.write_text('[[condition]]\nsystem = "urn:oid:1.2.3"\ncode = "PAL"\ngroups = ["palliative_care"]\n')
    problem = {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"},
               "code": {"coding": [{"system": "urn:oid:1.2.3", "code": "PAL"}]}}  # fmt: skip
    write(tmp_path / "in/all.ndjson", [person("p1"), order("m1", "p1"), problem])
    read = ("evaluate", tmp_path / "in", "--as-of", "2026-06-30")
    assert json.loads(_ltot(*read).stdout)["exclusions"] == []
    (found,) = json.loads(_ltot(*read, LTOT_SITE_CODES=str(codes)).stdout)["exclusions"]
    assert found["kind"] == "palliative"
