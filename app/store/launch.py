"""What a launch consists of, and how its sealed columns are written and read."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from app.store.crypto import KeyRing, Place
from app.store.errors import LaunchOverError
from app.store.models import LaunchRow
from smart_launch.secret import Secret
from smart_launch.tokens import TokenResponse


@dataclass(frozen=True, slots=True)
class LaunchUser:
    """Who is looking. The user's key is (``issuer``, ``subject``); ``fhir_user`` is the resource's
    address."""

    issuer: str
    subject: str = field(repr=False)
    fhir_user: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a launch; their values are hidden."""

    access_token: Secret
    refresh_token: Secret | None
    expires_at: datetime

    @classmethod
    def of(cls, response: TokenResponse) -> Self:
        """The part of a token response that is kept."""
        return cls(response.access_token, response.refresh_token, response.expires_at)


@dataclass(frozen=True, slots=True)
class Launch:
    """An open launch. ``token_version`` grows with every refresh; ``expires_at`` is the absolute end.

    ``patient``: whose chart it is, "" for a launch of the clinic's list.
    """

    id: str = field(repr=False)
    tenant_id: str
    user: LaunchUser
    user_hash: str
    patient: str = field(repr=False)
    patient_fingerprint: str
    tokens: Tokens
    token_version: int
    scopes: tuple[str, ...]
    roles: tuple[str, ...]
    need_patient_banner: bool
    style_url: str | None
    created_at: datetime
    expires_at: datetime
    idle_expires_at: datetime


@dataclass(frozen=True, slots=True)
class OpenedLaunch:
    """A launch just opened, with the value of its cookie, which is not kept."""

    launch: Launch
    cookie: Secret


@dataclass(frozen=True, slots=True)
class RefreshClaim:
    """The right to refresh one launch's token for a short time."""

    launch: Launch
    value: str = field(repr=False)


class SealedColumns:
    """Writes and reads the sealed columns of launch rows."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def fill(self, row: LaunchRow, user: LaunchUser, patient: str) -> None:
        """Seal user and patient into a new row."""
        kept = {"iss": user.issuer, "sub": user.subject, "fhir_user": user.fhir_user, "name": user.name}
        row.sealed_user = self._ring.seal(json.dumps(kept), _place(row, "sealed_user"))
        row.sealed_patient = self._ring.seal(patient, _place(row, "sealed_patient"))

    def fill_tokens(self, row: LaunchRow, tokens: Tokens) -> None:
        """Seal tokens into a row."""
        refresh = tokens.refresh_token
        kept = {"access": tokens.access_token.reveal(), "refresh": refresh.reveal() if refresh else None}
        row.sealed_tokens = self._ring.seal(json.dumps(kept), _place(row, "sealed_tokens"))
        row.token_expires_at = tokens.expires_at

    def read(self, row: LaunchRow, idle: timedelta) -> Launch:
        """The launch of a row. Raises LaunchOverError when its sealed values are gone, SealBrokenError."""
        if row.sealed_user is None or row.sealed_patient is None or row.sealed_tokens is None:
            raise LaunchOverError
        user = json.loads(self._ring.open(row.sealed_user, _place(row, "sealed_user")))
        tokens = json.loads(self._ring.open(row.sealed_tokens, _place(row, "sealed_tokens")))
        refresh = tokens["refresh"]
        return Launch(
            id=row.id,
            tenant_id=row.tenant_id,
            user=LaunchUser(user["iss"], user["sub"], user["fhir_user"], user["name"]),
            user_hash=row.user_hash,
            patient=self._ring.open(row.sealed_patient, _place(row, "sealed_patient")),
            patient_fingerprint=row.patient_fingerprint,
            tokens=Tokens(
                Secret(tokens["access"]), Secret(refresh) if refresh else None, row.token_expires_at
            ),
            token_version=row.token_version,
            scopes=tuple(row.scopes),
            roles=tuple(row.roles),
            need_patient_banner=row.need_patient_banner,
            style_url=row.style_url,
            created_at=row.created_at,
            expires_at=row.expires_at,
            idle_expires_at=min(row.expires_at, row.last_seen_at + idle),
        )


def _place(row: LaunchRow, column: str) -> Place:
    return Place("launches", f"{row.tenant_id}/{row.id}", column)
