"""Single requests that look at a server from outside: what answers, how, and over which connection."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

import httpx2

SECONDS = 8.0
LARGEST_BODY = 4 * 1024 * 1024


class Trouble(StrEnum):
    """Why there is no answer."""

    NAME = "its name cannot be resolved"
    PRIVATE = "its name resolves to a private address, which is not trusted"
    CERTIFICATE = "its certificate cannot be verified"
    TLS = "no secure connection could be agreed on"
    CONNECTION = "the connection failed"
    TIME = "it did not answer in time"
    SIZE = "its answer is too large"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.  `status` 0 and a `trouble` when nothing did; `members` is empty unless it was a JSON object.

    `date`: the server's clock as it sent it.  `tls`: the protocol version, "" over plain http.
    `certificate_ends`: when the server's certificate expires, where that is known.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    members: Mapping[str, Any] = field(default_factory=dict[str, Any])
    body: bytes = field(default=b"", repr=False)
    trouble: Trouble | None = None
    date: datetime | None = None
    tls: str = ""
    certificate_ends: datetime | None = None

    @property
    def ok(self) -> bool:
        return self.status == 200

    @property
    def said(self) -> str:
        """The end of a sentence about this reply."""
        return self.trouble.value if self.trouble else f"it answered with status {self.status}"


def texts(member: object) -> tuple[str, ...]:
    """The texts of a list.  Some servers write one text with spaces instead; anything else holds none."""
    if isinstance(member, str):
        return tuple(member.split())
    return tuple(one for one in member if isinstance(one, str)) if isinstance(member, list) else ()


def objects(member: object) -> tuple[Mapping[str, Any], ...]:
    """The objects of a list, or the one that stands alone; anything else holds none."""
    found = member if isinstance(member, list) else [member]
    return tuple(one for one in found if isinstance(one, dict))


async def probe(
    client: httpx2.AsyncClient,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    params: Iterable[tuple[str, str]] | None = None,
) -> Reply:
    """One GET, or one POST when there is a `form`; redirects are not followed, nothing is repeated."""
    method = "POST" if form is not None else "GET"
    request = client.build_request(
        method,
        url,
        params=list(params) if params else None,
        data=dict(form) if form is not None else None,
        headers=dict(headers or {}),
    )
    try:
        async with asyncio.timeout(SECONDS):
            response = await client.send(request, stream=True, follow_redirects=False)
            try:
                body = await _body(response)
            finally:
                await response.aclose()
    except (TimeoutError, httpx2.TimeoutException):
        return Reply(trouble=Trouble.TIME)
    except httpx2.HTTPError as error:
        return Reply(trouble=_trouble(error))
    if body is None:
        return Reply(status=response.status_code, trouble=Trouble.SIZE)
    version, ends = _connection(response)
    return Reply(
        status=response.status_code,
        headers=response.headers,
        members=_members(body),
        body=body,
        date=_date(response.headers.get("date")),
        tls=version,
        certificate_ends=ends,
    )


async def _body(response: httpx2.Response) -> bytes | None:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > LARGEST_BODY:
            return None
    return bytes(body)


def _members(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _date(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _connection(response: httpx2.Response) -> tuple[str, datetime | None]:
    stream = response.extensions.get("network_stream")
    tls: ssl.SSLObject | None = stream.get_extra_info("ssl_object") if stream is not None else None
    if tls is None:
        return "", None
    ends = (tls.getpeercert() or {}).get("notAfter")
    moment = datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) if isinstance(ends, str) else None
    return tls.version() or "", moment


def _trouble(error: BaseException) -> Trouble:
    """The cause, read from the chain of exceptions and the words of our own network guard."""
    cause: BaseException | None = error
    words: list[str] = []
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Trouble.CERTIFICATE
        if isinstance(cause, ssl.SSLError):
            return Trouble.TLS
        words.append(str(cause).lower())
        cause = cause.__cause__ or cause.__context__
    text = " ".join(words)
    if "private address" in text:
        return Trouble.PRIVATE
    if "could not be resolved" in text or "has no address" in text:
        return Trouble.NAME
    return Trouble.CONNECTION
