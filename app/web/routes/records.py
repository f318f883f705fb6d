"""`/p/{launch}/records`: what is recorded in the visit, written to the EHR, and taken back.

Sent by the panel's script, the answer is empty and the content is read again; sent by a plain form, the browser
is led back to the panel.
"""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.errors import LtotError
from app.jobs.record import record_entry, recordable, withdraw_entry
from app.jobs.service import Service
from app.jobs.write_back import retry_write_back, write_back
from app.web.entry_form import read_entry
from app.web.presenters_records import record_form
from app.web.render import render_record_form
from app.web.routes.context import FINGERPRINT_HEADER, form_fields, launch_page, open_launch, service_of

router = APIRouter(prefix="/p/{launch_id}/records")


@router.get("/{key}")
async def form(request: Request, launch_id: str, key: str) -> Response:
    """The forms of one item; reads no chart."""
    opened = await open_launch(request, launch_id)
    kinds, today = recordable(opened.launch.roles), _today(service_of(request))
    found = record_form(key, kinds, today, reviewable="review" in request.query_params)
    if found is None:
        raise LtotError("LT-412")
    return HTMLResponse(render_record_form(found, launch_page(request, opened)))


@router.post("")
async def record(request: Request, launch_id: str) -> Response:
    """Keep what the form says."""
    opened = await open_launch(request, launch_id)
    service = service_of(request)
    entry = read_entry(await form_fields(request), _today(service))
    kept = await record_entry(service, opened.tenant, opened.launch, entry)
    await write_back(service, opened.tenant, opened.launch, opened.cookie, kept)
    return _done(request, launch_id)


@router.post("/{record_id}/retry")
async def retry(request: Request, launch_id: str, record_id: str) -> Response:
    """Try again to write an entry to the EHR."""
    opened = await open_launch(request, launch_id)
    await retry_write_back(service_of(request), opened.tenant, opened.launch, opened.cookie, record_id)
    return _done(request, launch_id)


@router.post("/{record_id}/withdraw")
async def withdraw(request: Request, launch_id: str, record_id: str) -> Response:
    """Take an entry back that was a mistake."""
    opened = await open_launch(request, launch_id)
    await withdraw_entry(service_of(request), opened.tenant, opened.launch, record_id)
    return _done(request, launch_id)


def _today(service: Service) -> date:
    return service.now().astimezone(service.settings.time_zone).date()


def _done(request: Request, launch_id: str) -> Response:
    if FINGERPRINT_HEADER in request.headers:
        return Response(status_code=204)
    return RedirectResponse(f"/p/{launch_id}?whole=1", status_code=303)
