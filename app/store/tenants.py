"""Tenants: one organisation each, with its registration at one FHIR server and its clinic's choices."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.store.crypto import KeyRing, Place
from app.store.db import Store
from app.store.errors import TenantInvalidError, TenantUnknownError
from app.store.models import TenantRow
from smart_launch.endpoints import EndpointPolicy
from smart_launch.scopes import ScopeStyle
from smart_launch.secret import Secret

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_ANCESTOR = re.compile(r"https://[a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?")
_LOOPBACK_ANCESTOR = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?")


class AuthMethod(StrEnum):
    """How this service proves itself at the tenant's token endpoint."""

    PRIVATE_KEY_JWT = "private_key_jwt"
    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105 - the method's name
    CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105 - the method's name
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Tenant:
    """One organisation.

    ``issuer``: FHIR base exactly as the EHR sends it. ``id_token_issuer``: where it differs from the
    discovered one. ``allowed_hosts``: besides the FHIR base's own, hosts its endpoints may be on.
    ``frame_ancestors``: origins that may embed the panel. ``roles``: role name to the user references or
    types that have it. ``options``: further choices of the clinic by name, such as ``write_back``.
    """

    id: str
    name: str
    issuer: str
    client_id: str
    auth_method: AuthMethod
    policy_id: str = "default"
    vendor: str = "generic"
    scope_style: ScopeStyle = ScopeStyle.V2
    client_secret: Secret | None = None
    backend_client_id: str | None = None
    id_token_issuer: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    frame_ancestors: tuple[str, ...] = ()
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    enabled: bool = True

    def endpoint_policy(self, *, allow_loopback_http: bool) -> EndpointPolicy:
        """Hosts this tenant's FHIR base and endpoints may be on."""
        own = self.issuer.split("/")[2].lower()
        return EndpointPolicy(frozenset({own, *self.allowed_hosts}), allow_loopback_http)


class Tenants:
    """Reads and writes tenants; client secrets are sealed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save(self, tenant: Tenant, now: datetime) -> None:
        """Add a tenant, or replace the one of the same id. Raises TenantInvalidError naming the field."""
        _check(tenant)
        try:
            with self._store.system() as session:
                row = session.get(TenantRow, tenant.id)
                if row is None:
                    row = TenantRow(id=tenant.id, created_at=now)
                    session.add(row)
                _fill(row, tenant, self._store.ring)
        except IntegrityError:
            raise TenantInvalidError("issuer: another tenant has the same FHIR address.") from None

    def get(self, tenant_id: str) -> Tenant:
        """One tenant. Raises TenantUnknownError."""
        with self._store.system() as session:
            row = session.get(TenantRow, tenant_id)
            if row is None:
                raise TenantUnknownError
            return _read(row, self._store.ring)

    def all(self) -> tuple[Tenant, ...]:
        """All tenants, by id."""
        with self._store.system() as session:
            rows = session.scalars(select(TenantRow).order_by(TenantRow.id))
            return tuple(_read(row, self._store.ring) for row in rows)

    def by_issuer(self) -> dict[str, Tenant]:
        """Enabled tenants by FHIR base, to match a launch against."""
        return {tenant.issuer: tenant for tenant in self.all() if tenant.enabled}


def _check(tenant: Tenant) -> None:
    if not _SLUG.fullmatch(tenant.id):
        raise TenantInvalidError("id: use lower-case letters, digits and hyphens, at most 63.")
    if not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", tenant.issuer):
        raise TenantInvalidError("issuer: write the FHIR address as the EHR sends it, starting with https.")
    loopback = tenant.endpoint_policy(allow_loopback_http=True).problem(tenant.issuer)
    if loopback is not None:
        raise TenantInvalidError(f"issuer: {loopback}.")
    if not tenant.client_id:
        raise TenantInvalidError("client_id: is empty.")
    needs_secret = tenant.auth_method in (AuthMethod.CLIENT_SECRET_BASIC, AuthMethod.CLIENT_SECRET_POST)
    if needs_secret is (tenant.client_secret is None):
        raise TenantInvalidError("client_secret: is needed for the secret methods, and only for them.")
    for origin in tenant.frame_ancestors:
        if not (_ANCESTOR.fullmatch(origin) or _LOOPBACK_ANCESTOR.fullmatch(origin)):
            raise TenantInvalidError("frame_ancestors: list https origins, such as https://ehr.example.org.")


def _secret_place(tenant_id: str) -> Place:
    return Place("tenants", tenant_id, "sealed_client_secret")


def _fill(row: TenantRow, tenant: Tenant, ring: KeyRing) -> None:
    secret = tenant.client_secret
    row.name = tenant.name
    row.issuer = tenant.issuer
    row.id_token_issuer = tenant.id_token_issuer
    row.client_id = tenant.client_id
    row.auth_method = tenant.auth_method.value
    row.sealed_client_secret = ring.seal(secret.reveal(), _secret_place(tenant.id)) if secret else None
    row.backend_client_id = tenant.backend_client_id
    row.vendor = tenant.vendor
    row.scope_style = tenant.scope_style.value
    row.policy_id = tenant.policy_id
    row.allowed_hosts = list(tenant.allowed_hosts)
    row.frame_ancestors = list(tenant.frame_ancestors)
    row.roles = {role: list(members) for role, members in tenant.roles.items()}
    row.options = dict(tenant.options)
    row.enabled = tenant.enabled


def _read(row: TenantRow, ring: KeyRing) -> Tenant:
    sealed = row.sealed_client_secret
    return Tenant(
        id=row.id,
        name=row.name,
        issuer=row.issuer,
        client_id=row.client_id,
        auth_method=AuthMethod(row.auth_method),
        policy_id=row.policy_id,
        vendor=row.vendor,
        scope_style=ScopeStyle(row.scope_style),
        client_secret=Secret(ring.open(sealed, _secret_place(row.id))) if sealed else None,
        backend_client_id=row.backend_client_id,
        id_token_issuer=row.id_token_issuer,
        allowed_hosts=tuple(row.allowed_hosts),
        frame_ancestors=tuple(row.frame_ancestors),
        roles={role: tuple(members) for role, members in row.roles.items()},
        options=row.options,
        enabled=row.enabled,
    )
