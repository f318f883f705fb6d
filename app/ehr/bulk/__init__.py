"""Bulk Data exports: a folder of verified files, or a sentence that says what is missing.

    ExportConfig ── run_export ── resume ── cancel ── status

Every step leaves its result on disk before the next begins, so a run can be killed at any instant and resumed.
"""

from app.ehr.bulk.config import ExportConfig, Level
from app.ehr.bulk.job_state import ExportStatus, status
from app.ehr.bulk.results import ExportResult
from app.ehr.bulk.run import cancel, resume, run_export

__all__ = [
    "ExportConfig",
    "ExportResult",
    "ExportStatus",
    "Level",
    "cancel",
    "resume",
    "run_export",
    "status",
]
