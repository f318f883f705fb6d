"""S-14: two hospitals with the same patient id never see each other's data, on either lock."""

from tests.named import missing
from tests.security.world import World


async def test_the_same_patient_id_at_two_hospitals_stays_apart(world: World) -> None:
    shared = world.patient("north")
    assert shared == world.patient("south")
    for site, family in (("north", "Northerner"), ("south", "Southerner")):
        person = world.sites[site].records.get("Patient", shared)
        person["name"] = [{"family": family, "given": ["Pat"]}]
    browser = world.browser()
    charts = {site: await browser.open(site, shared) for site in ("north", "south")}
    pages = {site: (await browser.get(f"{address}/content")).text for site, address in charts.items()}
    assert "Northerner" in pages["north"]
    assert "Southerner" not in pages["north"]
    assert "Southerner" in pages["south"]
    assert "Northerner" not in pages["south"]
    launches = [address.rpartition("/")[2] for address in charts.values()]
    for tenant, launch in zip(("north", "south"), launches, strict=True):
        recorded = {entry.event.launch_id for entry in world.service.audit.entries(tenant)}
        assert recorded == {launch}


async def test_key_sets_are_per_tenant(world: World) -> None:
    sets = [(await world.browser().get(f"/jwks/{name}")).json()["keys"] for name in ("north", "south")]
    assert sets[0][0]["kid"] != sets[1][0]["kid"]


async def test_frames_are_per_tenant(world: World) -> None:
    browser = world.browser()
    for site, other in (("north", "south"), ("south", "north")):
        policy = (await browser.get(await browser.open(site))).headers["content-security-policy"]
        assert f"frame-ancestors https://{site}.example.org" in policy
        assert other not in policy


def test_the_database_is_the_second_lock() -> None:
    path = "tests/store/test_tenants.py"
    assert (
        missing(
            f"{path}::test_queries_of_one_tenant_see_its_rows_only",
            f"{path}::test_updates_and_deletes_of_one_tenant_reach_its_rows_only",
            f"{path}::test_postgresql_repeats_the_lock_for_sql_that_forgets_it",
        )
        == []
    )
