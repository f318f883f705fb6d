"""How a registration proves itself at the token endpoint.

Source: SMART App Launch 2.2, "Client Authentication: Asymmetric" and "Symmetric"; RFC 6749 section 2.3.1.
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote_plus

from joserfc import jwt

from smart_launch.keys import SigningKey
from smart_launch.secret import Secret

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFETIME = timedelta(seconds=240)
"""Below the five minutes SMART allows, so that a slightly fast clock of ours does no harm."""


@dataclass(frozen=True, slots=True)
class PrivateKeyJwt:
    """``private_key_jwt``: a one-time assertion signed with our key."""

    key: SigningKey


@dataclass(frozen=True, slots=True)
class ClientSecretBasic:
    """``client_secret_basic``: id and secret in the Authorization header."""

    secret: Secret


@dataclass(frozen=True, slots=True)
class ClientSecretPost:
    """``client_secret_post``: id and secret in the form, for servers that take nothing else."""

    secret: Secret


@dataclass(frozen=True, slots=True)
class PublicClient:
    """No authentication; the client id goes into the form."""


ClientAuth = PrivateKeyJwt | ClientSecretBasic | ClientSecretPost | PublicClient


@dataclass(frozen=True, slots=True)
class Registration:
    """One registration of this client with one server: its id there and how it authenticates."""

    client_id: str
    auth: ClientAuth


def authenticate(
    registration: Registration, token_endpoint: str, now: datetime
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Form members and headers to add to one token request; a new assertion for every call."""
    client_id = registration.client_id
    match registration.auth:
        case PrivateKeyJwt(key):
            assertion = client_assertion(client_id, token_endpoint, key, now)
            return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion.reveal()}, {}
        case ClientSecretBasic(secret):
            pair = f"{quote_plus(client_id)}:{quote_plus(secret.reveal())}"
            return {}, {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        case ClientSecretPost(secret):
            return {"client_id": client_id, "client_secret": secret.reveal()}, {}
        case PublicClient():
            return {"client_id": client_id}, {}


def client_assertion(client_id: str, token_endpoint: str, key: SigningKey, now: datetime) -> Secret:
    """A one-time JWT for exactly this token endpoint: unique ``jti`` (256 bits), valid for 240 s."""
    issued = int(now.timestamp())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": token_endpoint,
        "iat": issued,
        "exp": issued + int(ASSERTION_LIFETIME.total_seconds()),
        "jti": secrets.token_urlsafe(32),
    }
    header = {"alg": key.algorithm.value, "kid": key.kid, "typ": "JWT"}
    return Secret(jwt.encode(header, claims, key.jose_key(), algorithms=[key.algorithm.value]))
