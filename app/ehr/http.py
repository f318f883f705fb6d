"""The one HTTP client of a process: no redirects, no cookies, short waits, no addresses in logs, no way
inside the house."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterable
from http.cookiejar import DefaultCookiePolicy
from ipaddress import ip_address

import httpcore2
import httpx2

HttpClient = httpx2.AsyncClient
"""What the rest of the service calls the client it passes on."""

CONNECT_SECONDS = 2.0
READ_SECONDS = 5.0
KEEP_ALIVE_SECONDS = 3.0
"""An idle connection is given up after this long.  Many servers close theirs after 5 s; a request sent at that
moment would be lost, and a code or a rotated refresh token with it."""
# Each server's own slots bound what runs there.  One bound over all would let slow hospitals use up the
# connections of the others.
_LIMITS = httpx2.Limits(
    max_connections=None, max_keepalive_connections=40, keepalive_expiry=KEEP_ALIVE_SECONDS
)


class PublicAddressesOnly(httpcore2.AsyncNetworkBackend):
    """Connects to the addresses a name resolves to now, and refuses the ones of private networks.

    The address that was checked is the one connected to, so that a name cannot change in between.
    `trusted_hosts`: names that may be private, such as an EHR on the hospital's own network.
    """

    def __init__(self, trusted_hosts: Iterable[str]) -> None:
        self._trusted = frozenset(host.lower() for host in trusted_hosts)
        self._backend: httpcore2.AsyncNetworkBackend = httpcore2.AnyIOBackend()  # pyright: ignore[reportAttributeAccessIssue]

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of the library
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await self._addresses(host, port, timeout)
        if host.lower() not in self._trusted and not all(ip_address(a).is_global for a in addresses):
            raise httpcore2.ConnectError("The host resolves to a private address and is not trusted.")
        failure: Exception = httpcore2.ConnectError("The host has no address.")
        for address in addresses:
            try:
                return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    @staticmethod
    async def _addresses(host: str, port: int, seconds: float | None) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError:
            raise httpcore2.ConnectTimeout("The host's name was not resolved in time.") from None
        except OSError:
            raise httpcore2.ConnectError("The host's name could not be resolved.") from None
        return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


class _GuardedTransport(httpx2.AsyncHTTPTransport):
    def __init__(self, trusted_hosts: Iterable[str]) -> None:
        super().__init__(limits=_LIMITS, trust_env=False)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=httpx2.create_ssl_context(),
            max_connections=_LIMITS.max_connections,
            max_keepalive_connections=_LIMITS.max_keepalive_connections,
            keepalive_expiry=_LIMITS.keepalive_expiry,
            network_backend=PublicAddressesOnly(trusted_hosts),
        )


def ehr_http_client(
    trusted_private_hosts: Iterable[str] = (), *, transport: httpx2.AsyncBaseTransport | None = None
) -> httpx2.AsyncClient:
    """A client for EHRs.  `trusted_private_hosts` may resolve to private addresses; all others must be public."""
    # A request line holds the patient's id; the libraries would log it from INFO downwards.
    for name in ("httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)
    client = httpx2.AsyncClient(
        transport=transport or _GuardedTransport(trusted_private_hosts),
        timeout=httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        follow_redirects=False,
        trust_env=False,
    )
    # All users share the client: a cookie an EHR sets for one of them must not go out with another's request.
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
    return client
