"""Evaluate a Bulk Data export: NDJSON in, tables out, by the engine asked for."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from app.clinical.version import CODE_VERSION
from app.clinical.words import counted
from app.errors import LtotError
from app.jobs.policies import load_policy, load_site_terms, policy_file
from app.population.derive import Task
from app.population.engine import Engine
from app.population.exports import Inputs, inputs_in
from app.population.keep import Recorded
from app.population.missing import outdated_before
from app.population.outputs import (
    QUARANTINE,
    RUN,
    TABLES,
    TableWriter,
    checksum,
    publish,
    write_quarantine,
)
from app.population.pipeline import Found, InputFile, Limits, nothing_recorded, run, status_of

MOST_SET_ASIDE = 0.05
_WORK = ".work-"


class EngineName(StrEnum):
    EMBEDDED = "embedded"
    SPARK = "spark"


@dataclass(frozen=True, slots=True)
class Request:
    """What to evaluate and how.

    workers: processes of the embedded engine, all processors when None.  snomed: whether SNOMED CT codes are used.
    recorded: gives what was recorded in the visits of the patients named; None when nothing of that is known here.
    tenant: whose visits these are.
    """

    folder: Path
    out: Path
    as_of: date
    engine: EngineName = EngineName.EMBEDDED
    policy: Path | None = None
    site_codes: Path | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    workers: int | None = None
    snomed: bool = True
    limits: Limits = field(default_factory=Limits)
    recorded: Callable[[Sequence[str]], Recorded] | None = None
    tenant: str | None = None


class RunRecord(msgspec.Struct):
    """`run.json`: what was read, by which versions, and how complete it was (docs/tables.md).

    id: the same for the same inputs (files and what manifests say of them), visit entries, policy, versions and day.
    visit_entries: how many counted, None when they were not asked for.  taken: when the newest export was, None when
    no export tells.  tenant: whose visits were counted.  ehrs: addresses the exports came from, as far as they tell.
    """

    id: str
    status: str
    reasons: list[str]
    engine: str
    as_of: str
    time_zone: str
    started: str
    finished: str
    versions: dict[str, str]
    inputs: list[InputFile]
    resources: dict[str, int]
    patients: int
    patients_with_opioid: int
    opioid_cannot_tell: int
    on_ltot: int
    ltot_cannot_tell: int
    repeated_resources: int
    set_aside: int
    visit_entries: int | None
    outputs: dict[str, str]
    taken: str | None = None
    tenant: str | None = None
    ehrs: list[str] = []


def evaluate_population(request: Request) -> RunRecord:
    """Write the run's files into `out` and return its record; rerun after any crash, the result is the same.

    Raises LtotError: LT-501, LT-504 for the folder, LT-508 for the engine, LT-509 when nothing can be written,
    LT-511 for exports of two EHRs with the same ids, LT-603 and LT-604.
    """
    started = datetime.now(UTC)
    inputs = _inputs(request)
    policy = load_policy(request.policy)
    terms = load_site_terms(request.site_codes, snomed=request.snomed)
    task = Task(
        policy_file(request.policy).read_text(encoding="utf-8"),
        request.as_of,
        request.zone.key,
        str(request.site_codes) if request.site_codes else None,
        request.snomed,
    )
    versions = {
        "code": CODE_VERSION,
        "policy": policy.label,
        "factors": policy.mme.factor_table,
        "valuesets": terms.version,
    }
    try:
        with _working_folder(request.out) as work:
            found = _run(request, inputs, task, work)
            aside = write_quarantine(work / QUARANTINE, found.set_aside)
            record = _record(request, inputs, found, versions, task, aside)
            record.started, record.finished = started.isoformat(), datetime.now(UTC).isoformat()
            record.outputs = {name: checksum(work / name) for name in (*TABLES, QUARANTINE)}
            (work / RUN).write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1))
            publish(work, request.out)
    except OSError as error:
        raise _not_finished(error) from None
    return record


def _inputs(request: Request) -> Inputs:
    if not request.folder.is_dir():
        raise LtotError("LT-501", str(request.folder))
    try:
        inputs = inputs_in(request.folder)
        inputs.leave_bundles()
    except OSError as error:
        raise _not_finished(error) from None
    inputs.files = {name: path for name, path in inputs.files.items() if not _is_below(path, request.out)}
    inputs.unread = {
        name: why for name, why in inputs.unread.items() if not _is_below(request.folder / name, request.out)
    }
    if not inputs.files:
        raise LtotError("LT-504", str(request.folder))
    return inputs


def _not_finished(error: OSError) -> LtotError:
    where = f": {error.filename}" if error.filename else ""
    return LtotError("LT-509", f"{error.strerror or 'Its files cannot be written'}{where}.")


def _is_below(path: Path, folder: Path) -> bool:
    """What an earlier run wrote is no export, also where it was written among the exports."""
    return folder.resolve() in path.resolve().parents


def _run(request: Request, inputs: Inputs, task: Task, work: Path) -> Found:
    engine = _engine(request, inputs, task, work)
    tables = TableWriter(work)
    try:
        before = outdated_before(request.as_of, request.zone)
        return run(inputs, engine, tables, request.limits, before, request.recorded or nothing_recorded)
    except engine.failures:
        raise LtotError("LT-509", engine.next_step) from None
    finally:
        tables.close()
        engine.close()


def _engine(request: Request, inputs: Inputs, task: Task, work: Path) -> Engine:
    if request.engine is EngineName.SPARK:
        try:
            from app.population.spark import SparkEngine
        except ModuleNotFoundError:
            raise LtotError("LT-508", "pip install 'ltot-panel[spark]'.") from None
        return SparkEngine(task)
    from app.population.embedded import EmbeddedEngine

    size = sum(path.stat().st_size for path in inputs.files.values())
    processors = request.workers or len(os.sched_getaffinity(0))
    return EmbeddedEngine(work, task, min(processors, 1 + size // request.limits.part_bytes))


@contextmanager
def _working_folder(out: Path) -> Iterator[Path]:
    """A folder inside `out` for unfinished files; what an earlier run left behind is removed."""
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (out / f"{_WORK}lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LtotError("LT-509", "Another run is writing into this folder.") from None
        for left in out.glob(f"{_WORK}[!l]*"):
            shutil.rmtree(left, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=f"{_WORK}-", dir=out))
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _record(
    request: Request, inputs: Inputs, found: Found, versions: dict[str, str], task: Task, aside: int
) -> RunRecord:
    status, reasons = status_of(found, MOST_SET_ASIDE)
    entries = None if request.recorded is None else found.recorded
    said = [sorted(inputs.exports.items()), sorted(inputs.deleted.items()), found.census.lacking]
    identity = msgspec.json.encode(
        [found.files, said, versions, task.policy, request.as_of, task.zone, entries]
    )
    return RunRecord(
        id=hashlib.sha256(identity).hexdigest()[:32],
        status=status,
        reasons=reasons,
        engine=request.engine.value,
        as_of=request.as_of.isoformat(),
        time_zone=task.zone,
        started="",
        finished="",
        versions=versions,
        inputs=found.files,
        resources=found.kinds,
        patients=found.people,
        patients_with_opioid=found.tally.with_opioid,
        opioid_cannot_tell=found.tally.patients - found.tally.with_opioid,
        on_ltot=found.tally.on_ltot,
        ltot_cannot_tell=found.tally.cannot_tell,
        repeated_resources=found.tally.duplicates,
        set_aside=aside,
        visit_entries=None
        if entries is None
        else sum(one.stands for made in entries.values() for one in made),
        outputs={},
        taken=_taken(inputs),
        tenant=request.tenant,
        ehrs=sorted({export.server for export in inputs.exports.values()} - {""}),
    )


def _taken(inputs: Inputs) -> str | None:
    newest = max((export.moment for export in inputs.exports.values()), default=0.0)
    return datetime.fromtimestamp(newest, UTC).isoformat() if newest else None


def summary(record: RunRecord) -> list[str]:
    """The run in a few lines, counts only."""
    lines = [
        f"Run {record.id}: {record.status}",
        (
            f"{counted(record.patients, 'patient')}, {record.patients_with_opioid} with an opioid, {record.on_ltot} on "
            f"long-term opioid therapy; it cannot be told of {record.opioid_cannot_tell} whether they have an opioid, "
            f"of {record.ltot_cannot_tell} whether they are on long-term opioid therapy"
        ),
        (
            f"{sum(record.resources.values())} resources read, {record.repeated_resources} repeated, "
            f"{record.set_aside} set aside (see {QUARANTINE})"
        ),
    ]
    lines.append(f"newest export taken {record.taken or 'at a time that is not known'}")
    if record.visit_entries is None:
        lines.append("what was recorded in visits is not counted: name the tenant to count it")
    else:
        lines.append(f"{counted(record.visit_entries, 'entry', 'entries')} recorded in visits counted")
    return lines + [f"incomplete: {reason}" for reason in record.reasons]
