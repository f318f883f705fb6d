"""What every route needs: the service, the cookies, the launch of this address and this browser."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from app.errors import LtotError
from app.jobs.launch import POPULATION, roles_of
from app.jobs.service import Service, in_thread
from app.store.launch import Launch
from app.store.tenants import Tenant
from app.web.cookies import LaunchCookies
from app.web.limits import RateLimit
from app.web.render import LaunchPage
from app.web.security import allow_frames

FINGERPRINT_HEADER = "x-ltot-patient"
MOST_BYTES = 8_000


@dataclass(frozen=True, slots=True)
class OpenLaunch:
    """The launch this request belongs to, proven by its address and its cookie together."""

    launch: Launch
    tenant: Tenant
    cookie: str


def service_of(request: Request) -> Service:
    """The service this process was started with."""
    service: Service = request.app.state.service
    return service


def cookies_of(request: Request) -> LaunchCookies:
    cookies: LaunchCookies = request.app.state.cookies
    return cookies


def limit(request: Request) -> None:
    """Count this launch or callback; raises LT-111 when one address sends too many."""
    limits: RateLimit = request.app.state.limits
    client = request.client.host if request.client else ""
    if not limits.allows(client, service_of(request).now()):
        raise LtotError("LT-111")


async def open_launch(request: Request, launch_id: str, *, counts_as_use: bool = True) -> OpenLaunch:
    """The open launch behind `/p/{launch_id}`.

    Raises LT-402 without this launch's own cookie or for a launch of no patient, LT-401 when it is over, LT-120 when
    the page was made for another patient.
    """
    opened = await _opened(request, launch_id, counts_as_use=counts_as_use)
    if not opened.launch.patient:
        raise LtotError("LT-402")
    return opened


async def open_population(request: Request, launch_id: str, *, counts_as_use: bool = True) -> OpenLaunch:
    """The open launch behind `/population/{launch_id}`; the role counts as the tenant gives it now.

    Raises as `open_launch`; LT-405 for a launch of one chart, and for a user without the role.
    """
    opened = await _opened(request, launch_id, counts_as_use=counts_as_use)
    if opened.launch.patient or POPULATION not in roles_of(opened.tenant, opened.launch.user):
        raise LtotError("LT-405")
    return opened


async def _opened(request: Request, launch_id: str, *, counts_as_use: bool) -> OpenLaunch:
    service = service_of(request)
    # A refusal is read inside the EHR's frame too, so the frame is allowed before anything is checked.
    tenant_id = await in_thread(service.sessions.tenant_of, launch_id)
    tenant = await in_thread(service.tenants.get, tenant_id)
    allow_frames(request, tenant.frame_ancestors)
    try:
        cookie = cookies_of(request).read(request.headers.get("cookie"), launch_id)
    except ValueError:
        raise LtotError("LT-402") from None
    if cookie is None:
        raise LtotError("LT-402")
    launch = await in_thread(service.sessions.load, launch_id, cookie, service.now())
    claimed = request.headers.get(FINGERPRINT_HEADER)
    if claimed is not None and claimed != launch.patient_fingerprint:
        raise LtotError("LT-120")
    if counts_as_use:
        launch = await in_thread(service.sessions.touch, launch, service.now())
    return OpenLaunch(launch, tenant, cookie)


def offer_window(request: Request, tenant: Tenant) -> None:
    """Where cookies do not reach a frame, the page that says so offers a launch in a window of its own."""
    request.state.window_url = f"/launch/{tenant.id}"


def window_of(request: Request) -> str:
    """The address offered, "" for none."""
    return getattr(request.state, "window_url", "")


async def form_fields(request: Request) -> dict[str, str]:
    """The texts of a form.  Raises LT-411 for one that is too large."""
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > MOST_BYTES:
        raise LtotError("LT-411", "The form is too large.")
    form = await request.form(max_files=0, max_fields=20)
    return {name: value for name, value in form.items() if isinstance(value, str)}


def launch_page(request: Request, opened: OpenLaunch) -> LaunchPage:
    """The page of this launch, for the templates."""
    idle = service_of(request).settings.idle_minutes * 60
    return LaunchPage(
        opened.launch.id,
        opened.launch.patient_fingerprint,
        idle_seconds=idle,
        styled=bool(opened.launch.style_url),
    )
