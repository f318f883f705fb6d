"""The ASGI application: settings, middleware, routes, and one place where every error becomes a page."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles

from app.errors import CATALOGUE, LtotError
from app.jobs.policies import load_policy
from app.jobs.service import Service
from app.jobs.tidy import keep_tidy
from app.logs import configure_logs
from app.settings import SettingsError, read_settings
from app.store.migrate import require_current
from app.telemetry import telemetry_config
from app.web.cookies import LaunchCookies
from app.web.limits import RateLimit
from app.web.observe import note_code, request_id, route_of
from app.web.render import STATIC_FOLDER, STATIC_PATH, render_state
from app.web.routes import health, launch, panel, population, records
from app.web.routes.context import window_of
from app.web.security import SecuredApp
from valuesets.check import check

LAUNCHES_PER_MINUTE = 120
log = structlog.get_logger()


def create_app(service: Service, *, launches_per_minute: int = LAUNCHES_PER_MINUTE) -> FastAPI:
    """The application of one service.  Raises LtotError LT-602 when the database is of another version."""
    require_current(service.store.engine)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        rounds = asyncio.create_task(keep_tidy(service))
        yield
        rounds.cancel()
        await service.close()

    app = SecuredApp(
        base_url=service.settings.base_url,
        title="LtOT Panel",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # A redirect to the address without its slash would be built from the Host header the client sent.
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry=telemetry_config(switched_on=service.settings.telemetry),
    )
    app.state.service = service
    app.state.cookies = LaunchCookies()
    app.state.limits = RateLimit(launches_per_minute)
    for routes in (health.router, launch.router, panel.router, records.router, population.router):
        app.include_router(routes)
    app.mount(STATIC_PATH, StaticFiles(directory=STATIC_FOLDER), name="static")
    app.add_exception_handler(LtotError, _refused)
    app.add_exception_handler(HTTPException, _no_page)
    app.add_exception_handler(Exception, _broken)
    return app


def from_environment() -> FastAPI:
    """What `ltot serve` and uvicorn's workers start.  Raises LtotError when a setting does not fit."""
    try:
        settings = read_settings(os.environ)
    except SettingsError as error:
        raise LtotError("LT-601", str(error)) from None
    configure_logs(settings.log_level)
    if problems := check():
        raise LtotError("LT-603", " ".join(problems))
    load_policy(settings.policy)
    return create_app(Service.of(settings))


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, LtotError)  # noqa: S101 - registered for this type only
    return _answer(request, error.entry.code, error.detail)


async def _no_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
    return _answer(request, "LT-404", status=error.status_code)


async def _broken(request: Request, _error: Exception) -> Response:
    return _answer(request, "LT-900")


def _answer(request: Request, code: str, detail: str = "", status: int | None = None) -> Response:
    entry, reference = CATALOGUE[code], request_id(request)
    note_code(request, code)
    log.warning("request_refused", code=code, route=route_of(request.scope))
    if request.headers.get("accept", "").startswith("application/json"):
        body = {
            "code": code,
            "sentence": entry.sentence,
            "next_step": entry.next_step,
            "reference": reference,
        }
        return JSONResponse(body, status or entry.http_status)
    launch_id = request.path_params.get("launch_id")
    back = f"/p/{launch_id}?whole=1" if launch_id else ""
    return HTMLResponse(
        render_state(code, detail=detail, reference=reference, window_url=window_of(request), back_url=back),
        status_code=status or entry.http_status,
    )
