"""S-39: a session opened from one chart sees that patient only; the list is for the population role alone, of one
tenant, and is in the access log before it is seen."""

import re
from dataclasses import replace
from decimal import Decimal
from urllib.parse import urlencode

import httpx2
import pytest

from app.store.audit import AuditLog
from app.store.errors import AuditUnavailableError
from app.store.registry import Registry, RegistryEntry, RunSummary
from tests.security.walk import routes
from tests.security.world import Browser, World, query_of


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
    tenant = world.service.tenants.get("north")
    world.service.tenants.save(replace(tenant, roles={"population": members}), world.clock())
    browser = world.browser()
    launch = (await browser.open(user="lead")).rpartition("/")[2]
    cookie = browser.cookies[f"__Host-ltot.{launch}"]
    assert world.service.sessions.load(launch, cookie, world.clock()).roles == roles


async def _open_list(browser: Browser, site: str = "north", user: str = "lead") -> httpx2.Response:
    """A launch of the clinic's list outside any chart; the panel's answer to the EHR's redirect back."""
    place = browser.world.sites[site]
    query = urlencode({"iss": place.fhir_base, "launch": place.new_launch(None, user)})
    answer = await browser.get(f"/population/launch?{query}")
    assert answer.status_code == 302, answer.text
    asked = query_of(answer.headers["location"])
    assert set(asked["scope"].split()) == {"launch", "openid", "fhirUser"}
    return await browser.get(await browser.authorize(answer.headers["location"]))


async def _lists(browser: Browser, site: str = "north") -> str:
    answer = await _open_list(browser, site)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def _load(world: World, tenant: str, patient: str) -> None:
    """A run with one patient."""
    entry = RegistryEntry(
        patient, "yes", "confirmed", None, 90, Decimal(30), True, None, (), "low", None, 0, 0, 0, {}, "{}",
        name=f"Name of {patient}",
    )  # fmt: skip
    record = {
        "started": world.clock().isoformat(), "visit_entries": None, "patients": 1, "patients_with_opioid": 1,
        "opioid_cannot_tell": 0, "on_ltot": 1, "ltot_cannot_tell": 0, "set_aside": 0, "reasons": [],
    }  # fmt: skip
    run = RunSummary(f"run-{tenant}", world.clock().date(), "complete", world.clock(), record)
    Registry(world.service.store, tenant).load(run, [entry])


async def test_the_list_is_of_its_own_tenant_and_its_accesses_are_recorded(world: World) -> None:
    for tenant in ("north", "south"):
        _load(world, tenant, f"only-{tenant}")
    browser = world.browser()
    shown = await browser.get(await _lists(browser))
    assert shown.status_code == 200
    assert "Name of only-north" in shown.text
    assert "only-south" not in shown.text
    assert ("population_view", "1 patients") in world.audited("north")
    other = await browser.send(
        "POST", await _lists(browser), sec_fetch_site="same-origin", form={"run": "run-south"}
    )
    assert other.status_code == 400
    assert "only-south" not in other.text


async def test_neither_kind_of_session_opens_the_other(world: World) -> None:
    _load(world, "north", "only-north")
    browser = world.browser()
    panel, lists = await browser.open(user="lead"), await _lists(browser)
    crossed = await browser.get(panel.replace("/p/", "/population/"))
    assert (crossed.status_code, "LT-405" in crossed.text) == (403, True)
    for address in (lists.replace("/population/", "/p/"), lists.replace("/population/", "/p/") + "/content"):
        crossed = await browser.get(address)
        assert (crossed.status_code, "LT-402" in crossed.text) == (403, True)
    for address in ("", "/list.csv", "/keep", "/end"):
        refused = await browser.send(
            "POST", panel.replace("/p/", "/population/") + address, sec_fetch_site="same-origin"
        )
        assert refused.status_code == 403, address
        assert "only-north" not in refused.text


async def test_without_the_role_no_session_is_opened_and_taking_it_away_counts_at_once(world: World) -> None:
    _load(world, "north", "only-north")
    refused = await _open_list(world.browser(), user="clinician")
    assert (refused.status_code, "LT-405" in refused.text) == (403, True)
    assert world.launches() == 0
    assert ("launch_open", "LT-405") in world.audited("north")
    browser = world.browser()
    address = await _lists(browser)
    tenant = world.service.tenants.get("north")
    world.service.tenants.save(replace(tenant, roles={}), world.clock())
    gone = await browser.get(address)
    assert (gone.status_code, "LT-405" in gone.text) == (403, True)


async def test_what_the_list_does_not_offer_is_not_answered_with_everyone(world: World) -> None:
    _load(world, "north", "only-north")
    browser = world.browser()
    address = await _lists(browser)
    for fields in ({"ltot": "maybe"}, {"mme": "high"}, {"gap": "G99"}, {"order": "name"}, {"page": "x"}):
        answer = await browser.send("POST", address, sec_fetch_site="same-origin", form=fields)
        assert answer.status_code == 404, fields
        assert "only-north" not in answer.text


async def test_no_list_without_its_entry_in_the_access_log(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _load(world, "north", "only-north")
    browser = world.browser()
    address = await _lists(browser)

    def refuse(*_: object) -> None:
        raise AuditUnavailableError

    monkeypatch.setattr(AuditLog, "append", refuse)
    for answer in (
        await browser.get(address),
        await browser.send(
            "POST", f"{address}/list.csv", sec_fetch_site="same-origin", form={"order": "overdue"}
        ),
    ):
        assert "LT-606" in answer.text
        assert "only-north" not in answer.text
