"""The FHIR API: read, search, page, create and update, under scopes and faults."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.sandbox import capability
from app.sandbox.access import Caller, caller_of, check_patient, permitted
from app.sandbox.config import Resource, types_of
from app.sandbox.faulty import Spoiler
from app.sandbox.outcomes import HTML_404, FhirRefusedError, Issue, outcome
from app.sandbox.paging import Pager
from app.sandbox.records import patient_of
from app.sandbox.rules import plan
from app.sandbox.search import Params
from app.sandbox.site import Site
from app.sandbox.writes import already_there, stored
from app.sandbox.xml import to_xml

FHIR_JSON = "application/fhir+json"
_NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class FhirEndpoints:
    """The FHIR server of one site."""

    site: Site
    pager: Pager

    def routes(self) -> list[Route]:
        """All routes below the FHIR base."""
        base = self.site.fhir_path
        return [
            Route(f"{base}/.well-known/smart-configuration", self.smart, methods=["GET"]),
            Route(f"{base}/metadata", self.metadata, methods=["GET"]),
            Route(f"{base}/{{kind}}/_search", self.search, methods=["POST"]),
            Route(f"{base}/{{kind}}/{{key}}", self.read, methods=["GET"]),
            Route(f"{base}/{{kind}}/{{key}}", self.update, methods=["PUT"]),
            Route(f"{base}/{{kind}}", self.search, methods=["GET"]),
            Route(f"{base}/{{kind}}", self.create, methods=["POST"]),
        ]

    async def smart(self, request: Request) -> Response:  # noqa: ARG002
        """SMART configuration."""
        return JSONResponse(
            capability.smart_configuration(self.site), headers={"Cache-Control": "max-age=60"}
        )

    async def metadata(self, request: Request) -> Response:
        """CapabilityStatement; needs no token."""
        return self._answer(request, capability.capability_statement(self.site))

    async def read(self, request: Request) -> Response:
        """One resource by id."""
        kind, key = request.path_params["kind"], request.path_params["key"]
        try:
            caller = self._admit(request, kind)
            scopes = permitted(self.site, caller, kind, "r")
            resource = self.site.records.get(kind, key)
            patient = patient_of(resource) if resource else None
            spoiler = await Spoiler.take(self.site, kind, patient or (key if kind == "Patient" else None))
            if spoiler.answer:
                return spoiler.answer
            resource = check_patient(caller, scopes, resource)
        except FhirRefusedError as refusal:
            return self._refuse(request, refusal)
        return spoiler.cut(self._answer(request, resource))

    async def search(self, request: Request) -> Response:
        """A search, or a further page of one."""
        kind = request.path_params["kind"]
        try:
            caller = self._admit(request, kind)
            scopes = permitted(self.site, caller, kind, "s")
            params = await _search_params(request)
            token = next((value for name, value in params if name == self.site.profile.page_parameter), None)
            if token is not None:
                page = self.pager.resume(token, kind, caller)
            else:
                strict = "handling=strict" in request.headers.get("prefer", "")
                wanted = plan(
                    self.site.profile.flavour, kind, params, strict=strict, withheld=self.site.withheld
                )
                page = self.pager.start(kind, params, wanted, caller, scopes)
            spoiler = await Spoiler.take(self.site, kind, page.patient)
            if spoiler.answer:
                return spoiler.answer
            bundle = spoiler.spoil(self.pager.bundle(page), page.patient)
        except FhirRefusedError as refusal:
            return self._refuse(request, refusal)
        return spoiler.cut(self._answer(request, bundle))

    async def create(self, request: Request) -> Response:
        """Create where write scopes were granted."""
        return await self._write(request, None)

    async def update(self, request: Request) -> Response:
        """Replace an existing resource; `If-Match` is honoured."""
        return await self._write(request, request.path_params["key"])

    async def _write(self, request: Request, key: str | None) -> Response:
        kind = request.path_params["kind"]
        try:
            caller = self._admit(request, kind)
            scopes = permitted(self.site, caller, kind, "c" if key is None else "u")
            stage = "$create" if key is None else kind
            spoiler = await Spoiler.take(self.site, stage, caller.patient)
            if spoiler.answer:
                return spoiler.answer
            if key is None and (known := already_there(self.site, request, kind)) is not None:
                place = f"{self.site.fhir_base}/{kind}/{check_patient(caller, scopes, known)['id']}"
                return Response(status_code=200, headers={"Location": place})
            resource = await stored(
                self.site, request, kind, key, lambda item: check_patient(caller, scopes, item)
            )
        except FhirRefusedError as refusal:
            return self._refuse(request, refusal)
        version = resource["meta"]["versionId"]
        headers = {"ETag": f'W/"{version}"', "Location": f"{self.site.fhir_base}/{kind}/{resource['id']}"}
        status = 201 if key is None else 200
        if self.site.profile.flavour != "generic":
            return spoiler.lost(Response(status_code=status, headers=headers))
        return spoiler.lost(JSONResponse(resource, status_code=status, headers=headers, media_type=FHIR_JSON))

    def _admit(self, request: Request, kind: str) -> Caller:
        accept = request.headers.get("accept", "*/*")
        if self.site.profile.flavour == "oracle" and "json" not in accept and "*/*" not in accept:
            raise FhirRefusedError(406, Issue("not-supported", "only JSON is served"))
        caller = caller_of(self.site, request)
        if kind not in types_of(self.site.profile.flavour):
            raise FhirRefusedError(404, Issue("not-found", "Not Found"))
        return caller

    def _answer(self, request: Request, resource: Resource) -> Response:
        if self.site.profile.flavour == "epic" and "json" not in request.headers.get("accept", ""):
            return Response(to_xml(resource), media_type="application/fhir+xml", headers=_NO_STORE)
        headers = dict(_NO_STORE)
        version = resource.get("meta", {}).get("versionId")
        if version and resource["resourceType"] != "Bundle":
            headers["ETag"] = f'W/"{version}"'
        return JSONResponse(resource, media_type=FHIR_JSON, headers=headers)

    def _refuse(self, request: Request, refusal: FhirRefusedError) -> Response:
        flavour = self.site.profile.flavour
        kind = request.path_params.get("kind", "")
        headers: dict[str, str] = dict(_NO_STORE)
        if refusal.status == 401:
            headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
        if refusal.status == 403:
            headers["WWW-Authenticate"] = 'Bearer error="insufficient_scope"'
        if flavour == "epic" and refusal.status == 401:
            return Response('""', 401, headers, "application/json")
        if flavour == "epic" and refusal.status == 403 and not refusal.issues[0].vendor:
            return Response(b"", 403, headers)
        if flavour == "epic" and refusal.status == 404 and kind not in types_of(flavour):
            return Response(HTML_404, 404, headers, "text/html")
        if flavour == "oracle" and refusal.status == 406:
            return Response(b"", 406, headers)
        body = outcome(flavour, *refusal.issues)
        return JSONResponse(body, refusal.status, headers, FHIR_JSON)


async def _search_params(request: Request) -> Params:
    params = list(request.query_params.multi_items())
    if request.method == "POST":
        form: Any = await request.form()
        params.extend((name, str(value)) for name, value in form.multi_items())
    if any(name == "access_token" for name, _ in params):
        raise FhirRefusedError(400, Issue("security", "a token may not be sent in a query"))
    return params
