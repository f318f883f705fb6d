"""S-28: an EHR that is down is left alone for a while; another hospital notices nothing."""

import httpx2

from tests.named import missing
from tests.security.world import World


async def test_one_hospital_down_leaves_the_other_as_it_was(world: World) -> None:
    browser = world.browser()
    north, south = await browser.open("north"), await browser.open("south")

    def down(request: httpx2.Request) -> httpx2.Response | None:
        if request.url.host == "north.example.org":
            raise httpx2.ConnectError("down")
        return None

    world.network.changes.append(down)
    for _ in range(3):
        assert (await browser.get(f"{north}/content")).status_code in {502, 504}
    world.outbound()
    assert (await browser.get(f"{north}/content")).status_code in {502, 504}
    asked = [url for url in world.outbound() if "north" in url]
    assert len(asked) <= 1
    shown = await browser.get(f"{south}/content", accept="application/json")
    assert shown.status_code == 200
    assert all(
        source["complete"] for source in shown.json()["sources"] if source["kind"] == "MedicationRequest"
    )


def test_the_breaker_itself_is_tested_at_the_client() -> None:
    assert (
        missing(
            "tests/ehr/test_search.py::test_a_server_that_is_down_is_left_alone_for_a_while",
            "tests/ehr/test_search.py::test_one_server_down_leaves_another_alone",
        )
        == []
    )
