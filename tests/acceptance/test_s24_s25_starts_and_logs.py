"""S24, S25: a start is recorded before it happens, its pid afterwards; each attempt has a log and its times."""

from __future__ import annotations

from support.cli import Pexec
from support.runs import last_run

TEXT = """\
version: 1
defaults: {shell: [sh, -eu]}
workflows:
  a: {run: 'echo $$; sleep 0.1; test $PEXEC_ATTEMPT = 2', retry: {max_attempts: 2, delay: 0}}
"""


def test_each_attempt_is_started_then_spawned_with_its_pid_and_has_its_own_log(pexec: Pexec) -> None:
    assert pexec.file("pexec.yaml", TEXT).run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder).check()
    reported = [(e["event"], e["attempt"]) for e in run.events if e["event"].startswith("attempt.")]
    assert reported == [(f"attempt.{what}", n) for n in (1, 2) for what in ("started", "spawned", "finished")]
    pids = [event["pid"] for event in run.named("attempt.spawned")]
    assert [run.log("a", attempt) for attempt in (1, 2)] == [b"%d\n" % pid for pid in pids]
    assert sorted(path.name for path in (run.path / "logs").iterdir()) == ["a.1.log", "a.2.log"]
    assert run.jobs["a"]["pid"] == pids[1]


def test_the_times_of_start_and_end_are_shown_with_the_log(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", TEXT).run("apply", "--output", "quiet")
    run = last_run(pexec.folder)
    shown = pexec.run("logs", "a").stdout + pexec.run("logs", "a").stderr
    for name in ("attempt.started", "attempt.finished"):
        # The default is the last attempt.
        assert run.named(name)[-1]["ts"] in shown, shown
