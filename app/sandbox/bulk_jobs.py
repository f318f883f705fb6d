"""Bulk exports: what was asked, what each flavour gives, and the files that result."""

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from app.sandbox.access import Caller
from app.sandbox.config import Resource, types_of
from app.sandbox.outcomes import FhirRefusedError, Issue, outcome
from app.sandbox.paging import SHARED_TYPES
from app.sandbox.records import reference_id
from app.sandbox.scopes import allowing
from app.sandbox.search import Params, matches
from app.sandbox.site import Site

_NOT_EXPORTED: Mapping[str, frozenset[str]] = {
    "generic": frozenset(),
    "epic": frozenset({"Medication"}),
    "oracle": frozenset(
        {"Medication", "MedicationDispense", "QuestionnaireResponse", "ServiceRequest", "Appointment"}
    ),
}
_PARAMETERS = frozenset({"_type", "_typeFilter", "_since", "_outputFormat", "patient", "_elements"})
_NDJSON = frozenset({"application/fhir+ndjson", "application/ndjson", "ndjson"})
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class BulkOptions:
    """How exports run: status polls before completion, the `Retry-After` seconds they carry, lines per file.

    `storage_url` is the origin the oracle flavour redirects file requests to (default: the base URL).
    """

    polls: int = 1
    retry_after: int = 1
    file_lines: int = 3000
    storage_url: str | None = None


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One NDJSON file of an export."""

    name: str
    kind: str
    lines: tuple[str, ...]

    @property
    def content(self) -> bytes:
        """The bytes of the file."""
        return "".join(f"{line}\n" for line in self.lines).encode()


@dataclass(slots=True)
class Job:
    """One export of one client. `started` is in epoch seconds."""

    key: str
    client_id: str
    request_url: str
    group: str | None
    started: float
    polls_left: int
    output: list[ExportFile] = field(default_factory=list)
    errors: list[ExportFile] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether the manifest is ready."""
        return self.polls_left <= 0

    def files(self) -> Iterator[ExportFile]:
        """Every file, data first."""
        yield from self.output
        yield from self.errors


async def export_parameters(request: Request) -> Params:
    """Parameters of a kick-off, from the query or a Parameters resource."""
    params = list(request.query_params.multi_items())
    if request.method == "GET":
        return params
    try:
        body: Any = await request.json()
        members = body["parameter"] if body.get("resourceType") == "Parameters" else None
    except (ValueError, KeyError, AttributeError) as error:
        raise FhirRefusedError(400, Issue("structure", "the body must be a Parameters resource")) from error
    if members is None:
        raise FhirRefusedError(400, Issue("structure", "the body must be a Parameters resource"))
    for member in members:
        value = next((item for name, item in member.items() if name.startswith("value")), "")
        params.append(
            (member.get("name", ""), value.get("reference", "") if isinstance(value, dict) else str(value))
        )
    return params


def checked(flavour: str, params: Params, *, lenient: bool) -> Params:
    """The parameters that will be used; refuses as the flavour would."""
    names = {name for name, _ in params}
    unknown = names - _PARAMETERS
    if unknown and not lenient:
        status = 422 if flavour == "oracle" else 400
        raise FhirRefusedError(status, Issue("not-supported", f"not supported: {', '.join(sorted(unknown))}"))
    for name, value in params:
        if name == "_since" and not _INSTANT.fullmatch(value.replace(" ", "+")):
            raise FhirRefusedError(400, Issue("invalid", "_since must be an instant with a time zone"))
        if name == "_outputFormat" and value not in _NDJSON:
            raise FhirRefusedError(400, Issue("not-supported", "only NDJSON is produced"))
    # Epic has no incremental export: _since is accepted and changes nothing.
    ignored = unknown | ({"_since"} if flavour == "epic" else set())
    return [pair for pair in params if pair[0] not in ignored]


def build_job(
    site: Site,
    options: BulkOptions,
    caller: Caller,
    params: Params,
    *,
    request_url: str,
    group: str | None,
    patients: Sequence[str],
) -> Job:
    """The finished content of an export, held back until the client has polled often enough."""
    exported = [
        kind
        for kind in types_of(site.profile.flavour)
        if kind not in _NOT_EXPORTED[site.profile.flavour] and kind not in site.withheld
    ]
    asked = _listed(params, "_type") or exported
    allowed = [kind for kind in asked if kind in exported and _may_read(caller, kind)]
    if not allowed:
        raise FhirRefusedError(403, Issue("forbidden", "none of the requested types may be exported"))
    job = Job(
        key=secrets.token_urlsafe(18),
        client_id=caller.access.grant.client_id,
        request_url=request_url,
        group=group,
        started=site.clock(),
        polls_left=options.polls,
    )
    for kind in allowed:
        found = _of_patients(site, kind, patients)
        lines = [json.dumps(item, separators=(",", ":")) for item in found if _wanted(item, params)]
        for start in range(0, len(lines), options.file_lines):
            name = f"{kind}-{start // options.file_lines + 1}.ndjson"
            job.output.append(ExportFile(name, kind, tuple(lines[start : start + options.file_lines])))
    refused = sorted(set(asked) - set(allowed)) if _listed(params, "_type") else []
    if refused:
        job.errors.append(_refusals(site, refused))
    return job


def _refusals(site: Site, kinds: list[str]) -> ExportFile:
    issues = (
        Issue("suppressed", f"Client not authorized for {kind}. Not included.", "warning", "59204")
        for kind in kinds
    )
    lines = tuple(json.dumps(outcome(site.profile.flavour, issue)) for issue in issues)
    return ExportFile("errors-1.ndjson", "OperationOutcome", lines)


def _of_patients(site: Site, kind: str, patients: Sequence[str]) -> list[Resource]:
    if kind in SHARED_TYPES:
        return site.records.of(kind)
    return [resource for patient in patients for resource in site.records.of(kind, patient)]


def _wanted(resource: Resource, params: Params) -> bool:
    kind = resource["resourceType"]
    since = next((value.replace(" ", "+") for name, value in params if name == "_since"), None)
    if since and not matches(resource, [("_lastUpdated", f"gt{since}")]):
        return False
    filters = [value.partition("?") for value in _filters(params) if value.startswith(f"{kind}?")]
    if not filters:
        return True
    return any(
        matches(
            resource, [(name, value) for name, _, value in (part.partition("=") for part in query.split("&"))]
        )
        for _, _, query in filters
    )


def _filters(params: Params) -> Iterator[str]:
    for name, value in params:
        if name == "_typeFilter":
            # A comma separates filters only where a new type begins.
            yield from re.split(r",(?=[A-Z][A-Za-z]+\?)", value)


def _listed(params: Params, wanted: str) -> list[str]:
    return [part for name, value in params if name == wanted for part in value.split(",") if part]


def patients_named(params: Params) -> list[str]:
    """Patient ids of an explicit `patient` list."""
    return [reference_id(value, "Patient") or value for value in _listed(params, "patient")]


def _may_read(caller: Caller, kind: str) -> bool:
    scopes = caller.access.scopes
    return any(scope.level == "system" for scope in allowing(scopes, kind, "r"))


def manifest(site: Site, job: Job, kind: str, files: str) -> dict[str, Any]:
    """The manifest of a finished job; `kind` is the fault that spoils it, `files` the prefix of file URLs."""

    def entry(file: ExportFile) -> dict[str, Any]:
        count = len(file.lines) + (5 if kind == "wrong_count" else 0)
        return {"type": file.kind, "url": f"{files}/{job.key}/{file.name}", "count": count}

    written: dict[str, Any] = {
        "transactionTime": datetime.fromtimestamp(job.started, UTC).isoformat().replace("+00:00", "Z"),
        "request": job.request_url,
        "requiresAccessToken": kind != "open_files",
        "output": [entry(file) for file in job.output],
        "deleted": [],
        "error": [entry(file) for file in job.errors],
    }
    if kind == "deleted_file":
        written["deleted"] = [{"type": "Bundle", "url": f"{files}/{job.key}/{deletions().name}", "count": 1}]
    if kind == "error_file":
        written["error"].append(
            {"type": "OperationOutcome", "url": f"{files}/{job.key}/{failures(site).name}"}
        )
    if kind == "no_error_array":
        del written["error"]
    if kind == "no_transaction_time":
        del written["transactionTime"]
    if kind == "duplicates":
        written["output"] += written["output"][:1]
    return written


def deletions() -> ExportFile:
    """The `deleted` file of the fault with that name: one order that no longer exists."""
    entry = {"request": {"method": "DELETE", "url": "MedicationRequest/deleted-order"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    return ExportFile("deleted-1.ndjson", "Bundle", (json.dumps(bundle),))


def failures(site: Site) -> ExportFile:
    """The `error` file of the fault with that name: one fatal outcome."""
    issue = Issue("exception", "Some Observation resources could not be exported.", "error")
    return ExportFile(
        "failures-1.ndjson", "OperationOutcome", (json.dumps(outcome(site.profile.flavour, issue)),)
    )


def with_bad_line(file: ExportFile) -> ExportFile:
    """The file with a line that is no JSON in its middle."""
    middle = len(file.lines) // 2
    return replace(file, lines=(*file.lines[:middle], '{"resourceType": "Obs', *file.lines[middle:]))
