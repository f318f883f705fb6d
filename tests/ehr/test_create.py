"""Writing one resource: its reference on success, the EHR's reason in words, and doubt said as doubt."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest

from app.clinical.entries import Entry, EntryKind
from app.ehr.create import Created, FhirWriter, NotCreated
from app.ehr.entry_resources import KIND_OF, About, kind_of, resource_of
from app.ehr.vendors import vendor_profile

BASE = "https://ehr.example.org/fhir"
Answer = Callable[[httpx2.Request], httpx2.Response]


class Tokens:
    """A second token after the first was refused."""

    async def __call__(self, *, rejected: str | None = None) -> str:
        return "second" if rejected else "first"


async def created(answer: Answer, **more: str) -> Created | NotCreated:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        writer = FhirWriter(BASE, http, Tokens(), vendor_profile("epic"), "client-1")
        return await writer.create("Procedure", b"{}", **more)


def saying(status: int, text: str = "", **headers: str) -> Answer:
    body = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": text}]}
    return lambda _: httpx2.Response(status, json=body if text else None, headers=headers)


@pytest.mark.parametrize(
    "location",
    [
        f"{BASE}/Procedure/p.1-x",
        "Procedure/p.1-x",
        "/fhir/Procedure/p.1-x/_history/1",
        f"{BASE}/Procedure/p.1-x/_history/2",
    ],
)
async def test_every_way_to_name_the_place_is_read(location: str) -> None:
    assert await created(saying(201, location=location)) == Created("Procedure/p.1-x")


@pytest.mark.parametrize("location", ["", "Observation/p1", f"{BASE}/Procedure/", "Procedure/a b"])
async def test_taken_without_a_place_is_doubt(location: str) -> None:
    found = await created(saying(201, location=location))
    assert found == NotCreated("the EHR took it without saying where it is", unsure=True)


@pytest.mark.parametrize(
    ("status", "words", "unsure"),
    [
        (400, "could not accept", False),
        (403, "does not let", False),
        (404, "no way", False),
        (422, "could not accept", False),
        (429, "busy", False),
        (302, "status 302", False),
        (500, "status 500", True),
        (504, "status 504", True),
        (202, "status 202", True),
        (204, "status 204", True),
        (408, "status 408", True),
        (524, "status 524", True),
        (503, "not available", False),
    ],
)
async def test_a_refusal_is_told_in_words_with_the_ehrs_own(status: int, words: str, unsure: bool) -> None:
    found = await created(saying(status, "performer must be a physician"))
    assert isinstance(found, NotCreated)
    assert words in found.reason
    assert found.reason.endswith(": performer must be a physician")
    assert found.unsure is unsure


async def test_a_refused_token_is_renewed_once_and_a_second_refusal_told() -> None:
    seen: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["authorization"])
        return httpx2.Response(401)

    assert await created(answer) == NotCreated("the EHR no longer accepts the sign-in")
    assert seen == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize(
    ("error", "unsure"),
    [(httpx2.ConnectError("x"), False), (httpx2.ReadTimeout("x"), True), (httpx2.ReadError("x"), True)],
)
async def test_what_may_have_arrived_is_never_sent_again_by_itself(error: Exception, unsure: bool) -> None:
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        raise error

    found = await created(answer)
    assert isinstance(found, NotCreated)
    assert found.unsure is unsure
    assert len(sent) == 1


async def test_a_repeated_attempt_asks_the_ehr_to_look_for_the_first() -> None:
    seen: list[str | None] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers.get("if-none-exist"))
        return httpx2.Response(200, headers={"location": "Procedure/p1"})

    assert await created(answer) == Created("Procedure/p1")
    assert await created(answer, unless_identifier="https://x/records|e1") == Created("Procedure/p1")
    assert seen == [None, "identifier=https://x/records|e1"]


ABOUT = About(
    patient="p1",
    made=datetime(2026, 3, 3, 4, 30, tzinfo=UTC),
    author="Practitioner/7",
    system="https://ltot.example.org/records",
    zone=ZoneInfo("America/Los_Angeles"),
    snomed=True,
)
TODAY = date(2026, 3, 2)


def built(entry: Entry) -> dict[str, Any]:
    resource = json.loads(resource_of(entry, ABOUT))
    assert resource["resourceType"] == KIND_OF[entry.kind]
    assert resource["subject"] == {"reference": "Patient/p1"}
    assert resource["identifier"] == [{"system": "https://ltot.example.org/records", "value": "e1"}]
    return resource


def test_a_pdmp_check_says_who_looked_for_whom_and_what_was_found() -> None:
    entry = Entry(
        EntryKind.PDMP, TODAY, outcome="unexpected", on_behalf_of="Dr. Quill", author="Morgan Lee", id="e1"
    )
    found = built(entry)
    assert found["code"]["coding"][0]["code"] == "461621000124108"
    assert found["performedDateTime"] == "2026-03-02"
    assert found["outcome"] == {"text": "unexpected"}
    assert found["performer"] == [{"actor": {"reference": "Practitioner/7", "display": "Morgan Lee"}}]
    assert found["note"] == [{"text": "Checked on behalf of Dr. Quill."}]


def test_peg_has_its_mean_and_three_items_without_binary_fractions() -> None:
    raw = resource_of(Entry(EntryKind.PEG, TODAY, scores=(5, 6, 6), id="e1"), ABOUT).decode()
    assert '"value":5.7' in raw.replace(" ", "")
    found = built(Entry(EntryKind.PEG, TODAY, scores=(5, 6, 6), id="e1"))
    assert [(c["code"]["coding"][0]["code"], c["valueQuantity"]["value"]) for c in found["component"]] == [
        ("75893-8", 5),
        ("91145-3", 6),
        ("91146-1", 6),
    ]


@pytest.mark.parametrize(
    ("on", "when"), [(TODAY, "2026-03-03T04:30:00"), (date(2026, 2, 20), "2026-02-20T20:00:00")]
)
def test_an_agreement_keeps_the_local_day_of_signing(on: date, when: str) -> None:
    found = built(Entry(EntryKind.AGREEMENT, on, id="e1"))
    assert found["date"].startswith(when)
    words = base64.b64decode(found["content"][0]["attachment"]["data"]).decode()
    assert words == found["description"]
    assert words.startswith("Opioid agreement signed on ")


@pytest.mark.parametrize(
    ("tool", "scores", "code", "parts"),
    [
        ("phq2", (3,), "55758-7", []),
        ("phq9", (12, 1), "44261-6", [("44260-8", 1)]),
        ("gad7", (9,), "70274-6", []),
    ],
)
def test_a_questionnaire_has_its_total_and_phq_9_its_item_9(
    tool: str, scores: tuple[int, ...], code: str, parts: list[tuple[str, int]]
) -> None:
    found = built(Entry(EntryKind.SCREEN, TODAY, outcome=tool, scores=scores, id="e1"))
    assert found["code"]["coding"] == [{"system": "http://loinc.org", "code": code}]
    assert found["valueQuantity"]["value"] == scores[0]
    components = found.get("component", [])
    assert [(c["code"]["coding"][0]["code"], c["valueQuantity"]["value"]) for c in components] == parts


@pytest.mark.parametrize(
    "entry",
    [
        Entry(EntryKind.SCREEN, TODAY, outcome="ort_oud", scores=(2,)),
        Entry(EntryKind.NALOXONE, TODAY, outcome="offered"),
        Entry(EntryKind.REVIEW, TODAY, gap="G14"),
        Entry(EntryKind.TIER, TODAY, outcome="low"),
    ],
    ids=lambda entry: f"{entry.kind} {entry.outcome}",
)
def test_what_no_code_could_bring_back_stays_in_the_registry(entry: Entry) -> None:
    assert kind_of(entry) is None
