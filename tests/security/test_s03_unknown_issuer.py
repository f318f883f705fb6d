"""S-03: an issuer that is not registered gets 403 and causes no outbound request, whatever it looks like."""

from urllib.parse import urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.security.world import World

HOSTS = st.sampled_from(
    ["north.example.org", "NORTH.example.org", "evil.example.net", "127.0.0.1", "[::1]", "10.0.0.1"]
)
PARTS = st.text(alphabet="/@:.%?#;\\ \t\nabfhirx0é\u200b", max_size=12)
LOOKALIKES = st.builds(
    lambda scheme, user, host, port, tail: f"{scheme}{user}{host}{port}{tail}",
    st.sampled_from(["https://", "http://", "HTTPS://", "//", "ftp://", "https:/", ""]),
    st.sampled_from(["", "user@", "north.example.org@", "u:p@"]),
    HOSTS,
    st.sampled_from(["", ":443", ":80", ":8443", ":"]),
    st.one_of(PARTS, st.just("/fhir"), PARTS.map(lambda text: f"/fhir{text}")),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(issuer=st.one_of(LOOKALIKES, st.text(max_size=60)))
async def test_no_lookalike_is_taken_for_a_registered_issuer(shared_world: World, issuer: str) -> None:
    if issuer.removesuffix("/") in {"https://north.example.org/fhir", "https://south.example.org/fhir"}:
        return
    shared_world.outbound()
    query = urlencode({"iss": issuer, "launch": "x"}, errors="surrogatepass")
    answer = await shared_world.browser().get(f"/launch?{query}")
    assert answer.status_code == (403 if issuer else 400)
    assert ("LT-101" if issuer else "LT-113") in answer.text
    assert "location" not in answer.headers
    assert shared_world.outbound() == []


async def test_the_refusal_is_recorded(world: World) -> None:
    await world.browser().get("/launch?" + urlencode({"iss": "https://evil.example.net", "launch": "x"}))
    assert world.audited("-") == [("launch_start", "LT-101")]


async def test_a_slash_at_the_end_is_the_same_address(shared_world: World) -> None:
    query = urlencode({"iss": "https://north.example.org/fhir/", "launch": "x"})
    assert (await shared_world.browser().get(f"/launch?{query}")).status_code == 302
