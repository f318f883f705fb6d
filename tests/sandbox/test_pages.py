"""The EHR's own pages: patient list, chart with the panel in a frame, controls."""

import re
from collections.abc import Callable
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.sandbox.conftest import CALLBACK, PANEL, Ehr


def frame(html: str) -> str:
    found = re.search(r'<iframe[^>]* src="([^"]+)"', html)
    assert found
    return unescape(found[1])


async def test_every_patient_is_listed_with_what_the_chart_shows(ehr: Ehr):
    page = (await ehr.http.get("/")).text
    cards = (await ehr.http.get("/patients.json")).json()
    assert len(cards) == 16
    for card in cards:
        assert f'href="/chart/{card["id"]}?user=clinician"' in page
        assert card["shows"] in unescape(page)


async def test_the_chart_launches_the_panel_for_its_patient_and_user(ehr: Ehr):
    patient = ehr.patient("High")
    page = (await ehr.http.get(f"/chart/{patient}?user=ma")).text
    url = frame(page)
    assert url.startswith(f"{PANEL}?")
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert query["iss"] == ehr.fhir
    verifier = "v" * 64
    params = ehr.request_parameters(
        verifier, launch=query["launch"], scope="launch openid fhirUser patient/Patient.rs"
    )
    code = (await ehr.authorize(params))["code"]
    form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "client_id": "panel"}
    token = (await ehr.exchange(code=code, code_verifier=verifier, **form)).json()
    assert token["patient"] == patient


async def test_each_load_of_a_chart_is_a_new_launch(ehr: Ehr):
    path = f"/chart/{ehr.patient('Clean')}"
    assert frame((await ehr.http.get(path)).text) != frame((await ehr.http.get(path)).text)


@pytest.mark.parametrize("flavour", ["generic", "epic", "oracle"])
async def test_the_chart_shows_active_orders_and_problems(start: Callable[..., Ehr], flavour: str):
    ehr = start(flavour=flavour)
    page = unescape((await ehr.http.get(f"/chart/{ehr.patient('Partial')}")).text)
    assert "Testcase-Partial, Blake" in page
    assert "lorazepam" in page.lower()
    assert "No directions recorded" in page
    assert "Obstructive sleep apnea" in page


async def test_pages_run_no_script_and_load_nothing_from_elsewhere(ehr: Ehr):
    for path in ("/", f"/chart/{ehr.patient('Clean')}"):
        answer = await ehr.http.get(path)
        assert "<script" not in answer.text
        assert " style=" not in answer.text
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert set(re.findall(r'(?:href|src)="(https?://[^/"]+)', answer.text)) <= {"http://panel.test"}
    assert "frame-src http://panel.test http://ehr.test" in policy
    assert (await ehr.http.get("/sandbox.css")).headers["content-type"].startswith("text/css")


async def test_pages_say_their_language_and_name_their_frame(ehr: Ehr):
    page = (await ehr.http.get(f"/chart/{ehr.patient('Clean')}")).text
    assert '<html lang="en">' in page
    assert "<main" in page
    assert page.count("<h1>") == 1
    assert '<iframe title="Opioid therapy panel"' in page


async def test_the_browser_title_names_no_patient(ehr: Ehr):
    page = (await ehr.http.get(f"/chart/{ehr.patient('Clean')}")).text
    title = re.search(r"<title>(.*?)</title>", page)
    assert title
    assert "Testcase" not in title[1]


async def test_an_unknown_chart_is_not_found(ehr: Ehr):
    assert (await ehr.http.get("/chart/nobody")).status_code == 404


async def test_the_population_view_exists_only_where_it_is_registered(start: Callable[..., Ehr]):
    without = start()
    assert (await without.http.get("/population")).status_code == 404
    assert "/population" not in (await without.http.get("/")).text
    ehr = start(population_launch_url="http://panel.test/population/launch")
    url = frame((await ehr.http.get("/population?user=lead")).text)
    assert url.startswith("http://panel.test/population/launch?iss=")


async def test_a_launch_can_be_started_without_a_browser(ehr: Ehr):
    answer = await ehr.http.post("/launches", json={"patient": ehr.patient("Clean")})
    assert answer.status_code == 201
    launch = answer.json()
    assert launch["iss"] == ehr.fhir
    assert launch["url"].startswith(f"{PANEL}?iss=")
    params = ehr.request_parameters("v" * 64, launch=launch["launch"])
    assert "code" in await ehr.authorize(params)
    assert (await ehr.http.post("/launches", json={"patient": "nobody"})).status_code == 404


async def test_smart_style_is_served(ehr: Ehr):
    token = await ehr.launch(ehr.patient("Clean"))
    style = (await ehr.http.get(token["smart_style_url"])).json()
    assert style["dim_font_size"] == "13px"
