"""From the EHR's launch to the authorization request, and the redirect back.

Source: SMART App Launch 2.2, "App Launch", steps 1 to 4; RFC 7636 (PKCE); RFC 9207 (issuer in the answer).
"""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from authlib.oauth2.rfc6749 import parameters
from authlib.oauth2.rfc7636 import challenge

from smart_launch.discovery import SmartConfiguration
from smart_launch.errors import DiscoveryError, LaunchError, Reason, oauth_error_code
from smart_launch.secret import Secret

MAX_ISSUER_CHARACTERS = 2048
MAX_LAUNCH_CHARACTERS = 8192
MAX_CODE_CHARACTERS = 8192

# Authlib has no type information; these are the two helpers used of it.
_authorization_url = cast("Callable[..., str]", parameters.prepare_grant_uri)  # pyright: ignore[reportUnknownMemberType]
_s256 = cast("Callable[[str], str]", challenge.create_s256_code_challenge)  # pyright: ignore[reportUnknownMemberType]

Query = Iterable[tuple[str, str]]
"""Decoded query parameters in order, repeats kept."""


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """What the EHR sent to the launch address. ``launch`` is opaque and passed back unchanged."""

    issuer: str
    launch: Secret


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """Where to send the browser, and what must be kept on the server until it comes back."""

    url: str = field(repr=False)
    state: Secret
    nonce: Secret
    verifier: Secret
    scopes: tuple[str, ...]
    redirect_uri: str


def parse_launch_request(query: Query) -> LaunchRequest:
    """Read ``iss`` and ``launch`` of an EHR launch. Raises LaunchError when missing, repeated, empty or too
    long."""
    parameters = _single_values(query, ("iss", "launch"), Reason.LAUNCH_REQUEST_INVALID)
    issuer, launch = parameters.get("iss", ""), parameters.get("launch", "")
    if not 0 < len(issuer) <= MAX_ISSUER_CHARACTERS or not 0 < len(launch) <= MAX_LAUNCH_CHARACTERS:
        raise LaunchError(
            Reason.LAUNCH_REQUEST_INVALID,
            "The launch link is incomplete. Open the app from the patient's chart again.",
        )
    return LaunchRequest(issuer, Secret(launch))


def build_authorization_request(
    configuration: SmartConfiguration,
    *,
    client_id: str,
    redirect_uri: str,
    scopes: Sequence[str],
    launch: Secret | None,
    patient: bool = True,
) -> AuthorizationRequest:
    """A new authorization request with fresh state (192 bits), nonce and PKCE verifier (384 bits).

    ``launch``: the EHR's launch value, or None for a standalone launch, which asks for context by
    ``launch/patient`` instead. The matching context scope is put first when the caller left it out.
    ``patient``: whether a standalone launch asks for a patient at all; a list of patients is opened without one.
    Raises DiscoveryError when the server has no authorization endpoint.
    """
    if configuration.authorization_endpoint is None:
        raise DiscoveryError(
            Reason.DISCOVERY_INVALID, "The server's SMART configuration names no authorization_endpoint."
        )
    standalone = ("launch/patient",) if patient else ()
    context = standalone if launch is None else ("launch",)
    asked = tuple(dict.fromkeys((*context, *scopes)))
    state, nonce, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48)
    url = _authorization_url(
        configuration.authorization_endpoint,
        client_id,
        "code",
        redirect_uri=redirect_uri,
        scope=" ".join(asked),
        state=state,
        aud=configuration.fhir_base,
        nonce=nonce if "openid" in asked else None,
        code_challenge=_s256(verifier),
        code_challenge_method="S256",
        launch=launch.reveal() if launch is not None else None,
    )
    return AuthorizationRequest(url, Secret(state), Secret(nonce), Secret(verifier), asked, redirect_uri)


def callback_state(query: Query) -> Secret:
    """The ``state`` of a redirect back, to find the pending launch by. Raises LaunchError."""
    state = _single_values(query, ("state",), Reason.CALLBACK_INVALID).get("state", "")
    if not 0 < len(state) <= 256:
        raise _state_mismatch()
    return Secret(state)


def parse_callback(
    query: Query, *, expected_state: Secret, configuration: SmartConfiguration, issuer: str | None = None
) -> Secret:
    """The authorization code of a redirect back.

    Checked in this order: state, issuer (RFC 9207, against ``issuer`` or the discovered one; never used as an
    address), the server's error, the code. Raises LaunchError.
    """
    pairs = list(query)
    names = ("state", "code", "iss", "error", "error_description", "error_uri")
    parameters = _single_values(pairs, names, Reason.CALLBACK_INVALID)
    if not expected_state.matches(parameters.get("state", "")):
        raise _state_mismatch()
    _check_issuer(parameters.get("iss"), issuer or configuration.issuer, configuration)
    if "error" in parameters:
        raise _refusal(parameters["error"])
    code = parameters.get("code", "")
    if not 0 < len(code) <= MAX_CODE_CHARACTERS:
        raise LaunchError(
            Reason.CALLBACK_INVALID,
            "The EHR's answer holds no authorization code. Open the app from the patient's chart again.",
        )
    return Secret(code)


def _check_issuer(received: str | None, expected: str | None, configuration: SmartConfiguration) -> None:
    if received is None and not configuration.requires_callback_issuer:
        return
    if received is None or received != expected:
        raise LaunchError(
            Reason.CALLBACK_ISSUER_MISMATCH,
            "The answer came from another authorization server than the one asked. The launch was stopped.",
        )


def _refusal(error: str) -> LaunchError:
    code = oauth_error_code(error)
    if code == "access_denied":
        return LaunchError(
            Reason.AUTHORIZATION_DENIED,
            "The EHR or the user declined access. Open the app from the patient's chart to try again.",
            oauth_error=code,
        )
    named = f" ({code})" if code else ""
    return LaunchError(
        Reason.AUTHORIZATION_FAILED,
        f"The EHR refused the authorization request{named}. Ask your integration team to check it.",
        oauth_error=code,
        retryable=code in ("server_error", "temporarily_unavailable"),
    )


def _state_mismatch() -> LaunchError:
    return LaunchError(
        Reason.STATE_MISMATCH,
        "This answer belongs to no launch of this browser. Open the app from the patient's chart again.",
    )


def _single_values(query: Query, names: Sequence[str], reason: Reason) -> Mapping[str, str]:
    values: dict[str, str] = {}
    for name, value in query:
        if name not in names:
            continue
        if name in values:
            raise LaunchError(reason, "The link holds a parameter twice. Open the app from the chart again.")
        values[name] = value
    return values
