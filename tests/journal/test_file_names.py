"""The names of the files in a run directory."""

from __future__ import annotations

from orchestrator.journal.file_names import cleanup_log_name, log_name, status_name


def test_each_attempt_each_cleanup_and_each_job_has_a_file_of_its_own() -> None:
    assert log_name("build", 2) == "logs/build.2.log"
    assert cleanup_log_name("build") == "logs/build.cleanup.log"
    assert status_name("build") == "status/build.status"
