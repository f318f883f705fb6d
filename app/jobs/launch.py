"""A launch: from the EHR's link to an open launch of one patient by one user."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.ehr.entry_resources import KIND_OF
from app.ehr.vendors import VendorProfile, panel_scopes, write_scopes
from app.errors import LtotError, from_smart
from app.jobs.service import Service, in_thread
from app.jobs.write_back import writes_back
from app.store.attempts import Attempt
from app.store.audit import NO_TENANT, AuditEvent
from app.store.launch import LaunchUser, OpenedLaunch
from app.store.tenants import Tenant
from smart_launch.discovery import SmartConfiguration, discover_keys_address
from smart_launch.errors import IdTokenError, Reason, SmartError
from smart_launch.fhir_user import FhirUser
from smart_launch.id_token import Identity, verify_id_token
from smart_launch.issuers import match_issuer
from smart_launch.launch import (
    LaunchRequest,
    build_authorization_request,
    callback_state,
    parse_callback,
    parse_launch_request,
)
from smart_launch.secret import Secret
from smart_launch.tokens import TokenResponse, exchange_code

Query = Iterable[tuple[str, str]]
POPULATION = "population"
WHO = ("openid", "fhirUser")


@dataclass(frozen=True, slots=True)
class LaunchStarted:
    """Where to send the browser, and the cookie that binds the answer to it."""

    tenant: Tenant
    url: str
    state: Secret
    cookie: Secret


@dataclass(frozen=True, slots=True)
class LaunchFinished:
    """An open launch with its cookie, still to be set."""

    tenant: Tenant
    opened: OpenedLaunch


async def start_launch(service: Service, query: Query) -> LaunchStarted:
    """Answer the EHR's launch link.  Raises LtotError; an unknown issuer causes no outbound request."""
    tenant, request = await _launched(service, query)
    return await _start(service, tenant, request)


async def _launched(service: Service, query: Query) -> tuple[Tenant, LaunchRequest]:
    try:
        request = parse_launch_request(query)
        tenants = await in_thread(service.tenants.by_issuer)
        _, tenant = match_issuer(request.issuer, tenants)
    except SmartError as error:
        failure = from_smart(error)
        await _record(service, NO_TENANT, "launch_start", failure.entry.code)
        raise failure from None
    return tenant, request


async def start_population(service: Service, query: Query) -> LaunchStarted:
    """As `start_launch`, for the clinic's list: without a patient, and without a scope to read anything."""
    tenant, request = await _launched(service, query)
    return await _start(service, tenant, request, population=True)


async def start_population_standalone(service: Service, tenant_id: str) -> LaunchStarted:
    """Open the clinic's list from outside the EHR, which only says who is signed in."""
    return await _start(service, await in_thread(service.tenants.get, tenant_id), None, population=True)


async def start_standalone(service: Service, tenant_id: str) -> LaunchStarted:
    """Start a launch from outside the chart: the EHR lets the user choose the patient."""
    return await _start(service, await in_thread(service.tenants.get, tenant_id), None)


async def _start(
    service: Service, tenant: Tenant, request: LaunchRequest | None, *, population: bool = False
) -> LaunchStarted:
    profile = service.profile_of(tenant)
    launch = request.launch if request else None
    try:
        configuration = await service.configuration_of(tenant)
        authorization = build_authorization_request(
            configuration,
            client_id=tenant.client_id,
            redirect_uri=service.redirect_uri,
            scopes=WHO if population else _scopes(profile, tenant),
            launch=launch,
            patient=not population,
        )
    except SmartError as error:
        failure = from_smart(error)
        await _record(service, tenant.id, "launch_start", failure.entry.code)
        raise failure from None
    cookie = await in_thread(
        service.attempts.create, tenant.id, authorization, launch, service.now(), population=population
    )
    return LaunchStarted(tenant, authorization.url, authorization.state, cookie)


def _scopes(profile: VendorProfile, tenant: Tenant) -> tuple[str, ...]:
    """Reading, and writing only where the clinic wants entries in the EHR as well."""
    reading = panel_scopes(profile, tenant.scope_style)
    if not writes_back(tenant):
        return reading
    return (*reading, *write_scopes(KIND_OF.values(), profile, tenant.scope_style))


async def finish_launch(service: Service, query: Query, cookie: str | None) -> LaunchFinished:
    """Answer the EHR's redirect back.  `cookie`: value of the attempt's cookie, if the browser sent one.

    Raises LtotError; whatever fails, no launch is open afterwards and the attempt is spent.
    """
    pairs = list(query)
    attempt = await _attempt(service, pairs, cookie or "")
    tenant = await in_thread(service.tenants.get, attempt.tenant_id)
    try:
        opened = await _open(service, tenant, attempt, pairs)
    except SmartError as error:
        failure = from_smart(error)
        await _record(service, tenant.id, "launch_open", failure.entry.code)
        raise failure from None
    except LtotError as failure:
        await _record(service, tenant.id, "launch_open", failure.entry.code)
        raise
    launch = opened.launch
    await _record(
        service,
        tenant.id,
        "launch_open",
        "ok",
        actor=launch.user.subject,
        patient=launch.patient or None,
        launch=launch.id,
    )
    return LaunchFinished(tenant, opened)


async def _attempt(service: Service, pairs: Query, cookie: str) -> Attempt:
    """The attempt this answer belongs to.  An answer nobody waits for may be an attack, so it is recorded."""
    try:
        return await in_thread(service.attempts.consume, callback_state(pairs), cookie, service.now())
    except SmartError as error:
        failure = from_smart(error)
    except LtotError as error:
        failure = error
    await _record(service, NO_TENANT, "launch_open", failure.entry.code)
    raise failure from None


async def _open(service: Service, tenant: Tenant, attempt: Attempt, pairs: Query) -> OpenedLaunch:
    configuration = await service.configuration_of(tenant)
    code = parse_callback(
        pairs, expected_state=attempt.state, configuration=configuration, issuer=tenant.id_token_issuer
    )
    registration = await in_thread(service.registration_of, tenant)
    response = await exchange_code(
        service.http,
        configuration,
        registration,
        code=code,
        verifier=attempt.verifier,
        redirect_uri=attempt.redirect_uri,
        now=service.now(),
    )
    identity = await _identity(service, tenant, configuration, attempt, response)
    user = LaunchUser(identity.issuer, identity.subject, _reference(identity.fhir_user), identity.name)
    roles = roles_of(tenant, user)
    if attempt.population and POPULATION not in roles:
        raise LtotError("LT-405")
    return await in_thread(service.sessions.open, attempt, code, user, response, service.now(), roles=roles)


def _reference(person: FhirUser | None) -> str | None:
    """A record of another server keeps its whole address: its id says nothing about ours, nor gives its roles."""
    if person is None:
        return None
    return f"{person.resource_type}/{person.id}" if person.same_server else person.url


async def _identity(
    service: Service,
    tenant: Tenant,
    configuration: SmartConfiguration,
    attempt: Attempt,
    response: TokenResponse,
) -> Identity:
    """Who is looking: without a verified user nothing can be recorded, so nothing is shown."""
    issuer = tenant.id_token_issuer or configuration.issuer
    if response.id_token is None or issuer is None:
        raise IdTokenError(Reason.ID_TOKEN_MALFORMED, "The EHR did not say who is signed in.")
    policy = tenant.endpoint_policy(allow_loopback_http=service.settings.is_loopback)
    address = await discover_keys_address(service.http, configuration, policy)
    return await verify_id_token(
        response.id_token,
        service.server_keys(tenant, address),
        client_id=tenant.client_id,
        issuer=issuer,
        nonce=attempt.nonce,
        fhir_base=tenant.issuer,
        now=service.now(),
    )


def roles_of(tenant: Tenant, user: LaunchUser) -> tuple[str, ...]:
    """The roles the tenant gives this user: by reference (Practitioner/1), by type (Practitioner), or to all."""
    kind, _, id_ = (user.fhir_user or "").partition("/")
    names = {"*", kind, f"{kind}/{id_}"}
    return tuple(sorted(role for role, members in tenant.roles.items() if names & set(members)))


async def _record(
    service: Service,
    tenant_id: str,
    action: str,
    outcome: str,
    *,
    actor: str | None = None,
    patient: str | None = None,
    launch: str | None = None,
) -> None:
    event = AuditEvent(tenant_id, action, outcome, actor=actor, patient=patient, launch_id=launch)
    await in_thread(service.audit.append, event, service.now())
