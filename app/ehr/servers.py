"""What this process knows of each FHIR server: how many requests run there, and whether it answers at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import httpx2

REQUESTS_PER_SERVER = 24
FAILURES_TO_OPEN = 10
OPEN_SECONDS = 30.0


@dataclass(slots=True)
class Server:
    """One FHIR base.  After `FAILURES_TO_OPEN` failures in a row it is left alone for `OPEN_SECONDS`, then one
    request tries again; the others are refused until that one has come back."""

    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(REQUESTS_PER_SERVER))
    failures: int = 0
    closed_until: float = 0.0

    def admits(self, now: float) -> bool:
        """Whether a request may go out at monotonic time `now`."""
        if self.failures < FAILURES_TO_OPEN:
            return True
        if now < self.closed_until:
            return False
        self.closed_until = now + OPEN_SECONDS
        return True

    def answered(self) -> None:
        """The server spoke, whatever it said."""
        self.failures = 0

    def failed(self, now: float) -> None:
        """No connection, no answer in time, or a gateway that found nobody behind it."""
        self.failures += 1
        self.closed_until = now + OPEN_SECONDS


_SERVERS: WeakKeyDictionary[httpx2.AsyncClient, dict[str, Server]] = WeakKeyDictionary()


def server_of(http: httpx2.AsyncClient, base_url: str, make: Callable[[], Server] = Server) -> Server:
    """The shared state of a base address; it lives as long as the HTTP client that reaches it."""
    servers = _SERVERS.setdefault(http, {})
    if base_url not in servers:
        servers[base_url] = make()
    return servers[base_url]
