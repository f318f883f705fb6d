"""Bulk Data endpoints: kick-off, status, files, delete."""

import gzip
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from app.sandbox.access import Caller, caller_of
from app.sandbox.bulk_jobs import (
    BulkOptions,
    ExportFile,
    Job,
    build_job,
    checked,
    deletions,
    export_parameters,
    failures,
    manifest,
    patients_named,
    with_bad_line,
)
from app.sandbox.faulty import Spoiler
from app.sandbox.ids import resource_id
from app.sandbox.outcomes import HTML_404, FhirRefusedError, Issue, outcome
from app.sandbox.site import Site

GROUP_WINDOW = 24 * 3600
_NDJSON = "application/fhir+ndjson"


class NoSuchExportError(Exception):
    """A level this flavour does not export; Epic answers it with a web page."""


@dataclass(slots=True)
class BulkEndpoints:
    """The export service of one site. Faults use the stages `$export`, `$status` and `$file` as type."""

    site: Site
    options: BulkOptions
    jobs: dict[str, Job] = field(default_factory=dict)
    _last_kickoff: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """The id of the one group, which holds every patient."""
        return resource_id(self.site.profile.flavour, "Group", "sandbox-group")

    def routes(self) -> list[Route]:
        """All routes; they must come before the FHIR read routes."""
        base = self.site.fhir_path
        return [
            Route(f"{base}/$export", self.kick_off, methods=["GET", "POST"]),
            Route(f"{base}/Patient/$export", self.kick_off, methods=["GET", "POST"]),
            Route(f"{base}/Group/{{group}}/$export", self.kick_off, methods=["GET", "POST"]),
            Route("/bulk/{job}", self.status, methods=["GET"]),
            Route("/bulk/{job}", self.delete, methods=["DELETE"]),
            Route("/bulk/{job}/{name}", self.file, methods=["GET"]),
            Route("/storage/{job}/{name}", self.stored, methods=["GET"]),
            Route("/groups.json", self.groups, methods=["GET"]),
        ]

    async def groups(self, request: Request) -> Response:  # noqa: ARG002
        """The group ids a customer would send out of band."""
        return JSONResponse([{"id": self.group, "patients": len(self.site.cards)}])

    async def kick_off(self, request: Request) -> Response:
        """Start an export; 202 with the status address."""
        try:
            caller = self._backend(request)
            spoiler = await Spoiler.take(self.site, "$export", None)
            if spoiler.answer:
                return spoiler.answer
            job = await self._started(request, caller)
        except NoSuchExportError:
            return Response(HTML_404, 404, media_type="text/html")
        except FhirRefusedError as refusal:
            return self._refuse(refusal)
        self.jobs[job.key] = job
        location = f"{self.site.base_url}/bulk/{job.key}"
        kind = spoiler.fault.kind if spoiler.fault else ""
        if kind == "relative_location":
            location = urlsplit(location).path
        headers = {} if kind == "no_location" else {"Content-Location": location}
        return Response(b"", 202, headers)

    async def _started(self, request: Request, caller: Caller) -> Job:
        flavour = self.site.profile.flavour
        group = request.path_params.get("group")
        at_patient = request.url.path.endswith("/Patient/$export")
        if flavour == "epic" and not group:
            raise NoSuchExportError
        if flavour == "oracle" and not group and not (at_patient and request.method == "POST"):
            raise FhirRefusedError(404, Issue("not-found", "Not Found"))
        if group and group != self.group:
            raise FhirRefusedError(404, Issue("not-found", "no such group", vendor="59008"))
        prefer = request.headers.get("prefer", "")
        if "respond-async" not in prefer:
            raise FhirRefusedError(400, Issue("invalid", "Prefer: respond-async is required"))
        if "application/fhir+json" not in request.headers.get("accept", ""):
            raise FhirRefusedError(400, Issue("invalid", "Accept: application/fhir+json is required"))
        params = checked(flavour, await export_parameters(request), lenient="handling=lenient" in prefer)
        self._check_rate(caller, group)
        job = build_job(
            self.site,
            self.options,
            caller,
            params,
            request_url=f"{self.site.base_url}{request.url.path}",
            group=group,
            patients=patients_named(params) or [card.id for card in self.site.cards],
        )
        if group:
            self._last_kickoff[caller.access.grant.client_id, group] = self.site.clock()
        return job

    def _check_rate(self, caller: Caller, group: str | None) -> None:
        client, flavour = caller.access.grant.client_id, self.site.profile.flavour
        last = self._last_kickoff.get((client, group or ""))
        if flavour == "epic" and last is not None and self.site.clock() < last + GROUP_WINDOW:
            raise FhirRefusedError(429, Issue("throttled", "The Client requested this Group too recently."))
        running = any(job.client_id == client and not job.done for job in self.jobs.values())
        if flavour == "oracle" and running:
            raise FhirRefusedError(429, Issue("throttled", "an export of this client is already running"))

    def _backend(self, request: Request) -> Caller:
        caller = caller_of(self.site, request)
        client = self.site.clients.get(caller.access.grant.client_id)
        if client is None or not client.backend:
            raise FhirRefusedError(403, Issue("forbidden", "exports are for backend clients"))
        return caller

    def _job(self, request: Request) -> Job:
        caller = self._backend(request)
        job = self.jobs.get(request.path_params["job"])
        if job is None or job.client_id != caller.access.grant.client_id:
            raise FhirRefusedError(404, Issue("not-found", "this export is unknown or was deleted"))
        return job

    async def status(self, request: Request) -> Response:
        """202 while running, then the manifest."""
        try:
            job = self._job(request)
        except FhirRefusedError as refusal:
            return self._refuse(refusal)
        spoiler = await Spoiler.take(self.site, "$status", None)
        if spoiler.answer:
            return spoiler.answer
        kind = spoiler.fault.kind if spoiler.fault else ""
        if not job.done:
            job.polls_left -= 1
            return Response(b"", 202, {"Retry-After": self._retry_after(kind), "X-Progress": "in progress"})
        files = f"{self.site.base_url}/{'storage' if kind == 'open_files' else 'bulk'}"
        expires = formatdate(self.site.clock() + 14 * 24 * 3600, usegmt=True)
        return spoiler.cut(JSONResponse(manifest(self.site, job, kind, files), headers={"Expires": expires}))

    def _retry_after(self, kind: str) -> str:
        moment = self.site.clock() + self.options.retry_after
        if kind == "date_retry":
            return formatdate(moment, usegmt=True)
        return str(int(moment) if kind == "epoch_retry" else self.options.retry_after)

    async def delete(self, request: Request) -> Response:
        """Cancel or tidy up."""
        try:
            job = self._job(request)
        except FhirRefusedError as refusal:
            return self._refuse(refusal)
        del self.jobs[job.key]
        return Response(b"", 202)

    async def file(self, request: Request) -> Response:
        """One file for its client; the oracle flavour sends the client on to storage."""
        try:
            job = self._job(request)
        except FhirRefusedError as refusal:
            return self._refuse(refusal)
        if self.site.profile.flavour == "oracle":
            origin = self.options.storage_url or self.site.base_url
            return RedirectResponse(f"{origin}/storage/{job.key}/{request.path_params['name']}", 307)
        return await self._content(request, job)

    async def stored(self, request: Request) -> Response:
        """A file behind an address that is its own permission, and refuses a bearer token as storage does."""
        if "authorization" in request.headers:
            return Response("Only one auth mechanism allowed", 400, media_type="text/plain")
        job = self.jobs.get(request.path_params["job"])
        if job is None:
            return self._refuse(FhirRefusedError(404, Issue("not-found", "the file has expired")))
        return await self._content(request, job)

    async def _content(self, request: Request, job: Job) -> Response:
        name = request.path_params["name"]
        offered = [*job.files(), deletions(), failures(self.site)]
        found: ExportFile | None = next((item for item in offered if item.name == name), None)
        if found is None or not job.done:
            return self._refuse(FhirRefusedError(404, Issue("not-found", "no such file")))
        spoiler = await Spoiler.take(self.site, "$file", None)
        if spoiler.answer:
            return spoiler.answer
        if spoiler.fault and spoiler.fault.kind == "bad_line":
            found = with_bad_line(found)
        if spoiler.fault or "gzip" not in request.headers.get("accept-encoding", ""):
            return spoiler.cut(Response(found.content, media_type=_NDJSON))
        headers = {"Content-Encoding": "gzip"}
        return Response(gzip.compress(found.content, 1), headers=headers, media_type=_NDJSON)

    def _refuse(self, refusal: FhirRefusedError) -> Response:
        headers: dict[str, str] = {}
        if refusal.status == 401:
            headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
        if refusal.status == 429:
            headers["Retry-After"] = str(self.options.retry_after)
        body = outcome(self.site.profile.flavour, *refusal.issues)
        return JSONResponse(body, refusal.status, headers, "application/fhir+json")
