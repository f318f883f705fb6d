"""Who the user is: verification of the id_token.

Source: OpenID Connect Core 1.0 section 3.1.3.7; SMART App Launch 2.2, "Scopes for requesting identity data".
"""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry

from smart_launch.errors import IdTokenError, Reason
from smart_launch.fhir_user import FhirUser, read_fhir_user
from smart_launch.secret import Secret
from smart_launch.server_keys import ServerKey, ServerKeys

SKEW_SECONDS = 60
ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "ES256", "ES384"})
_CURVES = {"ES256": "P-256", "ES384": "P-384"}


@dataclass(frozen=True, slots=True)
class Identity:
    """The authenticated user. The user's key is (``issuer``, ``subject``); all personal parts are hidden."""

    issuer: str
    subject: str = field(repr=False)
    fhir_user: FhirUser | None = field(repr=False)
    name: str | None = field(repr=False)


async def verify_id_token(
    id_token: Secret,
    keys: ServerKeys,
    *,
    client_id: str,
    issuer: str,
    nonce: Secret | None,
    fhir_base: str,
    now: datetime,
) -> Identity:
    """Verify signature and claims; server keys are fetched again once when none fits. Raises IdTokenError.

    ``issuer``: the one this server is known by, compared exactly. ``nonce``: the one sent, if any was.
    """
    header = _header(id_token)
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise _error(Reason.ID_TOKEN_ALGORITHM, "it is not signed in a way this service accepts")
    claims = _verified(id_token, await keys.current(now), header, algorithm)
    if claims is None:
        refreshed = await keys.refreshed(now)
        if refreshed is not None:
            claims = _verified(id_token, refreshed, header, algorithm)
    if claims is None:
        raise _error(Reason.ID_TOKEN_UNKNOWN_KEY, "the server does not publish the key it was signed with")
    _check_audience(claims, client_id)
    _check_times(claims, int(now.timestamp()))
    if claims.get("iss") != issuer:
        raise _error(Reason.ID_TOKEN_ISSUER, "it was issued by another server")
    sent = claims.get("nonce")
    if nonce is not None and not (isinstance(sent, str) and nonce.matches(sent)):
        raise _error(Reason.ID_TOKEN_NONCE, "it belongs to another launch")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise _error(Reason.ID_TOKEN_MALFORMED, "it names no user")
    name = claims.get("name") or claims.get("preferred_username")
    return Identity(
        issuer, subject, read_fhir_user(claims, fhir_base), name if isinstance(name, str) else None
    )


def _header(id_token: Secret) -> Mapping[str, object]:
    segment = id_token.reveal().split(".")[0]
    try:
        header: object = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise _error(Reason.ID_TOKEN_MALFORMED, "it is not a signed token")
    return cast("dict[str, object]", header)


def _verified(
    id_token: Secret, keys: Iterable[ServerKey], header: Mapping[str, object], algorithm: str
) -> Mapping[str, object] | None:
    """The claims; None when no key fits. Without a key id every fitting key is tried."""
    kid = header.get("kid")
    candidates = [key for key in keys if _fits(key, kid, algorithm)]
    registry = JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    for key in candidates:
        try:
            token = jwt.decode(id_token.reveal(), key.jose, algorithms=[algorithm], registry=registry)
        except (JoseError, ValueError):
            continue
        return cast("dict[str, object]", token.claims)
    if candidates and kid is not None:
        raise _error(Reason.ID_TOKEN_SIGNATURE, "its signature is not genuine")
    return None


def _fits(key: ServerKey, kid: object, algorithm: str) -> bool:
    if kid is not None and key.kid != kid:
        return False
    if key.algorithm not in (None, algorithm):
        return False
    if isinstance(key.jose, ECKey):
        return key.jose.curve_name == _CURVES.get(algorithm)
    return algorithm.startswith("RS")


def _check_audience(claims: Mapping[str, object], client_id: str) -> None:
    audience = claims.get("aud")
    audiences = cast("list[object]", audience) if isinstance(audience, list) else [audience]
    authorized = claims.get("azp")
    if client_id not in audiences or (len(audiences) > 1 and authorized is None):
        raise _error(Reason.ID_TOKEN_AUDIENCE, "it was issued for another app")
    if authorized is not None and authorized != client_id:
        raise _error(Reason.ID_TOKEN_AUDIENCE, "it was issued to another app")


def _check_times(claims: Mapping[str, object], now: int) -> None:
    expires, issued = _seconds(claims, "exp"), _seconds(claims, "iat")
    not_before = _seconds(claims, "nbf") if "nbf" in claims else issued
    if expires + SKEW_SECONDS <= now or expires < issued:
        raise _error(Reason.ID_TOKEN_EXPIRED, "it has expired; compare this machine's clock with the EHR's")
    if max(issued, not_before) - SKEW_SECONDS > now:
        raise _error(
            Reason.ID_TOKEN_FROM_FUTURE, "it is not valid yet; compare this machine's clock with the EHR's"
        )


def _seconds(claims: Mapping[str, object], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _error(Reason.ID_TOKEN_MALFORMED, f"its {name} is missing or no number")
    return value


def _error(reason: Reason, why: str) -> IdTokenError:
    return IdTokenError(reason, f"The EHR's proof of who the user is cannot be accepted: {why}.")
