"""Create and update: what a server checks before it keeps a resource."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from app.sandbox.config import WRITE_TYPES, Resource
from app.sandbox.ids import resource_id
from app.sandbox.outcomes import FhirRefusedError, Issue
from app.sandbox.records import patient_of
from app.sandbox.site import Site

MAX_BODY = 2_000_000
_REQUIRED = {
    "DocumentReference": ("status", "content"),
    "Observation": ("status", "code"),
    "Procedure": ("status",),
    "QuestionnaireResponse": ("status",),
}


async def stored(
    site: Site, request: Request, kind: str, key: str | None, check: Callable[[Resource], object]
) -> Resource:
    """Validate and keep the body; `check` raises where the caller may not touch that patient."""
    if kind not in WRITE_TYPES:
        raise FhirRefusedError(405, Issue("not-supported", f"{kind} is read-only here"))
    resource = await _body(request, kind)
    check(resource)
    if patient_of(resource) is None or not site.records.get("Patient", patient_of(resource) or ""):
        raise FhirRefusedError(422, Issue("business-rule", "subject must be a patient of this server"))
    version = 1
    if key is None:
        if "id" in resource:
            raise FhirRefusedError(400, Issue("invalid", "a create carries no id"))
        resource["id"] = resource_id(site.profile.flavour, kind, uuid.uuid4().hex)
    else:
        version = _next_version(site, request, kind, key, resource, check)
    moment = datetime.fromtimestamp(site.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    resource["meta"] = {**resource.get("meta", {}), "versionId": str(version), "lastUpdated": moment}
    site.records.put(resource)
    return resource


def already_there(site: Site, request: Request, kind: str) -> Resource | None:
    """The resource that `If-None-Exist: identifier=system|value` names; vendors' flavours do not know the header."""
    if site.profile.flavour != "generic":
        return None
    query = dict(parse_qsl(request.headers.get("if-none-exist", "")))
    system, _, value = query.get("identifier", "").partition("|")
    for resource in site.records.of(kind) if value else ():
        if {"system": system, "value": value} in resource.get("identifier", []):
            return resource
    return None


async def _body(request: Request, kind: str) -> Resource:
    if "json" not in request.headers.get("content-type", ""):
        raise FhirRefusedError(415, Issue("not-supported", "send application/fhir+json"))
    raw = await request.body()
    if len(raw) > MAX_BODY:
        raise FhirRefusedError(413, Issue("too-long", "the body is too large"))
    try:
        resource: Any = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise FhirRefusedError(400, Issue("structure", "the body is not JSON")) from error
    if not isinstance(resource, dict) or resource.get("resourceType") != kind:
        raise FhirRefusedError(400, Issue("invalid", f"the body must be a {kind}"))
    missing = [name for name in _REQUIRED[kind] if not resource.get(name)]
    if missing:
        raise FhirRefusedError(422, Issue("required", f"missing: {', '.join(missing)}"))
    return resource


def _next_version(
    site: Site,
    request: Request,
    kind: str,
    key: str,
    resource: Resource,
    check: Callable[[Resource], object],
) -> int:
    former = site.records.get(kind, key)
    if former is None:
        raise FhirRefusedError(404, Issue("not-found", "Not Found", vendor="59008"))
    check(former)
    if resource.get("id") != key:
        raise FhirRefusedError(400, Issue("invalid", "the id in the body differs from the URL"))
    if patient_of(former) != patient_of(resource):
        raise FhirRefusedError(
            422, Issue("business-rule", "an update may not move a resource to another patient")
        )
    current = int(former.get("meta", {}).get("versionId", "1"))
    match = request.headers.get("if-match")
    if match is not None and match != f'W/"{current}"':
        raise FhirRefusedError(412, Issue("conflict", "the resource has changed since it was read"))
    return current + 1
