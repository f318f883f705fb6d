"""The server's own description is fetched once a day, checked on every use, and never trusted beyond its
hosts."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest

from smart_launch import endpoints
from smart_launch.discovery import CachedDocument, discover, discover_keys_address
from smart_launch.errors import DiscoveryError, Reason
from tests.smart_launch.conftest import BASE, DOCUMENT, ISSUER, NOW, POLICY, Server, configured

WELL_KNOWN = "/fhir/r4/.well-known/smart-configuration"


class MemoryCache:
    def __init__(self) -> None:
        self.documents: dict[str, CachedDocument] = {}

    def get(self, fhir_base: str) -> CachedDocument | None:
        return self.documents.get(fhir_base)

    def put(self, fhir_base: str, document: CachedDocument) -> None:
        self.documents[fhir_base] = document


async def test_the_document_is_read_below_the_fhir_base(client: httpx2.AsyncClient, server: Server) -> None:
    server.answer(WELL_KNOWN, DOCUMENT)
    found = await discover(client, BASE, POLICY, NOW, headers={"Epic-Client-ID": "abc"})
    assert found.token_endpoint == DOCUMENT["token_endpoint"]
    assert (found.issuer, found.fhir_base) == (ISSUER, BASE)
    assert found.supports("permission-v2")
    assert not found.supports("permission-v1")
    (request,) = server.requests
    assert "application/json" in request.headers["accept"]
    assert request.headers["epic-client-id"] == "abc"


async def test_it_is_fetched_once_a_day(client: httpx2.AsyncClient, server: Server) -> None:
    server.answer(WELL_KNOWN, DOCUMENT)
    cache = MemoryCache()
    for hours in (0, 1, 23.9):
        await discover(client, BASE, POLICY, NOW + timedelta(hours=hours), cache=cache)
    assert len(server.requests) == 1
    await discover(client, BASE, POLICY, NOW + timedelta(hours=24), cache=cache)
    assert len(server.requests) == 2
    await discover(client, BASE, POLICY, NOW + timedelta(hours=24), cache=cache, refresh=True)
    assert len(server.requests) == 3


async def test_a_document_from_the_future_is_not_used(client: httpx2.AsyncClient, server: Server) -> None:
    server.answer(WELL_KNOWN, DOCUMENT)
    cache = MemoryCache()
    cache.put(BASE, CachedDocument(DOCUMENT, NOW + timedelta(days=400)))
    await discover(client, BASE, POLICY, NOW, cache=cache)
    assert len(server.requests) == 1


async def test_a_cached_document_is_checked_against_the_hosts_of_today(client: httpx2.AsyncClient) -> None:
    cache = MemoryCache()
    cache.put(BASE, CachedDocument(DOCUMENT | {"token_endpoint": "https://gone.example.org/token"}, NOW))
    with pytest.raises(DiscoveryError) as caught:
        await discover(client, BASE, POLICY, NOW, cache=cache)
    assert caught.value.reason is Reason.ENDPOINT_NOT_ALLOWED


async def test_a_bad_document_is_not_cached(client: httpx2.AsyncClient, server: Server) -> None:
    server.answer(WELL_KNOWN, {"issuer": ISSUER})
    cache = MemoryCache()
    with pytest.raises(DiscoveryError):
        await discover(client, BASE, POLICY, NOW, cache=cache)
    assert cache.documents == {}


@pytest.mark.parametrize(
    "name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "revocation_endpoint"]
)
@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example.org/x",
        "http://auth.example.org/x",
        "https://auth.example.org@evil.org/",
        "//evil.org/",
    ],
)
def test_endpoints_elsewhere_are_refused_by_name(name: str, address: str) -> None:
    with pytest.raises(DiscoveryError, match=name) as caught:
        configured(**{name: address})
    assert caught.value.reason is Reason.ENDPOINT_NOT_ALLOWED


def test_relative_endpoints_belong_to_the_fhir_base() -> None:
    assert configured(token_endpoint="../oauth/token").token_endpoint == (
        "https://ehr.example.org/fhir/oauth/token"
    )
    assert configured(token_endpoint="/token").token_endpoint == "https://ehr.example.org/token"


def test_what_is_missing_disables_instead_of_failing() -> None:
    found = configured(
        authorization_endpoint=None, issuer=None, jwks_uri=None, revocation_endpoint="", capabilities=None
    )
    assert (found.authorization_endpoint, found.issuer, found.jwks_uri) == (None, None, None)
    assert (found.revocation_endpoint, found.capabilities) == (None, frozenset())


def test_unexpected_types_are_tolerated_where_nothing_depends_on_them() -> None:
    found = configured(capabilities={"a": 1}, issuer=7, x=[1], code_challenge_methods_supported="S256")
    assert (found.capabilities, found.issuer) == (frozenset(), None)


@pytest.mark.parametrize("value", [None, 7, ["https://auth.example.org/token"]])
def test_without_a_token_endpoint_nothing_works(value: object) -> None:
    with pytest.raises(DiscoveryError) as caught:
        configured(token_endpoint=value)
    assert caught.value.reason is Reason.DISCOVERY_INVALID


def test_pkce_is_used_unless_the_server_names_only_other_methods() -> None:
    configured(code_challenge_methods_supported=None)
    configured(code_challenge_methods_supported=["plain", "S256"])
    with pytest.raises(DiscoveryError) as caught:
        configured(code_challenge_methods_supported=["plain"])
    assert caught.value.reason is Reason.PKCE_UNSUPPORTED


@pytest.mark.parametrize(
    ("status", "body", "reason", "retryable"),
    [
        (200, "<html>", Reason.DISCOVERY_INVALID, False),
        (200, "[]", Reason.DISCOVERY_INVALID, False),
        (200, "[" * 100_000, Reason.DISCOVERY_INVALID, False),
        (404, "", Reason.DISCOVERY_UNREACHABLE, False),
        (301, "", Reason.DISCOVERY_UNREACHABLE, False),
        (503, "", Reason.DISCOVERY_UNREACHABLE, True),
        (429, "", Reason.DISCOVERY_UNREACHABLE, True),
        (200, " " * 600_000, Reason.DISCOVERY_UNREACHABLE, True),
    ],
)
async def test_odd_answers_are_one_kind_of_error(
    client: httpx2.AsyncClient, server: Server, status: int, body: str, reason: Reason, retryable: bool
) -> None:
    server.answer(WELL_KNOWN, body, status)
    with pytest.raises(DiscoveryError) as caught:
        await discover(client, BASE, POLICY, NOW)
    assert (caught.value.reason, caught.value.retryable) == (reason, retryable)


@pytest.mark.parametrize("media_type", ["application/json", "text/html", "application/octet-stream", ""])
async def test_a_byte_order_mark_an_odd_type_and_further_members_are_tolerated(
    client: httpx2.AsyncClient, server: Server, media_type: str
) -> None:
    server.routes[WELL_KNOWN] = lambda _: httpx2.Response(
        200,
        headers={"content-type": media_type},
        content=b'\xef\xbb\xbf{"token_endpoint": "https://auth.example.org/token", "made_up": [1]}',
    )
    assert (await discover(client, BASE, POLICY, NOW)).token_endpoint == "https://auth.example.org/token"


async def test_redirects_are_not_followed(server: Server) -> None:
    server.routes[WELL_KNOWN] = lambda _: httpx2.Response(302, headers={"Location": "https://evil.org/"})
    transport = httpx2.MockTransport(server.handle)
    async with httpx2.AsyncClient(transport=transport, follow_redirects=True) as eager:
        with pytest.raises(DiscoveryError, match="status 302"):
            await discover(eager, BASE, POLICY, NOW)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "failure", [httpx2.ConnectTimeout("x"), httpx2.ReadTimeout("x"), httpx2.ConnectError("x")]
)
async def test_silence_is_retryable(client: httpx2.AsyncClient, server: Server, failure: Exception) -> None:
    def fail(_request: httpx2.Request) -> httpx2.Response:
        raise failure

    server.routes[WELL_KNOWN] = fail
    with pytest.raises(DiscoveryError) as caught:
        await discover(client, BASE, POLICY, NOW)
    assert caught.value.retryable


async def test_without_a_listed_host_nothing_is_sent(client: httpx2.AsyncClient, server: Server) -> None:
    with pytest.raises(DiscoveryError):
        await discover(client, "https://unlisted.example.org/r4", POLICY, NOW)
    assert server.requests == []


async def test_the_key_address_comes_from_openid_discovery_when_smart_names_none(
    client: httpx2.AsyncClient, server: Server
) -> None:
    path = "/oauth2/.well-known/openid-configuration"
    server.answer(path, {"issuer": ISSUER, "jwks_uri": "https://auth.example.org/keys"})
    assert await discover_keys_address(client, configured(), POLICY) == DOCUMENT["jwks_uri"]
    bare = configured(jwks_uri=None)
    assert await discover_keys_address(client, bare, POLICY) == "https://auth.example.org/keys"
    for wrong in (
        {"issuer": "https://other.example.org", "jwks_uri": "https://auth.example.org/keys"},
        {"issuer": ISSUER, "jwks_uri": "https://evil.example.org/keys"},
        {"issuer": ISSUER},
    ):
        server.answer(path, wrong)
        with pytest.raises(DiscoveryError):
            await discover_keys_address(client, bare, POLICY)
    with pytest.raises(DiscoveryError, match="neither signing keys nor an issuer"):
        await discover_keys_address(client, configured(jwks_uri=None, issuer=None), POLICY)


async def test_an_answer_that_drips_in_is_given_up(
    client: httpx2.AsyncClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.001)

    monkeypatch.setattr(endpoints, "TOTAL_SECONDS", 0.05)
    server.routes[WELL_KNOWN] = lambda _: httpx2.Response(200, content=drip())
    with pytest.raises(DiscoveryError, match="did not answer in time"):
        await discover(client, BASE, POLICY, NOW)
