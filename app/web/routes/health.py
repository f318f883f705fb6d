"""`/live`, `/ready`, `/metrics` and the public key sets."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from app.errors import LtotError
from app.jobs.service import in_thread
from app.store.migrate import is_current
from app.web.observe import METRICS_TYPE, metrics_text
from app.web.routes.context import service_of
from smart_launch.keys import jwks_document

router = APIRouter()
JWKS_MAX_AGE = 3600


@router.get("/live")
async def live() -> Response:
    """This process answers."""
    return JSONResponse({"status": "live"})


@router.get("/ready")
async def ready(request: Request) -> Response:
    """This process can do its work: the database answers and is of this version."""
    try:
        current = await in_thread(is_current, service_of(request).store.engine)
    except LtotError as error:
        return JSONResponse({"status": "not ready", "code": error.entry.code}, 503)
    if not current:
        return JSONResponse({"status": "not ready", "code": "LT-602"}, 503)
    return JSONResponse({"status": "ready"})


@router.get("/metrics")
async def metrics() -> Response:
    """Counters and timings without tenant names, patients or users."""
    return Response(metrics_text(), media_type=METRICS_TYPE)


@router.get("/jwks/{tenant_id}")
async def jwks(request: Request, tenant_id: str) -> Response:
    """The public signing keys an EHR verifies this tenant's assertions with."""
    service = service_of(request)
    await in_thread(service.tenants.get, tenant_id)
    keys = await in_thread(service.signing_keys(tenant_id).published)
    return JSONResponse(
        jwks_document(keys),
        headers={"Cache-Control": f"public, max-age={JWKS_MAX_AGE}"},
        media_type="application/jwk-set+json",
    )
