"""Launches, codes and tokens: the authorization server's memory, with every single-use rule."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

LAUNCH_LIFETIME = 300
CODE_LIFETIME = 60


class OAuthError(Exception):
    """An OAuth refusal: the error code, a sentence for a developer, and the HTTP status."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


@dataclass(frozen=True, slots=True)
class Context:
    """Who and what a grant is about; ids are those of the served resources."""

    user: str
    patient: str | None = None
    encounter: str | None = None


@dataclass(slots=True)
class Code:
    """An authorization code and everything it is bound to."""

    client_id: str
    redirect_uri: str
    challenge: str
    scopes: tuple[str, ...]
    context: Context
    nonce: str | None
    expires: float
    grant: "Grant | None" = None


@dataclass(slots=True)
class Grant:
    """One consent: its tokens live and die together."""

    client_id: str
    scopes: tuple[str, ...]
    context: Context
    nonce: str | None = None
    refresh: str | None = None
    spent_refresh: set[str] = field(default_factory=set)
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """A live access token: the grant behind it, its own scopes and its expiry (epoch seconds)."""

    grant: Grant
    scopes: tuple[str, ...]
    expires: float


class Grants:
    """In-memory store of launches, codes, grants and tokens. `clock` gives epoch seconds."""

    def __init__(self, clock: Callable[[], float], token_lifetime: int, *, rotates_refresh: bool) -> None:
        self._clock = clock
        self.token_lifetime = token_lifetime
        self._rotates = rotates_refresh
        self._launches: dict[str, tuple[Context, float]] = {}
        self._codes: dict[str, Code] = {}
        self._access: dict[str, Access] = {}
        self._refresh: dict[str, Grant] = {}

    def new_launch(self, context: Context) -> str:
        """An opaque launch value bound to a user and, usually, a patient."""
        token = secrets.token_urlsafe(48)
        self._launches[token] = (context, self._clock() + LAUNCH_LIFETIME)
        return token

    def take_launch(self, token: str) -> Context:
        """Spend a launch value; a second use, an expired or unknown value is refused."""
        context, expires = self._launches.pop(token, (None, 0.0))
        if context is None or expires <= self._clock():
            raise OAuthError("invalid_request", "launch is unknown, expired or already used")
        return context

    def new_code(self, code: Code) -> str:
        """Register a code; returns its value."""
        value = secrets.token_urlsafe(48)
        code.expires = self._clock() + CODE_LIFETIME
        self._codes[value] = code
        return value

    def redeem(self, value: str, *, client_id: str, redirect_uri: str, verifier: str) -> Grant:
        """Exchange a code once. A replay revokes what the first exchange gave; a failed try burns it."""
        code = self._codes.get(value)
        if code is None:
            raise OAuthError("invalid_grant", "code is unknown")
        if code.grant is not None:
            self.revoke(code.grant)
            raise OAuthError("invalid_grant", "code was used before; its tokens are revoked")
        code.grant = Grant(code.client_id, code.scopes, code.context, code.nonce)
        refusal = self._mismatch(code, client_id, redirect_uri, verifier)
        if refusal:
            code.grant.revoked = True
            raise OAuthError("invalid_grant", refusal)
        return code.grant

    def _mismatch(self, code: Code, client_id: str, redirect_uri: str, verifier: str) -> str | None:
        if code.expires <= self._clock():
            return "code has expired"
        if code.client_id != client_id:
            return "code was issued to another client"
        if code.redirect_uri != redirect_uri:
            return "redirect_uri differs from the authorization request"
        if not hmac.compare_digest(challenge_of(verifier), code.challenge):
            return "code_verifier does not match code_challenge"
        return None

    def new_access(self, grant: Grant, scopes: tuple[str, ...]) -> str:
        """A fresh access token for `grant`, limited to `scopes`."""
        token = secrets.token_urlsafe(64)
        self._access[token] = Access(grant, scopes, self._clock() + self.token_lifetime)
        return token

    def new_refresh(self, grant: Grant) -> str:
        """A fresh refresh token for `grant`."""
        grant.refresh = secrets.token_urlsafe(48)
        self._refresh[grant.refresh] = grant
        return grant.refresh

    def use_refresh(self, token: str, client_id: str) -> tuple[Grant, str | None]:
        """The grant of a refresh token and, where this server rotates, its replacement.

        Presenting a spent refresh token revokes the whole grant.
        """
        grant = self._refresh.get(token)
        if grant is None or grant.client_id != client_id or grant.revoked:
            raise OAuthError("invalid_grant", "refresh token is unknown or revoked")
        if token in grant.spent_refresh:
            self.revoke(grant)
            raise OAuthError("invalid_grant", "refresh token was used before; the grant is revoked")
        if not self._rotates:
            return grant, None
        grant.spent_refresh.add(token)
        return grant, self.new_refresh(grant)

    def access(self, token: str) -> Access | None:
        """The live access behind a bearer token, or None when unknown, expired or revoked."""
        found = self._access.get(token)
        if found is None or found.grant.revoked or found.expires <= self._clock():
            return None
        return found

    def revoke(self, grant: Grant) -> None:
        """End every token of a grant."""
        grant.revoked = True

    def revoke_token(self, token: str, client_id: str) -> None:
        """RFC 7009: an access token ends alone, a refresh token ends its grant; strangers change nothing."""
        refreshed = self._refresh.get(token)
        if refreshed is not None and refreshed.client_id == client_id:
            self.revoke(refreshed)
        held = self._access.get(token)
        if held is not None and held.grant.client_id == client_id:
            del self._access[token]


def challenge_of(verifier: str) -> str:
    """The S256 code challenge of a verifier (RFC 7636 4.2)."""
    digest = hashlib.sha256(verifier.encode("ascii", "replace")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
