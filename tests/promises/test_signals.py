"""signals: each does what the table in the manual says; `test_terminal.py` has the keys of a real terminal."""

from __future__ import annotations

import re
import signal
import subprocess
import time

import pytest
from support.attempts import marked, new_mark, stands_still, state_of, survivors, wait_until
from support.cli import Pexec
from support.runs import Run, journal, last_run

# The mark is there twice once the shell has started its command.
DEAF = "grace: 10m, run: \"trap '' TERM; sh -c 'sleep 600; : {mark}'\""


def start(pexec: Pexec, workflows: str, mark: str, processes: int = 1) -> subprocess.Popen[bytes]:
    """Start a run and wait for this number of processes with the mark."""
    text = f"version: 1\ndefaults: {{shell: [sh, -eu]}}\nworkflows:\n{workflows}"
    process = pexec.file("pexec.yaml", text).start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    assert wait_until(lambda: len(marked(mark)) >= processes)
    return process


def end(process: subprocess.Popen[bytes], pexec: Pexec, mark: str) -> tuple[int, Run]:
    _, stderr = process.communicate(timeout=60)
    assert b"Traceback" not in stderr, stderr.decode()
    assert survivors(mark) == set()
    return process.returncode, last_run(pexec.folder).check()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_stops_jobs_starts_no_new_ones_and_runs_those_that_always_run(
    pexec: Pexec, number: signal.Signals, code: int
) -> None:
    mark = new_mark()
    process = start(
        pexec,
        f"  slow: {{run: 'sh -c \"sleep 600; : {mark}\"'}}\n"
        "  next: {needs: slow, run: 'true'}\n"
        "  last: {needs: next, when: always, run: echo bye}\n",
        mark,
    )
    process.send_signal(number)
    exit_code, run = end(process, pexec, mark)
    assert exit_code == code
    assert run.statuses == {"slow": "cancelled", "next": "skipped", "last": "succeeded"}
    assert (run.results["execution_result"], run.events[-1]["exit_code"]) == ("CANCELLED", code)


def test_a_second_interrupt_kills_a_job_that_ignores_the_first(pexec: Pexec) -> None:
    mark = new_mark()
    process = start(
        pexec,
        f"  deaf: {{{DEAF.format(mark=mark)}}}\n  last: {{needs: deaf, when: always, run: echo bye}}\n",
        mark,
        processes=2,
    )
    process.send_signal(signal.SIGINT)
    assert wait_until(lambda: b'"kill.sent"' in journal(pexec.folder))
    time.sleep(0.4)  # within 0.3 s it would count as the same key press
    process.send_signal(signal.SIGINT)
    exit_code, run = end(process, pexec, mark)
    assert exit_code == 130
    assert run.statuses == {"deaf": "cancelled", "last": "skipped"} or run.statuses == {
        "deaf": "cancelled",
        "last": "cancelled",
    }


def test_usr1_prints_the_progress_and_changes_nothing(pexec: Pexec) -> None:
    mark = new_mark()
    process = start(
        pexec,
        f"  slow: {{run: 'sh -c \"while ! test -e go; do sleep 0.02; done; : {mark}\"'}}\n"
        "  bad: {run: exit 1, allow_failure: true}\n"
        "  next: {needs: [slow, bad], run: 'true'}\n",
        mark,
    )
    assert process.stderr is not None
    assert b"bad failed" in process.stderr.readline()
    process.send_signal(signal.SIGUSR1)
    lines = process.stderr.readline() + process.stderr.readline()
    assert re.fullmatch(
        rb"pexec: [0-9.]+m?s: 0 of 3 jobs succeeded, 1 allowed failure, 1 running, 1 waiting\n"
        rb"  slow: running for [0-9.]+m?s\n",
        lines,
    ), lines
    pexec.file("go", "")
    exit_code, run = end(process, pexec, mark)
    assert (exit_code, run.statuses) == (0, {"bad": "failed", "slow": "succeeded", "next": "succeeded"})


def test_quit_kills_and_prints_tracebacks_also_after_an_interrupt(pexec: Pexec) -> None:
    mark = new_mark()
    process = start(pexec, f"  deaf: {{{DEAF.format(mark=mark)}}}\n", mark, processes=2)
    process.send_signal(signal.SIGINT)
    assert wait_until(lambda: b'"kill.sent"' in journal(pexec.folder))
    process.send_signal(signal.SIGQUIT)
    _, stderr = process.communicate(timeout=60)
    assert survivors(mark) == set()
    run = last_run(pexec.folder).check()
    assert (process.returncode, run.events[-1]["exit_code"]) == (131, 131)
    assert b"Current thread" in stderr
    assert "Current thread" in (run.path / "stacks.txt").read_text()


def test_a_stopped_pexec_can_still_be_ended(pexec: Pexec) -> None:
    mark = new_mark()
    process = start(pexec, f"  a: {{run: 'sh -c \"sleep 600; : {mark}\"'}}\n", mark)
    process.send_signal(signal.SIGTSTP)
    everybody = [process.pid, *marked(mark)]
    assert wait_until(lambda: stands_still(everybody)), [*map(state_of, everybody)]
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)  # as a shell's `kill %1` does
    exit_code, run = end(process, pexec, mark)
    assert (exit_code, run.statuses) == (143, {"a": "cancelled"})


def test_when_a_stopped_pexec_is_killed_no_process_stays_stopped(pexec: Pexec) -> None:
    mark = new_mark()
    process = start(pexec, f"  a: {{run: 'setsid sh -c \"sleep 600; : {mark}\" & wait'}}\n", mark)
    process.send_signal(signal.SIGTSTP)
    assert wait_until(lambda: stands_still(marked(mark)))
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert survivors(mark) == set()


def test_under_nohup_a_hangup_changes_nothing(pexec: Pexec) -> None:
    mark = new_mark()
    wait = "while ! test -e go; do sleep 0.05; done"
    text = f"version: 1\ndefaults: {{shell: [sh, -eu]}}\nworkflows:\n  a: {{run: 'sh -c \"{wait}; : {mark}\"'}}\n"
    pexec.file("pexec.yaml", text)

    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # inherited, as from nohup
    try:
        process = pexec.start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    finally:
        signal.signal(signal.SIGHUP, previous)
    assert wait_until(lambda: marked(mark))
    process.send_signal(signal.SIGHUP)
    pexec.file("go", "")
    exit_code, run = end(process, pexec, mark)
    assert (exit_code, run.statuses) == (0, {"a": "succeeded"})


def test_the_timeout_of_a_run_ends_it_with_124(pexec: Pexec) -> None:
    pexec.file(
        "pexec.yaml",
        "version: 1\npolicy: {timeout: 3s}\nworkflows:\n  a: {run: sleep 600}\n  b: {needs: a, run: 'true'}\n",
    )
    assert pexec.run("apply").exit_code == 124
    run = last_run(pexec.folder).check()
    assert run.statuses == {"a": "cancelled", "b": "skipped"}
    assert run.reason("a").startswith("the run's deadline of 3 s passed")


def test_a_reader_that_closes_the_pipe_does_not_stop_the_run(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows:\n  a: {run: 'seq 100000; exit 3'}\n  b: {needs: a, run: 'true'}\n")
    process = pexec.start("apply", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    with process.stderr:
        stderr = process.stderr.read()
    assert process.wait(60) == 1, stderr.decode()
    assert b"Traceback" not in stderr
    run = last_run(pexec.folder).check()
    assert run.log("a") == b"".join(b"%d\n" % n for n in range(1, 100001))


@pytest.mark.parametrize(
    ("output", "closed"),
    [("plain", ["stdout"]), ("plain", ["stderr"]), ("plain", ["stdout", "stderr"]), ("grouped", ["stdout", "stderr"])],
)
def test_a_closed_console_does_not_stop_the_run(pexec: Pexec, output: str, closed: list[str]) -> None:
    mark = new_mark()
    job = f"  a: {{run: 'sh -c \"while ! test -e go; do sleep 0.02; done; : {mark}\"; seq 9; exit 3'}}\n"
    text = f"version: 1\ndefaults: {{shell: [sh, -eu]}}\nworkflows:\n{job}  b: {{after: a, run: seq 9}}\n"
    process = pexec.file("pexec.yaml", text).start(
        "apply", "--output", output, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert wait_until(lambda: marked(mark))
    for name in closed:
        getattr(process, name).close()
        setattr(process, name, None)
    pexec.file("go", "")
    shown = process.communicate(timeout=60)
    assert process.returncode == 1
    assert not [text for text in shown if text and b"Traceback" in text]
    run = last_run(pexec.folder).check()
    assert run.statuses == {"a": "failed", "b": "succeeded"}
    assert (run.log("a"), run.log("b")) == (b"1\n2\n3\n4\n5\n6\n7\n8\n9\n",) * 2


def test_commands_that_only_print_exit_quietly_when_the_pipe_is_closed(pexec: Pexec) -> None:
    jobs = "".join(f"  job-{number}: {{run: 'true'}}\n" for number in range(3000))
    pexec.file("pexec.yaml", f"version: 1\nworkflows:\n{jobs}")
    process = pexec.start("plan", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(60) == 0
