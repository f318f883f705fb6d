"""Whether the EHR knows us: the redirect address, the credentials, the backend token, a search per type.

Nothing here opens a session or changes anything: the authorization request lacks what it needs to succeed,
the code exchanged is made up, and only searches by a test patient are sent.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from app.ehr.bundles import Outcome, UnreadableBodyError, is_resource, read_page
from app.ehr.probe import Reply
from app.ehr.vendors import FROM, PATIENT, UNTIL, Search, system_scopes
from app.errors import LtotError
from app.jobs.doctor.findings import Finding, failed, not_checked, ok, warning
from app.jobs.doctor.subject import Subject
from smart_launch.backend import request_backend_token
from smart_launch.errors import Reason, TokenError
from smart_launch.secret import Secret
from smart_launch.tokens import exchange_code

_NOT_SERVED = frozenset({404, 405, 410})
_AS_REGISTERED = "Compare client id, authentication method and key set address with the registration."


async def examine_access(subject: Subject) -> Iterable[Finding]:
    """Needs the SMART configuration; without it nothing is asked."""
    if subject.configuration is None:
        names = ("redirect URI at the EHR", "token endpoint", "backend token", "test searches")
        return [not_checked(name, "there is no usable SMART configuration") for name in names]
    findings = [await _redirect(subject), await _token_endpoint(subject), await _backend_token(subject)]
    findings += await _searches(subject)
    return findings


async def _redirect(subject: Subject) -> Finding:
    """An authorization request without PKCE and launch: refused, but only after our addresses were compared."""
    what, configuration = "redirect URI at the EHR", subject.configuration
    if configuration is None or configuration.authorization_endpoint is None:
        return not_checked(what, "there is no authorization endpoint")
    params = {
        "response_type": "code",
        "client_id": subject.tenant.client_id,
        "redirect_uri": subject.redirect_uri,
        "scope": "openid",
        "state": secrets.token_urlsafe(24),
        "aud": subject.tenant.issuer,
    }
    reply = await subject.ask(configuration.authorization_endpoint, params=params.items())
    sent_to = reply.headers.get("location", "")
    if 300 <= reply.status < 400 and sent_to.startswith(f"{subject.redirect_uri}?"):
        return ok(what, "the EHR sends browsers back to it")
    if reply.status in _NOT_SERVED:
        fix = "Tell the EHR team: the authorization endpoint its SMART configuration names is not served."
        return failed(
            what, f"the authorization endpoint answered with status {reply.status}", fix, code="LT-102"
        )
    if 400 <= reply.status < 500 and reply.status != 429:
        fix = f"Register client id {subject.tenant.client_id} with exactly {subject.redirect_uri}"
        return failed(what, "the EHR refuses this client id or this address", fix, code="LT-106")
    why = "the EHR asks for a sign-in first" if reply.status in (200, 302, 303) else reply.said
    return not_checked(what, why, f"Compare by eye: {subject.redirect_uri}")


async def _token_endpoint(subject: Subject) -> Finding:
    """A made-up code: a server that knows us says invalid_grant, one that does not says invalid_client."""
    what = "token endpoint"
    assert subject.configuration is not None  # noqa: S101 - checked by the caller
    try:
        registration = subject.registration(subject.tenant.client_id)
        await exchange_code(
            subject.http,
            subject.configuration,
            registration,
            code=Secret(secrets.token_urlsafe(24)),
            verifier=Secret(secrets.token_urlsafe(48)),
            redirect_uri=subject.redirect_uri,
            now=subject.now,
        )
    except LtotError as error:
        return not_checked(what, "no credentials to show", error.entry.next_step)
    except TokenError as error:
        if error.reason is Reason.GRANT_ENDED:
            return ok(what, "the EHR accepts the client and refuses a made-up code")
        if error.reason is Reason.CLIENT_REFUSED:
            return failed(what, error.safe_text, _AS_REGISTERED, code="LT-107")
        if error.reason is Reason.TOKEN_ENDPOINT_UNREACHABLE:
            return failed(what, error.safe_text, "Check the network and the EHR's status.", code="LT-107")
        return warning(what, error.safe_text, _AS_REGISTERED, code="LT-107")
    fix = "Stop using this EHR and tell its team: it gave access for a code nobody issued."
    return failed(what, "it accepted a made-up code", fix)


async def _backend_token(subject: Subject) -> Finding:
    what, client_id = "backend token", subject.tenant.backend_client_id
    assert subject.configuration is not None  # noqa: S101 - checked by the caller
    if client_id is None:
        return not_checked(what, "no backend client id", "Exports need one: --backend-client-id.")
    asked = system_scopes(subject.profile, subject.tenant.scope_style)
    try:
        token = await request_backend_token(
            subject.http, subject.configuration, subject.registration(client_id), asked, subject.now
        )
    except LtotError as error:
        return not_checked(what, "no credentials to show", error.entry.next_step)
    except TokenError as error:
        if error.reason is Reason.SCOPE_REFUSED:
            fix = "Compare the SMART version of the registration with --scope-style, and its approved scopes."
            return failed(what, error.safe_text, fix, code="LT-112")
        return failed(what, error.safe_text, _AS_REGISTERED, code="LT-107")
    subject.access_token, subject.granted = token.access_token.reveal(), token.scopes
    if token.comparison.missing:
        fix = "Ask the EHR team to approve these; until then an export lacks what they cover."
        missing = " ".join(token.comparison.missing)
        return warning(what, f"granted, but not: {missing}", fix, code="LT-112")
    return ok(what, f"all {len(asked)} scopes granted")


async def _searches(subject: Subject) -> Iterable[Finding]:
    what = "test searches"
    if not subject.access_token:
        return [not_checked(what, "there is no backend token")]
    if subject.patient is None:
        return [not_checked(what, "no test patient was named", "Add --patient with a test patient's id.")]
    patient = await _patient(subject, subject.patient)
    if patient.failed:
        return [patient, not_checked(what, "without the test patient a search proves nothing")]
    return [
        patient,
        *[await _search(subject, kind, plans[0]) for kind, plans in subject.profile.plans.items()],
    ]


async def _patient(subject: Subject, patient: str) -> Finding:
    what = "test patient"
    reply = await _asked(subject, f"Patient/{quote(patient, safe='')}")
    if reply.ok and is_resource("Patient", reply.body):
        return ok(what)
    if reply.status == 403:
        return failed(what, "not permitted", "Ask the EHR team to approve Patient.", code="LT-202")
    said = reply.said if not reply.ok else "no Patient came back"
    fix = "Give --patient the FHIR id of a patient this EHR holds; it is not the record number."
    return failed(what, said, fix, code="LT-202")


async def _search(subject: Subject, kind: str, plan: Iterable[Search]) -> Finding:
    """The searches of the vendor's preferred plan, one entry each."""
    what = f"search {kind}"
    for search in plan:
        part = f" ({search.category})" if search.category else ""
        reply = await _asked(subject, kind, params=_params(subject, search))
        if reply.status == 403:
            fix = f"Ask the EHR team to approve {kind}{part}; what rests on it is shown as unknown."
            return failed(what, f"not permitted{part}", fix, code="LT-112")
        outcome = _outcome(kind, reply) if reply.ok else None
        if outcome is not None and outcome.withheld:
            fix = f"Ask the EHR team to approve all of {kind}{part}; until then it shows as not fully read."
            return failed(what, f"{'; '.join(outcome.warnings)}{part}", fix, code="LT-112")
        if outcome is None or outcome.failed:
            told = "; ".join(outcome.warnings) if outcome is not None else ""
            said = told or (reply.said if not reply.ok else "no Bundle came back")
            fix = "Check the tenant's vendor; if it is right, tell the EHR team which search is refused."
            return failed(what, f"{said}{part}", fix, code="LT-201")
    return ok(what)


async def _asked(subject: Subject, path: str, **more: Any) -> Reply:
    headers = {"Accept": "application/fhir+json", "Authorization": f"Bearer {subject.access_token}"}
    return await subject.ask(f"{subject.tenant.issuer.removesuffix('/')}/{path}", headers=headers, **more)


def _outcome(kind: str, reply: Reply) -> Outcome | None:
    """What the EHR says besides its results; None when there is no Bundle."""
    try:
        return read_page(kind, reply.body).outcome
    except UnreadableBodyError:
        return None


def _params(subject: Subject, search: Search) -> list[tuple[str, str]]:
    today = subject.now.date()
    values = {
        PATIENT: subject.patient or "",
        FROM: today.isoformat(),
        UNTIL: (today + timedelta(days=90)).isoformat(),
    }
    found: list[tuple[str, str]] = []
    for name, value in search.params:
        for placeholder, actual in values.items():
            value = value.replace(placeholder, actual)  # noqa: PLW2901 - one replacement after the other
        found.append((name, value))
    if subject.profile.count(search.kind) is not None:
        found.append(("_count", "1"))
    return found
