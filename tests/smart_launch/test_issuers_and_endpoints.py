"""A launch is taken only from a registered FHIR base, and requests go only to listed hosts over https."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch.endpoints import EndpointPolicy
from smart_launch.errors import IssuerError, Reason
from smart_launch.issuers import match_issuer

REGISTERED = {"https://ehr.example.org/fhir/r4": "north", "https://other.example.org/r4/": "south"}


@pytest.mark.parametrize(
    ("sent", "base"),
    [
        ("https://ehr.example.org/fhir/r4", "https://ehr.example.org/fhir/r4"),
        ("https://ehr.example.org/fhir/r4/", "https://ehr.example.org/fhir/r4"),
        ("https://other.example.org/r4", "https://other.example.org/r4/"),
    ],
)
def test_one_trailing_slash_does_not_count_and_the_registered_form_is_used(sent: str, base: str) -> None:
    assert match_issuer(sent, REGISTERED) == (base, REGISTERED[base])


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "https://EHR.example.org/fhir/r4",
        "https://ehr.example.org:443/fhir/r4",
        "http://ehr.example.org/fhir/r4",
        "https://ehr.example.org/fhir/r4//",
        "https://ehr.example.org/fhir/r4?x=1",
        "https://ehr.example.org/fhir/r4#x",
        "https://ehr.example.org/fhir/./r4",
        "https://ehr.example.org/fhir/%72%34",
        "https://user@ehr.example.org/fhir/r4",
        "https://ehr.example.org@evil.example.org/fhir/r4",
        "https://ehr.example.org.evil.example.org/fhir/r4",
        "https://ehr.example.org\\@evil.example.org/fhir/r4",
        "https://ehr.example.org/fhir/r4\n",
        "https://ehr.example.org/fhir/r4\x00",
        "https://еhr.example.org/fhir/r4",
        "https://169.254.169.254/latest",
        "https://127.0.0.1/fhir/r4",
        "file:///etc/passwd",
    ],
)
def test_anything_else_is_an_unknown_ehr(hostile: str) -> None:
    with pytest.raises(IssuerError) as caught:
        match_issuer(hostile, REGISTERED)
    assert caught.value.reason is Reason.UNKNOWN_ISSUER
    assert hostile == "" or hostile not in str(caught.value)


@given(st.text())
def test_no_text_but_the_registered_ones_matches(text: str) -> None:
    with pytest.raises(IssuerError):
        match_issuer(text, REGISTERED)


POLICY = EndpointPolicy(frozenset({"Auth.example.org", "ehr.example.org:8443"}))


@pytest.mark.parametrize(
    "url",
    [
        "https://auth.example.org/token",
        "https://AUTH.example.org/token",
        "https://auth.example.org:443/token?a=b",
        "https://ehr.example.org:8443/token",
    ],
)
def test_listed_hosts_may_be_used(url: str) -> None:
    assert POLICY.problem(url) is None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://auth.example.org/token", "https"),
        ("https://evil.example.org/token", "evil.example.org"),
        ("https://sub.auth.example.org/token", "not listed"),
        ("https://auth.example.org.evil.org/token", "not listed"),
        ("https://auth.example.org:8443/token", "not listed"),
        ("https://ehr.example.org/token", "not listed"),
        ("https://ehr.example.org:8443@evil.org/token", "plain"),
        ("https://auth.example.org:8443:443/", "plain"),
        ("https://auth.example.org/a#b", "plain"),
        ("https://auth.example.org/a b", "plain"),
        ("https://auth.example.org\\.evil.org/", "plain"),
        ("https://auth%2eexample.org/", "plain"),
        ("//auth.example.org/token", "plain"),
        ("javascript:alert(1)", "plain"),
        ("https://", "plain"),
        ("https://[::1/", "plain"),
        ("https://169.254.169.254/", "not listed"),
        ("https://auth.example.org/" + "a" * 3000, "plain"),
    ],
)
def test_other_addresses_are_refused_with_the_reason(url: str, why: str) -> None:
    problem = POLICY.problem(url)
    assert problem is not None
    assert why in problem


def test_plain_http_is_for_a_listed_loopback_host_when_switched_on() -> None:
    local = "http://127.0.0.1:9080/token"
    hosts = frozenset({"127.0.0.1", "auth.example.org", "[::1]"})
    assert EndpointPolicy(hosts).problem(local) is not None
    development = EndpointPolicy(hosts, allow_loopback_http=True)
    assert development.problem(local) is None
    assert development.problem("http://[::1]:9080/token") is None
    assert development.problem("http://auth.example.org/token") is not None
    assert development.problem("http://localhost:9080/token") is not None
