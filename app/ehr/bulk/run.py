"""The verbs of an export: start, resume, cancel."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import httpx2

from app.ehr.bulk import disk, job_state
from app.ehr.bulk.config import ExportConfig
from app.ehr.bulk.job import Job
from app.ehr.bulk.job_state import ExportState, Stage, StateError
from app.ehr.bulk.results import Clock, ExportResult, Progress, Sleep, Tools
from app.ehr.client import TokenProvider


async def run_export(
    config: ExportConfig,
    *,
    http: httpx2.AsyncClient,
    token_provider: TokenProvider,
    clock: Clock,
    sleep: Sleep = asyncio.sleep,
    progress: Progress = lambda _text: None,
) -> ExportResult:
    """Start an export into a new folder and stay until it is complete or cannot go on.

    Raises StateError when the folder already holds one.  Everything else ends as a result with a sentence.
    """
    folder = config.folder
    tools = Tools(http, token_provider, clock, sleep, progress)
    try:
        disk.make_folder(folder)
        with disk.locked(folder):
            if (folder / job_state.STATE_NAME).exists():
                raise StateError("The folder already holds an export; resume it, or name another folder.")
            state = ExportState(job_state.config_members(config), export_id=uuid4().hex)
            job_state.save(folder, state)
            return await Job(config, state, tools).go()
    except disk.DiskError as error:
        return ExportResult(Stage.NEW, str(error))
    except disk.FolderInUseError:
        raise StateError("Another process works in this folder.") from None


async def resume(
    folder: Path,
    *,
    http: httpx2.AsyncClient,
    token_provider: TokenProvider,
    clock: Clock,
    sleep: Sleep = asyncio.sleep,
    progress: Progress = lambda _text: None,
) -> ExportResult:
    """Go on with the export in `folder`, wherever a former run ended.  Raises StateError."""
    try:
        with disk.locked(folder):
            state = job_state.load(folder)
            config = job_state.config_of(state, folder)
            tools = Tools(http, token_provider, clock, sleep, progress)
            return await Job(config, state, tools).go()
    except disk.FolderInUseError:
        raise StateError("Another process works in this folder.") from None


async def cancel(
    folder: Path, *, http: httpx2.AsyncClient, token_provider: TokenProvider, clock: Clock
) -> ExportResult:
    """Tell the EHR to drop the export; files already here stay.  Raises StateError."""
    try:
        with disk.locked(folder):
            state = job_state.load(folder)
            config = job_state.config_of(state, folder)
            return await Job(config, state, Tools(http, token_provider, clock)).cancel()
    except disk.FolderInUseError:
        raise StateError("Another process works in this folder; stop it first.") from None
