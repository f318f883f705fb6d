"""Set up a tenant: its registration, its signing keys, and the check of its access log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from app.ehr.vendors import VENDORS
from app.errors import LtotError
from app.jobs.policies import load_policy
from app.settings import Settings, SettingsError, read_settings
from app.store.audit import AuditLog, Head, Verification
from app.store.crypto import KeyRing
from app.store.db import Store, create_store_engine
from app.store.keys import SigningKeys
from app.store.migrate import require_current
from app.store.sealed import sealed_by_key
from app.store.tenants import AuthMethod, Tenant, Tenants
from smart_launch.keys import KeyState, SigningAlgorithm
from smart_launch.secret import Secret


@dataclass(frozen=True, slots=True)
class SetUp:
    """The settings in force and the database they name."""

    settings: Settings
    store: Store

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> SetUp:
        """Raises LtotError: LT-601 for a setting, LT-602 and LT-605 for the database."""
        try:
            settings = read_settings(environment)
        except SettingsError as error:
            raise LtotError("LT-601", str(error)) from None
        ring = KeyRing.from_settings(settings.master_key, settings.further_master_keys)
        store = Store(create_store_engine(settings.database_url), ring)
        require_current(store.engine)
        return cls(settings, store)

    @classmethod
    @contextmanager
    def opened(cls, environment: Mapping[str, str]) -> Iterator[SetUp]:
        """The same for one verb; connections are let go of at its end."""
        set_up = cls.of(environment)
        try:
            yield set_up
        finally:
            set_up.store.engine.dispose()

    @property
    def tenants(self) -> Tenants:
        return Tenants(self.store)

    def keys(self, tenant_id: str) -> SigningKeys:
        """The signing keys of this tenant in this environment."""
        return SigningKeys(self.store, tenant_id, self.settings.environment)

    def jwks_url(self, tenant_id: str) -> str:
        """The address an EHR reads the tenant's public keys at."""
        return f"{self.settings.base_url}/jwks/{tenant_id}"


def policy_named(tenant: Tenant, settings: Settings) -> str:
    """The name or file of a clinic's policy: its own, else that of the settings."""
    return settings.policy if tenant.policy_id == "default" else tenant.policy_id


def add_tenant(set_up: SetUp, tenant: Tenant, now: datetime, *, may_replace: bool = False) -> None:
    """Save a tenant whose policy can be read.

    Raises LtotError: LT-609 when the id is taken, LT-601 naming the field that does not fit, LT-604.
    """
    known = {known.id for known in set_up.tenants.all()}
    if tenant.id in known and not may_replace:
        raise LtotError("LT-609", f"It is {tenant.id}.")
    if tenant.vendor not in VENDORS:
        raise LtotError("LT-601", f"vendor: write one of {', '.join(VENDORS)}.")
    if tenant.policy_id != "default":
        load_policy(tenant.policy_id)
    hosts = tuple(sorted({host.lower() for host in tenant.allowed_hosts}))
    set_up.tenants.save(replace(tenant, allowed_hosts=hosts), now)


def read_auth(text: str) -> AuthMethod:
    """Raises LT-601 for a method the token endpoint cannot be asked with."""
    try:
        return AuthMethod(text)
    except ValueError:
        raise LtotError("LT-601", f"auth: write one of {', '.join(AuthMethod)}.") from None


def needs_key(set_up: SetUp, tenant: Tenant) -> bool:
    """Whether the tenant proves itself with a key and has none yet."""
    return tenant.auth_method is AuthMethod.PRIVATE_KEY_JWT and not list_keys(set_up, tenant.id)


def read_client_secret(
    file: Path | None, variable: str | None, environment: Mapping[str, str]
) -> Secret | None:
    """The client secret from a file or a named environment variable.  Raises LT-601; never repeats the value."""
    if file is not None and variable is not None:
        raise LtotError("LT-601", "client secret: name a file or a variable, not both.")
    if file is not None:
        try:
            value = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise LtotError("LT-601", "client secret: the file cannot be read.") from None
    elif variable is not None:
        value = environment.get(variable, "").strip()
    else:
        return None
    if not value:
        raise LtotError("LT-601", "client secret: is empty.")
    return Secret(value)


def read_roles(pairs: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Roles from `role=member` words; a member is `Practitioner/1`, `Practitioner` or `*`.  Raises LT-601."""
    roles: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        role, _, member = (part.strip() for part in pair.partition("="))
        if not role or not member:
            raise LtotError("LT-601", "role: write role=member, such as population=Practitioner/123.")
        roles[role] = (*roles.get(role, ()), member)
    return roles


def describe_tenant(set_up: SetUp, tenant: Tenant) -> dict[str, object]:
    """What may be shown of a tenant; of the client secret, only that there is one."""
    return {
        "id": tenant.id,
        "name": tenant.name,
        "enabled": tenant.enabled,
        "issuer": tenant.issuer,
        "id_token_issuer": tenant.id_token_issuer,
        "client_id": tenant.client_id,
        "backend_client_id": tenant.backend_client_id,
        "auth": tenant.auth_method.value,
        "client_secret": "set" if tenant.client_secret else "not set",
        "vendor": tenant.vendor,
        "scope_style": tenant.scope_style.value,
        "policy": tenant.policy_id,
        "allowed_hosts": list(tenant.allowed_hosts),
        "frame_ancestors": list(tenant.frame_ancestors),
        "roles": {role: list(members) for role, members in tenant.roles.items()},
        "options": dict(tenant.options),
        "launch_url": f"{set_up.settings.base_url}/launch",
        "redirect_uri": f"{set_up.settings.base_url}/callback",
        "jwks_url": set_up.jwks_url(tenant.id) if tenant.auth_method is AuthMethod.PRIVATE_KEY_JWT else None,
    }


def new_key(set_up: SetUp, tenant_id: str, algorithm: str, now: datetime) -> tuple[str, KeyState]:
    """Make a signing key; the first is active at once, a later one is published as next.  Raises LT-601."""
    try:
        chosen = SigningAlgorithm(algorithm)
    except ValueError:
        raise LtotError("LT-601", f"algorithm: write one of {', '.join(SigningAlgorithm)}.") from None
    return set_up.keys(tenant_id).create(chosen, now)


def rotate_key(set_up: SetUp, tenant_id: str, now: datetime) -> tuple[str, tuple[str, ...]]:
    """Make the next key active; returns its id and those of passive keys that were removed."""
    keys = set_up.keys(tenant_id)
    active = keys.rotate(now)
    return active, keys.remove_passive(now)


def list_keys(set_up: SetUp, tenant_id: str) -> tuple[tuple[str, KeyState], ...]:
    """Key ids and states, oldest first.  Raises LT-607."""
    set_up.tenants.get(tenant_id)
    return set_up.keys(tenant_id).states()


def master_keys(set_up: SetUp) -> tuple[tuple[str, str, int], ...]:
    """Key id, what this process does with it, and how much in the database needs it; the current key first."""
    needed = sealed_by_key(set_up.store)
    current, *further = set_up.store.ring.ids
    told = [(current, "seals"), *((key_id, "opens") for key_id in further)]
    told += [(key_id, "NOT HERE") for key_id in sorted(needed.keys() - {current, *further})]
    return tuple((key_id, what, needed[key_id]) for key_id, what in told)


def verify_access_log(set_up: SetUp, expected: Mapping[str, Head]) -> Iterable[tuple[str, Verification]]:
    """Check every tenant's chain; `expected` holds heads noted earlier outside the database."""
    log = AuditLog(set_up.store)
    for tenant_id in log.tenants():
        yield tenant_id, log.verify(tenant_id, expected.get(tenant_id))


def read_heads(file: Path | None) -> dict[str, Head]:
    """Heads from a file with one `tenant number:hash` per line, as `ltot audit verify` prints.  Raises LT-501."""
    if file is None:
        return {}
    heads: dict[str, Head] = {}
    try:
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.strip():
                tenant_id, written = line.split()[:2]
                heads[tenant_id] = Head.parse(written)
    except (OSError, ValueError):
        raise LtotError("LT-501", "The file with the noted heads cannot be read.") from None
    return heads
