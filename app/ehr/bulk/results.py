"""How a run ends, and what it works with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import httpx2

from app.ehr.bulk.job_state import Stage
from app.ehr.client import TokenProvider

Clock = Callable[[], datetime]
Sleep = Callable[[float], Awaitable[None]]
Progress = Callable[[str], None]


class StoppedError(Exception):
    """The run ends here without being complete; the message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run works with.  tokens: see TokenProvider.  clock: wall clock.  progress: gets short sentences."""

    http: httpx2.AsyncClient
    tokens: TokenProvider
    clock: Clock
    sleep: Sleep = asyncio.sleep
    progress: Progress = lambda _text: None


@dataclass(frozen=True, slots=True)
class ExportResult:
    """How a run ended.

    state: COMPLETE, CANCELLED, or the stage it stopped in.  sentence: what is here, or what is missing.
    missing: what is missing, one line each.  warnings: what the EHR said it left out, and oddities.
    """

    state: Stage
    sentence: str
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    files: int = 0
    resources: int = 0
    bytes: int = 0
    transaction_time: str | None = None

    @property
    def complete(self) -> bool:
        return self.state is Stage.COMPLETE

    @property
    def exit_code(self) -> int:
        """0 when complete or cancelled as asked, 3 (LT-506) otherwise."""
        return 0 if self.state in {Stage.COMPLETE, Stage.CANCELLED} else 3
