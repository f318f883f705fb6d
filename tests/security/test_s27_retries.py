"""S-27: only reads are repeated, only for what may pass, as the server asks, within the budget."""

import httpx2
import pytest

from app.sandbox.faults import Fault
from tests.named import missing
from tests.security.world import World


async def test_a_passing_refusal_costs_nothing(world: World) -> None:
    browser = world.browser()
    address = await browser.open()
    world.sites["north"].faults.add(Fault("429", resource_type="Condition", times=1, retry_after=1))
    shown = (await browser.get(f"{address}/content", accept="application/json")).json()
    assert next(source for source in shown["sources"] if source["kind"] == "Condition")["complete"] is True


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_code_is_never_exchanged_twice(world: World, status: int) -> None:
    browser = world.browser()
    callback = await browser.authorize(await browser.begin())
    world.network.changes.append(
        lambda request: httpx2.Response(status) if request.url.path.endswith("/auth/token") else None
    )
    world.outbound()
    assert (await browser.get(callback)).status_code == 502
    assert sum(url.endswith("/auth/token") for url in world.outbound()) == 1


def test_the_rules_are_tested_one_by_one_at_the_client() -> None:
    path = "tests/ehr/test_search.py"
    assert (
        missing(
            f"{path}::test_what_cannot_get_better_is_asked_once",
            f"{path}::test_what_may_pass_is_asked_again",
            f"{path}::test_the_ehr_says_how_long_to_wait",
            f"{path}::test_a_wait_beyond_the_budget_is_not_begun",
            f"{path}::test_a_storm_of_429_ends_after_three_attempts",
        )
        == []
    )
