"""What servers do: each behaviour ends in a complete, verified export, or in a non-zero exit with a sentence."""

import errno
import json
import zlib
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from app.ehr.bulk import Level
from app.errors import LtotError
from tests.bulk.conftest import (
    BASE,
    HOST,
    MEDIA,
    STATUS,
    STORAGE,
    Export,
    Service,
    Stream,
    Tokens,
    line,
    ndjson,
    outcome_line,
    packed,
)

GOOD = ndjson("Observation", "o-1", "o-2", "o-3", note="Müller")
KICK_OFF = f"GET {BASE}/Group/g-1/$export"
ACCEPTED = httpx2.Response(202, headers={"Content-Location": STATUS})
Set = Callable[[Service], None]


def stream(content: bytes, size: int = 7, error: Exception | None = None, **headers: str) -> httpx2.Response:
    chunks = [content[i : i + size] for i in range(0, len(content), size)]
    return httpx2.Response(200, stream=Stream(chunks, error), headers={**MEDIA, **headers})


def files(*answers: Any) -> Set:
    return lambda service: service.on_file(*answers)


def polls(*answers: Any) -> Set:
    return lambda service: service.on(f"GET {STATUS}", *answers, service.manifest)


def kicks(*answers: Any) -> Set:
    return lambda service: service.on(KICK_OFF, *answers)


def manifest(**changes: Any) -> Set:
    return lambda service: service.answer_manifest(**changes)


CUT = httpx2.RemoteProtocolError("peer closed connection")
GZIP = {"Content-Encoding": "gzip"}
OBSERVATIONS = {"type": "Observation", "url": f"{HOST}/files/Observation.ndjson"}

ENDS_COMPLETE: dict[str, Set] = {
    "gzip": files(stream(packed(GOOD), **GZIP)),
    "gzip of several members": files(stream(packed(GOOD[:40]) + packed(GOOD[40:]), **GZIP)),
    "gzip that nobody announced": files(stream(packed(GOOD))),
    "gzip byte by byte": files(stream(packed(GOOD), 1, **GZIP)),
    "multibyte characters over chunk borders": files(stream(GOOD, 1)),
    "a byte order mark": files(stream(b"\xef\xbb\xbf" + GOOD)),
    "CRLF": files(stream(GOOD.replace(b"\n", b"\r\n"))),
    "blank lines": files(stream(GOOD.replace(b"\n", b"\n\n"))),
    "no line break at the end": files(stream(GOOD.rstrip(b"\n"))),
    "a connection cut once": files(stream(GOOD[:50], error=CUT), stream(GOOD)),
    "a file too short once": files(stream(GOOD[:50], **{"Content-Length": str(len(GOOD))}), stream(GOOD)),
    "a gzip cut once": files(stream(packed(GOOD)[:-6], **GZIP), stream(GOOD)),
    "fewer lines than counted once": files(stream(ndjson("Observation", "o-1")), stream(GOOD)),
    "a bad line once": files(stream(b"{oops\n"), stream(GOOD)),
    "a web page with status 200 once": files(stream(b"<html>sign in</html>"), stream(GOOD)),
    "429 on a file with Retry-After": files(httpx2.Response(429, headers={"Retry-After": "7"}), stream(GOOD)),
    "429 on a file without Retry-After": files(httpx2.Response(429), stream(GOOD)),
    "503 on a file": files(httpx2.Response(503), stream(GOOD)),
    "a time-out on a file": files(httpx2.ReadTimeout("slow"), stream(GOOD)),
    "401 on a file": files(httpx2.Response(401), stream(GOOD)),
    "401 in the middle: cut, then 401": files(
        stream(GOOD[:50], error=CUT), httpx2.Response(401), stream(GOOD)
    ),
    "an expired file address": files(httpx2.Response(404), stream(GOOD)),
    "a redirect within the host": lambda service: (
        service.on_file(httpx2.Response(302, headers={"Location": "/files/moved"})),
        service.on(f"GET {HOST}/files/moved", service.good),
    )[0],
    "401 on the status": polls(httpx2.Response(401)),
    "429 on the status": polls(httpx2.Response(429), httpx2.Response(429)),
    "429 on the status with Retry-After": polls(httpx2.Response(429, headers={"Retry-After": "30"})),
    "503 on the status": polls(httpx2.Response(503)),
    "a transient error on the status": polls(
        httpx2.Response(500, content=outcome_line("error", "transient"))
    ),
    "a broken connection on the status": polls(httpx2.ConnectError("down"), httpx2.ReadError("cut")),
    "control characters in X-Progress": polls(
        httpx2.Response(202, headers={"X-Progress": "50%\x1b[2J" + "x" * 500})
    ),
    "a wild Retry-After": polls(httpx2.Response(202, headers={"Retry-After": "whenever"})),
    "a manifest without error": manifest(error=...),
    "a manifest without deleted": manifest(deleted=...),
    "a manifest without transactionTime": manifest(transactionTime=...),
    "a manifest without requiresAccessToken": manifest(requiresAccessToken=...),
    "a manifest without counts": manifest(output=[OBSERVATIONS]),
    "a manifest with relative addresses": manifest(
        output=[{"type": "Observation", "url": "/files/Observation.ndjson"}]
    ),
    "a manifest with unknown members": manifest(future={"x": [1]}, extension=[{"url": "x"}]),
    "a manifest in the 4.0 form": manifest(error=..., outcome=[], request=..., manifestType="full"),
    "a list of deletions that is null": lambda service: (
        service.on(
            f"GET {HOST}/files/gone", lambda _: service.file(b'{"resourceType":"Bundle","entry":null}')
        ),
        service.answer_manifest(deleted=[{"type": "Bundle", "url": f"{HOST}/files/gone"}]),
    )[0],
    "only deleted files": lambda service: (
        service.on(
            f"GET {HOST}/files/gone",
            lambda _: service.file(b'{"resourceType":"Bundle","type":"transaction"}'),
        ),
        service.answer_manifest(output=[], deleted=[{"type": "Bundle", "url": f"{HOST}/files/gone"}]),
    )[0],
    "only a renewed token at the kick-off": kicks(httpx2.Response(401), ACCEPTED),
    "a relative Content-Location": kicks(httpx2.Response(202, headers={"Content-Location": "/bulk/job-1"})),
    "429 at the kick-off, then free": kicks(httpx2.Response(429, headers={"Retry-After": "20"}), ACCEPTED),
    "no connection at the kick-off, then one": kicks(httpx2.ConnectError("down"), ACCEPTED),
}


@pytest.mark.parametrize("name", ENDS_COMPLETE)
async def test_the_export_ends_complete_and_verified(export: Export, service: Service, name: str) -> None:
    ENDS_COMPLETE[name](service)
    result = await export.run()
    assert (result.sentence, result.exit_code) == (result.sentence, 0), result
    assert result.missing == ()
    for file, content in export.data().items():
        resources = [
            json.loads(text) for text in content.removeprefix(b"\xef\xbb\xbf").splitlines() if text.strip()
        ]
        assert "�" not in content.decode(), file
        if file.startswith("Observation"):
            assert [(r["id"], r["note"]) for r in resources] == [(f"o-{n}", "Müller") for n in (1, 2, 3)]
    assert not list(export.folder.rglob("*.part"))
    assert len(service.asked("DELETE", STATUS)) == 1


ENDS_WITH_A_SENTENCE: dict[str, tuple[Set, str]] = {
    "a connection always cut": (files(stream(GOOD[:50], error=CUT)), "broke off in the middle"),
    "a file always too short": (
        files(stream(GOOD[:50], **{"Content-Length": str(len(GOOD))})),
        f"sent 50 of {len(GOOD)} bytes",
    ),
    "a file cut at a line end": (
        files(stream(ndjson("Observation", "o-1", "o-2"))),
        "holds 2 resources where the manifest counts 3",
    ),
    "more lines than counted": (files(stream(ndjson("Observation", *"abcd"))), "holds 4 resources"),
    "a file listed twice with another count": (
        manifest(output=[{**OBSERVATIONS, "count": 9}, {**OBSERVATIONS, "count": 3}]),
        "holds 3 resources where the manifest counts 9",
    ),
    "an empty file where some were counted": (files(stream(b"")), "holds 0 resources"),
    "a gzip always cut": (files(stream(packed(GOOD)[:-6], **GZIP)), "breaks off"),
    "a gzip with a wrong checksum": (
        files(stream(packed(GOOD)[:-8] + bytes(4) + packed(GOOD)[-4:], **GZIP)),
        "damaged compressed file",
    ),
    "gzip announced, not sent": (files(stream(GOOD, **GZIP)), "damaged compressed file"),
    "an encoding nobody asked for": (
        files(stream(zlib.compress(GOOD), **{"Content-Encoding": "br"})),
        "encoding",
    ),
    "a bad line": (files(stream(GOOD.replace(b'"o-2"', b'"o-2'))), "line 2 is not JSON"),
    "bad UTF-8": (files(stream(GOOD.replace("ü".encode(), b"\xff"))), "line 1 is not JSON"),
    "a web page with status 200": (files(stream(b"<!DOCTYPE html><html></html>")), "markup, not JSON"),
    "another type": (
        files(stream(ndjson("Condition", "1", "2", "3"))),
        "line 1 holds another type than Observation",
    ),
    "a line without a type": (files(stream(b'{"id":"1"}\n')), "line 1 is no resource"),
    "a line without an id": (files(stream(b'{"resourceType":"Observation"}\n')), "line 1 has no id"),
    "deep nesting": (
        files(stream(b'{"resourceType":"Observation","id":"1","x":' + b"[" * 100_000, 4096)),
        "line 1 is not JSON",
    ),
    "503 on a file without end": (files(httpx2.Response(503)), "answered with status 503"),
    "401 on a file without end": (
        files(httpx2.Response(401)),
        "no longer accepts this service's credentials",
    ),
    "403 on a file": (files(httpx2.Response(403)), "answered with status 403"),
    "an expired file": (files(httpx2.Response(410)), "answered with status 410"),
    "a redirect loop": (
        files(httpx2.Response(302, headers={"Location": "/files/Observation.ndjson"})),
        "redirects without end",
    ),
    "a redirect to an open connection": (
        files(httpx2.Response(302, headers={"Location": "http://ehr.example.org/files/x"})),
        "redirects to an open connection",
    ),
    "a file with a token on another host": (
        manifest(output=[{"type": "Observation", "url": f"{STORAGE}/x"}]),
        "storage.example.net, which may not see the access token",
    ),
    "a file on an open connection elsewhere": (
        manifest(
            requiresAccessToken=False,
            output=[{"type": "Observation", "url": "http://elsewhere.example.net/x"}],
        ),
        "open connection to another host",
    ),
    "errors of the EHR": (
        lambda service: (
            service.on(f"GET {HOST}/files/e", lambda _: service.file(outcome_line("error", "exception"))),
            service.answer_manifest(error=[{"type": "OperationOutcome", "url": f"{HOST}/files/e"}]),
        )[0],
        "could not export everything",
    ),
    "outcomes of the EHR in the 4.0 form": (
        lambda service: (
            service.on(f"GET {HOST}/files/e", lambda _: service.file(outcome_line("fatal", "exception"))),
            service.answer_manifest(error=..., outcome=[{"url": f"{HOST}/files/e"}]),
        )[0],
        "could not export everything",
    ),
    "an error file that is not there": (
        manifest(error=[{"type": "OperationOutcome", "url": f"{HOST}/files/none"}]),
        "error/OperationOutcome.001.ndjson",
    ),
    "no Content-Location": (kicks(httpx2.Response(202)), "did not say where its status is"),
    "a status on another host": (
        kicks(httpx2.Response(202, headers={"Content-Location": f"{STORAGE}/status"})),
        "placed the export's status on another host",
    ),
    "200 at the kick-off": (
        kicks(httpx2.Response(200, content=b"{}")),
        "refused the export: it answered with status 200",
    ),
    "a refused kick-off": (
        kicks(httpx2.Response(400, content=outcome_line("error", "not-supported"))),
        "status 400 (not-supported)",
    ),
    "a group nobody knows": (kicks(httpx2.Response(404, content=b"<html></html>")), "status 404"),
    "422 for a parameter": (kicks(httpx2.Response(422)), "status 422"),
    "too recent an export": (kicks(httpx2.Response(429)), "exported too recently"),
    "500 at the kick-off": (kicks(httpx2.Response(500)), "it may have started the export all the same"),
    "a time-out at the kick-off": (
        kicks(httpx2.ReadTimeout("slow")),
        "it may have started the export all the same",
    ),
    "no connection at all": (kicks(httpx2.ConnectError("down")), "could not be reached"),
    "credentials refused at the kick-off": (
        kicks(httpx2.Response(401)),
        "no longer accepts this service's credentials",
    ),
    "neither GET nor POST": (
        lambda service: (
            service.on(KICK_OFF, httpx2.Response(405)),
            service.on(KICK_OFF.replace("GET", "POST"), httpx2.Response(405)),
        )[0],
        "status 405",
    ),
    "a job that vanishes": (polls(httpx2.Response(202), httpx2.Response(404)), "no longer knows this export"),
    "a job that is gone": (polls(httpx2.Response(410)), "no longer knows this export"),
    "a failed job": (
        polls(httpx2.Response(500, content=outcome_line("fatal", "exception"))),
        "failed at the EHR",
    ),
    "a refused status": (polls(httpx2.Response(400)), "failed at the EHR"),
    "429 on the status without end": (
        lambda s: s.on(f"GET {STATUS}", httpx2.Response(429)),
        "8 times in a row",
    ),
    "401 on the status without end": (
        lambda s: s.on(f"GET {STATUS}", httpx2.Response(401)),
        "no longer accepts",
    ),
    "a job without end": (
        lambda s: s.on(f"GET {STATUS}", httpx2.Response(202, headers={"Retry-After": "86400"})),
        "within 14 days",
    ),
    "HTML in place of a manifest": (
        lambda s: s.on(f"GET {STATUS}", httpx2.Response(200, content=b"<html>")),
        "no readable manifest",
    ),
    "nothing in place of a manifest": (
        lambda s: s.on(f"GET {STATUS}", httpx2.Response(200)),
        "no readable manifest",
    ),
    "an outcome in place of a manifest": (
        lambda s: s.on(f"GET {STATUS}", httpx2.Response(200, content=outcome_line("error", "exception"))),
        "something else than a manifest",
    ),
    "an empty object in place of a manifest": (
        lambda s: s.on(f"GET {STATUS}", httpx2.Response(200, content=b"{}")),
        "something else",
    ),
    "a file without an address": (manifest(output=[{"type": "Observation"}]), "without an address"),
    "manifest pages in a loop": (manifest(link=[{"relation": "next", "url": STATUS}]), "repeat themselves"),
    "a manifest page elsewhere": (
        manifest(link=[{"relation": "next", "url": f"{STORAGE}/2"}]),
        "may not see the access token",
    ),
}


# What the manifest itself promises, or the EHR reports, does not get better by asking again.
STAYS_INCOMPLETE = {
    "a file listed twice with another count",
    "an error file that is not there",
    "a file with a token on another host",
    "a file on an open connection elsewhere",
    "errors of the EHR",
    "outcomes of the EHR in the 4.0 form",
}


@pytest.mark.parametrize("name", ENDS_WITH_A_SENTENCE)
async def test_the_run_ends_with_a_sentence_and_a_non_zero_exit(
    export: Export, service: Service, name: str
) -> None:
    script, expected = ENDS_WITH_A_SENTENCE[name]
    script(service)
    result = await export.run()
    said = " ".join((result.sentence, *result.missing))
    assert result.exit_code == 3, result
    assert expected in said
    assert said.endswith((".", ")"))
    assert "secret-token" not in said
    assert "Müller" not in said
    # What is not verified never carries a data file's name, and the server keeps its copy.
    assert "Observation.001.ndjson" not in export.data() or "error" in name or "outcomes" in name
    assert service.asked("DELETE", STATUS) == []


@pytest.mark.parametrize("name", ENDS_WITH_A_SENTENCE)
async def test_when_the_server_behaves_again_resuming_completes(
    export: Export, service: Service, name: str
) -> None:
    ENDS_WITH_A_SENTENCE[name][0](service)
    await export.run()
    healthy = Service()
    service.answers, service.tokens = healthy.answers, Tokens()
    await healthy.http.aclose()
    result = await export.resume()
    assert (name, result.complete) == (name, name not in STAYS_INCOMPLETE)


async def test_one_lost_file_does_not_lose_the_others(export: Export, service: Service) -> None:
    service.on_file(httpx2.Response(403))
    result = await export.run()
    assert list(export.data()) == ["Patient.001.ndjson"]
    assert result.sentence.startswith("1 of 2 files are missing: Observation.001.ndjson (")
    assert (result.files, result.resources) == (1, 2)
    assert export.events("download_error")[0]["eventDetail"]["code"] == 403


async def test_files_without_token_get_none_wherever_they_are(export: Export, service: Service) -> None:
    service.on(f"GET {STORAGE}/x", lambda _: service.good())
    output = [
        {"type": "Observation", "url": f"{STORAGE}/x?signature=1"},
        {"type": "Patient", "url": f"{HOST}/files/Patient.ndjson"},
    ]
    service.answer_manifest(requiresAccessToken=False, output=output)
    assert (await export.run()).complete
    for request in (
        *service.asked("GET", f"{STORAGE}/x"),
        *service.asked("GET", f"{HOST}/files/Patient.ndjson"),
    ):
        assert "authorization" not in request.headers


async def test_a_redirect_to_storage_is_followed_without_the_token(export: Export, service: Service) -> None:
    service.on_file(httpx2.Response(307, headers={"Location": f"{STORAGE}/x?signature=1"}))
    service.on(f"GET {STORAGE}/x", httpx2.Response(302, headers={"Location": f"{HOST}/files/back"}))
    service.on(f"GET {HOST}/files/back", service.good)
    assert (await export.run()).complete
    assert "authorization" in service.asked("GET", f"{HOST}/files/Observation.ndjson")[0].headers
    assert "authorization" not in service.asked("GET", f"{STORAGE}/x")[0].headers
    assert "authorization" not in service.asked("GET", f"{HOST}/files/back")[0].headers


async def test_a_redirect_at_home_gets_the_token_when_it_asks(export: Export, service: Service) -> None:
    def guarded(request: httpx2.Request) -> httpx2.Response:
        return service.good() if "authorization" in request.headers else httpx2.Response(401)

    service.on_file(httpx2.Response(307, headers={"Location": "/files/moved"}))
    service.on(f"GET {HOST}/files/moved", guarded)
    assert (await export.run()).complete


async def test_storage_at_home_that_refuses_a_token_is_read_without(export: Export, service: Service) -> None:
    def signed(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(400) if "authorization" in request.headers else service.good()

    service.on_file(httpx2.Response(307, headers={"Location": "/storage/x?signature=1"}))
    service.on(f"GET {HOST}/storage/x", signed)
    assert (await export.run()).complete


async def test_a_listed_host_may_see_the_token(export: Export, service: Service) -> None:
    service.on(f"GET {HOST}:8443/files/Observation.ndjson", service.good)
    service.answer_manifest(output=[{"type": "Observation", "url": f"{HOST}:8443/files/Observation.ndjson"}])
    assert (await export.run()).exit_code == 3
    again = Export(service, export.folder.with_name("again"))
    assert (await again.run(allowed_origins=frozenset({f"{HOST}:8443"}))).complete


@pytest.mark.parametrize(
    ("value", "waited"),
    [
        ("120", 120.0),
        ("0", 1.0),
        ("18000", 600.0),
        ("Tue, 10 Mar 2026 12:02:00 GMT", 120.0),
        ("Mon, 09 Mar 2026 12:00:00 GMT", 1.0),
        ("1773144060", 60.0),
        ("1895320616", 600.0),
        ("never", 2.0),
    ],
)
async def test_the_server_says_when_to_ask_again_within_reason(
    export: Export, service: Service, value: str, waited: float
) -> None:
    polls(httpx2.Response(202, headers={"Retry-After": value}))(service)
    assert (await export.run()).complete
    assert service.time.slept == [waited]


async def test_without_advice_the_waits_grow_up_to_the_cap(export: Export, service: Service) -> None:
    polls(*[httpx2.Response(202)] * 6)(service)
    assert (await export.run(poll_cap=20.0)).complete
    assert service.time.slept == [2.0, 4.0, 8.0, 16.0, 20.0, 20.0]


async def test_progress_shown_to_people_has_no_control_characters(export: Export, service: Service) -> None:
    ENDS_COMPLETE["control characters in X-Progress"](service)
    await export.run()
    assert all(text.isprintable() and len(text) < 200 for text in service.said)


async def test_a_kick_off_that_may_have_started_is_not_repeated_by_itself(
    export: Export, service: Service
) -> None:
    service.on(KICK_OFF, httpx2.ReadTimeout("slow"))
    await export.run()
    assert len(service.asked("GET", KICK_OFF.removeprefix("GET "))) == 1
    service.on(KICK_OFF, ACCEPTED)
    result = await export.resume()
    assert result.complete
    assert any("nobody follows" in warning for warning in result.warnings)


async def test_no_token_to_be_had_ends_with_a_sentence(export: Export, service: Service) -> None:
    async def none(*, rejected: str | None = None) -> str:
        raise LtotError("LT-107")

    service.tokens = none  # type: ignore[assignment]
    result = await export.run()
    assert result.exit_code == 3
    assert result.sentence.startswith("The EHR gave no access token")
    assert service.requests == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EIO])
async def test_a_disk_that_refuses_stops_the_run_and_leaves_no_half_file(
    export: Export, service: Service, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.ehr.bulk.disk import PartFile, writing

    write = PartFile.write

    def failing(self: PartFile, data: bytes) -> None:
        if self.path.name.startswith("Observation"):
            with writing():
                raise OSError(number, "no")
        write(self, data)

    monkeypatch.setattr(PartFile, "write", failing)
    result = await export.run(parallel=1)
    assert result.exit_code == 3
    assert result.sentence.startswith("The export folder could not be written: ")
    assert ("the disk is full" in result.sentence) is (number in {errno.ENOSPC, errno.EDQUOT})
    assert list(export.data()) == ["Patient.001.ndjson"]
    monkeypatch.undo()
    assert (await export.resume()).complete


async def test_a_line_beyond_all_measure_is_refused_early(
    export: Export, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.ehr.bulk.lines.MAX_LINE", 1000)
    service.on_file(stream(b'{"resourceType":"Observation","id":"1","x":"' + b"x" * 5000, 100))
    result = await export.run()
    assert "line 1 is longer than" in result.sentence


async def test_the_large_line_limit_is_above_any_real_resource(export: Export, service: Service) -> None:
    long = line("Observation", "o-1", note="x" * 1_000_000) + b"\n"
    service.on_file(stream(long + ndjson("Observation", "o-2", "o-3"), 65536))
    assert (await export.run()).complete


async def test_a_system_export_that_is_html_404_is_refused(export: Export) -> None:
    result = await export.run(level=Level.SYSTEM, group=None)
    assert result.exit_code == 3
    assert "status 404" in result.sentence
