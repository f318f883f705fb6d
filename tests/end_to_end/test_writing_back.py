"""Entries written to the EHR: there under their id and read from there, or kept here with the reason why not."""

import html
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Demo, running
from tests.end_to_end.recording import READER, READING, Reader, Visit, audited

WRITTEN = {
    "Procedure": (
        "G01",
        {"do": "pdmp:unexpected", "gap": "G01", "for": "Dr. Sandbox", "text": "two prescribers"},
    ),
    "DocumentReference": ("G05", {"do": "agreement", "gap": "G05"}),
    "Observation": ("G06", {"do": "peg", "gap": "G06", "pain": "5", "enjoyment": "6", "activity": "6"}),
}


@pytest.fixture(scope="module", params=["generic", "epic", "oracle"])
def writing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running(tmp_path_factory.mktemp("demo"), request.param, write_back=True) as demo:
        yield demo


@pytest.fixture(scope="module", params=["generic", "epic", "oracle"])
def reading(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    with running(folder, request.param, write_back=True, scopes=READING) as demo:
        yield demo


@pytest.mark.parametrize("kind", WRITTEN)
def test_with_the_permission_the_ehr_holds_the_entry_and_it_counts_as_the_ehr_has_it(
    writing: Demo, kind: str
) -> None:
    number, fields = WRITTEN[kind]
    visit = Visit.to(writing.addresses, "-Partial")
    status, page = visit.send("records", **fields)
    assert status == 200
    assert f"In the EHR as {kind}/" in page
    gap = visit.gap(number)
    assert gap["status"] == "met", gap
    (reference,) = [ref for ref in gap["refs"] if ref.startswith(f"{kind}/") and ref in page]
    assert not any(ref.startswith("record:") for ref in gap["refs"])
    assert f"In the EHR as {reference}" in page
    assert [one for one in audited(writing.folder) if one[0] == "write_back"][-2:] == [
        ("write_back", "sent"),
        ("write_back", "ok"),
    ]


def test_the_outcome_of_a_check_and_the_peg_items_come_back_from_the_ehr(writing: Demo) -> None:
    visit = Visit.to(writing.addresses, "-High")
    for _, fields in WRITTEN.values():
        visit.send("records", **fields)
    assert "unexpected" in visit.gap("G02")["text"]
    assert "5.7 of 10" in visit.gap("G06")["text"]


@pytest.mark.parametrize("kind", WRITTEN)
def test_without_the_permission_the_gap_is_closed_here_and_the_reason_is_shown(
    reading: Demo, kind: str
) -> None:
    number, fields = WRITTEN[kind]
    visit = Visit.to(reading.addresses, "-Partial")
    _, page = visit.send("records", **fields)
    assert "Not written to the EHR: the EHR granted no permission to write it." in page
    gap = visit.gap(number)
    assert gap["status"] == "met", gap
    assert any(ref.startswith("record:") for ref in gap["refs"])
    assert ("write_back", "LT-414") in audited(reading.folder)
    assert ("write_back", "sent") not in audited(reading.folder)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("422", "the EHR could not accept it as it stands: the site's own rule refuses it"),
        ("empty_403", "the EHR does not let this user or this app write it"),
        ("429", "the EHR is busy"),
    ],
)
@pytest.mark.parametrize("flavour", ["epic", "oracle"])
def test_what_the_ehr_refuses_is_kept_and_written_on_a_later_visit(
    tmp_path: Path, flavour: str, fault: str, words: str
) -> None:
    with running(tmp_path, flavour, write_back=True, others=(READER,)) as demo:
        demo.fault(fault, resource_type="$create", times=1)
        visit = Visit.to(demo.addresses, "-Partial")
        held = Reader(demo.addresses).references(visit.patient)
        _, page = visit.send("records", **WRITTEN["Procedure"][1])
        assert f"Not written to the EHR: {words}. Kept in the registry only." in html.unescape(page)
        assert visit.gap("G01")["status"] == "met"
        assert Reader(demo.addresses).references(visit.patient) == held
        later = Visit.to(demo.addresses, "-Partial")
        one = retry_of(later.content())
        _, page = later.send(f"records/{one}/retry")
        (new,) = Reader(demo.addresses).references(visit.patient) - held
        assert f"In the EHR as {new};" in page
        assert "/retry" not in page
        sent = audited(demo.folder).count(("write_back", "sent"))
        later.send(f"records/{one}/retry")
        assert audited(demo.folder).count(("write_back", "sent")) == sent
        assert later.send(f"records/{one}/withdraw")[0] == 422
        assert later.send("records/000000000000000000000000/retry")[0] == 404
        assert later.send("records/000000000000000000000000/withdraw")[0] == 404


def retry_of(page: str) -> str:
    """The id of the entry that can be written again."""
    return page.partition("/retry")[0].rpartition("/")[2]


def at_once(*calls: Callable[[], tuple[int, str]]) -> list[tuple[int, str]]:
    """What comes of calls made side by side."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [one.result() for one in [pool.submit(call) for call in calls]]


@pytest.mark.parametrize("flavour", ["epic", "oracle"])
def test_retries_at_the_same_time_write_one_resource(tmp_path: Path, flavour: str) -> None:
    with running(tmp_path, flavour, write_back=True, others=(READER,)) as demo:
        demo.fault("422", resource_type="$create", times=1)
        demo.fault("slow", resource_type="$create", seconds=1)
        visits = [Visit.to(demo.addresses, "-Partial") for _ in range(3)]
        held = Reader(demo.addresses).references(visits[0].patient)
        _, page = visits[0].send("records", **WRITTEN["Observation"][1])
        one = retry_of(page)
        answers = at_once(*(partial(visit.send, f"records/{one}/retry") for visit in visits))
        (new,) = Reader(demo.addresses).references(visits[0].patient) - held
        assert [status for status, _ in answers] == [200, 200, 200]
        assert all(f"In the EHR as {new};" in page for _, page in answers)
        assert audited(demo.folder).count(("write_back", "sent")) == 2


def test_a_form_sent_twice_at_the_same_time_is_one_entry_and_one_resource(tmp_path: Path) -> None:
    with running(tmp_path, "epic", write_back=True, others=(READER,)) as demo:
        demo.fault("slow", resource_type="$create", seconds=1)
        visit = Visit.to(demo.addresses, "-Partial")
        held = Reader(demo.addresses).references(visit.patient)
        send = partial(visit.send, "records", **WRITTEN["Observation"][1])
        answers = at_once(send, send)
        (new,) = Reader(demo.addresses).references(visit.patient) - held
        assert all(page.count(f"In the EHR as {new};") == 1 for _, page in answers)


def test_what_is_being_written_cannot_be_taken_back_meanwhile(tmp_path: Path) -> None:
    """Taken back before or after the writing, never in between: no resource is left that nobody stands for."""
    with running(tmp_path, "epic", write_back=True, others=(READER,)) as demo:
        demo.fault("422", resource_type="$create", times=1)
        demo.fault("slow", resource_type="$create", seconds=1)
        visit, other = (Visit.to(demo.addresses, "-Partial") for _ in range(2))
        held = Reader(demo.addresses).references(visit.patient)
        _, page = visit.send("records", **WRITTEN["Observation"][1])
        one = retry_of(page)
        at_once(partial(visit.send, f"records/{one}/retry"), partial(other.send, f"records/{one}/withdraw"))
        new = Reader(demo.addresses).references(visit.patient) - held
        assert (f"records/{one}" in visit.content() or "In the EHR as" in visit.content()) == bool(new)


@pytest.mark.parametrize("flavour", ["generic", "epic", "oracle"])
def test_what_the_ehr_kept_without_saying_so_is_found_in_the_chart(tmp_path: Path, flavour: str) -> None:
    with running(tmp_path, flavour, write_back=True, others=(READER,)) as demo:
        demo.fault("lost_answer", resource_type="$create", times=1)
        visit = Visit.to(demo.addresses, "-Partial")
        held = Reader(demo.addresses).references(visit.patient)
        _, page = visit.send("records", **WRITTEN["Observation"][1])
        (new,) = Reader(demo.addresses).references(visit.patient) - held
        assert f"In the EHR as {new};" in page
        assert ("write_back", "LT-415") in audited(demo.folder)
        assert ("write_back", "found") in audited(demo.folder)


def test_a_doubtful_attempt_is_repeated_under_a_condition(tmp_path: Path) -> None:
    """Where the chart cannot tell, the EHR is asked to create it unless it is there."""
    with running(tmp_path, "generic", write_back=True, others=(READER,)) as demo:
        visit = Visit.to(demo.addresses, "-Partial")
        held = Reader(demo.addresses).references(visit.patient)
        demo.fault("lost_answer", resource_type="$create", times=1)
        demo.fault("500", resource_type="Observation")
        _, page = visit.send("records", **WRITTEN["Observation"][1])
        assert "Not known whether it is in the EHR: the EHR answered with status 500" in page
        _, page = visit.send(f"records/{retry_of(page)}/retry")
        demo.heal()
        (new,) = Reader(demo.addresses).references(visit.patient) - held
        assert f"In the EHR as {new};" in page


def test_a_clinic_that_does_not_want_it_asks_for_no_permission(demo: Demo) -> None:
    visit = Visit.to(demo.addresses, "-Partial")
    _, page = visit.send("records", **WRITTEN["Observation"][1])
    assert "Kept in the registry only." in page
    assert "/retry" not in page
    assert not any(action == "write_back" for action, _ in audited(demo.folder))
