"""What a run of launches saw: answers, refusals, leaks, memory."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx2

from app.errors import CATALOGUE
from benchmarks.launches.charts import Chart

TRACE = re.compile(r"Traceback|File \"|Internal Server Error")
_MARK = re.compile(r"\b(?:Mark|rx)-((?:north|south)\d{4})\b")
_NAME = re.compile(r"\bMark-((?:north|south)\d{4})\b")
_CODE = re.compile(r"\bLT-\d{3}\b")


class UnhandledError(Exception):
    """An answer that is neither the panel nor an error page of ours."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a process holds, in MB: all that is resident, and the part no file stands behind."""

    resident: float
    anonymous: float

    @classmethod
    def of(cls, pid: int) -> Self:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        kilobytes = dict(re.findall(r"^(\w+): +(\d+) kB", rollup, re.MULTILINE))
        return cls(int(kilobytes["Rss"]) / 1024, int(kilobytes["Anonymous"]) / 1024)

    def __str__(self) -> str:
        return f"{self.resident:.0f} ({self.anonymous:.0f})"


@dataclass(slots=True)
class Tally:
    """What was seen so far."""

    opened: int = 0
    tried: int = 0
    panels: int = 0
    probes: int = 0
    set_aside: int = 0
    cross_patient: list[str] = field(default_factory=list[str])
    cross_tenant: list[str] = field(default_factory=list[str])
    unhandled: list[str] = field(default_factory=list[str])
    codes: Counter[str] = field(default_factory=Counter[str])
    faults: Counter[str] = field(default_factory=Counter[str])
    memory: list[tuple[Memory, Memory]] = field(default_factory=list[tuple[Memory, Memory]])

    @property
    def failed(self) -> bool:
        return bool(self.cross_patient or self.cross_tenant or self.unhandled)

    def refused(self, answer: httpx2.Response, where: str) -> str:
        """Count a refusal that was not asked for; returns and raises as `code_of`."""
        code = self.code_of(answer, where)
        self.codes[code] += 1
        return code

    @staticmethod
    def code_of(answer: httpx2.Response, where: str) -> str:
        """The code of an error answer; raises UnhandledError when it carries none, or a stack trace."""
        found = set(_CODE.findall(answer.text)) & set(CATALOGUE)
        if answer.status_code < 400 or not found or "LT-900" in found or TRACE.search(answer.text):
            raise UnhandledError(f"{where}: status {answer.status_code}, codes {sorted(found)}")
        return min(found)


def check_panel(tally: Tally, chart: Chart, answer: httpx2.Response, kind: str) -> None:
    """The panel speaks of its own patient.  What was set aside as another's may be named there, by its id."""
    if kind == "text/html":
        named = set(_NAME.findall(answer.text))
        complete = chart.mark in named
    else:
        told = answer.json()
        foreign = [issue for issue in told["issues"] if issue["code"] == "foreign_patient"]
        tally.set_aside += len(foreign)
        told["issues"] = [issue for issue in told["issues"] if issue not in foreign]
        named = set(_MARK.findall(json.dumps(told)))
        complete = told["patient"] == chart.patient
    others = named - {chart.mark}
    if any(not other.startswith(chart.hospital.tenant) for other in others):
        tally.cross_tenant.append(f"{chart.mark} shows {sorted(others)}")
    elif others or not complete:
        tally.cross_patient.append(f"{chart.mark} shows {sorted(others) or 'another patient id'}")


def report(tally: Tally, seconds: float, at_once: int) -> None:
    """The figures of the run."""
    print(
        f"launches {tally.tried}, opened {tally.opened}, panels read {tally.panels}, refusals tried {tally.probes}"
    )
    print(f"seconds {seconds:.0f}, launches/s {tally.tried / seconds:.1f}, at once {at_once}")
    print(f"faults set: {dict(sorted(tally.faults.items()))}, others' resources set aside: {tally.set_aside}")
    print(f"cross-patient reads {len(tally.cross_patient)}, cross-tenant reads {len(tally.cross_tenant)}")
    print(f"unhandled errors {len(tally.unhandled)}, codes seen {dict(sorted(tally.codes.items()))}")
    for number, name in enumerate(("first", "second")):
        taken = [pair[number] for pair in tally.memory]
        middle, end = taken[len(taken) // 2 - 1].resident, taken[-1].resident
        print(
            f"memory of the {name} service every 5 %, MB resident (anonymous): {', '.join(map(str, taken))}; "
            f"end over middle {end / middle:.3f}"
        )
    for what in (*tally.cross_patient[:20], *tally.cross_tenant[:20], *tally.unhandled[:20]):
        print(what, file=sys.stderr)
