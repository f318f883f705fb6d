"""S-38: a file that is gone is asked for anew, and costs no other file; an expired token is renewed for that file."""

from tests.named import missing


def test_expired_files_and_tokens_are_tested_in_the_export() -> None:
    assert (
        missing(
            "tests/bulk/test_server_behaviours.py::test_one_lost_file_does_not_lose_the_others",
            "tests/bulk/test_server_behaviours.py::test_the_export_ends_complete_and_verified",
            "tests/bulk/test_server_behaviours.py::test_when_the_server_behaves_again_resuming_completes",
            "tests/bulk/test_sandbox_export.py::test_many_small_files_and_short_tokens",
        )
        == []
    )
