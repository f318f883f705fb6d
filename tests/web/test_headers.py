"""S-17, S-18, S-19: headers on every response, and unsafe requests only from the panel itself."""

from collections.abc import Awaitable, Callable

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from app.web.render import STATIC_FOLDER, STATIC_PATH, static_url
from app.web.security import SecuredApp, allow_frames, check_frame_origin

BASE = "https://ltot.example.org"


async def _framed(request: Request) -> Response:
    allow_frames(request, ["https://ehr.example.org", "https://hyperdrive.example.org:8443"])
    return PlainTextResponse("x", headers={"X-Frame-Options": "DENY", "Server": "odd"})


async def _broken(request: Request) -> Response:
    raise RuntimeError


async def _refused(request: Request, error: Exception) -> Response:
    return PlainTextResponse("LT-900", 500)


async def _changes(request: Request) -> Response:
    return PlainTextResponse("changed")


async def _keys(request: Request) -> Response:
    return PlainTextResponse("{}", headers={"Cache-Control": "public, max-age=3600"})


Ask = Callable[..., Awaitable[httpx2.Response]]


@pytest.fixture
def ask() -> Ask:
    """Send one request to a small app behind the product's layers."""

    def app(base_url: str) -> SecuredApp:
        return SecuredApp(
            base_url=base_url,
            exception_handlers={Exception: _refused},
            routes=[
                Route("/framed", _framed),
                Route("/broken", _broken),
                Route("/jwks", _keys),
                Route("/change", _changes, methods=["POST", "PUT", "PATCH", "DELETE", "GET"]),
                Mount(STATIC_PATH, StaticFiles(directory=STATIC_FOLDER)),
            ],
        )

    async def send(
        path: str, method: str = "GET", headers: dict[str, str] | None = None, base_url: str = BASE
    ) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app(base_url), raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url=base_url) as client:
            return await client.request(method, path, headers=headers)

    return send


@pytest.mark.parametrize("path", ["/framed", "/broken", "/nowhere", static_url("panel.css")])
async def test_every_response_carries_the_headers(ask: Ask, path: str) -> None:
    headers = (await ask(path)).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert "*" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["strict-transport-security"] == "max-age=63072000"
    assert "camera=()" in headers["permissions-policy"]
    assert "x-frame-options" not in headers
    assert "server" not in headers


async def test_tenants_ehr_may_frame_its_page_and_nobody_else(ask: Ask) -> None:
    headers = (await ask("/framed")).headers
    assert headers["content-security-policy"].endswith(
        "frame-ancestors https://ehr.example.org https://hyperdrive.example.org:8443"
    )
    assert "cross-origin-opener-policy" not in headers


@pytest.mark.parametrize("path", ["/broken", "/nowhere", "/jwks"])
async def test_page_of_no_tenant_cannot_be_framed(ask: Ask, path: str) -> None:
    headers = (await ask(path)).headers
    assert headers["content-security-policy"].endswith("frame-ancestors 'none'")
    assert headers["cross-origin-opener-policy"] == "same-origin"


async def test_pages_are_not_stored_and_own_files_are(ask: Ask) -> None:
    assert (await ask("/framed")).headers["cache-control"] == "no-store"
    assert (await ask("/static/none.css")).headers["cache-control"] == "no-store"
    kept = (await ask(static_url("panel.css"))).headers["cache-control"]
    assert kept == "public, max-age=31536000, immutable"
    assert (await ask("/jwks")).headers["cache-control"] == "public, max-age=3600"


async def test_plain_http_of_the_demo_does_not_ask_for_https(ask: Ask) -> None:
    assert "strict-transport-security" not in (await ask("/framed", base_url="http://127.0.0.1:8000")).headers


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https://*.example.org",
        "http://ehr.example.org",
        "https://ehr.example.org/path",
        "https://ehr.example.org; script-src *",
        "https://ehr.example.org 'self'",
        "https://user@ehr.example.org",
        "https:",
        "'self'",
        "",
        "https://ehr.example.org\r\nX: y",
    ],
)
def test_odd_frame_origins_are_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="frame origin"):
        check_frame_origin(origin)


def test_sandbox_on_loopback_may_frame() -> None:
    assert check_frame_origin("http://127.0.0.1:9100") == "http://127.0.0.1:9100"


MATRIX = [
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, True),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": BASE}, False),
    ({"Sec-Fetch-Site": "none"}, False),
    ({"Origin": BASE}, True),
    ({"Origin": "https://evil.example"}, False),
    ({"Origin": "null"}, False),
    ({"Origin": f"{BASE}:444"}, False),
    ({}, False),
    ({"Authorization": "Bearer t"}, True),
    ({"Authorization": "Bearer t", "Cookie": "__Host-ltot.a=v"}, False),
    ({"Authorization": "Basic t"}, False),
]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(("headers", "allowed"), MATRIX)
async def test_unsafe_methods_need_the_panels_own_origin(
    ask: Ask, method: str, headers: dict[str, str], allowed: bool
) -> None:
    answer = await ask("/change", method, headers)
    assert answer.status_code == (200 if allowed else 403)
    if not allowed:
        assert "LT-403" in answer.text
        assert answer.headers["cache-control"] == "no-store"


async def test_reading_needs_no_origin(ask: Ask) -> None:
    assert (await ask("/change", "GET", {"Sec-Fetch-Site": "cross-site"})).status_code == 200


def test_address_of_a_file_changes_with_its_content() -> None:
    assert static_url("panel.css") != static_url("panel.js")
    assert static_url("panel.css").startswith("/static/panel.css?v=")
