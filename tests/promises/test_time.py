"""time: limits use the monotonic clock, and the time for which pexec was stopped (TSTP to CONT) does not count."""

from __future__ import annotations

import signal
import subprocess
import time

from support.attempts import state_of, wait_until
from support.cli import Pexec
from support.runs import last_run, runs

STOPPED = 11.0  # longer than any limit below


def journal(pexec: Pexec) -> bytes:
    found = runs(pexec.folder)
    path = found[-1].path / "events.jsonl" if found else None
    return path.read_bytes() if path is not None and path.exists() else b""


def stop_for_a_while(process: subprocess.Popen[bytes]) -> None:
    """Stop pexec and continue it, after a pause that is part of the test."""
    process.send_signal(signal.SIGTSTP)
    assert wait_until(lambda: state_of(process.pid) == "T")
    time.sleep(STOPPED)
    process.send_signal(signal.SIGCONT)


def test_no_clock_of_a_run_counts_the_time_for_which_it_was_stopped(pexec: Pexec) -> None:
    text = """\
version: 1
policy: {timeout: 10s}
defaults: {shell: [sh, -eu]}
workflows:
  again: {run: 'test $PEXEC_ATTEMPT = 2', retry: {max_attempts: 2, delay: 1s, jitter: 0}}
  long: {file: count.sh, timeout: 8s}
"""
    # Not one long sleep: its timer would run on while the job is stopped.
    pexec.file("count.sh", "i=0; while [ $i -lt 20 ]; do i=$((i + 1)); sleep 0.05; done\n")
    process = pexec.file("pexec.yaml", text).start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    assert wait_until(lambda: b'"retry.scheduled"' in journal(pexec))
    began = time.monotonic()
    stop_for_a_while(process)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr.decode()
    assert time.monotonic() - began > STOPPED
    run = last_run(pexec.folder).check()
    (retry,) = run.named("retry.scheduled")
    second = run.named("attempt.started", job="again")[1]
    assert 0 <= second["at"] - retry["not_before"] < STOPPED / 2
    (long,) = run.named("attempt.finished", job="long")
    assert 0.9 < long["duration_seconds"] < 8
    assert run.events[-1]["wall_seconds"] < 10


def test_the_seconds_of_a_run_never_decrease_and_agree_with_the_durations_of_jobs(pexec: Pexec) -> None:
    text = "version: 1\nworkflows:\n  a: {run: sleep 0.3}\n  b: {needs: a, run: 'true'}\n  c: {run: exit 1}\n"
    pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
    events = last_run(pexec.folder).check().events
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    run = last_run(pexec.folder)
    took = run.at("attempt.finished", "a") - run.at("attempt.started", "a")
    assert 0.25 < run.named("attempt.finished", job="a")[0]["duration_seconds"] <= took
    assert abs(run.jobs["a"]["execution_time_seconds"] - took) < 5  # on a busy machine
