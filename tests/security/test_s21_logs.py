"""S-21: logs hold no patient data and no secrets, one JSON object per line whatever is sent, and one id per request."""

import json

import pytest

from tests.named import missing
from tests.security.canary import listening
from tests.security.world import World

FORGERIES = (
    "x\n{\"event\": \"forged\"}", "x\r\n{\"event\": \"forged\"}", "x\u2028{\"event\": \"forged\"}",
    "x\x00y", "x\x1b[31m",
    "%0a%7b%22event%22%3a%22forged%22%7d",
)  # fmt: skip


@pytest.mark.parametrize("text", FORGERIES)
async def test_no_input_forges_a_line(world: World, text: str) -> None:
    from urllib.parse import quote

    with listening(world) as listener:
        browser = world.browser()
        await browser.get(f"/launch?iss={quote(text)}&launch={quote(text)}")
        await browser.get(f"/callback?state={quote(text)}&error={quote(text)}")
        await browser.get(f"/{quote(text)}")
        await browser.get(f"/p/{quote(text, safe='')}")
    lines = [line for line in listener.logged.splitlines() if line.startswith("{")]
    assert len(lines) >= 4
    assert {json.loads(line)["event"] for line in lines} == {"request_refused"}
    assert "forged" not in listener.logged


async def test_every_line_of_a_request_carries_its_id_and_the_page_shows_it(world: World) -> None:
    with listening(world) as listener:
        answers = [
            await world.browser().get(f"/nowhere/{number}", x_request_id="chosen") for number in range(3)
        ]
    lines = [json.loads(line) for line in listener.logged.splitlines() if "request_refused" in line]
    ids = [line["request"] for line in lines]
    assert ids == [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == 3
    assert "chosen" not in ids
    for id_, answer in zip(ids, answers, strict=True):
        assert id_ in answer.text
    assert all(line["code"] == "LT-404" for line in lines)


def test_a_canary_patient_is_looked_for_everywhere() -> None:
    assert (
        missing(
            "tests/security/test_canary.py::test_a_visit_leaves_no_trace_of_the_patient",
            "tests/security/test_canary.py::test_no_failure_brings_them_to_light",
            "tests/security/test_canary.py::test_an_exception_that_is_raised_holds_nothing_of_the_patient",
            "tests/security/test_canary_paths.py::test_what_is_recorded_and_written_back_is_told_nowhere",
            "tests/security/test_canary_paths.py::test_an_export_tells_nothing_but_its_own_files",
            "tests/security/test_canary_paths.py::test_evaluation_and_registry_tell_nothing_but_their_tables",
            "tests/ehr/test_search.py::test_nothing_about_the_patient_or_token_reaches_logs",
        )
        == []
    )
