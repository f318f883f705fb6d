"""Fetches the drugs that exported orders name by reference and the export left out.

Epic exports no Medication resources, so without this no exported order would have a drug.
"""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Iterator
from itertools import islice

from app.ehr.bulk import job_state
from app.ehr.bulk.config import ExportConfig
from app.ehr.bulk.disk import PartFile
from app.ehr.bulk.job_state import ExportState, FileState
from app.ehr.bulk.results import StoppedError, Tools
from app.ehr.bundles import identity
from app.ehr.client import FhirClient, Limits
from app.ehr.references import medication_ids
from app.ehr.vendors import vendor_profile

FILE_NAME = "Medication.read.ndjson"
SECONDS_PER_READ = 300.0
_AT_ONCE = 200
_DRUG_KINDS = frozenset({"MedicationRequest", "MedicationDispense", "MedicationStatement", None})
PATIENT_LIMITS = Limits(read_seconds=60.0, attempts=6)


def batch_client(config: ExportConfig, tools: Tools) -> FhirClient:
    """A FHIR client with a batch's patience in place of a clinician's."""
    return FhirClient(
        config.base_url,
        tools.http,
        tools.tokens,
        vendor_profile(config.vendor),
        client_id=config.client_id,
        limits=PATIENT_LIMITS,
        clock=lambda: tools.clock().timestamp(),
        sleep=tools.sleep,
        now=tools.clock,
    )


async def hydrate(config: ExportConfig, state: ExportState, tools: Tools) -> None:
    """Read the missing drugs into a file of their own.  Raises StoppedError when some cannot be read."""
    if not state.hydrated:
        missing, elsewhere = _missing(config, state)
        resources = await _read(missing, batch_client(config, tools), tools) if missing else []
        if resources:
            state.files = [file for file in state.files if file.name != FILE_NAME]
            state.files.append(_written(config, resources))
        state.unresolved_drugs = elsewhere + len(missing) - len(resources)
        state.hydrated = state.unresolved_drugs == 0
        job_state.save(config.folder, state)
    if state.unresolved_drugs:
        raise StoppedError(
            f"{state.unresolved_drugs} drugs that exported orders refer to could not be read; "
            "resume to try again, and check that this client may read Medication."
        )


def _missing(config: ExportConfig, state: ExportState) -> tuple[tuple[str, ...], int]:
    base = config.base_url.rstrip("/")
    outputs = [file for file in state.files if file.section == "output" and file.name != FILE_NAME]
    orders = (line for file in outputs if file.kind in _DRUG_KINDS for line in _lines(config, file))
    named, elsewhere = medication_ids(orders, base)
    if not named:
        return (), elsewhere
    drugs = (line for file in outputs if file.kind in {"Medication", None} for line in _lines(config, file))
    held = {id_ for kind, id_ in map(identity, drugs) if kind == "Medication"}
    return tuple(id_ for id_ in named if id_ not in held), elsewhere


def _lines(config: ExportConfig, file: FileState) -> Iterator[bytes]:
    with (config.folder / file.name).open("rb") as opened:
        plain = (line.removeprefix(codecs.BOM_UTF8) for line in opened)
        yield from (line for line in plain if line.strip())


async def _read(ids: tuple[str, ...], client: FhirClient, tools: Tools) -> list[bytes]:
    found: list[bytes] = []
    left = iter(ids)
    while batch := list(islice(left, _AT_ONCE)):
        deadline = tools.clock().timestamp() + SECONDS_PER_READ
        answers = await asyncio.gather(*(client.read("Medication", id_, deadline) for id_ in batch))
        found += [item for answer in answers for item in answer.items]
        tools.progress(f"{len(found)} of {len(ids)} drugs are read.")
    return found


def _written(config: ExportConfig, resources: list[bytes]) -> FileState:
    with PartFile(config.folder / FILE_NAME) as part:
        for resource in resources:
            part.write(one_line(resource) + b"\n")
        part.commit()
    return FileState(
        FILE_NAME,
        "output",
        "",
        "Medication",
        done=True,
        size=part.size,
        resources=len(resources),
        sha256=part.sha256,
    )


def one_line(resource: bytes) -> bytes:
    """A resource on one line: line breaks in JSON text stand between tokens only."""
    return resource.replace(b"\r", b" ").replace(b"\n", b" ")
