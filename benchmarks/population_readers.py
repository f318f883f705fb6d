"""One way to read an export, in a process of its own: `python -m benchmarks.population_readers NAME FOLDER OUT`.

Prints how many megabytes it read.  run: the whole evaluation; scan: its reading alone; the others are what people
would otherwise read NDJSON with.
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path

PROCESSES = 2
SAMPLE_BYTES = 3_000_000
CODEABLE = 'STRUCT(coding STRUCT("system" VARCHAR, code VARCHAR, display VARCHAR)[], "text" VARCHAR)'
QUANTITY = 'STRUCT("value" DOUBLE, unit VARCHAR, code VARCHAR)'
REFERENCE = "STRUCT(reference VARCHAR, display VARCHAR)"
PERIOD = 'STRUCT("start" VARCHAR, "end" VARCHAR)'
COMMON = {
    "resourceType": "VARCHAR",
    "id": "VARCHAR",
    "meta": "STRUCT(versionId VARCHAR, lastUpdated VARCHAR)",
    "status": "VARCHAR",
    "subject": REFERENCE,
}
OF_KIND = {
    "MedicationRequest": {
        "intent": "VARCHAR",
        "category": f"{CODEABLE}[]",
        "medicationCodeableConcept": CODEABLE,
        "medicationReference": REFERENCE,
        "authoredOn": "VARCHAR",
        "requester": REFERENCE,
        "dosageInstruction": f'STRUCT("text" VARCHAR, timing STRUCT(repeat STRUCT(frequency BIGINT, period DOUBLE, '
        f"periodUnit VARCHAR)), asNeededBoolean BOOLEAN, doseAndRate STRUCT(doseQuantity {QUANTITY})[])[]",
        "dispenseRequest": f"STRUCT(validityPeriod {PERIOD}, numberOfRepeatsAllowed BIGINT, quantity {QUANTITY}, "
        f"expectedSupplyDuration {QUANTITY})",
    },
    "MedicationDispense": {
        "medicationCodeableConcept": CODEABLE,
        "medicationReference": REFERENCE,
        "whenHandedOver": "VARCHAR",
        "quantity": QUANTITY,
        "daysSupply": QUANTITY,
    },
    "Observation": {
        "category": f"{CODEABLE}[]",
        "code": CODEABLE,
        "effectiveDateTime": "VARCHAR",
        "valueQuantity": QUANTITY,
        "valueCodeableConcept": CODEABLE,
        "valueString": "VARCHAR",
    },
    "Condition": {
        "clinicalStatus": CODEABLE,
        "verificationStatus": CODEABLE,
        "category": f"{CODEABLE}[]",
        "code": CODEABLE,
        "onsetDateTime": "VARCHAR",
        "recordedDate": "VARCHAR",
    },
    "Encounter": {"type": f"{CODEABLE}[]", "period": PERIOD},
    "Patient": {"birthDate": "VARCHAR", "gender": "VARCHAR"},
}


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.ndjson"))


def columns_of(path: Path) -> dict[str, str]:
    return COMMON | OF_KIND.get(path.name.partition(".")[0], {})


def run(folder: Path, out: Path) -> int:
    return _run(folder, out, "embedded")


def run_on_spark(folder: Path, out: Path) -> int:
    return _run(folder, out, "spark")


def _run(folder: Path, out: Path, engine: str) -> int:
    from app.jobs.evaluate_population import EngineName, Request, evaluate_population

    record = evaluate_population(
        Request(folder, out, date(2026, 6, 30), EngineName(engine), workers=PROCESSES)
    )
    return sum(file.bytes for file in record.inputs)


def scan(folder: Path, out: Path) -> int:
    from app.jobs.policies import POLICIES
    from app.population.derive import Task
    from app.population.embedded import EmbeddedEngine
    from app.population.parts import MAX_LINE, PART_BYTES, parts_of

    task = Task((POLICIES / "default.toml").read_text(), date(2026, 6, 30), "UTC")
    parts = [
        part
        for path in files(folder)
        for part in parts_of(path, path.name, 0.0, part_bytes=PART_BYTES, max_line=MAX_LINE)
    ]
    engine = EmbeddedEngine(out, task, PROCESSES)
    lines = sum(summary.lines for summary in engine.scan(parts))
    engine.close()
    assert lines > 0
    return sum(part.end - part.start for part in parts)


def duckdb(folder: Path, out: Path) -> int:  # noqa: ARG001
    import duckdb as library

    connection = library.connect(config={"threads": PROCESSES})
    for path in files(folder):
        table = connection.read_json(
            str(path), format="newline_delimited", columns=columns_of(path), ignore_errors=True
        )
        for _ in table.to_arrow_reader():
            pass
    return sum(path.stat().st_size for path in files(folder))


def _parse(path: Path) -> int:
    from orjson import JSONDecodeError, loads

    with path.open("rb") as lines:
        for line in lines:
            try:
                if line.strip():
                    loads(line)
            except JSONDecodeError:
                continue
    return path.stat().st_size


def orjson(folder: Path, out: Path) -> int:  # noqa: ARG001
    several = sorted(files(folder), key=lambda path: -path.stat().st_size)
    with ProcessPoolExecutor(PROCESSES) as pool:
        return sum(pool.map(_parse, several))


def fhir_resources(folder: Path, out: Path) -> int:  # noqa: ARG001
    """A sample in proportion, since the whole would take an hour."""
    from fhir.resources.R4B import get_fhir_model_class

    total, read = sum(path.stat().st_size for path in files(folder)), 0
    for path in files(folder):
        model, left = (
            get_fhir_model_class(path.name.partition(".")[0]),
            SAMPLE_BYTES * path.stat().st_size // total,
        )
        with path.open("rb") as lines:
            for line in lines:
                if left <= 0:
                    break
                left -= len(line)
                read += len(line)
                try:
                    model.model_validate_json(line)
                except ValueError:
                    continue
    return read


def pyspark(folder: Path, out: Path) -> int:  # noqa: ARG001
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(f"local[{PROCESSES}]").config("spark.ui.enabled", "false")
    session = builder.config("spark.driver.host", "127.0.0.1").getOrCreate()
    for path in files(folder):
        schema = ", ".join(f"`{name}` {_spark_type(kind)}" for name, kind in columns_of(path).items())
        session.read.schema(schema).json(str(path)).write.format("noop").mode("overwrite").save()
    session.stop()
    return sum(path.stat().st_size for path in files(folder))


def _spark_type(kind: str) -> str:
    """DuckDB's way to write a type, in Spark's."""
    if kind.endswith("[]"):
        return f"ARRAY<{_spark_type(kind[:-2])}>"
    if kind.startswith("STRUCT("):
        fields = []
        for field in _split(kind[len("STRUCT(") : -1]):
            name, _, inner = field.strip().partition(" ")
            fields.append(f"`{name.strip(chr(34))}`: {_spark_type(inner.strip())}")
        return f"STRUCT<{', '.join(fields)}>"
    return {"VARCHAR": "STRING"}.get(kind, kind)


def _split(text: str) -> list[str]:
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


READERS = {one.__name__: one for one in (run, run_on_spark, scan, duckdb, orjson, fhir_resources, pyspark)}

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        print(READERS[sys.argv[1]](Path(sys.argv[2]), Path(work)) / 1e6)
