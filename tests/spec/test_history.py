"""What is said of past days: nothing is 0 without proof, and an average that misses something says so."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from app.clinical.evaluation import Mme, Status
from app.clinical.explain import mme_lines
from tests.mapping.chart import quantity
from tests.spec.charts import number
from tests.spec.from_fhir import MONTH, QID, answer, by, dispense

AS_DIRECTED = [{"text": "as directed by the pain clinic"}]
TODAY = by(id="today", authoredOn="2026-02-28", status="active", dosageInstruction=QID, dispenseRequest=MONTH)


def unread(number_: int, authored: str, status: str = "completed", **more: Any) -> dict[str, Any]:
    return by(id=f"o{number_}", authoredOn=authored, status=status, dosageInstruction=AS_DIRECTED, **more)


MONTHLY = tuple(unread(n, day) for n, day in enumerate(["2025-12-01", "2025-12-30", "2026-01-29"]))


def points(mme: Mme) -> list[tuple[date, float | None]]:
    return [(when, number(value)) for when, value in mme.timeline[1:]]


def test_months_of_orders_nobody_can_read_are_not_months_without_opioid() -> None:
    """Taken for 0, they would make somebody on opioids for months look as if begun at 60 a fortnight ago."""
    found = answer(*MONTHLY, TODAY)
    assert points(found.mme) == [(date(2025, 12, 1), None), (date(2026, 2, 28), 60)]
    assert (number(found.mme.avg_90), found.mme.window_complete) == (8.666667, False)
    gaps = {gap.id: gap for gap in found.gaps}
    assert (gaps["G17"].status, gaps["G30"].status) == (Status.UNKNOWN, Status.UNKNOWN)
    assert (
        "  Last 90 days: 90-day average at least 8.7, on days with a counted opioid 60, highest at least 60"
        in mme_lines(found.mme, "")
    )


@pytest.mark.parametrize(
    ("status", "more", "last"),
    [
        ("completed", {}, date(2025, 10, 30)),
        ("stopped", {}, date(2025, 10, 30)),
        ("active", {}, date(2026, 1, 28)),
        (
            "active",
            {"dispenseRequest": {"validityPeriod": {"end": "2025-10-10"}}},
            date(2025, 10, 10),
        ),
    ],
)
def test_an_order_of_unknown_length_is_not_in_doubt_for_ever(
    status: str, more: dict[str, Any], last: date
) -> None:
    found = answer(unread(1, "2025-10-01", status, **more)).mme
    assert points(found)[0] == (date(2025, 10, 1), None)
    assert points(found)[1] == (date.fromordinal(last.toordinal() + 1), 0)


def test_a_known_supply_of_its_kind_ends_the_doubt() -> None:
    found = answer(unread(1, "2026-02-20"), TODAY).mme
    assert points(found) == [(date(2026, 2, 20), None), (date(2026, 2, 28), 60)]


def test_a_dose_that_cannot_be_counted_makes_the_average_a_lower_bound() -> None:
    opaque = unread(1, "2026-01-10", dispenseRequest={"expectedSupplyDuration": quantity(45, "days", "d")})
    found = answer(opaque, TODAY).mme
    assert (found.complete, found.window_complete, number(found.avg_90)) == (True, False, 8.666667)


def test_beside_a_counted_opioid_one_that_is_not_makes_the_average_a_lower_bound() -> None:
    tramadol = by(
        id="t", authoredOn="2026-03-01", medicationCodeableConcept={"text": "tramadol 50 mg tablet"}
    )
    found = answer(tramadol, TODAY).mme
    assert (found.complete, found.window_complete) == (False, False)


def test_what_ran_out_before_the_window_takes_nothing_from_the_average() -> None:
    fill = dispense(
        whenHandedOver="2026-02-28", quantity=quantity(120, "tablet"), daysSupply=quantity(30, "days", "d")
    )
    assert answer(unread(1, "2025-09-01"), fill).mme.window_complete
