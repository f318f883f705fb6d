"""S-30: loops, pages elsewhere and endless pages end, and the source is then incomplete."""

import pytest

from app.sandbox.faults import Fault
from tests.named import missing
from tests.security.world import World


@pytest.mark.parametrize("kind", ["paging_loop", "foreign_next", "broken_next"])
async def test_a_source_whose_pages_lead_astray_is_incomplete(world: World, kind: str) -> None:
    browser = world.browser()
    address = await browser.open()
    world.sites["north"].faults.add(Fault(kind, resource_type="Observation"))
    world.outbound()
    shown = (await browser.get(f"{address}/content", accept="application/json")).json()
    observations = next(source for source in shown["sources"] if source["kind"] == "Observation")
    assert observations["complete"] is False
    assert {url.split("/")[2] for url in world.outbound()} == {"north.example.org"}


def test_limits_are_tested_at_the_client() -> None:
    path = "tests/ehr/test_search.py"
    assert (
        missing(
            f"{path}::test_a_page_elsewhere_is_never_asked_for",
            f"{path}::test_a_loop_of_pages_ends",
            f"{path}::test_endless_pages_end",
        )
        == []
    )
