"""Worked timelines of long-term opioid therapy: fills, the day asked about, and every definition's answer."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from app.clinical.definitions import blocks, quarter_start
from app.clinical.episodes import Coverage, coverage
from app.clinical.evaluation import Ltot
from app.clinical.ltot import ltot
from app.clinical.mme import opioid_timeline
from app.clinical.policy import Policy
from fhir_mappings.facts import Facts
from tests.spec.charts import chart, drug, order, sig

POLICY = Policy()
VECTORS = Path(__file__).resolve().parents[3] / "shared/clinical/ltot_vectors.json"


@dataclass(frozen=True)
class Timeline:
    """fills: first day and days' supply.  yes, no: definitions that say so; state: where the person stands."""

    id: str
    title: str
    fills: tuple[tuple[str, int], ...]
    as_of: str
    covered: int
    blocks: tuple[int, int, int]
    yes: str
    no: str
    uncovered: int
    state: str


MONTHLY = tuple((day, 30) for day in ("2024-10-01", "2024-10-31", "2024-11-30", "2024-12-30", "2025-01-29"))
FOUR_WEEKLY = (("2025-01-06", 28), ("2025-02-03", 28), ("2025-03-03", 28))
BEFORE = (("2024-10-14", 28), ("2024-11-11", 28), ("2024-12-09", 28))
TIMELINES = (
    Timeline("L01", "steady 28-day fills", FOUR_WEEKLY, "2025-03-31", 84, (29, 30, 25),
             "D0 D1 D3 D12", "D2 D5 D6", 1, "candidate"),
    Timeline("L02", "the same with six fills", BEFORE + FOUR_WEEKLY, "2025-03-31", 89, (29, 30, 30),
             "D0 D1 D2 D3 D5 D6 D8 D12", "", 1, "candidate"),
    Timeline("L03", "ten days in each month", (("2025-01-05", 10), ("2025-02-05", 10), ("2025-03-05", 10)),
             "2025-03-31", 30, (10, 10, 10), "D12", "D0 D1 D2 D3 D5 D6", 17, "subacute"),
    Timeline("L04", "early refills carried forward", (("2025-01-01", 30), ("2025-01-25", 30), ("2025-02-20", 30)),
             "2025-03-31", 90, (30, 30, 30), "D0 D1 D3 D5 D6", "D2", 0, "candidate"),
    Timeline("L05", "lapsed for 35 days", MONTHLY, "2025-04-03", 55, (0, 25, 30),
             "D2 D5 D6", "D0 D1 D3", 35, "lapsed"),
    Timeline("L06", "ended 65 days ago", MONTHLY, "2025-05-03", 25, (0, 0, 25),
             "D2 D5 D6", "D0 D1 D3", 65, "exited"),
    Timeline("L07", "five days only", (("2025-03-20", 5),), "2025-03-31", 5, (5, 0, 0),
             "", "D0 D1 D2 D3 D5 D6 D12", 7, "acute"),
    Timeline("L08", "a gap of eight days", (("2025-01-01", 30), ("2025-02-08", 30), ("2025-03-10", 30)),
             "2025-03-31", 82, (30, 22, 30), "D0 D1 D3 D6", "D2 D5", 0, "candidate"),
    Timeline("L09", "one fill of 90 days", (("2025-01-02", 90),), "2025-04-01", 90, (30, 30, 30),
             "D0 D1 D5 D6", "D2 D3 D12", 0, "candidate"),
)  # fmt: skip


def facts(fills: tuple[tuple[str, int], ...]) -> Facts:
    """Each fill as an order of oxycodone 10 mg four times a day."""
    return chart(
        *(
            order(str(number), drug("oxycodone", "10"), date.fromisoformat(start), sig("1", "4"),
                  quantity=str(4 * days), days=str(days))
            for number, (start, days) in enumerate(fills)
        )
    )  # fmt: skip


def evaluated(fills: tuple[tuple[str, int], ...], as_of: str) -> tuple[Ltot, Coverage]:
    day = date.fromisoformat(as_of)
    laid = opioid_timeline(facts(fills), POLICY, day)
    return ltot(facts(fills), POLICY, day), coverage(laid.covering, day.toordinal())


@pytest.mark.parametrize("line", TIMELINES, ids=lambda line: f"{line.id} {line.title}")
def test_worked_timeline(line: Timeline) -> None:
    found, days = evaluated(line.fills, line.as_of)
    assert found.covered_days_90 == line.covered
    assert blocks(days) == line.blocks
    assert {name for name in line.yes.split() if found.definitions[name] is not True} == set()
    assert {name for name in line.no.split() if found.definitions[name] is not False} == set()
    assert found.uncovered_days == line.uncovered
    assert found.state == line.state
    assert found.status == ("yes" if "D0" in line.yes.split() else "no")


def test_every_prepared_timeline_comes_out_the_same() -> None:
    if not VECTORS.exists():
        pytest.skip("the prepared vectors are not beside the project")
    for vector in json.loads(VECTORS.read_text()):
        fills = tuple((start, days) for start, days in vector["fills"])
        found, days = evaluated(fills, vector["as_of"])
        case = vector["case"]
        assert found.covered_days_90 == vector["cov90"], case
        assert list(blocks(days)) == vector["seg30"], case
        start, end = days.episodes(30)[-1]
        first, last, length = vector["ep30"]
        assert (date.fromordinal(start).isoformat(), date.fromordinal(end).isoformat()) == (first, last), case
        assert end - start + 1 == length, case
        weekly = max(stop - begin + 1 for begin, stop in days.episodes(7))
        assert weekly == vector["ep7_len"], case
        assert date.fromordinal(quarter_start(days.day)).isoformat() == vector["qstart"], case
        assert days.supplied(quarter_start(days.day), days.day) == vector["qds"], case
        for name, key in (
            ("D0", "p70_90"),
            ("D1", "cds21of30"),
            ("D2", "consort"),
            ("D3", "bree60"),
            ("D5", "cms90_gap7"),
        ):
            assert found.definitions[name] is vector[key], (case, name)
        assert found.uncovered_days == vector["uncovered"], case


def test_the_prepared_timelines_are_all_written_out_here() -> None:
    if not VECTORS.exists():
        pytest.skip("the prepared vectors are not beside the project")
    ours = {(line.fills, line.as_of) for line in TIMELINES}
    theirs = {
        (tuple((start, days) for start, days in vector["fills"]), vector["as_of"])
        for vector in json.loads(VECTORS.read_text())
    }
    assert ours == theirs


def test_the_evidence_names_the_days_and_the_gaps() -> None:
    found, _ = evaluated(TIMELINES[7].fills, TIMELINES[7].as_of)
    said = " ".join(one.text for one in found.evidence)
    assert "82 of the last 90 days covered" in said
    assert "2025-01-31 to 2025-02-07" in said or "31 Jan 2025 to 7 Feb 2025" in said


def test_bree_s_first_quarter_of_one_long_fill() -> None:
    """L09: the 90-day fill of 2 January makes the first quarter chronic, and the second not."""
    assert evaluated(TIMELINES[8].fills, "2025-03-31")[0].definitions["D3"] is True
    assert evaluated(TIMELINES[8].fills, "2025-04-01")[0].definitions["D3"] is False


@pytest.mark.parametrize(
    ("fills", "said"),
    [
        ((("2025-03-03", 30),), "Supply on record to 1 Apr 2025 (oxycodone)."),
        ((("2025-03-03", 30), ("2025-03-28", 30)), "Supply on record to 1 May 2025 (oxycodone)."),
        ((("2025-02-03", 28),), ""),
    ],
    ids=["one fill", "refilled early", "run out"],
)
def test_a_covering_clinician_reads_when_the_supply_ends(
    fills: tuple[tuple[str, int], ...], said: str
) -> None:
    found, _ = evaluated(fills, "2025-03-31")
    assert " ".join(one.text for one in found.evidence if one.kind == "supply_end") == said


def test_each_drug_in_supply_has_its_own_last_day() -> None:
    orders = chart(
        order("1", drug("oxycodone", "10"), date(2025, 3, 20), sig("1", "4"), quantity="56", days="14"),
        order("2", drug("morphine", "15", release="ER"), date(2025, 3, 3), sig("1", "2"), days="30"),
    )
    said = [one.text for one in ltot(orders, POLICY, date(2025, 3, 31)).evidence if one.kind == "supply_end"]
    assert said == ["Supply on record to 1 Apr 2025 (morphine) and 2 Apr 2025 (oxycodone)."]
