"""Writes the generated pages: `python -m tests.docs.render` (or `make docs`)."""

from __future__ import annotations

from pathlib import Path

from app.errors import CATALOGUE
from tests.docs.worked_cases import doses_page, therapy_page
from tests.end_to_end.clinician_tasks import tasks_page

ROOT = Path(__file__).resolve().parents[2]
_GROUPS = {
    "LT-1": "Launch",
    "LT-2": "EHR",
    "LT-3": "Mapping",
    "LT-4": "Session",
    "LT-5": "Files, exports and runs",
    "LT-6": "Set-up",
    "LT-9": "Everything else",
}


def errors_page() -> str:
    """docs/errors.md from the error catalogue."""
    lines = [
        "# Errors",
        "",
        "Every failure on a page, on the command line and in `ltot doctor` has one of these codes. A page also shows a",
        "reference; the log line with the same reference holds the code and the route, never patient data.",
        "",
        "This page is written by `make docs` from `app/errors.py`.",
    ]
    for prefix, title in _GROUPS.items():
        lines += [
            "",
            f"## {title}",
            "",
            "| code | what happened | next step | page | exit |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f'| <a id="{entry.code.lower()}"></a>{entry.code} | {entry.sentence} | {entry.next_step} '
            f"| {entry.http_status} | {entry.exit_code} |"
            for entry in CATALOGUE.values()
            if entry.code.startswith(prefix)
        ]
    return "\n".join(lines) + "\n"


PAGES = {
    "docs/errors.md": errors_page,
    "docs/clinician-tasks.md": tasks_page,
    "docs/worked-doses.md": doses_page,
    "docs/worked-therapy.md": therapy_page,
}


def main() -> None:
    for name, page in PAGES.items():
        (ROOT / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
