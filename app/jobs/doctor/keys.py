"""Our own key set, fetched the way the EHR fetches it: by its public address, without sign-in or redirects."""

from __future__ import annotations

from app.ehr.probe import Reply, Trouble, objects, probe
from app.jobs.doctor.findings import Finding, failed, not_checked, ok, warning
from app.jobs.doctor.subject import Subject
from app.store.tenants import AuthMethod
from smart_launch.keys import KeyState

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})
_WHAT = "own key set"


async def examine_key_set(subject: Subject) -> Finding:
    """Whether the EHR can read the public half of the key we sign with."""
    tenant = subject.tenant
    if tenant.auth_method is not AuthMethod.PRIVATE_KEY_JWT:
        return not_checked(_WHAT, "the tenant does not use keys")
    address = subject.set_up.jwks_url(tenant.id)
    reply = await probe(subject.http, address, headers={"Accept": "application/json"})
    if reply.trouble is Trouble.PRIVATE:
        fix = "Open the address from outside your network; the EHR must reach it."
        return not_checked(_WHAT, f"{address} is private from here", fix)
    if not reply.ok:
        fix = f"Start the panel and make {address} reachable for the EHR without sign-in or redirect."
        return failed(_WHAT, f"{address}: {reply.said}", fix, code="LT-107")
    return _judge(subject, reply)


def _judge(subject: Subject, reply: Reply) -> Finding:
    keys = objects(reply.members.get("keys"))
    published = {key.get("kid") for key in keys}
    active = {
        kid for kid, state in subject.set_up.keys(subject.tenant.id).states() if state is KeyState.ACTIVE
    }
    if any(_PRIVATE_MEMBERS & key.keys() for key in keys):
        fix = "Take that address off the network, make new keys with `ltot keys new`, and tell the EHR team."
        return failed(_WHAT, "a private key is published", fix, code="LT-608")
    if not active:
        return not_checked(_WHAT, "there is no active signing key", f"`ltot keys new {subject.tenant.id}`")
    if not active <= published:
        fix = "Let the address reach this database's panel, not another one or an old copy in a cache."
        return failed(_WHAT, "the active key is not in it", fix, code="LT-107")
    if "max-age" not in reply.headers.get("cache-control", ""):
        fix = "Let the proxy pass the Cache-Control header on, so that EHRs see new keys in time."
        return warning(_WHAT, "it has no cache time", fix)
    return ok(_WHAT, f"{len(keys)} keys, the active one among them")
