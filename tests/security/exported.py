"""An export service that holds the charts of sandbox patients, and what a person does with an export of it."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from app.ehr.bulk.job_state import StateError
from app.jobs.evaluate_population import Request, evaluate_population
from tests.bulk.conftest import HOST, Export, Service
from tests.population.conftest import Run
from tests.security.files import AS_OF, lines_by_type


def hospital(patients: int = 2) -> Service:
    """Exports whole charts, one file per type."""
    service = Service()
    lines = lines_by_type(patients)
    service.contents = {
        f"{kind}.ndjson": "".join(f"{line}\n" for line in content).encode()
        for kind, content in sorted(lines.items())
    }
    for name in service.contents:
        service.on(f"GET {HOST}/files/{name}", lambda _, name=name: service.file(service.contents[name]))
    return service


def fetched(service: Service) -> list[str]:
    """Names of the files asked for, in order."""
    return [
        str(request.url).rpartition("/")[2] for request in service.requests if "/files/" in str(request.url)
    ]


async def finish(export: Export) -> bool:
    """Resume, or start where nothing was noted yet, as a person does after a crash; whether it is complete."""
    try:
        return (await export.resume()).complete
    except StateError:
        return (await export.run()).complete


def evaluated(folder: Path, out: Path) -> Run:
    """The whole export's evaluation on the day the charts are of."""
    record = evaluate_population(Request(folder, out, AS_OF, workers=1))
    table = pq.read_table(out / "evaluations.parquet").to_pylist()
    return Run(out, record, {row["patient"]: row for row in table})
