"""`ltot doctor`: every misconfiguration is named by the check it belongs to, together with its fix."""

import re
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.errors import CATALOGUE
from app.jobs.doctor import Result, as_lines
from app.sandbox.config import SandboxClient
from app.store.tenants import AuthMethod
from smart_launch.scopes import ScopeStyle
from smart_launch.secret import Secret
from tests.setup.clinic import BACKEND, CALLBACK, CLIENT, EHR, Clinic, build_clinic
from tests.setup.conftest import ADD, Ltot

Spoil = Callable[[Clinic], None]


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return build_clinic(tmp_path)


def clients(clinic: Clinic, *changed: SandboxClient) -> None:
    """Change the registrations at the EHR."""
    for client in changed:
        clinic.site.clients[client.client_id] = client


def panel_client(clinic: Clinic, **changes: Any) -> None:
    clients(clinic, replace(clinic.site.clients[CLIENT], **changes))


def backend_client(clinic: Clinic, **changes: Any) -> None:
    clients(clinic, replace(clinic.site.clients[BACKEND], **changes))


@pytest.mark.parametrize("flavour", ["generic", "epic", "oracle"])
async def test_a_tenant_registered_as_it_should_be_is_healthy(tmp_path: Path, flavour: str) -> None:
    clinic = build_clinic(tmp_path, flavour=flavour)
    clinic.patient = clinic.site.cards[0].id
    findings = await clinic.findings()
    assert [finding for finding in findings.values() if finding.failed] == []
    for what in ("TLS", "clock", "discovery", "PKCE", "own key set", "redirect URI at the EHR", "token endpoint",
                 "search MedicationRequest", "search Observation", "search Appointment"):  # fmt: skip
        assert findings[what].result is Result.OK, findings[what]
    assert findings["redirect URI to register"].saw == CALLBACK


async def test_examination_opens_nothing_and_changes_nothing(clinic: Clinic) -> None:
    clinic.patient = clinic.site.cards[0].id
    await clinic.findings()
    posts = [request for request in clinic.network.requests if request.method != "GET"]
    assert {str(request.url) for request in posts} == {clinic.site.token_url}
    assert not clinic.site.grants._codes


def unreachable(kind: Callable[[httpx2.Request], Exception]) -> Spoil:
    def spoil(clinic: Clinic) -> None:
        def raises(request: httpx2.Request) -> None:
            if request.url.host == "ehr.example.org":
                raise kind(request)

        clinic.network.changes.insert(0, raises)

    return spoil


def _certificate(_request: httpx2.Request) -> Exception:
    error = httpx2.ConnectError("certificate verify failed")
    error.__cause__ = ssl.SSLCertVerificationError("certificate verify failed")
    return error


def _old_tls(_request: httpx2.Request) -> Exception:
    error = httpx2.ConnectError("handshake")
    error.__cause__ = ssl.SSLError("unsupported protocol")
    return error


def _private(_request: httpx2.Request) -> Exception:
    return httpx2.ConnectError("The host resolves to a private address and is not trusted.")


def other_keys(clinic: Clinic) -> None:
    panel_client(clinic, jwks={"keys": []})


def no_key(clinic: Clinic) -> None:
    clinic.answer("/jwks/north", json_body={"keys": []})
    clinic.network.changes.insert(0, clinic.network.changes.pop())


def key_set_down(clinic: Clinic) -> None:
    clinic.answer("/jwks/north", status=302)
    clinic.network.changes.insert(0, clinic.network.changes.pop())


def key_set_private(clinic: Clinic) -> None:
    clinic.answer("/jwks/north", json_body={"keys": [{"kid": "x", "kty": "EC", "d": "secret"}]})
    clinic.network.changes.insert(0, clinic.network.changes.pop())


def wrong_secret(clinic: Clinic) -> None:
    panel_client(clinic, auth="client_secret_basic", secret="right", jwks=None)
    clinic.change(auth_method=AuthMethod.CLIENT_SECRET_BASIC, client_secret=Secret("wrong-canary"))


def outcome(clinic: Clinic, severity: str, code: str) -> None:
    clinic.patient = clinic.site.cards[0].id
    said = {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code}]}
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": said}]}
    clinic.answer("/MedicationRequest", json_body=bundle)


# What is wrong, the check that must find it, words of what was seen, words of the fix.
FAILURES: dict[str, tuple[Spoil, str, str, str]] = {
    "the EHR is down": (
        unreachable(lambda _: httpx2.ConnectError("refused")), "reaches the EHR", "connection failed", "firewall"),
    "the EHR is silent": (
        unreachable(lambda _: httpx2.ConnectTimeout("slow")), "reaches the EHR", "in time", "FHIR service is up"),
    "the EHR's name is unknown": (
        unreachable(lambda _: httpx2.ConnectError("The host's name could not be resolved.")),
        "reaches the EHR", "resolved", "spelling"),
    "the EHR is on a private network": (
        unreachable(_private), "reaches the EHR", "private address", "LTOT_TRUSTED_PRIVATE_HOSTS"),
    "the certificate is self-made": (unreachable(_certificate), "TLS", "certificate", "full chain"),
    "the EHR speaks old TLS": (unreachable(_old_tls), "TLS", "secure connection", "TLS 1.2"),
    "the issuer has a path too many": (
        lambda c: c.change(issuer=f"{EHR}/fhir/r4"), "discovery", "status 404", "exactly as the EHR sends it"),
    "discovery is a web page": (
        lambda c: c.answer("/smart-configuration", text="<html>"), "discovery", "no JSON object", "exactly"),
    "the token endpoint is on another host": (
        lambda c: c.discovery(token_endpoint="https://evil.example.net/token"),
        "discovery", "evil.example.net", "--allowed-host"),
    "an endpoint is plain http": (
        lambda c: c.discovery(authorization_endpoint="http://ehr.example.org/auth"),
        "discovery", "does not use https", "--allowed-host"),
    "no token endpoint is named": (
        lambda c: c.discovery(token_endpoint=None), "discovery", "no token_endpoint", "EHR team"),
    "no authorization endpoint is named": (
        lambda c: c.discovery(authorization_endpoint=None), "discovery", "no authorization_endpoint", "EHR team"),
    "nobody can be identified": (
        lambda c: c.discovery(issuer=None, jwks_uri=None), "discovery", "neither jwks_uri nor issuer", "identified"),
    "PKCE is plain only": (
        lambda c: c.discovery(code_challenge_methods_supported=["plain"]), "PKCE", "S256", "switch on PKCE"),
    "our method is not offered": (
        lambda c: c.discovery(token_endpoint_auth_methods_supported=["client_secret_basic"]),
        "client authentication", "does not offer private_key_jwt", "client_secret_basic"),
    "our algorithms are not accepted": (
        lambda c: c.discovery(token_endpoint_auth_signing_alg_values_supported=["RS256"]),
        "client authentication", "neither RS384 nor ES384", "RS384 or ES384"),
    "the FHIR version is not R4": (
        lambda c: c.statement(fhirVersion="1.0.2"), "capability statement", "1.0.2", "R4 address"),
    "the redirect address is another one": (
        lambda c: panel_client(c, redirect_uris=("https://ltot.example.org/cb",)),
        "redirect URI at the EHR", "refuses", CALLBACK),
    "the redirect address ends with a slash": (
        lambda c: panel_client(c, redirect_uris=(f"{CALLBACK}/",)), "redirect URI at the EHR", "refuses", CALLBACK),
    "the client id is unknown": (
        lambda c: c.change(client_id="typo"), "redirect URI at the EHR", "client id", "typo"),
    "the client id is unknown to the token endpoint": (
        lambda c: c.change(client_id="typo"), "token endpoint", "invalid_client", "registration"),
    "the EHR knows other keys": (other_keys, "token endpoint", "invalid_client", "key set address"),
    "the EHR expects a secret": (
        lambda c: panel_client(c, auth="client_secret_basic", secret="s"), "token endpoint", "credentials",
        "authentication method"),
    "the client secret is wrong": (wrong_secret, "token endpoint", "credentials", "registration"),
    "the token endpoint is down": (
        lambda c: c.answer("/auth/token", text="", status=503), "token endpoint", "503", "status"),
    "the token endpoint accepts anything": (
        lambda c: c.answer("/auth/token", json_body={"access_token": "t", "token_type": "bearer", "scope": "x"}),
        "token endpoint", "made-up code", "Stop using"),
    "the backend client is unknown": (
        lambda c: c.change(backend_client_id="typo"), "backend token", "invalid_client", "registration"),
    "the backend client is of SMART v1": (
        lambda c: backend_client(c, scope_style="v1"), "backend token", "scopes", "--scope-style"),
    "the key set is not reachable": (key_set_down, "own key set", "status 302", "without sign-in or redirect"),
    "the key set is another panel's": (no_key, "own key set", "active key is not in it", "this database's panel"),
    "a private key is published": (key_set_private, "own key set", "private key", "ltot keys new"),
    "the clock is ahead": (
        lambda c: setattr(c, "now", c.now + timedelta(minutes=4)), "clock", "ahead of the EHR's", "NTP"),
    "the clock is behind": (
        lambda c: setattr(c, "now", c.now - timedelta(minutes=2)), "clock", "behind the EHR's", "NTP"),
    "the authorization endpoint is not served": (
        lambda c: c.answer("/auth/authorize", text="nothing here", status=404),
        "redirect URI at the EHR", "status 404", "authorization endpoint"),
    "the test patient is not there": (
        lambda c: setattr(c, "patient", "99887766"), "test patient", "status 404", "not the record number"),
    "a search answers 200 and gives nothing": (
        lambda c: outcome(c, "error", "forbidden"), "search MedicationRequest", "forbidden", "approve"),
    "a search answers 200 and gives up": (
        lambda c: outcome(c, "warning", "incomplete"), "search MedicationRequest", "incomplete", "which search"),
    "the policy is missing": (
        lambda c: c.change(policy_id="nowhere.toml"), "policy", "nowhere.toml", "ltot policy show"),
    "the tenant is switched off": (lambda c: c.change(enabled=False), "tenant", "switched off", "--replace"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", FAILURES)
async def test_what_is_wrong_fails_its_own_check_and_names_the_fix(clinic: Clinic, wrong: str) -> None:
    spoil, what, saw, fix = FAILURES[wrong]
    spoil(clinic)
    finding = (await clinic.findings())[what]
    assert finding.result is Result.FAILED, finding
    assert saw in finding.saw
    assert fix in finding.next_step


def no_cache_time(clinic: Clinic) -> None:
    from smart_launch.keys import jwks_document

    clinic.answer("/jwks/north", json_body=jwks_document(clinic.set_up.keys("north").published()))
    clinic.network.changes.insert(0, clinic.network.changes.pop())


def registered_for_v1(clinic: Clinic) -> None:
    clinic.discovery(capabilities=["permission-v2"])
    clinic.change(scope_style=ScopeStyle.V1)


WARNINGS: dict[str, tuple[Spoil, str, str, str]] = {
    "PKCE is not advertised": (
        lambda c: c.discovery(code_challenge_methods_supported=None), "PKCE", "not advertised", "S256"),
    "SMART v2 is not listed": (
        lambda c: c.discovery(capabilities=["permission-v1"]), "scopes", "permission-v2", "--scope-style v1"),
    "SMART v1 is not listed": (
        registered_for_v1, "scopes", "permission-v1", "--scope-style v2"),
    "a scope is not listed": (
        lambda c: c.discovery(scopes_supported=["launch", "openid", "fhirUser", "patient/Patient.rs"]),
        "scopes", "patient/MedicationRequest.rs", "approved"),
    "a type is not served": (
        lambda c: c.statement(rest=[{"resource": [{"type": "Patient"}]}]),
        "capability statement", "MedicationRequest", "unknown"),
    "there is no capability statement": (
        lambda c: c.answer("/metadata", text="<html>", status=404), "capability statement", "404", "FHIR base"),
    "the vendor is another one": (
        lambda c: c.statement(software={"name": "Epic"}), "vendor", "it is epic", "--vendor epic"),
    "no frame ancestor is set": (
        lambda c: c.change(frame_ancestors=()), "frame ancestors", "none", "--frame-ancestor"),
    "the client is public": (
        lambda c: c.change(auth_method=AuthMethod.NONE), "client credentials", "public", "confidential"),
    "the key set has no cache time": (no_cache_time, "own key set", "no cache time", "Cache-Control"),
    "a backend scope is not approved": (
        lambda c: backend_client(c, scopes=("system/Patient.rs",)),
        "backend token", "system/MedicationRequest.rs", "approve"),
}  # fmt: skip


@pytest.mark.parametrize("odd", WARNINGS)
async def test_what_is_odd_is_a_warning_with_its_fix(clinic: Clinic, odd: str) -> None:
    spoil, what, saw, fix = WARNINGS[odd]
    spoil(clinic)
    finding = (await clinic.findings())[what]
    assert finding.result is Result.WARNING, finding
    assert saw in finding.saw
    assert fix in finding.next_step


@pytest.mark.parametrize(
    "member", ["text of words", ["x"], [["x"]], [{"name": ["x"], "type": ["x"]}], {"resource": "x"}, 5, True]
)
async def test_documents_of_odd_shapes_end_no_examination(clinic: Clinic, member: Any) -> None:
    clinic.statement(software=member, rest=[{"resource": member}], publisher=member)
    lists = ("scopes_supported", "token_endpoint_auth_methods_supported", "capabilities",
             "token_endpoint_auth_signing_alg_values_supported", "code_challenge_methods_supported")  # fmt: skip
    clinic.discovery(**dict.fromkeys(lists, member))
    clinic.answer("/jwks/north", json_body={"keys": member})
    clinic.network.changes.insert(0, clinic.network.changes.pop())
    findings = await clinic.findings()
    assert "capability statement" in findings
    assert findings["own key set"].failed


async def test_a_refusal_because_of_too_many_requests_says_nothing_about_the_address(clinic: Clinic) -> None:
    clinic.answer("/auth/authorize", text="", status=429)
    finding = (await clinic.findings())["redirect URI at the EHR"]
    assert (finding.result, finding.saw) == (Result.NOT_CHECKED, "it answered with status 429")


async def test_utc_as_time_zone_is_pointed_out(tmp_path: Path) -> None:
    finding = (await build_clinic(tmp_path, time_zone="UTC").findings())["time zone"]
    assert finding.result is Result.WARNING
    assert "LTOT_TIME_ZONE" in finding.next_step


async def test_a_missing_signing_key_is_found_before_anybody_is_asked(tmp_path: Path) -> None:
    findings = await build_clinic(tmp_path, with_key=False).findings()
    assert findings["client credentials"].failed
    assert "ltot keys new north" in findings["client credentials"].next_step
    assert findings["token endpoint"].result is Result.NOT_CHECKED


async def test_a_type_the_site_withholds_fails_its_test_search(tmp_path: Path) -> None:
    clinic = build_clinic(tmp_path, withheld=("Appointment",))
    clinic.patient = clinic.site.cards[0].id
    finding = (await clinic.findings())["search Appointment"]
    assert finding.failed
    assert "approve Appointment" in finding.next_step


async def test_later_stages_say_that_they_were_not_checked(clinic: Clinic) -> None:
    unreachable(lambda _: httpx2.ConnectError("refused"))(clinic)
    findings = await clinic.findings()
    for what in ("discovery", "PKCE", "scopes", "redirect URI at the EHR", "token endpoint", "backend token"):
        assert findings[what].result is Result.NOT_CHECKED


@pytest.mark.parametrize("wrong", FAILURES)
async def test_no_finding_shows_a_secret_or_a_token(clinic: Clinic, wrong: str) -> None:
    FAILURES[wrong][0](clinic)
    findings = (await clinic.findings()).values()
    text = "\n".join(as_lines(findings))
    assert "canary" not in text
    assert not re.search(r"eyJ[\w-]+\.", text), "a token; an id of a key may begin like one"
    for finding in findings:
        assert not finding.code or finding.code in CATALOGUE
        assert not finding.failed or finding.next_step


def test_the_command_ends_with_1_when_a_check_failed_and_with_2_without_a_tenant(ltot: Ltot) -> None:
    assert ltot("doctor", "north").err.startswith("LT-607")
    ltot(*ADD, "--issuer", "https://nowhere.invalid/fhir")
    ran = ltot("doctor", "north")
    assert ran.exit_code == 1
    assert "FAILED       reaches the EHR" in ran.out
    assert "FAILED       client credentials: no active signing key (LT-608)" in ran.out
    assert "fix: Make one with `ltot keys new north`." in ran.out
    assert ran.out.splitlines()[-1].startswith(tuple("123456789"))


def test_the_command_prints_json_on_demand(ltot: Ltot) -> None:
    import json

    ltot(*ADD, "--issuer", "https://nowhere.invalid/fhir")
    found = json.loads(ltot("doctor", "north", "--json").out)
    assert {"what", "result", "saw", "fix", "code"} == set(found[0])
