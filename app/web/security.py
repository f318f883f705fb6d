"""Headers on every response, and the refusal of unsafe requests from other origins.

What a page may be framed by is decided per response: a route that knows its tenant calls `allow_frames`; all
others stay 'none'.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.settings import LOOPBACK_HOSTS
from app.web.observe import Observed
from app.web.render import STATIC_PATH, render_state

_ORIGIN = re.compile(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_FRAMES = "ltot_frame_ancestors"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'"
)
_PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        "camera",
        "clipboard-read",
        "display-capture",
        "geolocation",
        "microphone",
        "payment",
        "usb",
    )
)
_FIXED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": f"{_PERMISSIONS}, clipboard-write=(self)",
}


def check_frame_origin(origin: str) -> str:
    """The origin as it may stand in frame-ancestors.  Raises ValueError: no wildcard, no path, https or loopback."""
    found = _ORIGIN.fullmatch(origin)
    if not found:
        raise ValueError("a frame origin is written as https://ehr.example.org, without path or wildcard")
    host = found.group(2).strip("[]")
    if found.group(1) != "https" and host not in LOOPBACK_HOSTS:
        raise ValueError("a frame origin is https")
    return origin


def allow_frames(connection: HTTPConnection, origins: Iterable[str]) -> None:
    """Let this response be framed by the tenant's EHR origins, checked one by one."""
    allowed = " ".join(sorted(check_frame_origin(origin) for origin in origins))
    connection.scope.setdefault("state", {})[_FRAMES] = allowed


def content_security_policy(frame_ancestors: str = "'none'") -> str:
    """The policy from nothing upwards: own files only, no inline script or style, framed by nobody else."""
    return f"{_POLICY}; frame-ancestors {frame_ancestors}"


class SecurityHeaders:
    """ASGI layer that completes the headers of every response.

    https: whether browsers reach the service over https; then they are told to insist on it.
    """

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app, self._https = app, https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._complete(scope["path"], message, state.get(_FRAMES, ""))
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _complete(self, path: str, message: Message, frames: str) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in _FIXED.items():
            headers[name] = value
        headers["Content-Security-Policy"] = content_security_policy(frames or "'none'")
        if not frames:
            headers["Cross-Origin-Opener-Policy"] = "same-origin"
        if self._https:
            headers["Strict-Transport-Security"] = "max-age=63072000"
        static = path.startswith(f"{STATIC_PATH}/") and message["status"] in {200, 304}
        headers.setdefault("Cache-Control", "public, max-age=31536000, immutable" if static else "no-store")
        for leaking in ("X-Frame-Options", "Server", "X-Powered-By"):
            del headers[leaking]


def same_origin(headers: Headers, own_origin: str) -> bool:
    """Whether the browser says that the request comes from a page of ours.

    Sec-Fetch-Site decides where browsers send it; Origin alone cannot, since it is "null" for a form under
    our own no-referrer policy.  Programs hold no cookie of ours and name themselves with a bearer token.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    if origin is not None:
        return origin == own_origin
    return "cookie" not in headers and headers.get("authorization", "").lower().startswith("bearer ")


def origin_of(base_url: str) -> str:
    """Scheme, host and port of the service's own address, as browsers write them."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}".lower()


class SameOriginGuard:
    """ASGI layer that answers 403 (LT-403) to an unsafe method from anywhere but the panel itself."""

    def __init__(self, app: ASGIApp, *, base_url: str) -> None:
        self._app, self._origin = app, origin_of(base_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        unsafe = scope["type"] == "http" and scope["method"] not in _SAFE_METHODS
        if unsafe and not same_origin(Headers(scope=scope), self._origin):
            await HTMLResponse(render_state("LT-403"), status_code=403)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class SecuredApp(FastAPI):
    """An application whose headers are the outermost layer: even an unexpected error carries them."""

    def __init__(self, *, base_url: str, **options: Any) -> None:
        super().__init__(**options)
        self._https = base_url.startswith("https:")
        self.add_middleware(SameOriginGuard, base_url=base_url)

    def build_middleware_stack(self) -> ASGIApp:
        return SecurityHeaders(Observed(super().build_middleware_stack()), https=self._https)
