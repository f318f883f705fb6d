"""What can go wrong between this client and an authorization server.

    SmartError
    ├── IssuerError          the launch names a FHIR server that is not registered
    ├── DiscoveryError       the server's SMART configuration cannot be used
    ├── LaunchError          the launch request or the redirect back is not acceptable
    ├── TokenError           the token endpoint refused, failed or answered nonsense
    ├── IdTokenError         the id_token does not prove who the user is
    └── KeyMaterialError     our own signing keys are unusable

Every error carries a stable ``reason`` and a text that is safe to show and log: no token, code, state or
patient data is ever part of it.
"""

import re
from enum import StrEnum

_OAUTH_CODE = re.compile(r"[A-Za-z0-9_.\-]{1,64}")


class Reason(StrEnum):
    """Stable reason codes; an application maps each of them to its own error code."""

    UNKNOWN_ISSUER = "unknown_issuer"
    LAUNCH_REQUEST_INVALID = "launch_request_invalid"

    DISCOVERY_UNREACHABLE = "discovery_unreachable"
    DISCOVERY_INVALID = "discovery_invalid"
    ENDPOINT_NOT_ALLOWED = "endpoint_not_allowed"
    PKCE_UNSUPPORTED = "pkce_unsupported"

    CALLBACK_INVALID = "callback_invalid"
    STATE_MISMATCH = "state_mismatch"
    CALLBACK_ISSUER_MISMATCH = "callback_issuer_mismatch"
    AUTHORIZATION_DENIED = "authorization_denied"
    AUTHORIZATION_FAILED = "authorization_failed"

    TOKEN_ENDPOINT_UNREACHABLE = "token_endpoint_unreachable"  # noqa: S105 - a reason code
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a reason code
    CLIENT_REFUSED = "client_refused"
    SCOPE_REFUSED = "scope_refused"
    GRANT_ENDED = "grant_ended"
    TOKEN_RESPONSE_INVALID = "token_response_invalid"  # noqa: S105 - a reason code
    PATIENT_MISSING = "patient_missing"
    PATIENT_CHANGED = "patient_changed"

    ID_TOKEN_MALFORMED = "id_token_malformed"  # noqa: S105 - a reason code
    ID_TOKEN_ALGORITHM = "id_token_algorithm"  # noqa: S105 - a reason code
    ID_TOKEN_UNKNOWN_KEY = "id_token_unknown_key"  # noqa: S105 - a reason code
    ID_TOKEN_SIGNATURE = "id_token_signature"  # noqa: S105 - a reason code
    ID_TOKEN_ISSUER = "id_token_issuer"  # noqa: S105 - a reason code
    ID_TOKEN_AUDIENCE = "id_token_audience"  # noqa: S105 - a reason code
    ID_TOKEN_EXPIRED = "id_token_expired"  # noqa: S105 - a reason code
    ID_TOKEN_FROM_FUTURE = "id_token_from_future"  # noqa: S105 - a reason code
    ID_TOKEN_NONCE = "id_token_nonce"  # noqa: S105 - a reason code
    FHIR_USER_INVALID = "fhir_user_invalid"
    SERVER_KEYS_UNREACHABLE = "server_keys_unreachable"

    SIGNING_KEY_INVALID = "signing_key_invalid"


class SmartError(Exception):
    """Base of every error of this package.

    ``reason``: stable code. ``safe_text``: one sentence for people. ``oauth_error``: the server's OAuth
    error code when it sent a well-formed one. ``retryable``: the same call may succeed later without anyone
    changing anything.
    """

    def __init__(
        self, reason: Reason, safe_text: str, *, oauth_error: str | None = None, retryable: bool = False
    ) -> None:
        super().__init__(safe_text)
        self.reason = reason
        self.safe_text = safe_text
        self.oauth_error = oauth_error
        self.retryable = retryable


class IssuerError(SmartError):
    """The launch names a FHIR server that is not registered here."""


class DiscoveryError(SmartError):
    """The server's SMART configuration is missing, malformed or points where it must not."""


class LaunchError(SmartError):
    """The launch request, or the redirect back from the authorization server, is not acceptable."""


class TokenError(SmartError):
    """The token endpoint refused the request, could not be reached, or its answer is unusable."""


class IdTokenError(SmartError):
    """The id_token does not prove who the user is."""


class KeyMaterialError(SmartError):
    """A signing key of our own is missing or unusable."""


def oauth_error_code(value: object) -> str | None:
    """The server's OAuth error code, or None when it is not a plain token (RFC 6749 section 5.2 character
    set)."""
    if isinstance(value, str) and _OAUTH_CODE.fullmatch(value):
        return value
    return None
