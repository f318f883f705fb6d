"""The colours and sizes the EHR suggests for apps inside its chart (`smart_style_url`)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from app.jobs.service import Service
from app.store.launch import Launch
from app.store.tenants import Tenant
from smart_launch.endpoints import UnreachableError, get_json

LONGEST_SECONDS = 2.0
"""A style that comes later than this would change a page that is being read."""


async def ehr_style(service: Service, tenant: Tenant, launch: Launch) -> Mapping[str, object]:
    """What the EHR of this launch suggests, as sent; empty when there is nothing or it may not be asked for.

    Only the tenant's own hosts are asked, over https, without a token.  Values are data: none is ever used as CSS
    before it was checked (`app.web.palette`).  A style that does not come is no error: the panel has its own.
    """
    policy = tenant.endpoint_policy(allow_loopback_http=service.settings.is_loopback)
    if not launch.style_url or policy.problem(launch.style_url):
        return {}
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            answer = await get_json(service.http, launch.style_url)
    except (UnreachableError, TimeoutError):
        return {}
    return answer.members if answer.status == 200 else {}
