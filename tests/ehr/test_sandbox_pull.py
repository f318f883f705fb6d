"""The pull against the sandbox EHR, which is as strict as the vendors it imitates."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2
import pytest

from app.ehr.chart import ChartPull, pull_chart
from app.ehr.client import FhirClient
from app.ehr.vendors import panel_scopes, vendor_profile
from app.errors import LtotError
from app.sandbox.config import SandboxClient
from app.sandbox.faults import Fault
from app.sandbox.server import create_sandbox
from smart_launch.scopes import ScopeStyle
from tests.ehr.conftest import Time
from tests.sandbox.conftest import AS_OF, BASE, CALLBACK, PANEL, Clock, Ehr

FLAVOURS = ("generic", "epic", "oracle")
Open = Callable[..., Awaitable["Chart"]]


class Chart:
    """One launch at one sandbox."""

    def __init__(self, ehr: Ehr, flavour: str, patient: str, answer: dict[str, Any]) -> None:
        self.ehr, self.patient, self.answer = ehr, patient, answer
        self.profile = vendor_profile(flavour)
        self.time = Time()

    async def token(self, *, rejected: str | None = None) -> str:
        if rejected is not None:
            raise LtotError("LT-203")
        return self.answer["access_token"]

    async def pull(self) -> ChartPull:
        client = FhirClient(
            self.ehr.fhir, self.ehr.http, self.token, self.profile,
            client_id="panel", clock=self.time, sleep=self.time.sleep, jitter=lambda: 1.0,
        )  # fmt: skip
        return await pull_chart(
            client,
            self.patient,
            profile=self.profile,
            granted_scopes=self.answer["scope"].split(),
            deadline=self.time() + 8,
            today=AS_OF,
        )

    def held(self) -> set[str]:
        """Every resource of this patient the sandbox holds and the pull asks for."""
        records = self.ehr.site.records
        return {
            f"{kind}/{each['id']}" for kind in self.profile.kinds for each in records.of(kind, self.patient)
        }


def refs(pull: ChartPull) -> set[str]:
    return {f"{each['resourceType']}/{each['id']}" for each in map(json.loads, pull.raw)}


@pytest.fixture
async def launch() -> AsyncIterator[Open]:
    opened: list[httpx2.AsyncClient] = []

    async def build(flavour: str, state: str = "high", **options: Any) -> Chart:
        clock = Clock()
        app = create_sandbox(
            base_url=BASE, panel_launch_url=PANEL, clock=clock, as_of=AS_OF, flavour=flavour,
            clients=[SandboxClient("panel", (CALLBACK,), auth="public")], **options,
        )  # fmt: skip
        http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=BASE)
        opened.append(http)
        ehr = Ehr(http, app, clock)
        patient = ehr.patient(state.capitalize())
        scopes = ("launch", *panel_scopes(vendor_profile(flavour), ScopeStyle.V2))
        return Chart(ehr, flavour, patient, await ehr.launch(patient, " ".join(scopes)))

    yield build
    for http in opened:
        await http.aclose()


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_whole_chart_arrives_complete(launch: Open, flavour: str) -> None:
    chart = await launch(flavour)
    pull = await chart.pull()
    unread = {kind: s.problem for kind, s in pull.sources.items() if not s.complete}
    assert unread == {}
    assert refs(pull) - {ref for ref in refs(pull) if ref.startswith("Medication/")} == chart.held()


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_small_pages_bring_the_same_chart(launch: Open, flavour: str) -> None:
    chart = await launch(flavour)
    whole = refs(await chart.pull())
    chart.profile = type(chart.profile)(
        **{
            **{name: getattr(chart.profile, name) for name in chart.profile.__dataclass_fields__},
            "page_size": {**chart.profile.page_size, "*": 1, "Observation": 1},
        }
    )
    assert refs(await chart.pull()) == whole


async def test_drugs_named_by_reference_arrive_with_the_orders(launch: Open) -> None:
    chart = await launch("epic")
    pull = await chart.pull()
    resources = [json.loads(item) for item in pull.raw]
    named = {r["medicationReference"]["reference"] for r in resources if "medicationReference" in r}
    assert named
    assert named <= refs(pull)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    "kind",
    ["429", "500", "truncated_json", "broken_next", "paging_loop", "foreign_next", "empty_403", "html_404"],
)
async def test_each_fault_costs_one_source_and_never_reads_as_complete(
    launch: Open, flavour: str, kind: str
) -> None:
    chart = await launch(flavour, faults=[Fault(kind, "MedicationRequest", retry_after=30)])  # type: ignore[arg-type]
    pull = await chart.pull()
    source = pull.sources["MedicationRequest"]
    assert source.complete is False
    assert source.connected is (kind not in {"empty_403", "html_404"})
    assert source.problem
    assert chart.patient not in source.problem
    others = [s for k, s in pull.sources.items() if k != "MedicationRequest"]
    assert all(each.complete for each in others)


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_passing_429_is_waited_out(launch: Open, flavour: str) -> None:
    chart = await launch(flavour, faults=[Fault("429", "MedicationRequest", times=1, retry_after=2)])
    assert (await chart.pull()).sources["MedicationRequest"].complete
    assert chart.time.slept == [2.0]


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_the_storm_patient_keeps_what_came(launch: Open, flavour: str) -> None:
    chart = await launch(flavour, "storm")
    pull = await chart.pull()
    incomplete = {kind for kind, source in pull.sources.items() if not source.complete}
    assert incomplete == {"Observation", "DocumentReference"}
    assert pull.sources["MedicationRequest"].read > 0


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_type_the_site_withholds_is_not_connected(launch: Open, flavour: str) -> None:
    chart = await launch(flavour, withheld=["MedicationDispense"])
    source = (await chart.pull()).sources["MedicationDispense"]
    assert (source.connected, source.complete) == (False, False)


async def test_an_observation_category_the_site_withholds_is_named(launch: Open) -> None:
    chart = await launch("epic", withheld=["Observation.survey"])
    pull = await chart.pull()
    source = pull.sources["Observation"]
    assert (source.connected, source.complete) == (True, False)
    assert "Observation - Assessments" in source.problem
    assert source.read > 0


async def test_a_resource_of_another_patient_is_left_for_the_mapping_to_refuse(launch: Open) -> None:
    chart = await launch("generic", faults=[Fault("foreign_resource", "MedicationRequest")])
    foreign = refs(await chart.pull()) - chart.held()
    assert len(foreign) == 1


async def test_an_expired_sign_in_is_said_as_such(launch: Open) -> None:
    chart = await launch("generic")
    chart.answer["access_token"] = "stale"
    with pytest.raises(LtotError, match="LT-203"):
        await chart.pull()
