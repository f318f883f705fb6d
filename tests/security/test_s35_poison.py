"""S-35: lines that poison a run are set aside by file and line; the run goes on and no chart is lost."""

from pathlib import Path

import pytest

from tests.named import missing
from tests.security.files import evaluate, lines_by_type, write

POISON: dict[str, bytes] = {
    "no JSON": b"{oops",
    "cut off": b'{"resourceType":"Condition","id":"x","subject":{"refer',
    "a number": b"42",
    "a list": b"[1,2,3]",
    "null": b"null",
    "no type": b'{"id":"x"}',
    "type a number": b'{"resourceType":7,"id":"x"}',
    "id a list": b'{"resourceType":"Condition","id":["x"],"subject":{"reference":"Patient/sandbox-clean"}}',
    "bad UTF-8": b'{"resourceType":"Condition","id":"\xff\xfe"}',
    "UTF-16": '{"resourceType":"Condition"}'.encode("utf-16"),
    "null bytes": b"\x00" * 100,
    "deep nesting": b'{"resourceType":"Condition","id":"x","a":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "a web page": b"<html><body>Sign in</body></html>",
    "a huge number": b'{"resourceType":"Condition","id":"x","n":' + b"9" * 5000 + b"}",
}


def test_every_poison_at_once_costs_no_chart(tmp_path: Path) -> None:
    clean = evaluate(write(tmp_path / "clean", lines_by_type()))
    assert clean.exit_code == 0, clean.err
    folder = write(tmp_path / "poisoned", lines_by_type())
    with (folder / "Condition.ndjson").open("ab") as file:
        for line in POISON.values():
            file.write(line.replace(b"\n", b" ") + b"\n")
    run = evaluate(folder)
    assert run.exit_code == 0, run.err
    assert set(run.charts) == set(clean.charts)
    for patient, chart in run.charts.items():
        assert chart["mme"]["contributions"] == clean.charts[patient]["mme"]["contributions"]
        assert chart["mme"]["current"] == clean.charts[patient]["mme"]["current"]
    assert "Traceback" not in run.err


@pytest.mark.parametrize(
    "name", ["no JSON", "cut off", "bad UTF-8", "a web page", "null bytes", "deep nesting", "a number"]
)
def test_what_is_set_aside_is_named_by_file_and_line_without_its_content(tmp_path: Path, name: str) -> None:
    lines = lines_by_type(2)
    number = len(lines["Condition"]) + 1
    folder = write(tmp_path, lines)
    with (folder / "Condition.ndjson").open("ab") as file:
        file.write(POISON[name] + b"\n")
    run = evaluate(folder)
    assert run.exit_code == 0
    assert f"Condition.ndjson:{number}:" in run.err
    assert "oops" not in run.err
    assert "Sign in" not in run.err


def test_a_line_beyond_all_measure_is_tested_in_the_export() -> None:
    assert (
        missing("tests/bulk/test_server_behaviours.py::test_a_line_beyond_all_measure_is_refused_early") == []
    )
