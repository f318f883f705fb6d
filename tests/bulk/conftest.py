"""A scripted export service: what a real one does, and whatever a test makes it do instead."""

import gzip
import json
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.ehr.bulk import ExportConfig, ExportResult, cancel, resume, run_export
from app.ehr.http import ehr_http_client
from app.errors import LtotError

HOST = "https://ehr.example.org"
BASE = f"{HOST}/fhir"
STATUS = f"{HOST}/bulk/job-1"
STORAGE = "https://storage.example.net"
MEDIA = {"content-type": "application/fhir+ndjson"}

Step = Callable[[httpx2.Request], "Answer"]
Answer = httpx2.Response | Exception | Step


def line(kind: str, id_: str, **members: Any) -> bytes:
    return json.dumps({"resourceType": kind, "id": id_, **members}, ensure_ascii=False).encode()


def ndjson(kind: str, *ids: str, **members: Any) -> bytes:
    return b"".join(line(kind, id_, **members) + b"\n" for id_ in ids)


def outcome_line(severity: str, code: str) -> bytes:
    return json.dumps(
        {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code}]}
    ).encode()


class Stream(httpx2.AsyncByteStream):
    """A body in chunks, ending with an error if one is given."""

    def __init__(self, chunks: Iterable[bytes], error: Exception | None = None) -> None:
        self.chunks, self.error = list(chunks), error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk
        if self.error:
            raise self.error


class Time:
    """A wall clock that moves only while something sleeps."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 10, 12, tzinfo=UTC)
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += timedelta(seconds=seconds)


class Tokens:
    """Token after token; each refused one is followed by the next until they run out."""

    def __init__(self, *values: str) -> None:
        self.values = list(values or ("secret-token", "second-token", "third-token"))

    async def __call__(self, *, rejected: str | None = None) -> str:
        if rejected == self.values[0]:
            if len(self.values) == 1:
                raise LtotError("LT-203")
            del self.values[0]
        return self.values[0]


class Service:
    """Answers by address; each address has its answers in turn, the last one stays."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.requests: list[httpx2.Request] = []
        self.time, self.tokens = Time(), Tokens()
        self.http = ehr_http_client(transport=httpx2.MockTransport(self._answer))
        self.said: list[str] = []
        self.contents = {
            "Patient.ndjson": ndjson("Patient", "p-1", "p-2"),
            "Observation.ndjson": ndjson("Observation", "o-1", "o-2", "o-3", note="Müller"),
        }
        self.on(f"GET {BASE}/Group/g-1/$export", httpx2.Response(202, headers={"Content-Location": STATUS}))
        self.on(f"GET {STATUS}", httpx2.Response(202, headers={"X-Progress": "50%"}), self.manifest)
        self.on(f"DELETE {STATUS}", httpx2.Response(202))
        for name in self.contents:
            self.on(f"GET {HOST}/files/{name}", lambda _, name=name: self.file(self.contents[name]))

    def on(self, key: str, *answers: Answer) -> None:
        self.answers[key] = list(answers)

    def manifest_members(self) -> dict[str, Any]:
        return {
            "transactionTime": "2026-03-10T11:59:00Z",
            "request": f"{BASE}/Group/g-1/$export",
            "requiresAccessToken": True,
            "output": [
                {"type": name.split(".")[0], "url": f"{HOST}/files/{name}", "count": content.count(b"\n")}
                for name, content in self.contents.items()
            ],
            "deleted": [],
            "error": [],
        }

    def manifest(self, _: httpx2.Request | None = None, **changes: Any) -> httpx2.Response:
        members = {**self.manifest_members(), **changes}
        return httpx2.Response(200, json={name: value for name, value in members.items() if value is not ...})

    def answer_manifest(self, **changes: Any) -> None:
        self.on(f"GET {STATUS}", lambda _: self.manifest(**changes))

    def on_file(self, *answers: Answer, name: str = "Observation.ndjson") -> None:
        self.on(f"GET {HOST}/files/{name}", *answers)

    @staticmethod
    def file(content: bytes, **headers: str) -> httpx2.Response:
        return httpx2.Response(200, content=content, headers={**MEDIA, **headers})

    def good(self, _: httpx2.Request | None = None) -> httpx2.Response:
        """The observations, as they should come."""
        return self.file(self.contents["Observation.ndjson"])

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        key = f"{request.method} {str(request.url).split('?')[0]}"
        if "authorization" in request.headers and not str(request.url).startswith(HOST):
            raise AssertionError("the token left its own origin")
        answers = self.answers.get(key)
        if answers is None:
            return httpx2.Response(404, content=b"<html>no such page</html>")
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, httpx2.Response)
        if isinstance(answer.stream, Stream):
            return httpx2.Response(answer.status_code, stream=answer.stream, headers=answer.headers)
        # A response object is spent once it has been read.
        headers = {k: v for k, v in answer.headers.items() if k != "transfer-encoding"}
        return httpx2.Response(answer.status_code, stream=httpx2.ByteStream(answer.content), headers=headers)

    def asked(self, method: str, url: str) -> list[httpx2.Request]:
        return [
            request
            for request in self.requests
            if request.method == method and str(request.url).split("?")[0] == url
        ]


class Export:
    """One folder and one service."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.service, self.folder = service, folder

    def config(self, **changes: Any) -> ExportConfig:
        options: dict[str, Any] = {"base_url": BASE, "folder": self.folder, "group": "g-1", **changes}
        return ExportConfig(**options)

    def tools(self) -> dict[str, Any]:
        service = self.service
        return {
            "http": service.http,
            "token_provider": service.tokens,
            "clock": service.time,
            "sleep": service.time.sleep,
            "progress": service.said.append,
        }

    async def run(self, **changes: Any) -> ExportResult:
        return await run_export(self.config(**changes), **self.tools())

    async def resume(self) -> ExportResult:
        return await resume(self.folder, **self.tools())

    async def cancel(self) -> ExportResult:
        tools = {k: v for k, v in self.tools().items() if k not in {"sleep", "progress"}}
        return await cancel(self.folder, **tools)

    def data(self) -> dict[str, bytes]:
        """The data files under their names."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in sorted(self.folder.rglob("*.ndjson"))
            if path.name != "log.ndjson"
        }

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        path = self.folder / "log.ndjson"
        lines = [json.loads(text) for text in path.read_text().splitlines()] if path.exists() else []
        return [each for each in lines if name in {None, each["eventId"]}]


def packed(content: bytes) -> bytes:
    return gzip.compress(content, 1)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    made = Service()
    yield made
    await made.http.aclose()


@pytest.fixture
def export(service: Service, tmp_path: Path) -> Export:
    return Export(service, tmp_path / "export")
