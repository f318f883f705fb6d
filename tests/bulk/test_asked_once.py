"""How often a server is asked: what the end of an export alone would not show."""

import httpx2
import pytest

from tests.bulk.conftest import BASE, HOST, STATUS, Export, Service, Tokens, ndjson

KICK_OFF = f"{BASE}/Group/g-1/$export"
FILE = f"{HOST}/files/Observation.ndjson"


@pytest.mark.parametrize("address", [KICK_OFF, STATUS, FILE], ids=["kick-off", "status", "file"])
async def test_a_token_that_is_refused_is_renewed_once_and_no_more(
    export: Export, service: Service, address: str
) -> None:
    service.tokens = Tokens(*(f"token-{number}" for number in range(20)))
    service.on(f"GET {address}", httpx2.Response(401))
    assert (await export.run()).exit_code == 3
    sent = [request.headers["authorization"] for request in service.asked("GET", address)]
    assert sent == ["Bearer token-0", "Bearer token-1"]


async def test_a_file_that_is_listed_twice_is_fetched_once(export: Export, service: Service) -> None:
    listed = {"type": "Observation", "url": FILE}
    service.answer_manifest(output=[{**listed, "count": 3}, {**listed, "count": 3}])
    result = await export.run()
    assert (result.complete, result.files, result.resources) == (True, 1, 3)
    assert len(service.asked("GET", FILE)) == 1


async def test_where_an_address_expired_the_manifest_is_read_again_and_its_new_address_used(
    export: Export, service: Service
) -> None:
    renewed = f"{HOST}/files/renewed"
    service.on(f"GET {FILE}", httpx2.Response(404))
    service.on(f"GET {renewed}", service.good)
    first, second = service.manifest_members()["output"]
    later = [first, {**second, "url": renewed}]
    service.on(f"GET {STATUS}", service.manifest, lambda _: service.manifest(output=later))
    assert (await export.run()).complete
    assert (len(service.asked("GET", FILE)), len(service.asked("GET", renewed))) == (1, 1)
    assert len(service.asked("GET", f"{HOST}/files/Patient.ndjson")) == 1


async def test_files_of_a_kind_that_the_renewed_manifest_lists_in_another_order_are_each_fetched(
    export: Export, service: Service
) -> None:
    one, two = ndjson("Observation", "o-1"), ndjson("Observation", "o-2")
    answers = {
        "1": service.file(one),
        "2": httpx2.Response(404),
        "new-1": service.file(one),
        "new-2": service.file(two),
    }
    for name, answer in answers.items():
        service.on(f"GET {HOST}/files/{name}", answer)

    def listing(*names: str) -> list[dict[str, object]]:
        return [{"type": "Observation", "url": f"{HOST}/files/{name}", "count": 1} for name in names]

    service.on(
        f"GET {STATUS}",
        lambda _: service.manifest(output=listing("1", "2")),
        lambda _: service.manifest(output=listing("new-2", "new-1")),
    )
    assert (await export.run()).complete
    assert sorted(export.data().values()) == [one, two]


async def test_a_renewed_manifest_of_another_moment_is_not_mixed_with_the_first(
    export: Export, service: Service
) -> None:
    service.on(f"GET {FILE}", httpx2.Response(404))
    service.on(f"GET {HOST}/files/renewed", service.good)
    first, second = service.manifest_members()["output"]
    later = [first, {**second, "url": f"{HOST}/files/renewed"}]
    service.on(
        f"GET {STATUS}",
        service.manifest,
        lambda _: service.manifest(output=later, transactionTime="2026-03-11T00:00:00Z"),
    )
    assert (await export.run()).exit_code == 3


async def test_a_busy_server_is_asked_for_an_export_again_when_it_said(
    export: Export, service: Service
) -> None:
    busy = httpx2.Response(429, headers={"Retry-After": "20"})
    service.on(f"GET {KICK_OFF}", busy, httpx2.Response(202, headers={"Content-Location": STATUS}))
    assert (await export.run()).complete
    assert service.time.slept[0] == 20.0


async def test_a_status_that_fails_is_asked_eight_times_in_a_row_at_most(
    export: Export, service: Service
) -> None:
    service.on(f"GET {STATUS}", httpx2.Response(503))
    assert (await export.run()).exit_code == 3
    assert len(service.asked("GET", STATUS)) == 8
