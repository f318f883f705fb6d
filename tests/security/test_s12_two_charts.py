"""S-12: two charts side by side: each page shows its own patient; an address is useless in another browser."""

from tests.security.world import World


async def test_two_charts_in_one_browser_stay_apart_after_refresh(world: World) -> None:
    browser = world.browser()
    first, second = world.patient(number=0), world.patient(number=1)
    charts = {await browser.open(patient=first): first, await browser.open(patient=second): second}
    for _ in range(2):
        for address, patient in charts.items():
            shown = await browser.get(f"{address}/content", accept="application/json")
            assert shown.status_code == 200, shown.text
            assert shown.json()["patient"] == patient


async def test_an_address_pasted_into_another_browser_is_refused(world: World) -> None:
    address = await world.browser().open()
    other = world.browser()
    await other.open(patient=world.patient(number=1))
    for part in ("", "/content", "?whole=1"):
        refused = await other.get(address + part)
        assert refused.status_code == 403
        assert "LT-402" in refused.text


async def test_a_cookie_renamed_to_another_launch_is_refused(world: World) -> None:
    browser = world.browser()
    first = await browser.open(patient=world.patient(number=0))
    second = await browser.open(patient=world.patient(number=1))
    name = f"__Host-ltot.{second.rpartition('/')[2]}"
    browser.cookies[f"__Host-ltot.{first.rpartition('/')[2]}"] = browser.cookies[name]
    assert (await browser.get(first)).status_code == 403
