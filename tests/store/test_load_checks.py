"""What `make load` counts as a wrong read or an unhandled error, shown on answers that are one."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from benchmarks.launches.charts import Chart
from benchmarks.launches.tally import Tally, UnhandledError, check_panel
from tests.two_services import Hospital

CHART = Chart(Hospital("north", "epic", 1), 7)
OWN = {
    "patient": "pt-0007",
    "issues": [],
    "mme": {"contributions": [{"ref": "MedicationRequest/rx-north0007"}]},
}


def told(**changed: Any) -> httpx2.Response:
    return httpx2.Response(200, json={**OWN, **changed})


def order(mark: str) -> dict[str, Any]:
    return {"contributions": [{"ref": f"MedicationRequest/rx-{mark}"}]}


@pytest.mark.parametrize(
    ("answer", "patients", "tenants"),
    [
        (told(), 0, 0),
        (told(patient="pt-0008"), 1, 0),
        (told(mme=order("north0008")), 1, 0),
        (told(mme=order("south0007")), 0, 1),
        (told(issues=[{"ref": "MedicationRequest/rx-north0008", "code": "unknown_drug"}]), 1, 0),
        (told(issues=[{"ref": "MedicationRequest/rx-north0008", "code": "foreign_patient"}]), 0, 0),
        (httpx2.Response(200, text="<p>Mark-north0007, Load</p>"), 0, 0),
        (httpx2.Response(200, text="<p>Load</p>"), 1, 0),
        (httpx2.Response(200, text="<p>Mark-north0007</p><p>Mark-north0009</p>"), 1, 0),
        (httpx2.Response(200, text="<p>Mark-south0007, Load</p>"), 0, 1),
    ],
)
def test_a_panel_of_somebody_else_is_counted(answer: httpx2.Response, patients: int, tenants: int) -> None:
    tally = Tally()
    kind = "text/html" if answer.text.startswith("<") else "application/json"
    check_panel(tally, CHART, answer, kind)
    assert (len(tally.cross_patient), len(tally.cross_tenant)) == (patients, tenants)
    assert tally.failed == bool(patients or tenants)


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(500, text="Internal Server Error"),
        httpx2.Response(500, text="LT-900 Something went wrong inside the panel."),
        httpx2.Response(502, text="<h1>Bad gateway</h1>"),
        httpx2.Response(504, text='LT-201 Traceback (most recent call last): File "x"'),
        httpx2.Response(403, text="LT-999"),
    ],
)
def test_an_error_without_a_code_of_ours_is_unhandled(answer: httpx2.Response) -> None:
    with pytest.raises(UnhandledError):
        Tally().refused(answer, "content")


def test_a_refusal_with_a_code_is_counted_by_it() -> None:
    tally = Tally()
    assert tally.refused(httpx2.Response(504, text="<p>LT-201</p>"), "content") == "LT-201"
    assert (tally.codes, tally.failed) == ({"LT-201": 1}, False)
