"""One request to the export service: the token goes to its own origins only, redirects are walked by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx2

from app.ehr.bulk.config import origin_of
from app.ehr.client import TokenProvider
from app.errors import LtotError
from smart_launch.errors import SmartError

MAX_REDIRECTS = 5
MAX_BODY = 64 * 1024 * 1024
_TIMEOUT = httpx2.Timeout(60.0, connect=10.0)
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class ExchangeError(Exception):
    """A request that did not succeed.

    The message is the rest of a sentence about it.  passing: the same request may succeed later.
    unsent: it surely never reached the server.  status: the HTTP status, 0 without an answer.
    """

    def __init__(
        self,
        text: str,
        *,
        passing: bool = False,
        unsent: bool = False,
        status: int = 0,
        retry_after: str | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(text)
        self.passing, self.unsent, self.status = passing, unsent, status
        self.retry_after, self.body = retry_after, body


class CredentialsError(ExchangeError):
    """The EHR gives us no token, or refuses the one it gave."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A small answer.  url: where it came from, after redirects."""

    status: int
    headers: httpx2.Headers
    body: bytes
    url: str


class Exchange:
    """Requests of one export.  own_origins: the only ones that ever see the token."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        tokens: TokenProvider,
        own_origins: frozenset[str],
        headers: Mapping[str, str],
    ) -> None:
        self._http, self._tokens, self._own, self._headers = http, tokens, own_origins, dict(headers)

    def is_own(self, url: str) -> bool:
        """Whether the token may be sent to this address."""
        return origin_of(url) in self._own

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> Reply:
        """An authorised request and its whole answer.  Raises ExchangeError when there is none."""
        async with self.stream(method, url, headers, token=True, content=content) as response:
            body = bytearray()
            async for chunk in translated(response.aiter_bytes()):
                body += chunk
                if len(body) > MAX_BODY:
                    raise ExchangeError("sent an answer that is too large")
            return Reply(response.status_code, response.headers, bytes(body), str(response.url))

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        token: bool,
        content: bytes | None = None,
    ) -> AsyncIterator[httpx2.Response]:
        """The open answer.  token: send it where allowed; an address elsewhere is then refused unasked."""
        if token and not self.is_own(url):
            raise ExchangeError(
                f"points to {urlsplit(url).hostname}, which may not see the access token; list that host "
                "for this tenant if it belongs to the EHR"
            )
        if urlsplit(url).scheme != "https" and not self.is_own(url):
            raise ExchangeError("names an open connection to another host, which is not used")
        response = await self._authorised(method, url, headers, content) if token else None
        response = response or await self._walk(method, url, headers, None, content)
        try:
            yield response
        finally:
            await response.aclose()

    async def _authorised(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> httpx2.Response:
        """The answer to the request with a token, renewed once after a 401."""
        value = await self._token(None)
        response = await self._walk(method, url, headers, value, content)
        if response.status_code == 401:
            await response.aclose()
            response = await self._walk(method, url, headers, await self._token(value), content)
        if response.status_code == 401:
            await response.aclose()
            raise CredentialsError("no longer accepts this service's credentials", status=401)
        return response

    async def _token(self, rejected: str | None) -> str:
        try:
            return await self._tokens(rejected=rejected)
        except SmartError as error:
            raise CredentialsError(
                f"gave no access token ({error.safe_text})", passing=error.retryable
            ) from None
        except LtotError as error:
            raise CredentialsError(f"gave no access token ({error.entry.sentence})") from None

    async def _walk(
        self, method: str, url: str, headers: Mapping[str, str], token: str | None, content: bytes | None
    ) -> httpx2.Response:
        """Follow redirects.  What a redirect leads to gets no token: storage refuses one beside its own signature.
        Only when an address that never left our origins then asks for it is it sent after all."""
        seen: set[str] = set()
        carried, home = token, True
        while True:
            seen.add(url)
            response = await self._send(method, url, headers, carried, content)
            if response.status_code == 401 and carried != token and home:
                await response.aclose()
                carried = token
                continue
            target = response.headers.get("location")
            if response.status_code not in _REDIRECTS or not target:
                return response
            await response.aclose()
            following = urljoin(url, target)
            self._check_redirect(method, following, seen)
            home = home and self.is_own(following)
            url, carried = following, None

    def _check_redirect(self, method: str, following: str, seen: set[str]) -> None:
        if method != "GET":
            raise ExchangeError("redirects the request")
        if following in seen or len(seen) > MAX_REDIRECTS:
            raise ExchangeError("redirects without end")
        if urlsplit(following).scheme != "https" and not self.is_own(following):
            raise ExchangeError("redirects to an open connection, which is not followed")

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], token: str | None, content: bytes | None
    ) -> httpx2.Response:
        sent = {**(self._headers if self.is_own(url) else {}), **headers}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        try:
            request = self._http.build_request(method, url, headers=sent, content=content, timeout=_TIMEOUT)
            return await self._http.send(request, stream=True, follow_redirects=False)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
            raise ExchangeError("could not be reached", passing=True, unsent=True) from None
        except httpx2.TimeoutException:
            raise ExchangeError("did not answer in time", passing=True) from None
        except httpx2.TransportError:
            raise ExchangeError("broke off the connection", passing=True) from None
        except (httpx2.InvalidURL, ValueError):
            raise ExchangeError("names an address that is none", unsent=True) from None


async def translated(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks, with a broken connection said in our words."""
    try:
        async for chunk in chunks:
            yield chunk
    except httpx2.TimeoutException:
        raise ExchangeError("stopped sending", passing=True) from None
    except (httpx2.TransportError, httpx2.DecodingError):
        raise ExchangeError("broke off in the middle of the answer", passing=True) from None


def refused(reply_status: int, headers: httpx2.Headers, body: bytes = b"") -> ExchangeError:
    """The error for an answer that is no success."""
    return ExchangeError(
        f"answered with status {reply_status}",
        passing=reply_status in _PASSING,
        status=reply_status,
        retry_after=headers.get("retry-after"),
        body=body[:65536],
    )
