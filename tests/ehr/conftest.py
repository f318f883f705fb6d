"""A scripted FHIR server, a sandbox EHR in this process, and clients for both."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from app.ehr.chart import ChartPull, pull_chart
from app.ehr.client import FhirClient, Limits
from app.ehr.http import ehr_http_client
from app.ehr.vendors import vendor_profile
from app.errors import LtotError

BASE = "https://ehr.example.org/api/fhir"
PATIENT = "p-4711"
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = date(2026, 3, 10)
DEFAULT_LIMITS = Limits()

Answer = httpx2.Response | Exception
Handler = Callable[[httpx2.Request], Answer]


def fhir(body: object, status: int = 200, **headers: str) -> httpx2.Response:
    return httpx2.Response(
        status, content=json.dumps(body), headers={"content-type": "application/fhir+json", **headers}
    )


def resource(kind: str, id_: str, **members: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": id_, **members}


def bundle(*resources: dict[str, Any], next_url: str | None = None, **members: Any) -> dict[str, Any]:
    links = [{"relation": "self", "url": f"{BASE}/x"}]
    if next_url:
        links.insert(0, {"relation": "next", "url": next_url})
    entries = [
        {
            "resource": each,
            "search": {"mode": "outcome" if each["resourceType"] == "OperationOutcome" else "match"},
        }
        for each in resources
    ]
    return {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries, **members}


def outcome(*issues: tuple[str, str, str]) -> dict[str, Any]:
    """Issues as severity, FHIR code and vendor number."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [
            {"severity": severity, "code": code, "details": {"coding": [{"code": number}]}}
            for severity, code, number in issues
        ],
    }


class Time:
    """Seconds that pass only while something sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


class Tokens:
    """Access tokens in order; each refused one is replaced by the next."""

    def __init__(self, *values: str) -> None:
        self.values = list(values or ("token-one",))
        self.renewals = 0

    async def __call__(self, *, rejected: str | None = None) -> str:
        if rejected == self.values[0]:
            self.renewals += 1
            if len(self.values) == 1:
                raise LtotError("LT-203")
            del self.values[0]
        return self.values[0]


class Server:
    """Answers by path below the base; what has no handler is an empty searchset, the patient is there."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {
            "Patient": lambda _: fhir(resource("Patient", PATIENT, birthDate="1960-01-01"))
        }
        self.requests: list[httpx2.Request] = []
        self.time = Time()
        self.tokens = Tokens()
        self.http = ehr_http_client(transport=httpx2.MockTransport(self._answer))

    def on(self, kind: str, *answers: object) -> None:
        """Answer requests for this type with these, in turn; the last one stays."""
        left = list(answers)

        def handler(request: httpx2.Request) -> Answer:
            answer = left.pop(0) if len(left) > 1 else left[0]
            if callable(answer):
                answer = answer(request)
            if isinstance(answer, Mapping):
                return fhir(answer)
            # A response object is spent once it is read.
            if isinstance(answer, httpx2.Response):
                return httpx2.Response(answer.status_code, content=answer.content, headers=answer.headers)
            return answer  # type: ignore[return-value]

        self.handlers[kind] = handler

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        kind = request.url.path.removeprefix(urlsplit(BASE).path).strip("/").split("/")[0]
        handler = self.handlers.get(kind)
        answer = handler(request) if handler else fhir(bundle())
        if isinstance(answer, Exception):
            raise answer
        return answer

    def asked(self, kind: str) -> list[dict[str, list[str]]]:
        """The parameters of each request for this type."""
        return [
            parse_qs(urlsplit(str(request.url)).query)
            for request in self.requests
            if request.url.path.startswith(f"{urlsplit(BASE).path}/{kind}")
        ]

    def client(
        self, vendor: str = "generic", *, base: str = BASE, limits: Limits = DEFAULT_LIMITS
    ) -> FhirClient:
        return FhirClient(
            base,
            self.http,
            self.tokens,
            vendor_profile(vendor),
            client_id="the-client",
            limits=limits,
            clock=self.time,
            sleep=self.time.sleep,
            now=lambda: NOW,
            jitter=lambda: 1.0,
        )

    async def search(self, kind: str = "Condition", *, seconds: float = 8.0, limits: Limits = DEFAULT_LIMITS):
        client = self.client(limits=limits)
        return await client.search(
            kind, [("patient", PATIENT)], self.time() + seconds, hide=frozenset({"patient"})
        )

    async def pull(self, vendor: str = "generic", **options: Any) -> ChartPull:
        options.setdefault("granted_scopes", None)
        options.setdefault("deadline", self.time() + 8)
        profile = vendor_profile(vendor)
        return await pull_chart(self.client(vendor), PATIENT, profile=profile, today=TODAY, **options)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    yield made
    await made.http.aclose()
