"""Searches and reads one FHIR server, within a deadline, and says what is missing instead of failing.

Nothing here logs, and no text it gives holds a patient's id, a token or an address.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import quote, urlencode, urljoin, urlsplit

import httpx2

from app.ehr.bundles import (
    NOTHING_SAID,
    Outcome,
    Page,
    UnreadableBodyError,
    is_resource,
    newest,
    read_outcome,
    read_page,
)
from app.ehr.fetched import Fetched, Problem, ProblemCode
from app.ehr.http import CONNECT_SECONDS, READ_SECONDS
from app.ehr.retries import RETRIED_STATUSES, wait_before
from app.ehr.servers import server_of
from app.ehr.vendors import VendorProfile
from app.errors import LtotError

FHIR_JSON = "application/fhir+json"


class TokenProvider(Protocol):
    """Gives an access token.  `rejected`: one the EHR answered 401 to.  Raises LtotError LT-203 at the end."""

    async def __call__(self, *, rejected: str | None = None) -> str: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """The most one search may bring: bytes per page and together, and pages; and how patient one request is:
    seconds without a byte, and attempts."""

    page_bytes: int = 24 * 1024 * 1024
    search_bytes: int = 96 * 1024 * 1024
    pages: int = 60
    read_seconds: float = READ_SECONDS
    attempts: int = 3


@dataclass(frozen=True, slots=True)
class _Reply:
    """What the server sent, and the token it was asked with."""

    status: int
    headers: httpx2.Headers
    body: bytes
    token: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """A body with status 200, or why there is none."""

    body: bytes = b""
    problem: Problem | None = None
    connected: bool = True
    outcome: Outcome = NOTHING_SAID


class FhirClient:
    """Reads one FHIR base for one launch.

    tokens: see TokenProvider.  clock: monotonic seconds, the scale of every `deadline`.  now: wall clock.
    """

    def __init__(
        self,
        base_url: str,
        http: httpx2.AsyncClient,
        tokens: TokenProvider,
        profile: VendorProfile,
        *,
        client_id: str = "",
        limits: Limits = Limits(),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._http, self._tokens, self._profile, self._limits = http, tokens, profile, limits
        self._clock, self._sleep, self._now, self._jitter = clock, sleep, now, jitter
        self._headers = {"Accept": FHIR_JSON, **profile.headers(client_id)}
        self._slots = asyncio.Semaphore(profile.concurrency)
        self._server = server_of(http, self.base_url)

    async def search(
        self, kind: str, params: Sequence[tuple[str, str]], deadline: float, *, hide: frozenset[str]
    ) -> Fetched:
        """All pages of a search.  `hide`: parameters left out of `Fetched.query`, since they name the patient."""
        count = self._profile.count(kind)
        sent = [*params, *([("_count", str(count))] if count else [])]
        shown = urlencode([(name, value) for name, value in params if name not in hide], safe=",")
        walk = _Walk(self, kind, f"{kind}?{shown}".rstrip("?"), deadline)
        return await walk.run(f"{self.base_url}/{kind}?{urlencode(sent, safe=',')}")

    async def read(self, kind: str, id_: str, deadline: float) -> Fetched:
        """One resource by its id."""
        if id_.strip(".") == "":
            answer = _Answer(problem=Problem.of(ProblemCode.REFUSED, "this is no id"))
        else:
            answer = await self.get(f"{self.base_url}/{kind}/{quote(id_, safe='')}", deadline)
        problem = answer.problem
        if problem is not None and problem.code is ProblemCode.NOT_OFFERED:
            problem = Problem.of(ProblemCode.REFUSED, "not found", status=problem.status)
        if problem is None and not is_resource(kind, answer.body):
            problem = Problem.of(ProblemCode.UNREADABLE)
        return Fetched(
            kind=kind,
            items=() if problem else (answer.body,),
            complete=problem is None,
            connected=answer.connected,
            problem=problem,
            warnings=answer.outcome.warnings,
            query=kind,
            pages=1,
            at=self._now(),
        )

    async def get(self, url: str, deadline: float) -> _Answer:
        """GET an address of this server; retried, with a fresh token after a 401, never beyond the deadline."""
        attempt, rejected = 0, None
        while True:
            reply = await self._once(url, rejected, deadline)
            if isinstance(reply, Problem):
                answer, retry_after = _Answer(problem=reply), None
                if reply.code is not ProblemCode.NETWORK:
                    return answer
            elif reply.status == 401 and rejected is None:
                rejected = reply.token
                continue
            else:
                self._heard(reply.status)
                answer, retry_after = _answer(reply), reply.headers.get("retry-after")
                if reply.status not in RETRIED_STATUSES:
                    return answer
            wait = wait_before(attempt, retry_after, self._now(), self._jitter)
            attempt += 1
            if attempt >= self._limits.attempts or self._clock() + wait >= deadline:
                return answer
            await self._sleep(wait)

    async def _once(self, url: str, rejected: str | None, deadline: float) -> _Reply | Problem:
        remaining = deadline - self._clock()
        if remaining <= 0:
            return Problem.of(ProblemCode.TIMEOUT)
        if not self._server.admits(self._clock()):
            return Problem.of(ProblemCode.NOT_ANSWERING)
        try:
            async with asyncio.timeout(remaining), self._slots, self._server.slots:
                return await self._send(url, await self._token(rejected))
        except LtotError as error:
            if error.entry.code != "LT-203":
                raise
            return Problem.of(ProblemCode.NOT_SIGNED_IN)
        except _TooLargeError:
            return Problem.of(ProblemCode.TOO_LARGE)
        except TimeoutError:
            # The deadline of the whole pull, perhaps spent in our own queue: it says nothing about the server.
            return Problem.of(ProblemCode.TIMEOUT)
        except (httpx2.ReadTimeout, httpx2.WriteTimeout):
            # Not asked again: a slow server gets slower by being asked twice.
            self._server.failed(self._clock())
            return Problem.of(ProblemCode.TIMEOUT)
        except (httpx2.TransportError, httpx2.DecodingError):
            self._server.failed(self._clock())
            return Problem.of(ProblemCode.NETWORK)

    async def _token(self, rejected: str | None) -> str:
        # Shielded: a refresh cut off half-way could lose the refresh token the EHR has just replaced.
        renewal = asyncio.ensure_future(self._tokens(rejected=rejected))
        renewal.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(renewal)

    async def _send(self, url: str, token: str) -> _Reply:
        timeout = httpx2.Timeout(self._limits.read_seconds, connect=CONNECT_SECONDS)
        headers = {**self._headers, "Authorization": f"Bearer {token}"}
        body = bytearray()
        async with self._http.stream(
            "GET", url, headers=headers, timeout=timeout, follow_redirects=False
        ) as response:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > self._limits.page_bytes:
                    raise _TooLargeError
            return _Reply(response.status_code, response.headers, bytes(body), token)

    def _heard(self, status: int) -> None:
        if status in {502, 503, 504}:
            self._server.failed(self._clock())
        else:
            self._server.answered()

    def is_own(self, url: str) -> bool:
        """Whether an address lies under this server's FHIR base: same scheme, host, port and path."""
        try:
            base, other = urlsplit(self.base_url), urlsplit(url)
            same = (other.scheme, other.hostname, _port(other)) == (base.scheme, base.hostname, _port(base))
        except ValueError:
            return False
        plain = "@" not in other.netloc and not set("\\\r\n\t ") & set(url)
        # `..`, also written %2e, would climb out of the base behind a proxy that resolves it.
        steps = other.path.lower().replace("%2e", ".").replace("%2f", "/").split("/")
        inside = other.path == base.path or other.path.startswith(f"{base.path}/")
        return same and plain and inside and ".." not in steps

    @property
    def limits(self) -> Limits:
        return self._limits

    def now(self) -> datetime:
        """The wall clock this client was given."""
        return self._now()


class _Walk:
    """One search, page by page."""

    def __init__(self, client: FhirClient, kind: str, query: str, deadline: float) -> None:
        self._client, self._kind, self._query, self._deadline = client, kind, query, deadline
        self._items: list[bytes] = []
        self._included: list[bytes] = []
        self._outcome = Outcome()
        self._pages = self._bytes = self._unreadable = 0

    async def run(self, url: str) -> Fetched:
        seen: set[str] = set()
        following: str | None = url
        while following:
            seen.add(following)
            answer = await self._client.get(following, self._deadline)
            self._outcome |= answer.outcome
            if answer.problem:
                # Only a refusal of the search itself says that the type is not there.
                return self._result(answer.problem, connected=answer.connected or self._pages > 0)
            try:
                page = read_page(self._kind, answer.body)
            except UnreadableBodyError:
                return self._result(Problem.of(ProblemCode.UNREADABLE))
            self._add(page, len(answer.body))
            previous, following = following, page.next
            if following:
                following = urljoin(previous, following)
                if problem := self._objection(following, seen):
                    return self._result(problem)
        return self._result(self._verdict())

    def _add(self, page: Page, size: int) -> None:
        self._items += page.items
        self._included += page.included
        self._outcome |= page.outcome
        self._unreadable += page.unreadable
        self._pages += 1
        self._bytes += size

    def _objection(self, url: str, seen: set[str]) -> Problem | None:
        limits = self._client.limits
        if not self._client.is_own(url):
            return Problem.of(ProblemCode.FOREIGN_PAGE)
        if url in seen:
            return Problem.of(ProblemCode.PAGE_LOOP)
        if self._pages >= limits.pages:
            return Problem.of(ProblemCode.TOO_MANY_PAGES)
        if self._bytes >= limits.search_bytes:
            return Problem.of(ProblemCode.TOO_LARGE)
        return None

    def _verdict(self) -> Problem | None:
        if self._outcome.withheld:
            return Problem.of(ProblemCode.PARTLY_WITHHELD, "; ".join(self._outcome.warnings))
        if self._outcome.failed:
            return Problem.of(ProblemCode.SERVER_ERROR, "; ".join(self._outcome.warnings))
        if self._unreadable:
            return Problem.of(ProblemCode.UNREADABLE, f"{self._unreadable} of its entries without a resource")
        return None

    def _result(self, problem: Problem | None, *, connected: bool = True) -> Fetched:
        return Fetched(
            kind=self._kind,
            items=newest(self._items),
            complete=problem is None,
            connected=connected,
            problem=problem,
            warnings=self._outcome.warnings,
            query=self._query,
            pages=self._pages,
            at=self._client.now(),
            included=newest(self._included),
        )


class _TooLargeError(Exception):
    """A page beyond the limit."""


def _answer(reply: _Reply) -> _Answer:
    """What a reply that will not be asked for again means."""
    status = reply.status
    if status == 200:
        return _Answer(reply.body)
    outcome = read_outcome(reply.body)
    if _is_ungranted(reply, outcome):
        detail = "; ".join(w for w in outcome.warnings if w.startswith("not granted"))
        problem = Problem.of(ProblemCode.NOT_GRANTED, detail, status=status)
        return _Answer(problem=problem, connected=False, outcome=outcome)
    if status in {404, 501} or "59111" in outcome.codes:
        problem = Problem.of(ProblemCode.NOT_OFFERED, status=status)
        return _Answer(problem=problem, connected=False, outcome=outcome)
    if status == 401:
        code = ProblemCode.NOT_SIGNED_IN
    elif status == 429:
        code = ProblemCode.BUSY
    elif status < 400:
        code = ProblemCode.UNREADABLE
    else:
        code = ProblemCode.REFUSED if status < 500 else ProblemCode.SERVER_ERROR
    return _Answer(problem=Problem.of(code, f"HTTP {status}", status=status), outcome=outcome)


def _is_ungranted(reply: _Reply, outcome: Outcome) -> bool:
    """Whether the app may not read this type here at all, rather than this record or this search."""
    if reply.status == 400:
        return "59022" in outcome.codes
    if reply.status != 403 or outcome.codes & {"4118", "59203"}:
        return False
    scope = "insufficient_scope" in reply.headers.get("www-authenticate", "")
    return scope or not reply.body.strip() or "forbidden" in outcome.codes


def _port(parts: object) -> int | None:
    port = getattr(parts, "port", None)
    return port or {"https": 443, "http": 80}.get(getattr(parts, "scheme", ""))
