"""The log of an export: one JSON object per event, in the format Bulk Data tools share.

Addresses are written without their query, which can hold a signature; patient ids are never written.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from app.ehr.bulk.disk import append_line

LOG_NAME = "log.ndjson"


class ExportLog:
    """Appends events of one export to its log."""

    def __init__(self, folder: Path, export_id: str, clock: Callable[[], datetime]) -> None:
        self._path, self._export_id, self._clock = folder / LOG_NAME, export_id, clock

    def write(self, event: str, **detail: object) -> None:
        """Add one event with its details."""
        entry = {
            "exportId": self._export_id,
            "timestamp": self._clock().isoformat(),
            "eventId": event,
            "eventDetail": detail,
        }
        append_line(self._path, msgspec.json.encode(entry))


def without_query(url: str) -> str:
    """The address up to its query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
