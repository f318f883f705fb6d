"""A chart pull asks each vendor in its own way, and says of every resource type how completely it was read."""

import asyncio
import json

import httpx2
import pytest

from app.ehr.vendors import VENDORS, panel_scopes, system_scopes, vendor_profile
from app.errors import LtotError
from fhir_mappings.facts import Source
from smart_launch.scopes import ScopeStyle
from tests.ehr.conftest import BASE, PATIENT, TODAY, Server, Tokens, bundle, fhir, outcome, resource


def order(id_: str, drug: str) -> dict[str, object]:
    return resource("MedicationRequest", id_, medicationReference={"reference": drug, "display": "a drug"})


def refs(raw: tuple[bytes, ...]) -> set[str]:
    return {f"{each['resourceType']}/{each['id']}" for each in map(json.loads, raw)}


async def test_a_quiet_chart_is_complete_in_every_source(server: Server) -> None:
    pull = await server.pull()
    assert set(pull.sources) == set(vendor_profile("generic").kinds)
    assert all(source.complete and source.connected for source in pull.sources.values())
    assert refs(pull.raw) == {f"Patient/{PATIENT}"}


async def test_epic_is_asked_by_category_and_told_who_asks(server: Server) -> None:
    await server.pull("epic")
    assert {asked["category"][0] for asked in server.asked("Observation")} == {
        "laboratory", "social-history", "survey", "sdoh", "functional-mental-status",
    }  # fmt: skip
    assert {asked["category"][0] for asked in server.asked("Condition")} == {
        "problem-list-item", "encounter-diagnosis",
    }  # fmt: skip
    assert {request.headers["epic-client-id"] for request in server.requests} == {"the-client"}


async def test_oracle_is_given_the_window_of_visits_it_insists_on_and_no_count_it_refuses(
    server: Server,
) -> None:
    await server.pull("oracle")
    dates = server.asked("Appointment")[0]["date"]
    assert [date[:2] for date in dates] == ["ge", "lt"]
    assert dates[0] < f"ge{TODAY.replace(year=TODAY.year - 2).isoformat()}"
    assert dates[1] > f"lt{TODAY.replace(year=TODAY.year + 1).isoformat()}"
    assert "_count" not in server.asked("Condition")[0]
    assert "_count" not in server.asked("Procedure")[0]
    assert server.asked("Observation") == [{"patient": [PATIENT], "_count": ["200"]}]


@pytest.mark.parametrize("vendor", sorted(VENDORS))
async def test_orders_are_always_asked_for_whole(server: Server, vendor: str) -> None:
    await server.pull(vendor)
    for asked in server.asked("MedicationRequest"):
        assert set(asked) <= {"patient", "_count", "intent"}


async def test_a_server_that_wants_a_category_is_asked_again_by_category(server: Server) -> None:
    def strict(request: httpx2.Request) -> httpx2.Response:
        if "category" not in request.url.params:
            return fhir(outcome(("error", "required", "")), 400)
        return fhir(bundle(resource("Observation", request.url.params["category"])))

    server.on("Observation", strict)
    pull = await server.pull()
    assert {"Observation/laboratory", "Observation/survey"} <= refs(pull.raw)
    assert pull.sources["Observation"] == Source("Observation", read=3)


async def test_site_codes_are_searched_beside_the_categories(server: Server) -> None:
    await server.pull("epic", observation_codes=("12345", "http://loinc.org|44261-6"))
    codes = [asked["code"] for asked in server.asked("Observation") if "code" in asked]
    assert codes == [["12345,http://loinc.org|44261-6"]]


async def test_observations_are_complete_only_when_every_category_is(server: Server) -> None:
    def one_fails(request: httpx2.Request) -> httpx2.Response:
        if request.url.params["category"] == "survey":
            return httpx2.Response(500)
        return fhir(bundle(resource("Observation", request.url.params["category"])))

    server.on("Observation", one_fails)
    pull = await server.pull("epic")
    source = pull.sources["Observation"]
    assert (source.complete, source.connected, source.read) == (False, True, 4)
    assert source.problem == "survey: the EHR answered with an error of its own (HTTP 500)"


async def test_a_category_not_granted_leaves_observations_incomplete_and_is_named(server: Server) -> None:
    def one_withheld(request: httpx2.Request) -> httpx2.Response:
        if request.url.params["category"] == "survey":
            return fhir(outcome(("warning", "suppressed", "59204"), ("fatal", "forbidden", "59022")), 400)
        return fhir(bundle())

    server.on("Observation", one_withheld)
    source = (await server.pull("epic")).sources["Observation"]
    assert (source.complete, source.connected) == (False, True)
    assert source.problem.startswith("survey: the EHR has not granted")


async def test_a_category_this_ehr_does_not_know_takes_nothing_away(server: Server) -> None:
    def unknown(request: httpx2.Request) -> httpx2.Response:
        if request.url.params["category"] == "functional-mental-status":
            return fhir(outcome(("information", "value", "59109"), ("fatal", "value", "59111")), 400)
        return fhir(bundle())

    server.on("Observation", unknown)
    assert (await server.pull("epic")).sources["Observation"] == Source("Observation")


@pytest.mark.parametrize("answer", [httpx2.Response(403), httpx2.Response(404, content=b"<html></html>")])
async def test_a_type_that_is_not_there_is_not_connected_and_proves_nothing(
    server: Server, answer: httpx2.Response
) -> None:
    server.on("MedicationDispense", answer)
    pull = await server.pull()
    source = pull.sources["MedicationDispense"]
    assert (source.connected, source.complete) == (False, False)
    assert source.problem
    assert all(each.complete for kind, each in pull.sources.items() if kind != "MedicationDispense")


async def test_a_type_not_granted_is_not_asked_for(server: Server) -> None:
    granted = [f"patient/{kind}.rs" for kind in vendor_profile("generic").kinds if kind != "Procedure"]
    pull = await server.pull(granted_scopes=granted)
    assert server.asked("Procedure") == []
    assert pull.sources["Procedure"] == Source(
        "Procedure", complete=False, connected=False, problem="the EHR has not granted this app access to it"
    )


@pytest.mark.parametrize(
    "granted", [["patient/*.rs"], ["user/*.read"], ["patient/*.r", "patient/*.s"], ["user/*.cruds"], None]
)
async def test_every_way_to_grant_everything_is_understood(server: Server, granted: list[str] | None) -> None:
    pull = await server.pull(granted_scopes=granted)
    assert all(source.complete for source in pull.sources.values())


async def test_a_grant_for_one_category_makes_the_whole_search_incomplete(server: Server) -> None:
    pull = await server.pull(
        granted_scopes=["patient/*.r", "patient/Observation.s?category=system|laboratory"]
    )
    assert pull.sources["Observation"].complete is False
    assert pull.sources["Observation"].connected is True


async def test_a_grant_for_one_category_is_enough_for_the_search_of_that_category(server: Server) -> None:
    scopes = ["user/*.r", "user/Observation.s?category=system|laboratory"]
    await server.pull("epic", granted_scopes=scopes)
    assert [asked["category"] for asked in server.asked("Observation")] == [["laboratory"]]


async def test_each_drug_is_read_once_however_many_orders_and_fills_name_it(server: Server) -> None:
    server.on(
        "MedicationRequest",
        bundle(
            order("1", "Medication/m-1"),
            order("2", f"{BASE}/Medication/m-1"),
            order("3", "Medication/m-1/_history/4"),
            order("4", "#inside"),
        ),
    )
    dispense = resource("MedicationDispense", "d", medicationReference={"reference": "Medication/m-1"})
    server.on("MedicationDispense", bundle(dispense))
    server.on("Medication", resource("Medication", "m-1"))
    pull = await server.pull()
    assert len(server.asked("Medication/")) == 1
    assert "Medication/m-1" in refs(pull.raw)
    assert pull.sources["MedicationRequest"] == Source("MedicationRequest", read=4)


async def test_a_drug_that_came_along_is_not_read_again(server: Server) -> None:
    server.on("MedicationRequest", bundle(order("1", "Medication/m-1"), resource("Medication", "m-1")))
    pull = await server.pull()
    assert server.asked("Medication/") == []
    assert refs(pull.raw) == {f"Patient/{PATIENT}", "MedicationRequest/1", "Medication/m-1"}
    assert pull.sources["MedicationRequest"] == Source("MedicationRequest", read=1)


@pytest.mark.parametrize(
    "drug", ["Medication/refused", "https://elsewhere.example.org/Medication/m-1", "urn:uuid:1"]
)
async def test_an_order_whose_drug_cannot_be_read_is_kept_and_the_source_says_so(
    server: Server, drug: str
) -> None:
    server.on("MedicationRequest", bundle(order("1", drug), order("2", "Medication/m-1")))

    def medication(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(403) if "refused" in request.url.path else fhir(resource("Medication", "m-1"))

    server.on("Medication", medication)
    pull = await server.pull()
    assert {"MedicationRequest/1", "MedicationRequest/2", "Medication/m-1"} <= refs(pull.raw)
    source = pull.sources["MedicationRequest"]
    assert (source.read, source.complete) == (2, False)
    assert source.problem == "one drug named by reference could not be read"


@pytest.mark.parametrize(
    "reference",
    [
        "https://elsewhere.example.org/fhir/Medication/m-1",
        "http://ehr.example.org/api/fhir/Medication/m-1",
        "//elsewhere.example.org/Medication/m-1",
        "../../Medication/m-1",
        "https://ehr.example.org@elsewhere.example.org/api/fhir/Medication/m-1",
    ],
)
async def test_a_drug_elsewhere_is_not_followed_and_the_source_says_so(
    server: Server, reference: str
) -> None:
    server.on("MedicationRequest", bundle(order("1", reference)))
    pull = await server.pull()
    assert {request.url.host for request in server.requests} == {"ehr.example.org"}
    assert server.asked("Medication/m-1") == []
    assert (pull.sources["MedicationRequest"].read, pull.sources["MedicationRequest"].complete) == (1, False)


async def test_without_permission_for_drugs_no_read_is_tried(server: Server) -> None:
    server.on("MedicationRequest", bundle(order("1", "Medication/m-1")))
    granted = [f"patient/{kind}.rs" for kind in vendor_profile("generic").kinds]
    pull = await server.pull(granted_scopes=granted)
    assert server.asked("Medication/") == []
    assert pull.sources["MedicationRequest"].complete is False


@pytest.mark.parametrize(
    ("answer", "code", "reason"),
    [
        (httpx2.Response(403), "LT-202", ""),
        (httpx2.Response(404), "LT-202", ""),
        (fhir(outcome(("fatal", "forbidden", "4118")), 403), "LT-202", ""),
        (httpx2.Response(401), "LT-203", ""),
        (httpx2.Response(500), "LT-201", "answered with an error"),
        (httpx2.ReadTimeout("slow"), "LT-201", "did not answer in time"),
        (httpx2.Response(200, content=b"<html>"), "LT-201", "could not be read to the end"),
    ],
)
async def test_without_the_patient_there_is_no_panel_and_the_reason_is_told(
    server: Server, answer: object, code: str, reason: str
) -> None:
    server.on("Patient", answer)
    with pytest.raises(LtotError) as caught:
        await server.pull()
    assert caught.value.entry.code == code
    assert reason in str(caught.value)
    assert ("in time" in str(caught.value)) == ("in time" in reason)


async def test_a_401_on_one_type_alone_costs_only_that_type(server: Server) -> None:
    server.on("Appointment", httpx2.Response(401))
    pull = await server.pull()
    assert pull.sources["Appointment"].complete is False
    assert pull.sources["MedicationRequest"].complete


async def test_parallel_searches_share_one_renewal(server: Server) -> None:
    server.tokens = Tokens("old", "new")

    def check(request: httpx2.Request) -> httpx2.Response:
        fresh = request.headers["authorization"] == "Bearer new"
        kind = request.url.path.rsplit("/", 1)[-1]
        answer = resource("Patient", PATIENT) if kind == PATIENT else bundle()
        return fhir(answer) if fresh else httpx2.Response(401)

    for kind in vendor_profile("generic").kinds:
        server.on(kind, check)
    pull = await server.pull()
    assert all(source.complete for source in pull.sources.values())
    assert server.tokens.renewals == 1


async def test_progress_is_told_type_by_type(server: Server) -> None:
    told: list[str] = []
    pull = await server.pull(on_source=lambda source: told.append(source.kind))
    assert sorted(told) == sorted(pull.sources)


async def test_a_slow_type_is_missing_alone_and_the_panel_keeps_its_time() -> None:
    slow = Server()

    async def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/Condition"):
            await asyncio.sleep(600)
        patient = request.url.path.endswith(PATIENT)
        return fhir(resource("Patient", PATIENT) if patient else bundle())

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    slow.http = http
    pull = await slow.pull(deadline=slow.time() + 3)
    assert pull.sources["Condition"].problem == "the EHR did not answer in time"
    assert [kind for kind, source in pull.sources.items() if not source.complete] == ["Condition"]
    await http.aclose()


async def test_a_token_refresh_is_not_cut_off_by_the_deadline(server: Server) -> None:
    finished = asyncio.Event()

    async def slow_token(*, rejected: str | None = None) -> str:
        await asyncio.sleep(0.2)
        finished.set()
        return "token"

    server.tokens = slow_token  # type: ignore[assignment]
    with pytest.raises(LtotError, match="LT-201"):
        await server.pull(deadline=server.time() + 0.05)
    await asyncio.wait_for(finished.wait(), 120)


async def test_patient_ids_cannot_steer_the_address(server: Server) -> None:
    for id_ in ("../../admin?x=1", "..", ".", ""):
        await server.client().read("Patient", id_, server.time() + 8)
    assert [request.url.raw_path for request in server.requests] == [
        b"/api/fhir/Patient/..%2F..%2Fadmin%3Fx%3D1"
    ]


@pytest.mark.parametrize("style", list(ScopeStyle))
@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_scopes_name_every_type_read_in_one_syntax_without_wildcards(vendor: str, style: ScopeStyle) -> None:
    profile = vendor_profile(vendor)
    suffix = "read" if style is ScopeStyle.V1 else "rs"
    for scopes in (panel_scopes(profile, style), system_scopes(profile, style)):
        data = [scope for scope in scopes if "/" in scope]
        assert {scope.partition("/")[2] for scope in data} >= {f"{kind}.{suffix}" for kind in profile.kinds}
        assert not any("*" in scope for scope in data)
    assert {"openid", "fhirUser"} <= set(panel_scopes(profile, style))


def test_oracle_is_not_asked_for_a_drug_resource_it_does_not_have() -> None:
    assert not any("/Medication." in scope for scope in panel_scopes(vendor_profile("oracle"), ScopeStyle.V2))


def test_an_unknown_vendor_is_asked_as_any_us_core_server() -> None:
    assert vendor_profile("another") is vendor_profile("generic")


@pytest.mark.parametrize("page", [1, 2])
async def test_a_category_whose_address_is_gone_is_not_one_this_ehr_does_not_know(
    server: Server, page: int
) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.params.get("category") != "laboratory":
            return httpx2.Response(404, content=b"gone") if "page" in request.url.params else fhir(bundle())
        if page == 1:
            return httpx2.Response(404, content=b"<html></html>")
        return fhir(bundle(resource("Observation", "o-1"), next_url=f"{BASE}/Observation?page=2"))

    server.on("Observation", answer)
    source = (await server.pull("epic")).sources["Observation"]
    assert (source.read, source.complete, source.connected) == (page - 1, False, True)
    assert source.problem.startswith("laboratory: ")


async def test_a_refused_second_page_does_not_lose_the_first_to_another_plan(server: Server) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if "page" in request.url.params:
            return httpx2.Response(400, content=b"the cursor is gone")
        if "category" in request.url.params:
            return fhir(bundle())
        return fhir(bundle(resource("Observation", "o-1"), next_url=f"{BASE}/Observation?page=2"))

    server.on("Observation", answer)
    source = (await server.pull()).sources["Observation"]
    assert (source.read, source.complete, source.connected) == (1, False, True)
