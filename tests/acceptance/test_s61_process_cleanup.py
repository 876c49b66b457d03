"""S61: no process that a job started outlives it."""

from __future__ import annotations

from support.attempts import evil, new_mark, survivors
from support.cli import Pexec
from support.runs import last_run


def test_a_daemon_ends_with_its_job_which_succeeds_and_reports_it(pexec: Pexec) -> None:
    mark = new_mark()
    words = ", ".join(f"'{word}'" for word in evil("daemon.py", mark))
    text = f"version: 1\nworkflows:\n  a: {{argv: [{words}]}}\n  b: {{argv: [{words}], isolation: process}}\n"
    assert pexec.file("pexec.yaml", text).run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder).check()
    assert [run.named("attempt.finished", job=job)[0]["leftover_killed"] for job in ("a", "b")] == [1, 1]
    assert survivors(mark) == set()
