"""What the doctor says: one line per check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from app.errors import CATALOGUE


class Result(StrEnum):
    """FAILED: a launch or an export will not work.  WARNING: it will, but not as it should."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check.

    what: what was checked.  saw: what was seen, as words after a colon.  fix: what to change, by whom.
    code: the entry of the error catalogue a user would meet.
    """

    what: str
    result: Result
    saw: str = ""
    fix: str = ""
    code: str = ""

    @property
    def failed(self) -> bool:
        return self.result is Result.FAILED

    @property
    def next_step(self) -> str:
        """The fix; where none is special to this case, the catalogue's."""
        if self.fix or self.result not in (Result.FAILED, Result.WARNING):
            return self.fix
        return CATALOGUE[self.code].next_step if self.code else ""

    def as_json(self) -> dict[str, str]:
        """The finding as one JSON object."""
        return {
            "what": self.what,
            "result": self.result.value,
            "saw": self.saw,
            "fix": self.next_step,
            "code": self.code,
        }


def ok(what: str, saw: str = "") -> Finding:
    return Finding(what, Result.OK, saw)


def warning(what: str, saw: str, fix: str = "", *, code: str = "") -> Finding:
    return Finding(what, Result.WARNING, saw, fix, code)


def failed(what: str, saw: str, fix: str = "", *, code: str = "") -> Finding:
    return Finding(what, Result.FAILED, saw, fix, code)


def not_checked(what: str, why: str, fix: str = "") -> Finding:
    return Finding(what, Result.NOT_CHECKED, why, fix)


_MARKS = {
    Result.OK: "ok",
    Result.WARNING: "warning",
    Result.FAILED: "FAILED",
    Result.NOT_CHECKED: "not checked",
}


def as_lines(findings: Iterable[Finding]) -> Iterable[str]:
    """The findings as lines: result, what, what was seen; below it how to fix it; last, a sum."""
    counts = dict.fromkeys(Result, 0)
    for finding in findings:
        counts[finding.result] += 1
        code = f" ({finding.code})" if finding.code and finding.result is not Result.OK else ""
        saw = f": {finding.saw}" if finding.saw else ""
        yield f"{_MARKS[finding.result]:12} {finding.what}{saw}{code}"
        if finding.next_step:
            yield f"{'':12}   fix: {finding.next_step}"
    yield ", ".join(f"{count} {result.value}" for result, count in counts.items())
