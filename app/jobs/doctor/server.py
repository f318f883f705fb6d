"""What the EHR says about itself: reachable, TLS, clock, SMART configuration, CapabilityStatement."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from app.ehr.probe import Reply, Trouble, objects, texts
from app.ehr.vendors import panel_scopes
from app.jobs.doctor.findings import Finding, failed, not_checked, ok, warning
from app.jobs.doctor.subject import Subject
from app.store.tenants import AuthMethod
from smart_launch.discovery import CachedDocument, read_configuration
from smart_launch.errors import DiscoveryError, Reason
from smart_launch.id_token import SKEW_SECONDS
from smart_launch.scopes import ScopeStyle, compare_scopes

CERTIFICATE_SOON = timedelta(days=21)
_FIX_OF_TROUBLE = {
    Trouble.NAME: "Check the spelling of the tenant's issuer and this machine's name service.",
    Trouble.PRIVATE: "If the EHR is on your own network, add its host to LTOT_TRUSTED_PRIVATE_HOSTS.",
    Trouble.CERTIFICATE: "Ask the EHR team for a certificate with its full chain from a public authority.",
    Trouble.TLS: "Ask the EHR team to offer TLS 1.2 or newer.",
    Trouble.CONNECTION: "Check firewall and proxy between this machine and the EHR.",
    Trouble.TIME: "Check firewall and proxy, and whether the EHR's FHIR service is up.",
    Trouble.SIZE: "Check that the tenant's issuer is a FHIR address and not a download.",
}
_OWN_METHODS = {
    AuthMethod.PRIVATE_KEY_JWT: "private_key_jwt",
    AuthMethod.CLIENT_SECRET_BASIC: "client_secret_basic",
    AuthMethod.CLIENT_SECRET_POST: "client_secret_post",
}


async def examine_server(subject: Subject) -> Iterable[Finding]:
    """From the first connection to what the server offers; later checks need the earlier ones."""
    base = subject.tenant.issuer.removesuffix("/")
    reply = await subject.ask(
        f"{base}/.well-known/smart-configuration", headers={"Accept": "application/json"}
    )
    findings = list(_connection(subject, reply))
    if reply.trouble is None:
        findings += _discovery(subject, reply)
        statement = await subject.ask(f"{base}/metadata", headers={"Accept": "application/fhir+json"})
        findings += _capability_statement(subject, statement)
    else:
        names = ("discovery", "PKCE", "client authentication", "scopes", "capability statement")
        findings += [not_checked(name, "the EHR cannot be reached") for name in names]
    return findings


def _connection(subject: Subject, reply: Reply) -> Iterable[Finding]:
    if reply.trouble is not None:
        secure = reply.trouble in (Trouble.CERTIFICATE, Trouble.TLS)
        what = "TLS" if secure else "reaches the EHR"
        yield failed(what, reply.trouble.value, _FIX_OF_TROUBLE[reply.trouble], code="LT-102")
        yield not_checked("clock", "the EHR cannot be reached")
        return
    yield ok("reaches the EHR", f"{subject.tenant.issuer} answers")
    yield _tls(subject, reply)
    yield _clock(subject, reply)


def _tls(subject: Subject, reply: Reply) -> Finding:
    if not subject.tenant.issuer.startswith("https:"):
        return warning("TLS", "plain http on this machine", "Use https anywhere but in the demo.")
    ends = reply.certificate_ends
    if ends is not None and ends - subject.now < CERTIFICATE_SOON:
        fix = "Tell the EHR team to renew it; launches stop on that day."
        return warning("TLS", f"the EHR's certificate ends on {ends:%Y-%m-%d}", fix)
    return ok("TLS", " ".join(filter(None, (reply.tls, "certificate verified"))))


def _clock(subject: Subject, reply: Reply) -> Finding:
    if reply.date is None:
        return not_checked("clock", "the EHR sends no time")
    off = round((subject.now - reply.date).total_seconds())
    if abs(off) > SKEW_SECONDS:
        fix = "Set this machine's clock by NTP; if it is right, tell the EHR team."
        saw = f"{abs(off)} s {'ahead of' if off > 0 else 'behind'} the EHR's; up to {SKEW_SECONDS} s are tolerated"
        return failed("clock", saw, fix, code="LT-108")
    return ok("clock", f"{abs(off)} s from the EHR's")


def _discovery(subject: Subject, reply: Reply) -> Iterable[Finding]:
    later = ("PKCE", "client authentication", "scopes")
    if not reply.ok or not reply.members:
        said = reply.said if not reply.ok else "its SMART configuration is no JSON object"
        fix = "Write the tenant's issuer exactly as the EHR sends it; it ends where /.well-known begins."
        yield failed("discovery", said, fix, code="LT-102")
        yield from (not_checked(name, "there is no SMART configuration") for name in later)
        return
    subject.document = reply.members
    try:
        subject.configuration = read_configuration(
            subject.tenant.issuer, CachedDocument(reply.members, subject.now), subject.endpoints
        )
    except DiscoveryError as error:
        yield _unusable(error)
        rest = later[1:] if error.reason is Reason.PKCE_UNSUPPORTED else later
        yield from (not_checked(name, "the SMART configuration cannot be used") for name in rest)
        return
    yield from _endpoints(subject)
    yield _pkce(subject)
    yield _client_authentication(subject)
    yield _scopes(subject)


def _unusable(error: DiscoveryError) -> Finding:
    if error.reason is Reason.PKCE_UNSUPPORTED:
        fix = "Ask the EHR team to switch on PKCE with S256; the panel does not launch without it."
        return failed("PKCE", "S256 is not offered", fix, code="LT-102")
    if error.reason is Reason.ENDPOINT_NOT_ALLOWED:
        fix = "If that host is right, add it with --allowed-host; if not, tell the EHR team."
        return failed("discovery", error.safe_text, fix, code="LT-103")
    return failed("discovery", error.safe_text, "Tell the EHR team what is missing.", code="LT-102")


def _endpoints(subject: Subject) -> Iterable[Finding]:
    configuration = subject.configuration
    assert configuration is not None  # noqa: S101 - set by the caller
    if configuration.authorization_endpoint is None:
        fix = "Tell the EHR team; without it the panel cannot be launched."
        yield failed("discovery", "no authorization_endpoint is named", fix, code="LT-102")
    elif configuration.jwks_uri is None and configuration.issuer is None:
        fix = "Tell the EHR team; without one of them nobody can be identified."
        yield failed("discovery", "neither jwks_uri nor issuer is named", fix, code="LT-108")
    else:
        yield ok("discovery", "all endpoints are https and on allowed hosts")


def _pkce(subject: Subject) -> Finding:
    if "S256" in texts(subject.document.get("code_challenge_methods_supported")):
        return ok("PKCE", "S256")
    return warning("PKCE", "not advertised; it is used all the same", "Ask the EHR team whether S256 is on.")


def _client_authentication(subject: Subject) -> Finding:
    method, offered = _OWN_METHODS.get(subject.tenant.auth_method), subject.document.get
    methods = texts(offered("token_endpoint_auth_methods_supported"))
    if method is None:
        return ok("client authentication", "public client")
    if methods and method not in methods:
        fix = f"Register one of {', '.join(methods)} and change the tenant with --auth and --replace."
        return failed("client authentication", f"the EHR does not offer {method}", fix, code="LT-107")
    algorithms = texts(offered("token_endpoint_auth_signing_alg_values_supported"))
    if method == "private_key_jwt" and algorithms and not {"RS384", "ES384"} & set(algorithms):
        fix = "Ask the EHR team for RS384 or ES384, or use a client secret."
        return failed("client authentication", "neither RS384 nor ES384 is accepted", fix, code="LT-107")
    return ok("client authentication", method)


def _scopes(subject: Subject) -> Finding:
    configuration, style = subject.configuration, subject.tenant.scope_style
    assert configuration is not None  # noqa: S101 - set by the caller
    named = f"permission-{style.value}"
    if configuration.capabilities and named not in configuration.capabilities:
        other = ScopeStyle.V1 if style is ScopeStyle.V2 else ScopeStyle.V2
        fix = f"If the registration is for SMART {other.value}, add the tenant with --scope-style {other.value}."
        return warning("scopes", f"the EHR does not list {named}", fix, code="LT-112")
    asked = panel_scopes(subject.profile, style)
    offered = texts(subject.document.get("scopes_supported"))
    missing = compare_scopes(asked, offered).missing if offered else ()
    if missing:
        fix = "The list need not be complete; compare it with what the registration was approved for."
        return warning("scopes", f"not listed: {' '.join(missing)}", fix, code="LT-112")
    return ok(
        "scopes", f"{len(asked)} asked, all listed" if offered else "the EHR lists none; asked as usual"
    )


def _capability_statement(subject: Subject, reply: Reply) -> Iterable[Finding]:
    statement = reply.members
    if not reply.ok or statement.get("resourceType") != "CapabilityStatement":
        said = reply.said if not reply.ok else "no CapabilityStatement came back"
        yield warning("capability statement", said, "Check that the tenant's issuer is the FHIR base.")
        return
    subject.statement = statement
    version = str(statement.get("fhirVersion", ""))
    if not version.startswith("4."):
        fix = "Use the EHR's R4 address; the panel reads R4."
        yield failed("capability statement", f"FHIR version {version or 'not given'}", fix, code="LT-102")
        return
    resources = [one for rest in objects(statement.get("rest")) for one in objects(rest.get("resource"))]
    served = [resource.get("type") for resource in resources]
    absent = [kind for kind in subject.profile.kinds if kind not in served]
    if absent:
        fix = "What rests on these types is shown as unknown; ask the EHR team whether they can be opened."
        yield warning("capability statement", f"not served: {', '.join(absent)}", fix)
    else:
        yield ok("capability statement", f"FHIR {version}, all types served")
    yield from _vendor(subject)


def _vendor(subject: Subject) -> Iterable[Finding]:
    software = " ".join(str(one.get("name")) for one in objects(subject.statement.get("software"))).lower()
    publisher = str(subject.statement.get("publisher", "")).lower()
    seen = (
        "epic" if "epic" in software else "oracle" if {"oracle", "cerner"} & set(publisher.split()) else None
    )
    own = subject.tenant.vendor
    if seen is not None and seen != own:
        fix = f"Add the tenant with --vendor {seen} --replace, so that it is asked the way it wants."
        yield warning("vendor", f"the EHR says it is {seen}, the tenant says {own}", fix)
    else:
        yield ok("vendor", own)
