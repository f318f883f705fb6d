"""Who calls the FHIR API, and what the granted scopes let them see."""

from dataclasses import dataclass

from starlette.requests import Request

from app.sandbox.config import Resource
from app.sandbox.grants import Access
from app.sandbox.outcomes import FhirRefusedError, Issue
from app.sandbox.records import patient_of
from app.sandbox.scopes import Scope, allowing
from app.sandbox.search import matches
from app.sandbox.site import Site


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller with a live access token."""

    access: Access

    @property
    def patient(self) -> str | None:
        """The patient in context, the only one `patient/` scopes reach."""
        return self.access.grant.context.patient


def caller_of(site: Site, request: Request) -> Caller:
    """The caller behind the Authorization header; 401 otherwise."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    access = site.grants.access(token) if scheme.lower() == "bearer" else None
    if access is None:
        raise FhirRefusedError(
            401, Issue("login", "the access token is missing, unknown, expired or revoked")
        )
    return Caller(access)


def permitted(site: Site, caller: Caller, resource_type: str, action: str) -> list[Scope]:
    """The scopes that permit an action; 403 when there is none, or only `patient/` ones without a patient."""
    scopes = [
        scope
        for scope in allowing(caller.access.scopes, resource_type, action)
        if scope.level != "patient" or caller.patient
    ]
    if resource_type in site.withheld or not scopes:
        raise FhirRefusedError(403, Issue("forbidden", "Forbidden resource"))
    return scopes


def visible(caller: Caller, scopes: list[Scope], resource: Resource) -> bool:
    """Whether one of the scopes reaches this very resource."""
    patient = patient_of(resource)
    return any(
        (scope.level != "patient" or patient is None or patient == caller.patient)
        and matches(resource, list(scope.query))
        for scope in scopes
    )


def check_patient(caller: Caller, scopes: list[Scope], resource: Resource | None) -> Resource:
    """The resource; 404 when there is none, 403 when it lies outside what the scopes reach."""
    if resource is None:
        raise FhirRefusedError(404, Issue("not-found", "Not Found", vendor="59008"))
    if not visible(caller, scopes, resource):
        raise FhirRefusedError(
            403, Issue("forbidden", "The resource is outside this launch's patient.", vendor="4118")
        )
    return resource
