"""S-39: a session opened from one chart sees that patient only; roles come from the tenant's own list."""

import re

import pytest

from tests.security.walk import routes
from tests.security.world import World


async def test_no_address_of_the_service_tells_a_chart_session_of_another_patient(world: World) -> None:
    browser = world.browser()
    address = await browser.open(patient=world.patient(number=0))
    others = {card.id: card.name.partition(",")[0] for card in world.sites["north"].cards[1:]}
    for method, path in sorted(routes(world)):
        if method != "GET" or path.startswith(("/launch", "/callback")):
            continue
        asked = path.replace("/p/{launch_id}", address).replace("{tenant_id}", "north")
        answer = await browser.get(re.sub(r"\{[^}]+\}", "x", asked))
        for id_, name in others.items():
            assert id_ not in answer.text, asked
            assert name not in answer.text, asked


@pytest.mark.parametrize(
    ("members", "roles"),
    [
        ((), ()),
        (("*",), ("population",)),
        (("Practitioner",), ("population",)),
        (("Practitioner/other",), ()),
    ],
)
async def test_roles_are_what_the_tenant_lists_and_nothing_the_ehr_says(
    world: World, members: tuple[str, ...], roles: tuple[str, ...]
) -> None:
    from dataclasses import replace

    tenant = world.service.tenants.get("north")
    world.service.tenants.save(replace(tenant, roles={"population": members}), world.clock())
    browser = world.browser()
    launch = (await browser.open(user="lead")).rpartition("/")[2]
    cookie = browser.cookies[f"__Host-ltot.{launch}"]
    assert world.service.sessions.load(launch, cookie, world.clock()).roles == roles
