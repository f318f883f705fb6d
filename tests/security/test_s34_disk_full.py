"""S-34: a full disk stops the export, names itself, and leaves no half file under a final name."""

from tests.named import missing


def test_a_disk_that_refuses_is_tested_in_the_export() -> None:
    assert (
        missing(
            "tests/bulk/test_server_behaviours.py::test_a_disk_that_refuses_stops_the_run_and_leaves_no_half_file"
        )
        == []
    )
