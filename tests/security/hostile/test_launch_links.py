"""What a launch link may hold."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest

from tests.security.hostile.failing import (
    ISSUER,
    NORTH,
    refused,
)
from tests.security.world import PANEL, World

UNKNOWN_ISSUERS = {
    "another site": "https://evil.example.net/fhir",
    "plain http": "http://north.example.org/fhir",
    "other scheme": "ftp://north.example.org/fhir",
    "javascript": "javascript:alert(1)",
    "data": "data:text/html,x",
    "file": "file:///etc/passwd",
    "no scheme": "north.example.org/fhir",
    "scheme-relative": "//north.example.org/fhir",
    "upper-case host": "https://NORTH.example.org/fhir",
    "upper-case scheme": "HTTPS://north.example.org/fhir",
    "upper-case path": "https://north.example.org/FHIR",
    "default port": "https://north.example.org:443/fhir",
    "other port": "https://north.example.org:8443/fhir",
    "port zero": "https://north.example.org:0/fhir",
    "port too large": "https://north.example.org:99999/fhir",
    "port not a number": "https://north.example.org:x/fhir",
    "user name": "https://user@north.example.org/fhir",
    "user and password": "https://user:pw@north.example.org/fhir",
    "host as user name": "https://north.example.org@evil.example.net/fhir",
    "host as user name, encoded": "https://north.example.org%40evil.example.net/fhir",
    "dot at the end of the host": "https://north.example.org./fhir",
    "subdomain": "https://x.north.example.org/fhir",
    "suffix": "https://north.example.org.evil.example.net/fhir",
    "prefix": "https://evilnorth.example.org/fhir",
    "path above": "https://north.example.org/fhir/../fhir",
    "path tricks": "https://north.example.org/./fhir",
    "path encoded": "https://north.example.org/%66hir",
    "path below": "https://north.example.org/fhir/evil",
    "path prefix": "https://north.example.org/fhirx",
    "two slashes": "https://north.example.org//fhir",
    "two slashes at the end": "https://north.example.org/fhir//",
    "semicolon": "https://north.example.org/fhir;x",
    "query": "https://north.example.org/fhir?x=1",
    "empty query": "https://north.example.org/fhir?",
    "fragment": "https://north.example.org/fhir#x",
    "empty fragment": "https://north.example.org/fhir#",
    "backslash": "https://north.example.org\\fhir",
    "backslash host": "https://evil.example.net\\@north.example.org/fhir",
    "space before": " https://north.example.org/fhir",
    "space after": "https://north.example.org/fhir ",
    "tab inside": "https://north.exa\tmple.org/fhir",
    "line break": "https://north.example.org/fhir\nHost: evil",
    "carriage return": "https://north.example.org/fhir\r\nSet-Cookie: x=1",
    "null byte": "https://north.example.org/fhir\x00",
    "null byte and suffix": "https://north.example.org/fhir\x00.evil.example.net",
    "cyrillic o": "https://n\u043erth.example.org/fhir",
    "full-width dot": "https://north\uff0eexample.org/fhir",
    "ideographic full stop": "https://north\u3002example.org/fhir",
    "zero-width space": "https://north.example.org/fhir\u200b",
    "right-to-left mark": "https://north.example.org/fhir\u202e",
    "soft hyphen": "https://nor\u00adth.example.org/fhir",
    "punycode": "https://xn--nrth-5na.example.org/fhir",
    "lone surrogate": "https://north.example.org/fhir%ED%A0%80",
    "loopback": "http://127.0.0.1/fhir",
    "loopback name": "http://localhost/fhir",
    "loopback v6": "http://[::1]/fhir",
    "loopback as one number": "http://2130706433/fhir",
    "loopback in octal": "http://0177.0.0.1/fhir",
    "any address": "http://0.0.0.0/fhir",
    "private 10": "https://10.0.0.1/fhir",
    "private 172": "https://172.16.0.1/fhir",
    "private 192": "https://192.168.0.1/fhir",
    "carrier network": "https://100.64.0.1/fhir",
    "cloud metadata": "http://169.254.169.254/latest/meta-data",
    "cloud metadata v6": "http://[fd00:ec2::254]/latest",
    "mapped v4": "https://[::ffff:127.0.0.1]/fhir",
    "unique local v6": "https://[fc00::1]/fhir",
    "broken v6": "https://[::1/fhir",
    "own address": PANEL,
    "own address with path": f"{PANEL}/fhir",
    "other tenant's path": "https://south.example.org/fhir/north",
    "markup": "https://north.example.org/fhir<script>alert(1)</script>",
    "quote": 'https://north.example.org/fhir"onload="x',
    "braces": "https://north.example.org/{fhir}",
    "only a slash": "/",
    "only a dot": ".",
    "a wildcard": "*",
    "null": "null",
    "a number": "0",
    "host only": "https://north.example.org",
    "too long": "https://north.example.org/fhir/" + "a" * 5000,
}  # fmt: skip


@pytest.mark.parametrize("case", UNKNOWN_ISSUERS)
async def test_an_issuer_that_is_not_registered_is_refused_before_any_request(
    shared_world: World, case: str
) -> None:
    world, before = shared_world, shared_world.launches()
    world.outbound()
    answer = await world.browser().get(
        "/launch?" + urlencode({"iss": UNKNOWN_ISSUERS[case], "launch": "x"}, errors="replace")
    )
    refused(answer)
    assert answer.status_code in {400, 403}
    assert "<script>alert" not in answer.text
    assert world.outbound() == []
    assert world.launches() == before


LAUNCH_QUERIES = {
    "nothing": "",
    "no issuer": "launch=x",
    "no launch": f"iss={quote(ISSUER)}",
    "empty issuer": "iss=&launch=x",
    "empty launch": f"iss={quote(ISSUER)}&launch=",
    "issuer twice, same": f"iss={quote(ISSUER)}&iss={quote(ISSUER)}&launch=x",
    "issuer twice, other": f"iss={quote(ISSUER)}&iss=https://evil.example.net&launch=x",
    "other issuer first": f"iss=https://evil.example.net&iss={quote(ISSUER)}&launch=x",
    "launch twice": f"iss={quote(ISSUER)}&launch=x&launch=y",
    "launch too long": f"iss={quote(ISSUER)}&launch=" + "x" * 9000,
    "upper-case names": f"ISS={quote(ISSUER)}&LAUNCH=x",
    "array names": f"iss[]={quote(ISSUER)}&launch[]=x",
    "broken percent": "iss=%zz&launch=%zz",
    "semicolons": f"iss={quote(ISSUER)};launch=x",
}


@pytest.mark.parametrize("case", LAUNCH_QUERIES)
async def test_a_malformed_launch_link_is_refused_before_any_request(shared_world: World, case: str) -> None:
    world, before = shared_world, shared_world.launches()
    world.outbound()
    refused(await world.browser().get(f"/launch?{LAUNCH_QUERIES[case]}"))
    assert world.outbound() == []
    assert world.launches() == before


STEERING = (
    "next",
    "redirect",
    "redirect_uri",
    "url",
    "return_to",
    "aud",
    "authorize",
    "token_endpoint",
    "client_id",
    "scope",
    "state",
    "nonce",
)


@pytest.mark.parametrize("name", STEERING)
async def test_no_parameter_of_the_link_steers_where_the_browser_goes(shared_world: World, name: str) -> None:
    world = shared_world
    answer = await world.browser().get(
        world.browser().link() + "&" + urlencode({name: "https://evil.example.net/"})
    )
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{NORTH}/auth/authorize?")
    assert "evil.example.net" not in answer.headers["location"]
    assert {url.split("/")[2] for url in world.outbound()} <= {"north.example.org"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/launch", "/callback", "/launch/north"])
async def test_launch_and_callback_take_no_other_method(shared_world: World, path: str, method: str) -> None:
    world = shared_world
    world.outbound()
    answer = await world.browser().send(method, f"{path}?iss={quote(ISSUER)}&launch=x")
    assert answer.status_code in {403, 405}
    assert world.outbound() == []


@pytest.mark.parametrize(
    "tenant", ["", "nobody", "..", "%2e%2e", "north%00", "NORTH", "north/..", "-", "*", "a" * 300]
)
async def test_a_standalone_launch_of_an_unknown_tenant_goes_nowhere(
    shared_world: World, tenant: str
) -> None:
    world = shared_world
    world.outbound()
    refused(await world.browser().get(f"/launch/{tenant}"))
    assert world.outbound() == []
