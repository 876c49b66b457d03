"""signals: INT, TERM and HUP stop a run in good order; a second INT kills."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest
from support.attempts import marked, new_mark, survivors, wait_until
from support.cli import Pexec
from support.runs import Run, last_run


def start(pexec: Pexec, workflows: str, mark: str) -> subprocess.Popen[bytes]:
    """Start a run and wait until a process with the mark is there."""
    text = f"version: 1\ndefaults: {{shell: [sh, -eu]}}\nworkflows:\n{workflows}"
    process = pexec.file("pexec.yaml", text).start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    assert wait_until(lambda: marked(mark))
    return process


def end(process: subprocess.Popen[bytes], pexec: Pexec, mark: str) -> tuple[int, Run]:
    _, stderr = process.communicate(timeout=30)
    assert b"Traceback" not in stderr, stderr.decode()
    assert survivors(mark) == set()
    return process.returncode, last_run(pexec.folder).check()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_stops_what_runs_starts_nothing_new_and_runs_what_always_runs(
    pexec: Pexec, number: signal.Signals, code: int
) -> None:
    mark = new_mark()
    process = start(
        pexec,
        f"  slow: {{run: 'sh -c \"sleep 30; : {mark}\"'}}\n"
        "  next: {needs: slow, run: 'true'}\n"
        "  last: {needs: next, when: always, run: echo bye}\n",
        mark,
    )
    process.send_signal(number)
    exit_code, run = end(process, pexec, mark)
    assert exit_code == code
    assert run.statuses == {"slow": "cancelled", "next": "skipped", "last": "succeeded"}
    assert (run.results["execution_result"], run.events[-1]["exit_code"]) == ("CANCELLED", code)


def test_a_second_interrupt_kills_a_job_that_does_not_listen(pexec: Pexec) -> None:
    mark = new_mark()
    process = start(
        pexec,
        f"  deaf: {{grace: 60s, run: \"trap '' TERM; while :; do sleep 0.1; : {mark}; done\"}}\n"
        "  last: {needs: deaf, when: always, run: echo bye}\n",
        mark,
    )
    process.send_signal(signal.SIGINT)
    assert wait_until(lambda: b'"kill.sent"' in (last_run(pexec.folder).path / "events.jsonl").read_bytes())
    time.sleep(0.4)  # sooner than 0.3 s it would count as a bounce of the same key
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    exit_code, run = end(process, pexec, mark)
    assert time.monotonic() - began < 5
    assert exit_code == 130
    assert run.statuses == {"deaf": "cancelled", "last": "skipped"} or run.statuses == {
        "deaf": "cancelled",
        "last": "cancelled",
    }


def test_under_nohup_a_hangup_changes_nothing(pexec: Pexec) -> None:
    mark = new_mark()
    text = f"version: 1\ndefaults: {{shell: [sh, -eu]}}\nworkflows:\n  a: {{run: 'sh -c \"sleep 1; : {mark}\"'}}\n"
    pexec.file("pexec.yaml", text)

    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # inherited, as from nohup
    try:
        process = pexec.start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    finally:
        signal.signal(signal.SIGHUP, previous)
    assert wait_until(lambda: marked(mark))
    process.send_signal(signal.SIGHUP)
    exit_code, run = end(process, pexec, mark)
    assert (exit_code, run.statuses) == (0, {"a": "succeeded"})


def test_the_runs_deadline_stops_it_with_124(pexec: Pexec) -> None:
    pexec.file(
        "pexec.yaml",
        "version: 1\npolicy: {timeout: 500ms}\nworkflows:\n  a: {run: sleep 30}\n  b: {needs: a, run: 'true'}\n",
    )
    assert pexec.run("apply").exit_code == 124
    run = last_run(pexec.folder).check()
    assert run.statuses == {"a": "cancelled", "b": "skipped"}
    assert run.reason("a").startswith("the run's deadline of 0.5 s passed")


def test_a_reader_that_goes_away_does_not_stop_the_run(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows:\n  a: {run: 'seq 100000; exit 3'}\n  b: {needs: a, run: 'true'}\n")
    process = pexec.start("apply", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    with process.stderr:
        stderr = process.stderr.read()
    assert process.wait(30) == 1, stderr.decode()
    assert b"Traceback" not in stderr
    run = last_run(pexec.folder).check()
    assert run.log("a") == b"".join(b"%d\n" % n for n in range(1, 100001))
