"""S-37: deleted resources are taken out, pages of a manifest are all read, the EHR's remarks are passed on."""

from tests.named import missing


def test_manifests_are_tested_in_the_export() -> None:
    path = "tests/bulk/test_whole_run.py"
    assert (
        missing(
            f"{path}::test_deleted_resources_are_counted_and_taken_out",
            f"{path}::test_pages_of_a_manifest_are_all_read",
            f"{path}::test_remarks_of_the_ehr_are_passed_on",
        )
        == []
    )
