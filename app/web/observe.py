"""What operators see of a request: one id in logs, on error pages and in a header, and a few counters.

Routes are counted by their pattern; addresses hold launch ids and codes and appear nowhere.
"""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

import structlog
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()
LAUNCHES = Counter("ltot_launches", "Ends of launches: opened, or the error's code.", ["outcome"])
PANELS = Counter("ltot_panels", "Panels asked for: shown, or the error's code.", ["outcome"])
PANEL_SECONDS = Histogram(
    "ltot_panel_seconds",
    "How long a panel took, the EHR's answers included.",
    buckets=(0.5, 1, 2, 3, 4, 5, 6, 8, 10, 15),
)
REQUESTS = Counter("ltot_requests", "Requests by the route's pattern.", ["route", "method", "status"])
METRICS_TYPE = CONTENT_TYPE_LATEST
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CALLBACK, _CONTENT = "/callback", "/p/{launch_id}/content"
_ID, _CODE = "ltot_request", "ltot_code"


def request_id(connection: HTTPConnection) -> str:
    """The id this request is found by in the logs; it is shown on error pages."""
    state = connection.scope.setdefault("state", {})
    return state.setdefault(_ID, uuid.uuid4().hex[:12])


def note_code(connection: HTTPConnection, code: str) -> None:
    """Remember with which code of the catalogue this request is refused."""
    connection.scope.setdefault("state", {})[_CODE] = code


def route_of(scope: Scope) -> str:
    """The pattern of the route that answers, never the address itself."""
    return str(getattr(scope.get("route"), "path", "unknown"))


def metrics_text() -> bytes:
    """All counters in Prometheus' format, added up over the workers where they share a folder for it."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry)


class Observed:
    """ASGI layer around everything that answers, unexpected errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        # An id the client sent is not taken over: it could forge log lines or carry data of a patient.
        state[_ID] = uuid.uuid4().hex[:12]
        started, status = time.perf_counter(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", []).append((b"x-request-id", state[_ID].encode()))
            await send(message)

        with structlog.contextvars.bound_contextvars(request=state[_ID]):
            try:
                await self._app(scope, receive, send_with_id)
            except Exception as error:
                # The error page is sent.  The server would write the exception's text, which can hold anything.
                log.error("unexpected_error", kind=type(error).__name__, at=_place(error))  # noqa: TRY400
            finally:
                _count(scope, status, time.perf_counter() - started)


def _place(error: BaseException) -> str:
    """Function and line where an error arose; its own words stay unsaid."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "unknown"
    code = trace.tb_frame.f_code
    return f"{Path(code.co_filename).name}:{code.co_name}:{trace.tb_lineno}"


def _count(scope: Scope, status: int, seconds: float) -> None:
    route, code = route_of(scope), scope["state"].get(_CODE)
    method = scope["method"] if scope["method"] in _METHODS else "other"
    REQUESTS.labels(route, method, str(status)).inc()
    if route == _CALLBACK or (route.startswith("/launch") and code):
        LAUNCHES.labels(code or ("opened" if status == 303 else str(status))).inc()
    elif route == _CONTENT:
        PANELS.labels(code or ("shown" if status == 200 else str(status))).inc()
        if code is None:
            PANEL_SECONDS.observe(seconds)
