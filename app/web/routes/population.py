"""`/population/{launch}`: the clinic's list.  What is asked for comes in a form, so no address says it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from app.jobs.population_list import Asked, list_as_csv, open_list, read_asked
from app.jobs.tokens import end_launch
from app.web.list_views import ListPage
from app.web.presenters_list import list_view
from app.web.render import render_list, render_state
from app.web.routes.context import OpenLaunch, form_fields, open_population, service_of

router = APIRouter(prefix="/population/{launch_id}")


@router.get("")
async def page(request: Request, launch_id: str) -> Response:
    """The newest run, everyone in it, most overdue first."""
    return await _page(request, await open_population(request, launch_id), Asked())


@router.post("")
async def chosen(request: Request, launch_id: str) -> Response:
    """The list as the form asks for it."""
    opened = await open_population(request, launch_id)
    return await _page(request, opened, read_asked(await form_fields(request)))


@router.post("/list.csv")
async def as_csv(request: Request, launch_id: str) -> Response:
    """Everyone on the list as a file."""
    opened = await open_population(request, launch_id)
    asked = read_asked(await form_fields(request))
    run, content = await list_as_csv(service_of(request), opened.tenant, opened.launch, asked)
    name = f"opioid-list-{run.as_of.isoformat()}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/keep")
async def keep(request: Request, launch_id: str) -> Response:
    """The user is still there: the idle time starts again."""
    await open_population(request, launch_id)
    return Response(status_code=204)


@router.post("/end")
async def end(request: Request, launch_id: str) -> Response:
    """The user closes the list."""
    opened = await open_population(request, launch_id, counts_as_use=False)
    await end_launch(service_of(request), opened.tenant, opened.launch, "user")
    return HTMLResponse(render_state("LT-401"))


async def _page(request: Request, opened: OpenLaunch, asked: Asked) -> Response:
    service = service_of(request)
    found = await open_list(service, opened.tenant, opened.launch, asked)
    frame = ListPage(opened.launch.id, service.settings.idle_minutes * 60)
    return HTMLResponse(render_list(list_view(found), frame))
