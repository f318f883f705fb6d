"""S-04: requests go to the tenant's hosts only, over https, to public addresses, and follow no redirect."""

import httpx2

from app.ehr.http import ehr_http_client
from tests.named import missing
from tests.security.world import World


async def test_a_whole_visit_asks_only_the_tenants_own_host(world: World) -> None:
    browser = world.browser()
    address = await browser.open()
    assert (await browser.get(f"{address}/content")).status_code == 200
    await browser.send("POST", f"{address}/end", sec_fetch_site="same-origin")
    asked = world.outbound()
    assert {url.split("/")[2] for url in asked} == {"north.example.org"}
    assert all(url.startswith("https://") for url in asked)


async def test_a_redirect_of_the_fhir_server_is_not_followed(world: World) -> None:
    browser = world.browser()
    address = await browser.open()
    world.network.changes.append(
        lambda request: (
            httpx2.Response(307, headers={"location": "https://evil.example.net/"})
            if request.url.path.endswith("/fhir/Condition")
            else None
        )
    )
    shown = await browser.get(f"{address}/content", accept="application/json")
    condition = next(source for source in shown.json()["sources"] if source["kind"] == "Condition")
    assert condition["complete"] is False
    assert not any("evil" in url for url in world.outbound())


def test_the_client_follows_no_redirect_and_no_proxy_of_the_environment() -> None:
    client = ehr_http_client()
    assert client.follow_redirects is False
    assert client.trust_env is False


def test_evil_discovery_and_inside_addresses_are_tested_where_they_are_guarded() -> None:
    assert (
        missing(
            "tests/security/hostile/test_ehr_answers.py::test_an_evil_discovery_document_opens_nothing_and_leads_nowhere",
            "tests/security/hostile/test_ehr_answers.py::test_an_answer_that_is_none_opens_nothing_and_is_not_followed",
            "tests/ehr/test_http.py::test_a_name_that_leads_inside_is_refused",
            "tests/ehr/test_http.py::test_a_literal_private_address_is_refused_too",
        )
        == []
    )
