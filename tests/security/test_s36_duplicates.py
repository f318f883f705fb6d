"""S-36: of repeated resources the newest counts, once, whatever the order of files and lines."""

import json
import random
from pathlib import Path

from tests.security.files import evaluate, lines_by_type, write


def test_order_of_files_and_lines_and_repeats_mean_nothing(tmp_path: Path) -> None:
    lines = lines_by_type()
    clean = evaluate(write(tmp_path / "clean", lines))
    assert clean.exit_code == 0, clean.err
    shuffled = {kind: random.Random(7).sample(content, len(content)) for kind, content in lines.items()}
    mixed = tmp_path / "mixed"
    write(mixed, {kind: content + content[: len(content) // 2] for kind, content in shuffled.items()})
    for kind in lines:
        (mixed / f"{kind}.ndjson").rename(mixed / f"{kind}.{random.Random(kind).randrange(1000)}.ndjson")
    assert evaluate(mixed).out == clean.out


def test_overlapping_exports_count_once(tmp_path: Path) -> None:
    lines = lines_by_type()
    clean = evaluate(write(tmp_path / "one", lines))
    whole = evaluate(tmp_path / "one", write(tmp_path / "two", lines))
    assert whole.exit_code == 0, whole.err
    for patient, chart in whole.charts.items():
        assert chart["mme"] == clean.charts[patient]["mme"]


def test_an_older_version_changes_nothing_wherever_it_stands(tmp_path: Path) -> None:
    lines = lines_by_type()

    def version(text: str, number: str, moment: str, **changes: object) -> str:
        resource = json.loads(text)
        resource["meta"] = {"versionId": number, "lastUpdated": moment}
        return json.dumps({**resource, **changes})

    newest = [version(line, "2", "2026-02-01T00:00:00Z") for line in lines["MedicationRequest"]]
    older = [
        version(line, "1", "2020-01-01T00:00:00Z", status="entered-in-error")
        for line in lines["MedicationRequest"]
    ]
    clean = evaluate(write(tmp_path / "clean", {**lines, "MedicationRequest": newest}))
    first = evaluate(write(tmp_path / "first", {**lines, "MedicationRequest": older + newest}))
    last = evaluate(write(tmp_path / "last", {**lines, "MedicationRequest": newest + older}))
    for run in (first, last):
        assert run.exit_code == 0, run.err
        assert {p: c["mme"] for p, c in run.charts.items()} == {p: c["mme"] for p, c in clean.charts.items()}
