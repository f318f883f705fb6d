"""`/p/{launch}`: the panel's page, its content, and the ends of a session."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from app.clinical.as_json import as_json
from app.jobs.ehr_style import ehr_style
from app.jobs.open_panel import OpenedPanel, open_panel
from app.jobs.record import CLINICIAN, recordable
from app.jobs.tokens import end_launch
from app.web.palette import ehr_stylesheet
from app.web.presenters import panel_view
from app.web.presenters_records import Recording
from app.web.render import render_panel, render_shell, render_state
from app.web.routes.context import OpenLaunch, launch_page, open_launch, service_of
from app.web.views import PanelView

router = APIRouter(prefix="/p/{launch_id}")


@router.get("")
async def page(request: Request, launch_id: str) -> Response:
    """The page.  Painted at once; its content follows in one request, or with it for `?whole=1` and print."""
    opened = await open_launch(request, launch_id)
    frame = launch_page(request, opened)
    printing = "print" in request.query_params
    if printing or "whole" in request.query_params:
        panel, asked = await _panel(request, opened), request.query_params.get("record", "")
        return HTMLResponse(render_panel(_view(panel, opened, asked), frame, whole=True, printing=printing))
    return HTMLResponse(render_shell(frame))


@router.get("/content")
async def content(request: Request, launch_id: str) -> Response:
    """The panel's content as HTML, or the evaluation itself as JSON where the client asks for that."""
    opened = await open_launch(request, launch_id)
    panel = await _panel(request, opened)
    if request.headers.get("accept", "").startswith("application/json"):
        return Response(msgspec.json.encode(as_json(panel.evaluation)), media_type="application/json")
    return HTMLResponse(render_panel(_view(panel, opened), launch_page(request, opened)))


@router.get("/style.css")
async def style(request: Request, launch_id: str) -> Response:
    """The EHR's colours and font size, where everything stays readable in them; empty where not."""
    opened = await open_launch(request, launch_id, counts_as_use=False)
    suggested = await ehr_style(service_of(request), opened.tenant, opened.launch)
    return Response(ehr_stylesheet(suggested), media_type="text/css")


@router.post("/keep")
async def keep(request: Request, launch_id: str) -> Response:
    """The user is still there: the idle time starts again."""
    await open_launch(request, launch_id)
    return Response(status_code=204)


@router.post("/end")
async def end(request: Request, launch_id: str) -> Response:
    """The user closes the panel: tokens are forgotten here and revoked at the EHR."""
    opened = await open_launch(request, launch_id, counts_as_use=False)
    await end_launch(service_of(request), opened.tenant, opened.launch, "user")
    return HTMLResponse(render_state("LT-401"))


async def _panel(request: Request, opened: OpenLaunch) -> OpenedPanel:
    return await open_panel(service_of(request), opened.tenant, opened.launch, opened.cookie)


def _view(panel: OpenedPanel, opened: OpenLaunch, asked: str = "") -> PanelView:
    return panel_view(
        panel.evaluation,
        panel.person,
        panel.read_at,
        full_banner=opened.launch.need_patient_banner,
        marks=panel.policy.mme.thresholds,
        recording=Recording(
            kinds=recordable(opened.launch.roles),
            reviewable=panel.reviewable,
            entries=panel.entries,
            over=panel.over,
            gone=panel.gone,
            author_hash=opened.launch.user_hash,
            any_author=CLINICIAN in opened.launch.roles,
            asked=asked,
        ),
    )
