"""Recording in the visit: each action ends with its gap closed, and in the access log, in every flavour."""

from pathlib import Path

import pytest

from app.store.audit import AuditLog
from app.store.errors import AuditUnavailableError
from tests.end_to_end.conftest import Demo, running
from tests.end_to_end.recording import Visit, audited, recorded_ids

PEG = {"do": "peg", "gap": "G06", "pain": "5", "enjoyment": "6", "activity": "6"}
ACTIONS: dict[str, tuple[str, dict[str, str], str]] = {
    "PDMP checked": ("G01", {"do": "pdmp:expected", "gap": "G01", "for": "Dr. Sandbox"}, "met"),
    "PDMP result": ("G02", {"do": "pdmp:expected", "gap": "G01"}, "met"),
    "agreement signed": ("G05", {"do": "agreement", "gap": "G05"}, "met"),
    "PEG": ("G06", PEG, "met"),
    "naloxone offered": ("G13", {"do": "naloxone:offered", "gap": "G13"}, "met"),
    "naloxone declined": ("G13", {"do": "naloxone:declined", "gap": "G13"}, "met"),
    "plan for sedatives": ("G14", {"do": "review", "gap": "G14", "text": "shared plan"}, "due_soon"),
    "high dose reviewed": ("G16", {"do": "review", "gap": "G16", "text": "benefit weighed"}, "due_soon"),
    "put off": ("G03", {"do": "deferral", "gap": "G03", "text": "acute illness", "months": "2"}, "deferred"),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_closes_its_gap_and_is_in_the_access_log(demo_of_each_flavour: Demo, action: str) -> None:
    demo = demo_of_each_flavour
    number, fields, expected = ACTIONS[action]
    visit = Visit.to(demo.addresses, "-Partial")
    status, page = visit.send("records", **fields)
    assert status == 200
    assert "Recorded in visits" in page
    try:
        gap = visit.gap(number)
        assert gap["status"] == expected, gap
        assert audited(demo.folder)[-3][0] == f"record_{fields['do'].partition(':')[0]}"
    finally:
        for one in recorded_ids(page):
            visit.send(f"records/{one}/withdraw")
    assert "Recorded in visits" not in visit.content()


def test_an_entry_taken_back_opens_the_gap_again(demo: Demo) -> None:
    visit = Visit.to(demo.addresses, "-Partial")
    before = visit.gap("G01")
    _, page = visit.send("records", do="pdmp:expected", gap="G01")
    assert visit.gap("G01")["status"] == "met"
    (one,) = recorded_ids(page)
    visit.send(f"records/{one}/withdraw")
    assert visit.gap("G01") == before
    assert ("record_withdrawal", "ok") in audited(demo.folder)
    assert visit.send(f"records/{one}/withdraw")[0] == 404


def test_entries_are_seen_by_the_next_visit_of_this_patient_and_no_other(demo: Demo) -> None:
    visit = Visit.to(demo.addresses, "-High")
    _, page = visit.send("records", do="tier:moderate", text="known for years")
    assert Visit.to(demo.addresses, "-High").evaluation()["risk"]["tier"] == "moderate"
    assert "Recorded in visits" not in Visit.to(demo.addresses, "-Partial").content()
    (one,) = recorded_ids(page)
    assert Visit.to(demo.addresses, "-Partial").send(f"records/{one}/withdraw")[0] == 404
    visit.send(f"records/{one}/withdraw")


def test_a_clinician_says_whether_it_is_long_term_therapy(demo: Demo) -> None:
    visit = Visit.to(demo.addresses, "-High")
    _, page = visit.send("records", do="ltot:yes")
    assert visit.evaluation()["ltot"]["state"] == "confirmed"
    visit.send(f"records/{recorded_ids(page)[0]}/withdraw")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"do": "pdmp:fine", "gap": "G01"}, "Choose one of the answers"),
        ({"do": "pdmp:expected", "gap": "G01", "on": "2999-01-01"}, "future"),
        ({"do": "pdmp:expected", "gap": "G01", "on": "yesterday"}, "2026-09-21"),
        (PEG | {"pain": "11"}, "0 to 10"),
        (PEG | {"pain": ""}, "all three"),
        ({"do": "deferral", "gap": "G03", "months": "1"}, "reason"),
        ({"do": "deferral", "gap": "G03", "months": "9", "text": "ill"}, "1 to 3 months"),
        ({"do": "review", "gap": "G99"}, "no such item"),
        ({"do": "withdrawal"}, "Choose one of the answers"),
        ({"do": "screen:phq9", "gap": "G09", "total": "12"}, "with item 9"),
        ({"do": "screen:gad7", "gap": "G10", "total": "22"}, "0 to 21"),
        ({"do": "interval", "gap": "G03", "every": "12", "months": "6"}, "reason"),
        (
            {"do": "interval", "gap": "G12", "every": "12", "months": "6", "text": "x"},
            "no interval of its own",
        ),
        ({"do": "pdmp:expected", "text": "x" * 9_000}, "too large"),
    ],
)
def test_what_does_not_fit_is_refused_in_words_and_leads_back(
    demo: Demo, fields: dict[str, str], words: str
) -> None:
    visit = Visit.to(demo.addresses, "-Partial")
    status, page = visit.send("records", **fields)
    assert status == 422
    assert words in page
    assert "LT-411" in page
    assert f"{visit.address.partition('/p/')[2]}?whole=1" in page
    assert "Recorded in visits" not in visit.content()


def test_without_script_the_panel_shows_the_asked_form_in_place(demo: Demo) -> None:
    visit = Visit.to(demo.addresses, "-Partial")
    page = visit.read(f"{visit.address}?whole=1&record=G01").decode()
    assert "Testcase-Partial" in page
    assert page.count('<div class="rec') == 1
    assert 'value="pdmp:expected"' in page


def test_nothing_is_recorded_when_the_access_log_cannot_be_written(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = Visit.to(demo.addresses, "-Partial")

    def broken(*_: object) -> None:
        raise AuditUnavailableError

    with monkeypatch.context() as patched:
        patched.setattr(AuditLog, "append", broken)
        assert visit.send("records", do="pdmp:expected", gap="G01")[0] == 503
    assert "Recorded in visits" not in visit.content()


OWN = {"do": "interval", "gap": "G03", "every": "12", "months": "6", "text": "stable"}
JUDGED = ({"do": "tier:low"}, {"do": "ltot:no"}, {"do": "review", "gap": "G14"}, OWN)


def test_a_recorder_records_what_was_done_and_not_what_was_judged(tmp_path: Path) -> None:
    with running(tmp_path, "generic", roles={"recorder": ("*",)}) as demo:
        visit = Visit.to(demo.addresses, "-Partial")
        assert 'data-form="therapy"' not in visit.content()
        assert visit.send("records", **PEG)[0] == 200
        for fields in JUDGED:
            status, page = visit.send("records", **fields)
            assert (status, "LT-412" in page) == (403, True)
        assert "<strong>PEG items 5, 6, 6" in visit.content()


def test_without_a_role_there_is_no_form_and_nothing_is_kept(tmp_path: Path) -> None:
    with running(tmp_path, "generic", roles={}) as demo:
        visit = Visit.to(demo.addresses, "-Partial")
        assert "data-form" not in visit.content()
        assert visit.send("records", do="pdmp:expected", gap="G01")[0] == 403
        assert audited(demo.folder)[-1] == ("record_pdmp", "LT-412")
        assert "Recorded in visits" not in visit.content()
