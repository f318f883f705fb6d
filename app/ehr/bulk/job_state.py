"""The state of an export on disk: `export.json`, replaced whole after every step.

It holds addresses that can carry signatures, and for a crawl patient ids; it never holds a token.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from app.ehr.bulk.config import ExportConfig
from app.ehr.bulk.disk import write_whole

STATE_NAME = "export.json"


class Stage(StrEnum):
    """How far an export has come.  ASKED: the kick-off was sent and its answer is not known."""

    NEW = "new"
    ASKED = "asked"
    WAITING = "waiting"
    DOWNLOADING = "downloading"
    CRAWLING = "crawling"
    COMPLETE = "complete"
    CANCELLED = "cancelled"


class FileState(Struct):
    """One file of the manifest.

    name: ours, below the folder.  kind: promised resource type, None for several.  counts: what the manifest
    says (twice, if it lists the file twice).  done: verified and under its name.  size, resources, sha256: as
    verified.  problem: the end of a sentence on the last attempt.
    """

    name: str
    section: str
    url: str
    kind: str | None
    counts: list[int] = []
    organised: bool = False
    done: bool = False
    size: int = 0
    resources: int = 0
    sha256: str = ""
    problem: str = ""


class Unread(Struct, frozen=True):
    """What a crawl could not read: one type of one patient, and why (the end of a sentence).

    offered False: the EHR says that it does not give this type at all, rather than that it failed.
    """

    patient: str
    kind: str
    problem: str
    offered: bool = True


class ExportState(Struct):
    """Everything a later process needs to go on."""

    config: dict[str, Any]
    export_id: str
    stage: Stage = Stage.NEW
    status_url: str | None = None
    transaction_time: str | None = None
    requires_token: bool | None = None
    manifest_urls: list[str] = []
    files: list[FileState] = []
    crawl_patients: list[str] = []
    crawled: int = 0
    batches_left: list[int] = []
    unread: list[Unread] = []
    reported_errors: int = 0
    warnings: list[str] = []
    deleted: dict[str, int] = {}
    hydrated: bool = False
    unresolved_drugs: int = 0
    problem: str = ""


class StateError(Exception):
    """The folder holds no export that can be gone on with; the message is a sentence."""


def save(folder: Path, state: ExportState) -> None:
    """Replace the state on disk.  Raises DiskError; then the former state stays."""
    write_whole(folder / STATE_NAME, msgspec.json.format(msgspec.json.encode(state), indent=1))


def load(folder: Path) -> ExportState:
    """The state in a folder.  Raises StateError."""
    try:
        return msgspec.json.decode((folder / STATE_NAME).read_bytes(), type=ExportState)
    except FileNotFoundError:
        raise StateError("The folder holds no export; start one with `ltot export start`.") from None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        raise StateError(
            "The export's state in this folder cannot be read; start again in a new folder."
        ) from None


def config_members(config: ExportConfig) -> dict[str, Any]:
    """A configuration as it is kept, without the folder, which may move."""
    members = {name: getattr(config, name) for name in config.__dataclass_fields__ if name != "folder"}
    return msgspec.to_builtins(members)


def config_of(state: ExportState, folder: Path) -> ExportConfig:
    """The configuration of an export found in `folder`.  Raises StateError."""
    try:
        return msgspec.convert(
            {**state.config, "folder": str(folder)}, type=ExportConfig, dec_hook=lambda kind, text: kind(text)
        )
    except (msgspec.ValidationError, ValueError):
        raise StateError("The export's settings in this folder do not fit this version.") from None


@dataclass(frozen=True, slots=True)
class ExportStatus:
    """Where an export stands, read from disk alone.

    done, total: files verified and listed, or patients read and planned.  problem: what the last run ended with.
    """

    stage: Stage
    done: int
    total: int
    resources: int
    transaction_time: str | None
    problem: str


def status(folder: Path) -> ExportStatus:
    """Where the export in `folder` stands.  Raises StateError."""
    state = load(folder)
    crawl = bool(state.config.get("crawl"))
    return ExportStatus(
        state.stage,
        state.crawled if crawl else sum(file.done for file in state.files),
        len(state.crawl_patients) if crawl else len(state.files),
        sum(file.resources for file in state.files if file.section == "output"),
        state.transaction_time,
        state.problem,
    )
