"""A person with two records: neither list of orders is taken for the whole."""

from pathlib import Path

import pytest

from tests.population.conftest import (
    LISINOPRIL,
    OUTPUT,
    Json,
    Run,
    evaluate,
    manifest,
    one_by_one,
    order,
    person,
    write,
)


def _linked(id_: str, other: str, kind: str) -> Json:
    return {**person(id_), "link": [{"other": {"reference": f"Patient/{other}"}, "type": kind}]}


def _told(run: Run) -> dict[str, tuple[object, object]]:
    return {patient: (row["opioid"], row["mme_complete"]) for patient, row in run.rows.items()}


REPLACED = [_linked("old", "new", "replaced-by"), person("new")]
REPLACING = [person("old"), _linked("new", "old", "replaces")]
OLD, NEW = order("m1", "old"), order("m2", "new")
OTHER_OLD, OTHER_NEW = order("m1", "old", LISINOPRIL), order("m2", "new", LISINOPRIL)
WHOLE, AT_LEAST, CANNOT_TELL = ("yes", True), ("yes", False), ("cannot_tell", False)


@pytest.mark.parametrize("people", [REPLACED, REPLACING], ids=["replaced-by", "replaces"])
@pytest.mark.parametrize(
    ("orders", "told"),
    [
        ([OLD, NEW], {"old": AT_LEAST, "new": AT_LEAST}),
        ([OLD, OTHER_NEW], {"old": None, "new": CANNOT_TELL}),
        ([OTHER_OLD, NEW], {"new": WHOLE}),
        ([OTHER_OLD, OTHER_NEW], {}),
    ],
    ids=["both", "the one not in use", "the one in use", "neither"],
)
def test_orders_left_at_a_replaced_record_make_those_of_the_other_incomplete(
    people: list[Json], orders: list[Json], told: dict[str, tuple[str, bool] | None], tmp_path: Path
) -> None:
    """A record that says itself that it was replaced is never whole, whatever the other one holds."""
    write(tmp_path / "in/all.ndjson", [*people, *orders])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    alone_in_use = AT_LEAST if people is REPLACED else WHOLE
    assert _told(run) == {one: found or alone_in_use for one, found in told.items()}
    alone = one_by_one(tmp_path / "in")
    assert alone == {p: run.rows[p]["evaluation"] for p in alone}


def test_of_two_records_in_use_each_is_incomplete_where_the_other_has_an_opioid(tmp_path: Path) -> None:
    write(tmp_path / "in/all.ndjson", [_linked("old", "new", "seealso"), person("new"), OTHER_OLD, NEW])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert _told(run) == {"old": CANNOT_TELL, "new": WHOLE}
    assert run.source("old", "MedicationRequest")["problem"] == "another record of the same person has orders"


@pytest.mark.parametrize(
    "link",
    [
        {"other": {"reference": "RelatedPerson/x"}, "type": "seealso"},
        {"other": {"reference": "Patient/new"}, "type": "refer"},
        {"other": {"reference": "Patient/old"}, "type": "replaces"},
        "old",
    ],
)
def test_other_links_change_nothing(link: object, tmp_path: Path) -> None:
    write(tmp_path / "in/p.ndjson", [{**person("old"), "link": [link]}, person("new"), OLD, NEW])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert {row["mme_complete"] for row in run.rows.values()} == {True}


def test_a_record_replaced_by_one_that_is_not_named_is_not_whole(tmp_path: Path) -> None:
    write(tmp_path / "in/p.ndjson", [{**person("old"), "link": [{"type": "replaced-by"}]}, OLD])
    assert _told(evaluate(tmp_path / "in", tmp_path / "out")) == {"old": AT_LEAST}


def test_a_record_that_is_deleted_or_emptied_by_a_merge_counts_no_more(tmp_path: Path) -> None:
    manifest(tmp_path / "in/1", "2026-06-01T00:00:00Z", output=OUTPUT)
    write(tmp_path / "in/1/MedicationRequest.ndjson", [OLD, NEW])
    manifest(tmp_path / "in/2", "2026-06-20T00:00:00Z", output=OUTPUT)
    write(tmp_path / "in/2/MedicationRequest.ndjson", [order("m1", "new"), NEW])
    write(tmp_path / "in/2/Patient.ndjson", REPLACED)
    assert _told(evaluate(tmp_path / "in", tmp_path / "out")) == {"new": WHOLE}
    gone = {"resourceType": "Bundle", "entry": [{"request": {"method": "DELETE", "url": "Patient/old"}}]}
    manifest(
        tmp_path / "in/2",
        "2026-06-20T00:00:00Z",
        output=OUTPUT,
        deleted=[{"type": "Bundle", "url": "gone.ndjson"}],
    )
    write(tmp_path / "in/2/gone.ndjson", [gone])
    write(tmp_path / "in/2/MedicationRequest.ndjson", [NEW])
    write(tmp_path / "in/2/Patient.ndjson", REPLACING[1:])
    assert _told(evaluate(tmp_path / "in", tmp_path / "out")) == {"new": WHOLE}
