"""`/launch` and `/callback`: from the EHR's link to the panel's own address."""

from __future__ import annotations

from contextlib import suppress

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.errors import LtotError
from app.jobs.launch import (
    LaunchStarted,
    finish_launch,
    start_launch,
    start_population,
    start_population_standalone,
    start_standalone,
)
from app.jobs.service import in_thread
from app.store.attempts import ATTEMPT_LIFETIME
from app.web.cookies import attempt_id
from app.web.routes.context import cookies_of, limit, offer_window, service_of
from app.web.security import allow_frames
from smart_launch.errors import SmartError
from smart_launch.launch import callback_state
from smart_launch.secret import Secret

router = APIRouter()


@router.get("/launch")
async def launch(request: Request) -> Response:
    """An EHR launch: `iss` and `launch` in, a redirect to the EHR's authorization out."""
    limit(request)
    started = await start_launch(service_of(request), request.query_params.multi_items())
    return _redirect(request, started)


@router.get("/launch/{tenant_id}")
async def standalone(request: Request, tenant_id: str) -> Response:
    """A launch from outside the chart; the EHR asks for the patient."""
    limit(request)
    return _redirect(request, await start_standalone(service_of(request), tenant_id))


@router.get("/population/launch")
async def population(request: Request) -> Response:
    """An EHR launch of the clinic's list, outside any chart."""
    limit(request)
    started = await start_population(service_of(request), request.query_params.multi_items())
    return _redirect(request, started)


@router.get("/population/launch/{tenant_id}")
async def population_standalone(request: Request, tenant_id: str) -> Response:
    """The clinic's list from a bookmark; the EHR says who is signed in."""
    limit(request)
    return _redirect(request, await start_population_standalone(service_of(request), tenant_id))


def _redirect(request: Request, started: LaunchStarted) -> Response:
    allow_frames(request, started.tenant.frame_ancestors)
    answer = RedirectResponse(started.url, 302)
    lifetime = int(ATTEMPT_LIFETIME.total_seconds())
    header = cookies_of(request).header(attempt_id(started.state.reveal()), started.cookie.reveal(), lifetime)
    answer.headers.append("Set-Cookie", header)
    return answer


async def _prepare_refusal(request: Request, state: Secret) -> None:
    """A refusal is read inside the frame of the EHR that was asked; an unknown state may be framed by nobody."""
    service = service_of(request)
    with suppress(LtotError):
        tenant_id = await in_thread(service.attempts.tenant_of, state)
        tenant = await in_thread(service.tenants.get, tenant_id)
        allow_frames(request, tenant.frame_ancestors)
        offer_window(request, tenant)


@router.get("/callback")
async def callback(request: Request) -> Response:
    """The EHR's answer; opens the launch and moves to an address without code or state."""
    limit(request)
    service, cookies = service_of(request), cookies_of(request)
    query = request.query_params.multi_items()
    attempt = None
    with suppress(SmartError):
        state = callback_state(query)
        attempt = attempt_id(state.reveal())
        await _prepare_refusal(request, state)
    bound = cookies.read(request.headers.get("cookie"), attempt) if attempt else None
    finished = await finish_launch(service, query, bound)
    allow_frames(request, finished.tenant.frame_ancestors)
    opened = finished.opened
    place = "p" if opened.launch.patient else "population"
    answer = RedirectResponse(f"/{place}/{opened.launch.id}", 303)
    if attempt:
        answer.headers.append("Set-Cookie", cookies.clearing_header(attempt))
    left = int((opened.launch.expires_at - service.now()).total_seconds())
    answer.headers.append("Set-Cookie", cookies.header(opened.launch.id, opened.cookie.reveal(), left))
    return answer
