"""Exports and crawls of the sandbox EHR, in every flavour, with its faults and its limits."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.ehr.backend import BackendTokenProvider
from app.ehr.bulk import ExportConfig, ExportResult, Level, resume, run_export
from app.ehr.vendors import system_scopes, vendor_profile
from app.population.exports import inputs_in
from app.sandbox.bulk_jobs import BulkOptions
from app.sandbox.config import SandboxClient
from app.sandbox.faults import Fault
from app.sandbox.server import create_sandbox
from smart_launch.backend import BackendTokens
from smart_launch.client_auth import PrivateKeyJwt, Registration
from smart_launch.discovery import discover
from smart_launch.endpoints import EndpointPolicy
from smart_launch.keys import SigningAlgorithm, generate_signing_key, jwks_document, public_jwk
from smart_launch.scopes import ScopeStyle
from tests.bulk.conftest import Time
from tests.sandbox.conftest import AS_OF, BASE, PANEL, Ehr

FLAVOURS = ("generic", "epic", "oracle")
# What no export of that flavour holds.
LEFT_OUT = {
    "generic": frozenset[str](),
    "epic": frozenset[str](),
    "oracle": frozenset({"MedicationDispense", "QuestionnaireResponse", "ServiceRequest", "Appointment"}),
}


class Population:
    """A backend client of one sandbox, and one folder."""

    def __init__(self, ehr: Ehr, flavour: str, folder: Path, time: Time) -> None:
        self.ehr, self.flavour, self.folder, self.time = ehr, flavour, folder, time
        self.profile = vendor_profile(flavour)
        self._token: str | None = None

    async def token(self, *, rejected: str | None = None) -> str:
        if self._token is None or rejected == self._token:
            answer = await self.ehr.http.post(
                self.ehr.site.token_url,
                data={
                    "grant_type": "client_credentials",
                    "scope": " ".join(system_scopes(self.profile, ScopeStyle.V2)),
                },
                auth=("backend", "s3cret"),
            )
            assert answer.status_code == 200, answer.text
            self._token = answer.json()["access_token"]
        return self._token or ""

    async def group(self) -> str:
        return (await self.ehr.http.get("/groups.json")).json()[0]["id"]

    async def run(self, **changes: Any) -> ExportResult:
        options: dict[str, Any] = {"vendor": self.flavour, "group": await self.group(), **changes}
        return await run_export(
            ExportConfig(base_url=self.ehr.fhir, folder=self.folder, **options), **self.tools()
        )

    async def resume(self) -> ExportResult:
        return await resume(self.folder, **self.tools())

    def tools(self) -> dict[str, Any]:
        return {
            "http": self.ehr.http,
            "token_provider": self.token,
            "clock": self.time,
            "sleep": self.time.sleep,
        }

    def held(self, kind: str) -> set[str]:
        return {each["id"] for each in self.ehr.site.records.of(kind)}

    def here(self) -> dict[str, set[str]]:
        found: defaultdict[str, set[str]] = defaultdict(set)
        for path in self.folder.glob("[A-Z]*.ndjson"):
            for text in path.read_text().splitlines():
                resource = json.loads(text)
                found[resource["resourceType"]].add(resource["id"])
        return found


@pytest.fixture
async def population(tmp_path: Path) -> AsyncIterator[Callable[..., Population]]:
    opened: list[httpx2.AsyncClient] = []

    def build(flavour: str = "generic", **options: Any) -> Population:
        time = Time()
        secret = SandboxClient("backend", auth="client_secret_basic", secret="s3cret", backend=True)
        backend = options.pop("client", secret)
        base = options.pop("base_url", BASE)
        app = create_sandbox(
            base_url=base, panel_launch_url=PANEL, clients=[backend], flavour=flavour,
            clock=lambda: time().timestamp(), as_of=AS_OF, **options,
        )  # fmt: skip
        http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=base)
        opened.append(http)
        ehr = Ehr(http, app, lambda: time().timestamp())  # type: ignore[arg-type]
        app.state.site.faults.clear()
        for fault in options.get("faults", ()):
            app.state.site.faults.add(fault)
        return Population(ehr, flavour, tmp_path / "export", time)

    yield build
    for http in opened:
        await http.aclose()


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_group_export_brings_everything_the_flavour_exports(
    population: Callable[..., Population], flavour: str
) -> None:
    ehr = population(flavour)
    result = await ehr.run()
    assert result.complete, result
    here = ehr.here()
    for kind in set(ehr.profile.kinds) - LEFT_OUT[flavour]:
        assert here[kind] == ehr.held(kind), kind


async def test_drugs_that_epic_does_not_export_are_read(population: Callable[..., Population]) -> None:
    ehr = population("epic")
    assert (await ehr.run()).complete
    orders = [
        json.loads(text)
        for path in ehr.folder.glob("MedicationRequest*.ndjson")
        for text in path.read_text().splitlines()
    ]
    named = {order["medicationReference"]["reference"].split("/")[1] for order in orders}
    assert named
    assert named <= ehr.here()["Medication"]


async def test_a_drug_that_cannot_be_read_leaves_the_export_incomplete(
    population: Callable[..., Population],
) -> None:
    ehr = population("epic", faults=[Fault("empty_403", "Medication")])
    result = await ehr.run()
    assert result.exit_code == 3
    assert "drugs that exported orders refer to could not be read" in result.sentence
    ehr.ehr.site.faults.clear()
    assert (await ehr.resume()).complete


async def test_many_small_files_and_short_tokens(population: Callable[..., Population]) -> None:
    ehr = population("generic", bulk=BulkOptions(file_lines=20, polls=5, retry_after=200), token_lifetime=300)
    result = await ehr.run()
    assert result.complete, result
    assert result.files > 10
    assert ehr.here()["Observation"] == ehr.held("Observation")


@pytest.mark.parametrize("level", [Level.SYSTEM, Level.PATIENT])
async def test_the_generic_flavour_exports_at_every_level(
    population: Callable[..., Population], level: Level
) -> None:
    ehr = population("generic")
    result = await ehr.run(level=level, group=None, types=("Patient", "MedicationRequest"))
    assert result.complete
    assert set(ehr.here()) - {"Medication"} == {"Patient", "MedicationRequest"}


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    "kind",
    ["relative_location", "date_retry", "epoch_retry", "no_error_array", "no_transaction_time", "deleted_file",
     "duplicates", "open_files"],
)  # fmt: skip
async def test_odd_but_usable_servers_end_complete(
    population: Callable[..., Population], flavour: str, kind: str
) -> None:
    stage = "$export" if kind == "relative_location" else "$status"
    ehr = population(flavour, faults=[Fault(kind, stage)])  # type: ignore[arg-type]
    result = await ehr.run()
    assert result.complete, result


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    ("kind", "stage", "said"),
    [
        ("no_location", "$export", "did not say where its status is"),
        ("500", "$export", "may have started the export all the same"),
        ("429", "$export", "takes no new export now"),
        ("html_404", "$status", "no longer knows"),
        ("429", "$status", "8 times in a row"),
        ("truncated_json", "$status", "no readable manifest"),
        ("wrong_count", "$status", "where the manifest counts"),
        ("error_file", "$status", "could not export everything"),
        ("truncated_json", "$file", "files are missing"),
        ("bad_line", "$file", "is not JSON"),
        ("html_404", "$file", "files are missing"),
        ("500", "$file", "files are missing"),
        ("429", "$file", "files are missing"),
    ],
)
async def test_broken_servers_end_with_a_sentence(
    population: Callable[..., Population], flavour: str, kind: str, stage: str, said: str
) -> None:
    ehr = population(flavour, faults=[Fault(kind, stage)])  # type: ignore[arg-type]
    result = await ehr.run()
    assert result.exit_code == 3
    assert said in result.sentence


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_passing_fault_of_files_is_outlived(
    population: Callable[..., Population], flavour: str
) -> None:
    ehr = population(flavour, faults=[Fault("500", "$file", times=2), Fault("429", "$file", times=1)])
    assert (await ehr.run()).complete


async def test_epic_refuses_a_second_export_of_a_group_within_a_day(
    population: Callable[..., Population], tmp_path: Path
) -> None:
    ehr = population("epic")
    assert (await ehr.run()).complete
    ehr.folder = tmp_path / "second"
    result = await ehr.run()
    assert result.exit_code == 3
    assert "exported too recently" in result.sentence


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_crawl_brings_every_patients_chart(
    population: Callable[..., Population], flavour: str
) -> None:
    ehr = population(flavour)
    patients = tuple(card.id for card in ehr.ehr.site.cards)
    result = await ehr.run(crawl=True, patients=patients, group=None, level=Level.PATIENT)
    assert result.complete, result
    here = ehr.here()
    for kind in ehr.profile.kinds:
        assert here[kind] == ehr.held(kind), kind
    assert sorted(path.name for path in ehr.folder.glob("Patient*")) == [
        "Patient.001.ndjson",
        "Patient.002.ndjson",
    ]
    # Each batch holds the drugs its own orders name, so that it can be redone alone.
    counted = {kind: len(ids) for kind, ids in here.items() if kind != "Medication"}
    assert result.resources - sum(counted.values()) >= len(here["Medication"])


async def test_a_crawl_names_what_it_could_not_read_and_resumes_only_there(
    population: Callable[..., Population],
) -> None:
    ehr = population("generic")
    patients = tuple(card.id for card in ehr.ehr.site.cards)
    ehr.ehr.site.faults.add(Fault("500", "Observation", patients[12]))
    result = await ehr.run(crawl=True, patients=patients, group=None, level=Level.PATIENT)
    assert result.exit_code == 3
    assert result.sentence == (
        "Not everything could be read: Observation of 1 patient "
        "(the EHR answered with an error of its own (HTTP 500)). Resume to try these patients again."
    )
    assert patients[12] not in result.sentence
    before = (ehr.folder / "Patient.001.ndjson").stat().st_mtime_ns
    ehr.ehr.site.faults.clear()
    assert (await ehr.resume()).complete
    assert (ehr.folder / "Patient.001.ndjson").stat().st_mtime_ns == before
    assert ehr.here()["Observation"] == ehr.held("Observation")


async def test_a_crawl_of_some_types_reads_only_those(population: Callable[..., Population]) -> None:
    ehr = population("oracle")
    patients = tuple(card.id for card in ehr.ehr.site.cards)[:3]
    result = await ehr.run(
        crawl=True, patients=patients, group=None, level=Level.PATIENT, types=("MedicationRequest",)
    )
    assert result.complete
    assert set(ehr.here()) == {"Patient", "MedicationRequest"}


async def test_a_crawl_of_an_ehr_that_is_down_stops_and_resumes(
    population: Callable[..., Population],
) -> None:
    ehr = population("generic", faults=[Fault("500", "Patient")])
    patients = tuple(card.id for card in ehr.ehr.site.cards)
    result = await ehr.run(crawl=True, patients=patients, group=None, level=Level.PATIENT)
    assert result.exit_code == 3
    assert result.sentence.startswith("No patient of the next 10 could be read")
    ehr.ehr.site.faults.clear()
    assert (await ehr.resume()).complete


async def test_a_type_the_site_withholds_is_a_remark_of_a_crawl_and_proves_nothing(
    population: Callable[..., Population],
) -> None:
    ehr = population("generic", withheld=["MedicationDispense"])
    patients = tuple(card.id for card in ehr.ehr.site.cards)[:2]
    result = await ehr.run(crawl=True, patients=patients, group=None, level=Level.PATIENT)
    assert result.complete
    assert any(warning.startswith("MedicationDispense is in no chart") for warning in result.warnings)
    unread = json.loads((ehr.folder / "export.json").read_text())["unread"]
    assert [(each["patient"], each["kind"]) for each in unread] == [
        (patient, "MedicationDispense") for patient in patients
    ]


async def test_a_type_refused_for_one_patient_is_missing_for_that_one(
    population: Callable[..., Population],
) -> None:
    ehr = population("generic")
    patients = tuple(card.id for card in ehr.ehr.site.cards)[:3]
    ehr.ehr.site.faults.add(Fault("empty_403", "Observation", patients[1]))
    result = await ehr.run(crawl=True, patients=patients, group=None, level=Level.PATIENT)
    assert result.exit_code == 3
    assert "Observation of 1 patient (the EHR has not granted" in result.sentence
    ehr.ehr.site.faults.clear()
    assert (await ehr.resume()).complete


@pytest.mark.parametrize("algorithm", list(SigningAlgorithm))
async def test_the_backend_client_signs_for_each_token_and_renews_it_while_waiting(
    population: Callable[..., Population], algorithm: SigningAlgorithm
) -> None:
    key = generate_signing_key(algorithm)
    ehr = population(
        "oracle",
        base_url="https://ehr.test",
        client=SandboxClient("backend", jwks=jwks_document([public_jwk(key)]), backend=True),
        bulk=BulkOptions(polls=4, retry_after=500),
    )
    policy = EndpointPolicy(frozenset({"ehr.test"}))
    configuration = await discover(ehr.ehr.http, ehr.ehr.fhir, policy, ehr.time())
    tokens = BackendTokens(
        ehr.ehr.http,
        configuration,
        Registration("backend", PrivateKeyJwt(key)),
        system_scopes(ehr.profile, ScopeStyle.V2),
        ehr.time,
    )
    ehr.token = BackendTokenProvider(tokens)  # type: ignore[method-assign]
    result = await ehr.run()
    assert result.complete, result
    assert sum(ehr.time.slept) >= 2000


async def test_a_population_run_reads_the_data_and_nothing_else_of_the_folder(
    population: Callable[..., Population],
) -> None:
    ehr = population("generic", faults=[Fault("deleted_file", "$status")])
    assert (await ehr.run()).complete
    inputs = inputs_in(ehr.folder)
    assert set(inputs.files) == {path.name for path in ehr.folder.glob("[A-Z]*.ndjson")}
    assert set(inputs.deleted) == {"MedicationRequest/deleted-order"}
    assert [export.lacking for export in inputs.exports.values()] == [{}]


async def test_a_population_run_knows_which_charts_a_crawl_left_incomplete(
    population: Callable[..., Population],
) -> None:
    ehr = population("generic")
    patients = tuple(card.id for card in ehr.ehr.site.cards)[:3]
    ehr.ehr.site.faults.add(Fault("500", "Observation", patients[1]))
    await ehr.run(crawl=True, patients=patients, group=None, level=Level.PATIENT)
    (export,) = inputs_in(ehr.folder).exports.values()
    assert (export.lacking, export.unread) == ({}, [(patients[1], "Observation")])


async def test_a_population_run_trusts_no_unfinished_export(population: Callable[..., Population]) -> None:
    ehr = population("generic", faults=[Fault("html_404", "$file")])
    await ehr.run()
    (export,) = inputs_in(ehr.folder).exports.values()
    assert export.lacking["*"] == "the export was not finished"


async def test_a_type_withheld_from_the_export_is_lacking_in_a_population_run(
    population: Callable[..., Population],
) -> None:
    ehr = population("generic", withheld=["Observation"])
    result = await ehr.run(types=("Patient", "MedicationRequest", "Observation"))
    assert result.complete
    assert result.warnings == ("the EHR reported: suppressed (1 times)",)
    (export,) = inputs_in(ehr.folder).exports.values()
    assert export.lacking == {"Observation": "the server withheld part of it"}
