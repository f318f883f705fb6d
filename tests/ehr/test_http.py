"""The service reaches public hosts and the ones the operator trusts, whatever a name resolves to."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx2
import pytest

from app.ehr.http import ehr_http_client
from app.ehr.servers import REQUESTS_PER_SERVER


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    async def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), ("10.0.0.8",), ("169.254.169.254",), ("192.168.1.1",), ("0.0.0.0",), ("::1",),
     ("fe80::1%eth0",), ("8.8.8.8", "127.0.0.1"), ("::ffff:127.0.0.1",)],
)  # fmt: skip
async def test_a_name_that_leads_inside_is_refused(
    monkeypatch: pytest.MonkeyPatch, port: int, addresses: tuple[str, ...]
) -> None:
    resolving(monkeypatch, *addresses)
    async with ehr_http_client() as client:
        with pytest.raises(httpx2.ConnectError, match="private"):
            await client.get(f"http://ehr.example.org:{port}/")


async def test_a_trusted_name_may_be_inside(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    resolving(monkeypatch, "127.0.0.1")
    async with ehr_http_client({"EHR.example.org"}) as client:
        assert (await client.get(f"http://ehr.example.org:{port}/")).text == "ok"


async def test_a_literal_private_address_is_refused_too(port: int) -> None:
    async with ehr_http_client() as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get(f"http://127.0.0.1:{port}/")


async def test_a_name_nobody_knows_is_a_failed_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*_: object, **__: object) -> list[object]:
        raise socket.gaierror

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with ehr_http_client() as client:
        with pytest.raises(httpx2.ConnectError, match="resolved"):
            await client.get("https://ehr.example.org/")


async def test_hospitals_that_hang_leave_connections_for_the_others(port: int) -> None:
    """Five hospitals with every slot waiting for an answer; a launch at a sixth is answered at once."""
    arrived: list[asyncio.StreamWriter] = []
    four_full = asyncio.Event()

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.append(writer)
        if len(arrived) == 4 * REQUESTS_PER_SERVER:
            four_full.set()

    hanging = await asyncio.start_server(hang, "127.0.0.1", 0, backlog=256)
    address = f"http://localhost:{hanging.sockets[0].getsockname()[1]}/"
    async with ehr_http_client({"localhost"}) as client, asyncio.TaskGroup() as group:
        waiting = [group.create_task(client.get(address, timeout=60)) for _ in range(5 * REQUESTS_PER_SERVER)]
        try:
            await four_full.wait()
            answer = await client.get(f"http://localhost:{port}/", timeout=httpx2.Timeout(60, pool=10))
            assert answer.text == "ok"
        finally:
            for request in waiting:
                request.cancel()
    for writer in arrived:
        writer.close()
    hanging.close()
    await hanging.wait_closed()


async def test_a_cookie_set_for_one_user_goes_out_with_no_other_request() -> None:
    sent: list[str | None] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.headers.get("cookie"))
        return httpx2.Response(
            200, headers={"Set-Cookie": f"JSESSIONID={len(sent)}; Path=/; Secure; HttpOnly"}
        )

    async with ehr_http_client(transport=httpx2.MockTransport(answer)) as client:
        for user in ("first", "second", "first"):
            await client.get("https://ehr.example.org/fhir/Patient/1", headers={"authorization": user})
        assert len(client.cookies) == 0
    assert sent == [None, None, None]


async def test_redirects_are_not_followed() -> None:
    moved = httpx2.Response(302, headers={"Location": "https://elsewhere.example.org/"})
    async with ehr_http_client(transport=httpx2.MockTransport(lambda _: moved)) as client:
        assert (await client.get("https://ehr.example.org/")).status_code == 302


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with ehr_http_client({"127.0.0.1"}) as client:
        assert (await client.get(f"http://127.0.0.1:{port}/")).text == "ok"
