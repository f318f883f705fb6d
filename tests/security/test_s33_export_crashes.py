"""S-33: an export that crashes anywhere goes on to the same files, none twice."""

from tests.named import missing


def test_crashes_at_every_step_are_tested_in_the_export() -> None:
    path = "tests/bulk/test_crashes.py"
    assert (
        missing(
            f"{path}::test_killed_at_every_step_it_resumes_to_the_same_files",
            f"{path}::test_killed_while_resuming_it_resumes_again",
            f"{path}::test_files_verified_before_a_crash_are_not_fetched_again",
            f"{path}::test_the_status_address_is_on_disk_before_the_first_poll",
            f"{path}::test_after_kill_9_the_next_process_completes",
        )
        == []
    )
