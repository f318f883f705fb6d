"""Access tokens: exchange, refresh, revoke.

Source: SMART App Launch 2.2, "App Launch", steps 5 and 7; RFC 6749 sections 5 and 6; RFC 7009.
No request here is repeated: a code and a rotating refresh token are single-use.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx2

from smart_launch.client_auth import Registration, authenticate
from smart_launch.context import LaunchContext, read_context
from smart_launch.discovery import SmartConfiguration
from smart_launch.endpoints import Answer, UnreachableError, post_form
from smart_launch.errors import Reason, TokenError, oauth_error_code
from smart_launch.scopes import Compartment, ScopeComparison, compare_scopes, parse_scope
from smart_launch.secret import Secret

ASSUMED_LIFETIME = timedelta(minutes=5)
"""Used when the server does not say how long a token lives."""
LONGEST_LIFETIME = timedelta(days=1)

_HINTS = ("kid", "alg", "aud", "exp", "iat", "nbf", "jti", "jku", "jwks", "signature", "expired", "secret")


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """A checked token response. Values of tokens are hidden; ``scopes`` are the granted ones."""

    access_token: Secret
    expires_at: datetime
    scopes: tuple[str, ...]
    refresh_token: Secret | None
    id_token: Secret | None
    context: LaunchContext

    def require_patient(self) -> str:
        """The patient in context. Raises TokenError: a missing patient is never replaced by a search."""
        if self.context.patient is None:
            raise _patient_missing()
        return self.context.patient

    def compare(self, asked: Sequence[str]) -> ScopeComparison:
        """What was asked against what was granted."""
        return compare_scopes(asked, self.scopes)


async def exchange_code(
    client: httpx2.AsyncClient,
    configuration: SmartConfiguration,
    registration: Registration,
    *,
    code: Secret,
    verifier: Secret,
    redirect_uri: str,
    now: datetime,
) -> TokenResponse:
    """Exchange an authorization code, once. Raises TokenError.

    A grant of ``patient/`` scopes without a patient in context is an error.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code.reveal(),
        "redirect_uri": redirect_uri,
        "code_verifier": verifier.reveal(),
    }
    answer = await request_token(client, configuration, registration, form, now)
    token = read_token_response(answer, now)
    if token.context.patient is None and any(_is_patient_scope(text) for text in token.scopes):
        raise _patient_missing()
    return token


async def refresh(
    client: httpx2.AsyncClient,
    configuration: SmartConfiguration,
    registration: Registration,
    *,
    refresh_token: Secret,
    granted: tuple[str, ...],
    patient: str | None,
    now: datetime,
) -> TokenResponse:
    """Refresh an access token. The old refresh token is kept when the server sends no new one.

    ``granted``: scopes of the session, used when the answer names none. ``patient``: the session's patient;
    an answer for another one raises TokenError (PATIENT_CHANGED). GRANT_ENDED means: delete the tokens,
    launch anew. An id_token in the answer is ignored.
    """
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
    try:
        answer = await request_token(client, configuration, registration, form, now)
    except TokenError as refusal:
        if refusal.reason is Reason.TOKEN_REFUSED:
            raise _grant_ended(refusal.oauth_error) from None
        raise
    token = read_token_response(answer, now, default_scopes=granted)
    if token.context.patient is not None and token.context.patient != patient:
        raise TokenError(
            Reason.PATIENT_CHANGED,
            "The EHR renewed access for another patient. Open the app from the patient's chart again.",
        )
    return TokenResponse(
        access_token=token.access_token,
        expires_at=token.expires_at,
        scopes=token.scopes,
        refresh_token=token.refresh_token or refresh_token,
        id_token=None,
        context=token.context,
    )


async def revoke(
    client: httpx2.AsyncClient,
    configuration: SmartConfiguration,
    registration: Registration,
    *,
    token: Secret,
    hint: str,
    now: datetime,
) -> bool:
    """Ask the server to revoke a token; ``hint``: ``refresh_token`` or ``access_token``.

    True when the server confirmed. False when it offers no revocation, refused or did not answer: the caller
    forgets the token in any case.
    """
    if configuration.revocation_endpoint is None:
        return False
    added, headers = authenticate(registration, configuration.token_endpoint, now)
    form = {"token": token.reveal(), "token_type_hint": hint, **added}
    try:
        answer = await post_form(client, configuration.revocation_endpoint, form, headers)
    except UnreachableError:
        return False
    return answer.status == 200


async def request_token(
    client: httpx2.AsyncClient,
    configuration: SmartConfiguration,
    registration: Registration,
    form: Mapping[str, str],
    now: datetime,
) -> Mapping[str, object]:
    """One token request with client authentication; the members of a 200 answer. Raises TokenError."""
    endpoint = configuration.token_endpoint
    added, headers = authenticate(registration, endpoint, now)
    try:
        answer = await post_form(client, endpoint, {**form, **added}, headers)
    except UnreachableError as failure:
        raise TokenError(
            Reason.TOKEN_ENDPOINT_UNREACHABLE,
            f"The EHR's token endpoint could not be used: {failure}.",
            retryable=True,
        ) from None
    if answer.status != 200:
        raise _refusal(answer)
    return answer.members


def read_token_response(
    members: Mapping[str, object], now: datetime, default_scopes: tuple[str, ...] | None = None
) -> TokenResponse:
    """Check the members of a token response; unknown ones are ignored. Raises TokenError."""
    access_token = _token(members, "access_token")
    token_type = members.get("token_type")
    if access_token is None or not isinstance(token_type, str) or token_type.lower() != "bearer":
        raise TokenError(Reason.TOKEN_RESPONSE_INVALID, "The EHR's token answer holds no bearer token.")
    scope = members.get("scope")
    scopes = tuple(scope.split()) if isinstance(scope, str) else default_scopes
    if scopes is None:
        raise TokenError(
            Reason.TOKEN_RESPONSE_INVALID, "The EHR's token answer does not say which access it grants."
        )
    return TokenResponse(
        access_token=access_token,
        expires_at=now + _lifetime(members.get("expires_in")),
        scopes=scopes,
        refresh_token=_token(members, "refresh_token"),
        id_token=_token(members, "id_token"),
        context=read_context(members),
    )


def _refusal(answer: Answer) -> TokenError:
    code = oauth_error_code(answer.members.get("error"))
    if answer.status == 429 or answer.status >= 500:
        return TokenError(
            Reason.TOKEN_ENDPOINT_UNREACHABLE,
            f"The EHR's token endpoint is not available (status {answer.status}). Try again in a moment.",
            oauth_error=code,
            retryable=True,
        )
    named = code or f"status {answer.status}"
    match code:
        case "invalid_client" | "unauthorized_client":
            hints = _hints(answer.members.get("error_description"))
            text = f"The EHR did not accept this service's credentials ({named}){hints}."
            return TokenError(Reason.CLIENT_REFUSED, text, oauth_error=code)
        case "invalid_scope":
            text = "The EHR refused the requested scopes. Compare them with the registration."
            return TokenError(Reason.SCOPE_REFUSED, text, oauth_error=code)
        case "invalid_grant":
            return _grant_ended(code)
        case _:
            text = f"The EHR refused the token request ({named})."
            return TokenError(Reason.TOKEN_REFUSED, text, oauth_error=code)


def _grant_ended(code: str | None) -> TokenError:
    text = "The EHR no longer accepts this launch. Open the app from the patient's chart again."
    return TokenError(Reason.GRANT_ENDED, text, oauth_error=code)


def _hints(description: object) -> str:
    """Which parts of the assertion the server's words name; its words themselves are not repeated."""
    if not isinstance(description, str):
        return ""
    words = description.lower().replace("_", " ").replace("'", " ").replace('"', " ").split()
    named = [hint for hint in _HINTS if any(word.strip(".,:;()") == hint for word in words)]
    if not named:
        return ""
    clock = " Compare this machine's clock." if {"exp", "iat", "nbf", "expired"} & set(named) else ""
    return f"; it names: {', '.join(named)}.{clock}".removesuffix(".")


def _token(members: Mapping[str, object], name: str) -> Secret | None:
    value = members.get(name)
    return Secret(value) if isinstance(value, str) and value else None


def _lifetime(value: object) -> timedelta:
    try:
        seconds = float(value) if isinstance(value, int | float | str) else 0.0
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST_LIFETIME.total_seconds():
        return ASSUMED_LIFETIME if not seconds > 0 else LONGEST_LIFETIME
    return timedelta(seconds=seconds)


def _is_patient_scope(text: str) -> bool:
    scope = parse_scope(text)
    return scope is not None and scope.compartment is Compartment.PATIENT


def _patient_missing() -> TokenError:
    return TokenError(
        Reason.PATIENT_MISSING,
        "The EHR opened the app without a patient. Open it from a patient's chart.",
    )
