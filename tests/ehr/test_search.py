"""A search brings every page, or says in words what it did not bring."""

import json
import logging

import httpx2
import pytest

from app.ehr.client import Limits
from app.ehr.fetched import Fetched, Problem, ProblemCode
from tests.ehr.conftest import BASE, PATIENT, Server, Tokens, bundle, fhir, outcome, resource


def ids(items: tuple[bytes, ...]) -> list[str]:
    return [json.loads(item)["id"] for item in items]


def code(found: Fetched) -> ProblemCode | None:
    return found.problem.code if found.problem else None


async def test_every_page_is_followed_and_resources_stay_as_sent(server: Server) -> None:
    odd = b'{"resourceType": "Condition",  "id":"c-1", "note": [ 1.50 ]}'
    links = b'"link":[{"relation":"next","url":"%s/Condition?page=2"}]' % BASE.encode()
    first = b'{"resourceType":"Bundle",%s,"entry":[{"resource":%s}]}' % (links, odd)
    server.on(
        "Condition",
        httpx2.Response(200, content=first),
        bundle(resource("Condition", "c-2")),
    )
    found = await server.search()
    assert found.items[0] == odd
    assert ids(found.items) == ["c-1", "c-2"]
    assert (found.complete, found.connected, found.problem, found.pages) == (True, True, None, 2)


async def test_requests_carry_what_servers_insist_on(server: Server) -> None:
    await server.search()
    request = server.requests[0]
    assert request.headers["accept"] == "application/fhir+json"
    assert request.headers["authorization"] == "Bearer token-one"
    assert server.asked("Condition") == [{"patient": [PATIENT], "_count": ["100"]}]


async def test_the_query_shown_to_people_names_no_patient(server: Server) -> None:
    client = server.client()
    found = await client.search(
        "Condition",
        [("patient", PATIENT), ("category", "problem-list-item")],
        server.time() + 8,
        hide=frozenset({"patient"}),
    )
    assert found.query == "Condition?category=problem-list-item"


@pytest.mark.parametrize(
    "next_url",
    [
        "https://elsewhere.example.org/api/fhir/Condition?page=2",
        "http://ehr.example.org/api/fhir/Condition?page=2",
        "https://ehr.example.org:8443/api/fhir/Condition?page=2",
        "https://ehr.example.org/other/Condition?page=2",
        "https://ehr.example.org/api/fhirbug/Condition?page=2",
        "https://ehr.example.org/api/fhir/../admin",
        "https://ehr.example.org/api/fhir/%2e%2e/admin",
        "https://ehr.example.org@elsewhere.example.org/api/fhir/Condition",
        "//elsewhere.example.org/api/fhir/Condition",
        "https://ehr.example.org:port/api/fhir",
    ],
)
async def test_a_page_elsewhere_is_never_asked_for(server: Server, next_url: str) -> None:
    server.on("Condition", bundle(resource("Condition", "c-1"), next_url=next_url))
    found = await server.search()
    assert len(server.requests) == 1
    assert found.complete is False
    assert code(found) is ProblemCode.FOREIGN_PAGE
    assert ids(found.items) == ["c-1"]


@pytest.mark.parametrize(
    "next_url", [f"{BASE}?_getpages=2", "Condition?page=2", f"{BASE.replace('.org', '.org:443')}/x"]
)
async def test_pages_under_the_base_are_followed_however_written(server: Server, next_url: str) -> None:
    pages = iter([bundle(next_url=next_url), bundle(resource("Condition", "c-2"))])
    for kind in ("Condition", "", "x"):
        server.on(kind, lambda _: fhir(next(pages)))
    found = await server.search()
    assert found.complete
    assert ids(found.items) == ["c-2"]


async def test_a_loop_of_pages_ends(server: Server) -> None:
    server.on("Condition", lambda request: fhir(bundle(next_url=str(request.url))))
    found = await server.search()
    assert len(server.requests) == 1
    assert code(found) is ProblemCode.PAGE_LOOP


async def test_endless_pages_end(server: Server) -> None:
    numbers = iter(range(1000))
    server.on("Condition", lambda _: fhir(bundle(next_url=f"{BASE}/Condition?page={next(numbers)}")))
    found = await server.search(limits=Limits(pages=5))
    assert (found.pages, found.complete) == (5, False)
    assert code(found) is ProblemCode.TOO_MANY_PAGES


async def test_answers_beyond_the_size_limit_are_cut(server: Server) -> None:
    server.on("Condition", bundle(resource("Condition", "c-1", text="x" * 4000)))
    found = await server.search(limits=Limits(page_bytes=1000))
    assert found.items == ()
    assert code(found) is ProblemCode.TOO_LARGE


async def test_all_pages_together_have_a_size_limit(server: Server) -> None:
    numbers = iter(range(1000))
    server.on("Condition", lambda _: fhir(bundle(next_url=f"{BASE}/Condition?page={next(numbers)}")))
    found = await server.search(limits=Limits(search_bytes=500))
    assert found.pages < 10
    assert code(found) is ProblemCode.TOO_LARGE


async def test_repeats_across_pages_count_once_and_the_newest_stays(server: Server) -> None:
    server.on(
        "Condition",
        bundle(
            resource("Condition", "c-1", meta={"versionId": "9"}),
            resource("Condition", "c-2", meta={"lastUpdated": "2026-01-01T00:00:00Z"}),
            next_url=f"{BASE}/Condition?page=2",
        ),
        bundle(
            resource("Condition", "c-1", meta={"versionId": "10"}),
            resource("Condition", "c-2", meta={"lastUpdated": "2025-01-01T00:00:00Z"}),
        ),
    )
    found = await server.search()
    assert [json.loads(item)["meta"] for item in found.items] == [
        {"versionId": "10"},
        {"lastUpdated": "2026-01-01T00:00:00Z"},
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'""',
        b"<html><body>Sign in</body></html>",
        b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Condition"',
        b"[]",
        b'{"resourceType":"Patient","id":"p"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
async def test_a_body_that_is_no_searchset_is_not_an_empty_one(server: Server, body: bytes) -> None:
    server.on("Condition", httpx2.Response(200, content=body))
    found = await server.search()
    assert (found.items, found.complete, found.connected) == ((), False, True)
    assert code(found) is ProblemCode.UNREADABLE


async def test_a_byte_order_mark_does_no_harm(server: Server) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(bundle(resource("Condition", "c-1"))).encode()
    server.on("Condition", httpx2.Response(200, content=body))
    assert (await server.search()).complete


async def test_a_cut_second_page_keeps_the_first(server: Server) -> None:
    server.on(
        "Condition",
        bundle(resource("Condition", "c-1"), next_url=f"{BASE}/Condition?page=2"),
        httpx2.Response(200, content=b'{"resourceType":"Bundle","entry":['),
    )
    found = await server.search()
    assert ids(found.items) == ["c-1"]
    assert (found.complete, found.connected) == (False, True)


async def test_an_expired_page_does_not_read_as_a_type_this_ehr_lacks(server: Server) -> None:
    server.on(
        "Condition",
        bundle(resource("Condition", "c-1"), next_url=f"{BASE}/Condition?page=2"),
        httpx2.Response(404, content=b"gone"),
    )
    found = await server.search()
    assert (found.complete, found.connected) == (False, True)


@pytest.mark.parametrize("total", [0, 1, 99, "many", None])
async def test_a_wrong_total_changes_nothing(server: Server, total: object) -> None:
    server.on("Condition", bundle(resource("Condition", "c-1"), resource("Condition", "c-2"), total=total))
    found = await server.search()
    assert (ids(found.items), found.complete) == (["c-1", "c-2"], True)


async def test_an_entry_without_a_resource_makes_the_search_incomplete(server: Server) -> None:
    body = {"resourceType": "Bundle", "entry": [{"fullUrl": "x"}, {"resource": resource("Condition", "c-1")}]}
    server.on("Condition", body)
    found = await server.search()
    assert ids(found.items) == ["c-1"]
    assert code(found) is ProblemCode.UNREADABLE


async def test_a_resource_with_an_odd_version_is_kept(server: Server) -> None:
    server.on("Condition", bundle(resource("Condition", "c-1", meta={"versionId": 3})))
    assert ids((await server.search()).items) == ["c-1"]


async def test_no_results_with_the_vendors_remark_is_a_complete_empty_search(server: Server) -> None:
    server.on("Condition", bundle(outcome(("warning", "processing", "4101"))))
    found = await server.search()
    assert (found.items, found.complete, found.warnings) == ((), True, ())


async def test_a_withheld_part_makes_the_search_incomplete_and_is_named(server: Server) -> None:
    withheld = outcome(("warning", "suppressed", "59204"))
    withheld["issue"][0]["diagnostics"] = (
        "Client not authorized for Observation - Assessments. Search results of this type are left out. Jane Doe"
    )
    server.on("Observation", bundle(resource("Observation", "o-1"), withheld))
    found = await server.search("Observation")
    assert (ids(found.items), found.complete) == (["o-1"], False)
    assert found.warnings == ("not granted: Observation - Assessments",)
    assert found.problem == Problem.of(ProblemCode.PARTLY_WITHHELD, "not granted: Observation - Assessments")


async def test_an_error_inside_a_searchset_is_not_an_empty_result(server: Server) -> None:
    server.on("Condition", bundle(outcome(("error", "exception", ""))))
    found = await server.search()
    assert found.complete is False
    assert code(found) is ProblemCode.SERVER_ERROR


@pytest.mark.parametrize("remark", ["incomplete", "timeout", "too-costly", "throttled", "transient"])
async def test_a_warning_that_not_all_was_looked_through_is_not_an_empty_result(
    server: Server, remark: str
) -> None:
    server.on("Condition", bundle(outcome(("warning", remark, ""))))
    assert code(await server.search()) is ProblemCode.SERVER_ERROR


@pytest.mark.parametrize("damage", [{"issue": "x"}, {"issue": [{"severity": "error", "details": "x"}]}])
async def test_a_remark_nobody_can_read_is_no_proof_of_an_empty_result(
    server: Server, damage: dict[str, object]
) -> None:
    server.on("Condition", bundle({"resourceType": "OperationOutcome", **damage}))
    assert (await server.search()).complete is False


async def test_a_next_page_without_an_address_is_missing(server: Server) -> None:
    cut = bundle(resource("Condition", "c-1"))
    server.on("Condition", {**cut, "link": [{"relation": "next"}]})
    found = await server.search()
    assert (ids(found.items), found.complete) == (["c-1"], False)


async def test_an_outcome_in_place_of_a_searchset_is_not_an_empty_result(server: Server) -> None:
    server.on("Condition", outcome(("information", "informational", "")))
    assert (await server.search()).complete is False


@pytest.mark.parametrize(
    ("answer", "expected", "connected"),
    [
        (httpx2.Response(403), ProblemCode.NOT_GRANTED, False),
        (httpx2.Response(403, headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'}, content=b"x"),
         ProblemCode.NOT_GRANTED, False),
        (fhir(outcome(("error", "forbidden", "")), 403), ProblemCode.NOT_GRANTED, False),
        (fhir(outcome(("fatal", "forbidden", "4118")), 403), ProblemCode.REFUSED, True),
        (fhir(outcome(("fatal", "forbidden", "59022")), 400), ProblemCode.NOT_GRANTED, False),
        (fhir(outcome(("fatal", "value", "59111")), 400), ProblemCode.NOT_OFFERED, False),
        (httpx2.Response(404, content=b"<html>404</html>"), ProblemCode.NOT_OFFERED, False),
        (httpx2.Response(400), ProblemCode.REFUSED, True),
        (httpx2.Response(406), ProblemCode.REFUSED, True),
        (httpx2.Response(500, content=b"boom"), ProblemCode.SERVER_ERROR, True),
        (httpx2.Response(307, headers={"Location": "https://elsewhere.example.org/"}), ProblemCode.UNREADABLE, True),
        (httpx2.ReadTimeout("slow"), ProblemCode.TIMEOUT, True),
    ],
)  # fmt: skip
async def test_what_cannot_get_better_is_asked_once(
    server: Server, answer: object, expected: ProblemCode, connected: bool
) -> None:
    server.on("Condition", answer)
    found = await server.search()
    assert len(server.requests) == 1
    assert (code(found), found.connected, found.complete) == (expected, connected, False)


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(429),
        httpx2.Response(502),
        httpx2.Response(503),
        httpx2.Response(504),
        httpx2.ConnectError("refused"),
        httpx2.ConnectTimeout("slow"),
        httpx2.RemoteProtocolError("cut"),
    ],
)
async def test_what_may_pass_is_asked_again(server: Server, answer: object) -> None:
    server.on("Condition", answer, answer, bundle(resource("Condition", "c-1")))
    found = await server.search()
    assert found.complete
    assert len(server.requests) == 3
    assert server.time.slept == [0.3, 0.6]


@pytest.mark.parametrize(
    ("value", "waited"),
    [
        ("2", 2.0),
        ("Tue, 10 Mar 2026 12:00:03 GMT", 3.0),
        ("Tue, 10 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", 0.3),
    ],
)
async def test_the_ehr_says_how_long_to_wait(server: Server, value: str, waited: float) -> None:
    server.on("Condition", httpx2.Response(429, headers={"Retry-After": value}), bundle())
    assert (await server.search()).complete
    assert server.time.slept == [waited]


@pytest.mark.parametrize("value", ["60", "1795320616", "Tue, 10 Mar 2026 13:00:00 GMT", "9" * 400])
async def test_a_wait_beyond_the_budget_is_not_begun(server: Server, value: str) -> None:
    server.on("Condition", httpx2.Response(429, headers={"Retry-After": value}))
    found = await server.search()
    assert server.time.slept == []
    assert code(found) is ProblemCode.BUSY


async def test_a_storm_of_429_ends_after_three_attempts(server: Server) -> None:
    server.on("Condition", httpx2.Response(429, headers={"Retry-After": "1"}))
    found = await server.search()
    assert len(server.requests) == 3
    assert code(found) is ProblemCode.BUSY


async def test_nothing_is_asked_after_the_deadline(server: Server) -> None:
    found = await server.search(seconds=0)
    assert server.requests == []
    assert code(found) is ProblemCode.TIMEOUT


async def test_a_refused_token_is_renewed_once(server: Server) -> None:
    server.tokens = Tokens("old", "new")

    def check(request: httpx2.Request) -> httpx2.Response:
        return fhir(bundle()) if request.headers["authorization"] == "Bearer new" else httpx2.Response(401)

    server.on("Condition", check)
    assert (await server.search()).complete
    assert (len(server.requests), server.tokens.renewals) == (2, 1)


async def test_a_second_401_ends_the_search(server: Server) -> None:
    server.tokens = Tokens("one", "two", "three")
    server.on("Condition", httpx2.Response(401, content=b'""'))
    found = await server.search()
    assert len(server.requests) == 2
    assert code(found) is ProblemCode.NOT_SIGNED_IN


async def test_a_server_that_is_down_is_left_alone_for_a_while(server: Server) -> None:
    server.on("Condition", httpx2.ConnectError("down"))
    for _ in range(4):
        await server.search()
    before = len(server.requests)
    found = await server.search()
    assert len(server.requests) == before
    assert code(found) is ProblemCode.NOT_ANSWERING
    server.on("Condition", bundle())
    server.time.seconds += 31
    assert (await server.search()).complete
    assert (await server.search()).complete


async def test_one_server_down_leaves_another_alone(server: Server) -> None:
    server.on("Condition", httpx2.ConnectError("down"))
    for _ in range(5):
        await server.search()
    server.on("tenant-two", bundle(resource("Condition", "c-1")))
    other = server.client(base=f"{BASE}/tenant-two")
    found = await other.search("Condition", [], server.time() + 8, hide=frozenset())
    assert found.complete


async def test_nothing_about_the_patient_or_token_reaches_logs(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.on("Condition", httpx2.Response(500), bundle())
    found = await server.search()
    await server.search()
    for text in (caplog.text, str(found), repr(server.client())):
        assert PATIENT not in text
        assert "token-one" not in text
