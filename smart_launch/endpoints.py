"""Which addresses this client may talk to for one registration, and the one way it talks to them."""

import asyncio
import codecs
import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import cast
from urllib.parse import SplitResult, urlsplit

import httpx2

from smart_launch.errors import Reason, SmartError

MAX_URL_CHARACTERS = 2048
MAX_BODY_BYTES = 512 * 1024
TIMEOUT = httpx2.Timeout(5.0, connect=2.0)
"""Connect within 2 s, read within 5 s: a clinician is waiting."""
TOTAL_SECONDS = 8.0
"""However slowly an answer drips in, it ends here."""

_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class EndpointPolicy:
    """Hosts a registration may be reached at.

    ``allowed_hosts``: ``host`` (default port) or ``host:port``, compared without regard to case.
    ``allow_loopback_http``: accept plain http, on any port, for a loopback host that is listed: development
    only.
    """

    allowed_hosts: frozenset[str]
    allow_loopback_http: bool = False

    def problem(self, url: str) -> str | None:
        """Why ``url`` may not be used, as the end of a sentence; None when it may."""
        parts = split_url(url)
        if parts is None:
            return "is not a plain absolute address"
        host = cast("str", parts.hostname)
        loopback = self.allow_loopback_http and is_loopback(host)
        if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
            return "does not use https"
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        named = f"[{host}]" if ":" in host else host
        allowed = {entry.lower() for entry in self.allowed_hosts}
        if f"{named}:{port}" in allowed:
            return None
        if named in allowed and (port == _DEFAULT_PORTS[parts.scheme] or loopback):
            return None
        return f"is on the host {named}, which is not listed for this server"


def split_url(url: str) -> SplitResult | None:
    """The parts of a plain absolute http(s) URL; None for anything with user names, controls or odd
    characters."""
    plain = url.isascii() and url.isprintable() and not set(url) & set(' \\"<>^`{|}')
    if not plain or len(url) > MAX_URL_CHARACTERS:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or port == 0:
        return None
    if "@" in parts.netloc or "%" in parts.netloc or parts.fragment:
        return None
    return parts


def is_loopback(host: str) -> bool:
    """Whether a host name or address literal means this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and JSON members of an answer; ``members`` is empty when the body is no JSON object."""

    status: int
    members: Mapping[str, object]


class UnreachableError(Exception):
    """No complete answer within time and size; the message is safe and says which."""


async def get_json(client: httpx2.AsyncClient, url: str, headers: Mapping[str, str] | None = None) -> Answer:
    """GET a JSON document. Raises UnreachableError."""
    return await _send(client, "GET", url, {"Accept": "application/json", **(headers or {})}, None)


async def post_form(
    client: httpx2.AsyncClient, url: str, form: Mapping[str, str], headers: Mapping[str, str]
) -> Answer:
    """POST a form once; never repeated, since codes and refresh tokens are single-use. Raises
    UnreachableError."""
    return await _send(client, "POST", url, {"Accept": "application/json", **headers}, dict(form))


async def _send(
    client: httpx2.AsyncClient, method: str, url: str, headers: Mapping[str, str], form: dict[str, str] | None
) -> Answer:
    body = bytearray()
    try:
        async with (
            asyncio.timeout(TOTAL_SECONDS),
            client.stream(
                method, url, headers=dict(headers), data=form, timeout=TIMEOUT, follow_redirects=False
            ) as response,
        ):
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise UnreachableError("its answer is too large")
            return Answer(response.status_code, _members(bytes(body)))
    except (httpx2.TimeoutException, TimeoutError):
        raise UnreachableError("it did not answer in time") from None
    except (httpx2.HTTPError, httpx2.InvalidURL):
        raise UnreachableError("the connection failed") from None


def _members(body: bytes) -> Mapping[str, object]:
    try:
        value: object = json.loads(body.removeprefix(codecs.BOM_UTF8))
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def require_allowed(policy: EndpointPolicy, url: str, what: str, error: type[SmartError]) -> None:
    """Raise ``error`` with ENDPOINT_NOT_ALLOWED unless the policy admits the address."""
    problem = policy.problem(url)
    if problem is not None:
        raise error(
            Reason.ENDPOINT_NOT_ALLOWED,
            f"The server's {what} {problem}. Correct the server's configuration or list the host for it.",
        )
