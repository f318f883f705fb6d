"""Small exports on disk, runs over them, and a registry on SQLite and on PostgreSQL."""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pyarrow.parquet as pq
import pytest

from app.clinical.as_json import as_json
from app.jobs.evaluate_files import read_files
from app.jobs.evaluate_population import EngineName, Request, RunRecord, evaluate_population
from app.jobs.policies import load_policy, load_site_terms
from app.population.pipeline import Limits
from app.store.crypto import KeyRing
from app.store.db import Store, create_store_engine
from app.store.migrate import grant_service_role, upgrade
from app.store.tenants import AuthMethod, Tenant, Tenants
from tests.postgres_cluster import SERVICE, PostgresCluster, postgres_cluster

__all__ = ["postgres_cluster"]

DAY = date(2026, 6, 30)
NOW = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)
SHARED = Path(__file__).resolve().parents[3] / "shared"
OXYCODONE = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "1049621"}],
             "text": "oxycodone hydrochloride 5 MG Oral Tablet"}  # fmt: skip
LISINOPRIL = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "314076"}],
              "text": "lisinopril 10 MG Oral Tablet"}  # fmt: skip
OUTPUT = [{"type": "MedicationRequest", "url": "MedicationRequest.ndjson"}]
Json = dict[str, object]
Line = Json | bytes


def person(id_: str) -> Json:
    return {"resourceType": "Patient", "id": id_, "birthDate": "1961-02-03", "gender": "female"}


def order(id_: str, patient: str, drug: object = OXYCODONE, **more: object) -> Json:
    """30 days of one tablet four times a day, written in the middle of June 2026."""
    return {
        "resourceType": "MedicationRequest", "id": id_, "status": "active", "intent": "order",
        "medicationCodeableConcept": drug, "subject": {"reference": f"Patient/{patient}"},
        "authoredOn": "2026-06-15",
        "dosageInstruction": [{"text": "Take 1 tablet by mouth 4 times daily"}],
        "dispenseRequest": {"quantity": {"value": 120, "unit": "tablet"},
                            "expectedSupplyDuration": {"value": 30, "unit": "days", "code": "d"}},
        **more,
    }  # fmt: skip


def condition(id_: str, patient: str) -> Json:
    return {"resourceType": "Condition", "id": id_, "subject": {"reference": f"Patient/{patient}"},
            "code": {"text": "low back pain"}}  # fmt: skip


def write(path: Path, lines: Sequence[Line]) -> Path:
    """NDJSON, gzipped where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    data = b"".join(text + b"\n" for text in texts)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def manifest(folder: Path, moment: str, **sections: Sequence[Mapping[str, object]]) -> None:
    said = {"transactionTime": moment, "request": "Group/1/$export", "output": [], "error": [], **sections}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(said))


@dataclass
class Run:
    """A finished run and its files."""

    out: Path
    record: RunRecord
    rows: dict[str, dict[str, object]] = field(default_factory=dict)

    @property
    def quarantine(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in (self.out / "quarantine.ndjson").read_text().splitlines()]

    @property
    def places(self) -> list[tuple[object, object]]:
        return [(row["file"], row["line"]) for row in self.quarantine]

    @property
    def evaluations(self) -> dict[str, Any]:
        return {patient: json.loads(str(row["evaluation"])) for patient, row in self.rows.items()}

    def source(self, patient: str, kind: str) -> Json:
        return next(one for one in self.evaluations[patient]["sources"] if one["kind"] == kind)

    def files(self) -> dict[str, bytes]:
        names = ("evaluations.parquet", "gaps.parquet", "contributions.parquet", "quarantine.ndjson")
        return {name: (self.out / name).read_bytes() for name in names}


def evaluate(
    folder: Path,
    out: Path,
    *,
    workers: int = 1,
    limits: Limits | None = None,
    engine: EngineName = EngineName.EMBEDDED,
) -> Run:
    request = Request(folder, out, DAY, engine, workers=workers, limits=limits or Limits())
    record = evaluate_population(request)
    table = pq.read_table(out / "evaluations.parquet").to_pylist()
    return Run(out, record, {row["patient"]: row for row in table})


def one_by_one(folder: Path) -> dict[str, str]:
    """The JSON of everyone with an opioid, as `ltot evaluate` gives it."""
    run = read_files([folder], policy=load_policy(), terms=load_site_terms(), as_of=DAY, zone=ZoneInfo("UTC"))
    return {
        evaluation.patient: msgspec.json.encode(as_json(evaluation)).decode()
        for facts, evaluation in run.evaluations()
        if any(one.drug.is_opioid for one in (*facts.orders, *facts.fills))
    }


@dataclass(frozen=True)
class Database:
    owner_url: str
    service_url: str


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A migrated store with the tenants ``north`` and ``south``, as the service sees it."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'ltot.db'}"
        yield from _store(Database(url, url))
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
    name = cluster.create_database()
    try:
        yield from _store(Database(cluster.admin_url(name), cluster.service_url(name)))
    finally:
        cluster.drop_database(name)


def _store(database: Database) -> Iterator[Store]:
    owner = create_store_engine(database.owner_url)
    upgrade(owner)
    if owner.dialect.name == "postgresql":
        grant_service_role(owner, SERVICE)
    owner.dispose()
    engine = create_store_engine(database.service_url)
    store = Store(engine, KeyRing.from_settings(bytes(range(32))))
    for name in ("north", "south"):
        Tenants(store).save(
            Tenant(name, name.title(), f"https://{name}.example.org/fhir", name, AuthMethod.PRIVATE_KEY_JWT),
            NOW,
        )
    yield store
    engine.dispose()
