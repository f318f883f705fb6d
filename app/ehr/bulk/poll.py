"""Waits for the manifest as the server asks, within limits: never less than a second, never beyond the cap."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from app.ehr.bulk.config import ExportConfig
from app.ehr.bulk.exchange import CredentialsError, Exchange, ExchangeError, Reply, refused
from app.ehr.bulk.results import StoppedError
from app.ehr.bundles import read_outcome
from app.ehr.retries import retry_after_seconds

SHORTEST = 1.0
FAILURES_IN_A_ROW = 8
_GONE = frozenset({404, 410})

Progress = Callable[[str], None]


class JobError(StoppedError):
    """The export will not finish; the message is a sentence.  gone: the server does not know it any more."""

    def __init__(self, text: str, *, gone: bool = False) -> None:
        super().__init__(text)
        self.gone = gone


class Poller:
    """Asks one status address until the manifest is there.  on_progress gets X-Progress, cleaned."""

    def __init__(
        self,
        exchange: Exchange,
        config: ExportConfig,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_progress: Callable[[str, str | None], None] = lambda _text, _wait: None,
        on_trouble: Callable[[ExchangeError], None] = lambda _error: None,
    ) -> None:
        self._exchange, self._config, self._clock, self._sleep = exchange, config, clock, sleep
        self._on_progress, self._on_trouble = on_progress, on_trouble
        self._interval = SHORTEST

    async def manifest(self, url: str) -> Reply:
        """The answer with status 200.  Raises JobError."""
        failures, started = 0, self._clock()
        while True:
            try:
                reply = await self._ask(url)
            except ExchangeError as error:
                self._on_trouble(error)
                failures = self._count(error, failures)
                await self._wait(error.retry_after, started)
                continue
            failures = 0
            if reply.status == 200:
                return reply
            self._on_progress(_clean(reply.headers.get("x-progress", "")), reply.headers.get("retry-after"))
            await self._wait(reply.headers.get("retry-after"), started)

    async def _ask(self, url: str) -> Reply:
        reply = await self._exchange.request("GET", url, {"Accept": "application/json"})
        if reply.status not in {200, 202}:
            raise refused(reply.status, reply.headers, reply.body)
        return reply

    def _count(self, error: ExchangeError, failures: int) -> int:
        if isinstance(error, CredentialsError) and not error.passing:
            raise JobError(f"The EHR {error}, so the export's status cannot be asked for.")
        if error.status in _GONE:
            raise JobError("The EHR no longer knows this export; start a new one.", gone=True)
        passing = error.passing or "transient" in read_outcome(error.body).codes
        if error.status == 500 and read_outcome(error.body).codes - {"transient"}:
            passing = False
        if not passing:
            codes = ", ".join(sorted(read_outcome(error.body).codes))
            raise JobError(f"The export failed at the EHR: it {error}{f' ({codes})' if codes else ''}.")
        if failures + 1 >= FAILURES_IN_A_ROW:
            raise JobError(
                f"The EHR {error}, {FAILURES_IN_A_ROW} times in a row while waiting for the export."
            )
        return failures + 1

    async def _wait(self, retry_after: str | None, started: datetime) -> None:
        if self._clock() - started > self._config.time_limit:
            raise JobError(f"The export did not finish within {_days(self._config.time_limit)}.")
        self._interval = min(self._interval * 2, self._config.poll_cap)
        await self._sleep(polite_wait(retry_after, self._clock(), self._interval, self._config.poll_cap))


def polite_wait(retry_after: str | None, now: datetime, otherwise: float, cap: float) -> float:
    """Seconds to wait: what the server asks or else `otherwise`, from one second up to the cap."""
    asked = retry_after_seconds(retry_after, now)
    return min(max(otherwise if asked is None else asked, SHORTEST), cap)


def _clean(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:100]


def _days(limit: timedelta) -> str:
    return f"{limit.days} days" if limit.days else f"{limit.total_seconds():g} seconds"
