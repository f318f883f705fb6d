"""S-35: lines that poison a run are set aside by file and line; the run goes on and no chart is lost."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.ehr.bulk.lines import MAX_LINE
from tests.bulk.conftest import MEDIA, Export, Stream
from tests.security.exported import hospital
from tests.security.files import AS_OF, evaluate, lines_by_type, write

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


async def test_a_line_beyond_all_measure_is_refused_while_it_arrives(tmp_path: Path) -> None:
    """A hundred megabytes without an end of line: the export gives up at its limit and keeps no part of it."""
    arrived: list[int] = []

    class Endless(Stream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            arrived.append(0)
            async for chunk in super().__aiter__():
                arrived[-1] += len(chunk)
                yield chunk

    line = [b'{"resourceType":"Condition","id":"x","a":"', *[b"x" * 1_000_000] * 100]
    service = hospital()
    service.on_file(httpx2.Response(200, stream=Endless(line), headers=MEDIA), name="Condition.ndjson")
    export = Export(service, tmp_path / "export")
    result = await export.run()
    assert result.exit_code == 3
    assert "line 1 is longer than" in " ".join((result.sentence, *result.missing))
    assert arrived
    assert all(MAX_LINE <= size < MAX_LINE + 2_000_000 for size in arrived)
    assert "Condition.001.ndjson" not in export.data()
    assert len(export.data()) == len(service.contents) - 1
    await service.http.aclose()


def poisoned(folder: Path, bad: int, of: int) -> Path:
    """`of` lines, `bad` of which cannot be used."""
    lines = lines_by_type(4)
    spare = of - bad - sum(len(content) for content in lines.values())
    assert spare >= 0
    owner = {"subject": {"reference": "Patient/sandbox-clean"}, "code": {"text": "low back pain"}}
    lines["Condition"] += [
        json.dumps({"resourceType": "Condition", "id": f"spare-{number}", **owner}) for number in range(spare)
    ]
    lines["Condition"] += ["{oops"] * bad
    return write(folder, lines)


@pytest.mark.parametrize(("bad", "status", "exit_code"), [(50, "complete", 0), (51, "failed", 1)])
def test_more_than_one_line_in_twenty_makes_the_run_a_failed_one(
    tmp_path: Path, bad: int, status: str, exit_code: int
) -> None:
    folder, out = poisoned(tmp_path / "in", bad, 1000), tmp_path / "out"
    words = ["population", "evaluate", str(folder), "--out", str(out), "--as-of", AS_OF.isoformat()]
    done = CliRunner().invoke(cli, [*words, "--workers", "1"])
    record = json.loads((out / "run.json").read_text())
    assert (done.exit_code, record["status"]) == (exit_code, status), done.output
    assert record["set_aside"] == bad
    assert len((out / "quarantine.ndjson").read_text().splitlines()) == bad
    said = [f"{bad} of 1000 lines could not be used"] if status == "failed" else []
    assert [reason for reason in record["reasons"] if "lines could not be used" in reason] == said
    assert record["patients"] == 4
