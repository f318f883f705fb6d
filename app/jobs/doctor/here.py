"""What can be told without asking anybody: settings, database, keys, policy, addresses."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from app.errors import LtotError
from app.jobs.doctor.findings import Finding, failed, ok, warning
from app.jobs.doctor.subject import Subject
from app.jobs.policies import load_policy
from app.settings import LOOPBACK_HOSTS
from app.store.migrate import is_current, role_problem
from app.store.tenants import AuthMethod
from smart_launch.keys import KeyState


def examine_here(subject: Subject) -> Iterable[Finding]:
    """Set-up of this machine and this tenant."""
    yield _database(subject)
    yield _enabled(subject)
    yield _policy(subject)
    yield _time_zone(subject)
    yield from _addresses(subject)
    yield _frame_ancestors(subject)
    yield _credentials(subject)


def _database(subject: Subject) -> Finding:
    engine = subject.set_up.store.engine
    try:
        current, problem = is_current(engine), role_problem(engine)
    except LtotError as error:
        return failed("database", "it does not answer", code=error.entry.code)
    if not current:
        return failed("database", "it is of another version", code="LT-602")
    if problem is not None:
        fix = "Serve with a plain role of its own: `ltot migrate --grant-to ROLE`, then its address."
        return warning("database", problem, fix)
    return ok("database", "it answers and is of this version")


def _enabled(subject: Subject) -> Finding:
    tenant = subject.tenant
    if not tenant.enabled:
        return failed("tenant", f"{tenant.id} is switched off", "Add it again with --replace.", code="LT-101")
    return ok("tenant", f"launches from {tenant.issuer} are accepted")


def _policy(subject: Subject) -> Finding:
    chosen = subject.tenant.policy_id
    name = subject.settings.policy if chosen == "default" else chosen
    try:
        load_policy(name)
    except LtotError as error:
        return failed("policy", error.detail, code=error.entry.code)
    return ok("policy", name)


def _time_zone(subject: Subject) -> Finding:
    zone = subject.settings.time_zone
    if zone == ZoneInfo("UTC"):
        fix = "Set LTOT_TIME_ZONE to the clinic's, such as America/Los_Angeles: due dates are its calendar days."
        return warning("time zone", "UTC", fix)
    return ok("time zone", str(zone))


def _addresses(subject: Subject) -> Iterable[Finding]:
    base, is_local = subject.settings.base_url, subject.settings.is_loopback
    if is_local and urlsplit(subject.tenant.issuer).hostname not in LOOPBACK_HOSTS:
        fix = "Set LTOT_BASE_URL to the panel's public https address and register that."
        yield failed("own address", f"{base} is this machine only", fix)
    else:
        yield ok("own address", base)
    yield ok("launch URL to register", f"{base}/launch")
    yield ok("redirect URI to register", subject.redirect_uri)


def _frame_ancestors(subject: Subject) -> Finding:
    origins = subject.tenant.frame_ancestors
    if not origins:
        fix = "Add the EHR's origins with --frame-ancestor; without them the panel opens in its own window only."
        return warning("frame ancestors", "none is set", fix)
    return ok("frame ancestors", " ".join(origins))


def _credentials(subject: Subject) -> Finding:
    tenant = subject.tenant
    if tenant.auth_method is not AuthMethod.PRIVATE_KEY_JWT:
        public = tenant.auth_method is AuthMethod.NONE
        fix = "Register a confidential client where the EHR offers it; a key is better than a secret."
        kind = "public client" if public else f"{tenant.auth_method.value}, secret set"
        return warning("client credentials", kind, fix) if public else ok("client credentials", kind)
    states = dict(subject.set_up.keys(tenant.id).states())
    active = [kid for kid, state in states.items() if state is KeyState.ACTIVE]
    if not active:
        fix = f"Make one with `ltot keys new {tenant.id}`."
        return failed("client credentials", "no active signing key", fix, code="LT-608")
    return ok("client credentials", f"private_key_jwt, active key {active[0]}, {len(states)} published")
