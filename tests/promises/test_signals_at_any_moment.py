"""signals: from the first instruction of pexec to its exit, each leads to its exit code, and a run that began is
complete: results, closing table, archive, and no more runs than are kept."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from support.attempts import state_of, wait_until
from support.cli import Pexec
from support.runs import Run, runs

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
MANIFEST = """\
version: 1
policy: {archive: true, keep_runs: 2}
defaults: {shell: [sh, -eu]}
workflows:
  first: {run: sleep 0.02}
  second: {needs: first, run: 'true'}
  last: {needs: second, when: always, run: echo bye}
"""


def start(pexec: Pexec) -> subprocess.Popen[bytes]:
    """Start a run; returns once pexec has installed its handlers. Python's own startup is not covered."""
    process = pexec.start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    caught = f"/proc/{process.pid}/status"
    while process.poll() is None:
        with open(caught) as file:
            mask = int(file.read().partition("SigCgt:")[2].split()[0], 16)
        if mask >> (signal.SIGUSR1 - 1) & 1:  # the last one that is installed
            break
    return process


def complete(pexec: Pexec, before: list[Run], stderr: bytes) -> str:
    """Check everything that a run leaves behind; how it ended, "" if it had not begun."""
    assert b"Traceback" not in stderr, stderr.decode()
    new = [run for run in runs(pexec.folder) if run.path.is_dir() and run not in before]
    if not new:
        return ""
    (run,) = new
    run.check()
    assert b"jobs succeeded" in stderr or b"of 3 jobs" in stderr, stderr.decode()
    assert b"archived to" in stderr, stderr.decode()
    assert len([run for run in runs(pexec.folder) if run.path.is_dir()]) <= 2
    return str(run.results["execution_result"])


def is_exiting(pid: int) -> bool:
    """Whether the process has called exit. On a busy machine its threads and memory take a while to go."""
    flags = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[6])
    return bool(flags & 0x4)  # PF_EXITING of linux/sched.h


def directories(pexec: Pexec) -> list[Run]:
    return [run for run in runs(pexec.folder) if run.path.is_dir()]


def duration(pexec: Pexec) -> float:
    """How long an undisturbed run takes after the handlers are installed."""
    start(pexec).communicate(timeout=60)  # the first one also fills the cache of plans
    process = start(pexec)
    began = time.monotonic()
    process.communicate(timeout=60)
    return time.monotonic() - began


def test_one_signal_at_any_moment(
    pexec: Pexec, request: pytest.FixtureRequest, figure: Callable[[str, object], None]
) -> None:
    moments = 400 if request.config.getoption("--full") else 30
    pexec.file("pexec.yaml", MANIFEST)
    whole = duration(pexec)
    seen: Counter[str] = Counter()
    for turn in range(moments):
        number = list(CODES)[turn % len(CODES)]
        before = directories(pexec)
        process = start(pexec)
        time.sleep(whole * 1.05 * turn / moments)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
        result = complete(pexec, before, stderr)
        expected = (CODES[number], 0) if result == "SUCCESS" else (CODES[number],)  # it may have ended before
        assert process.returncode in expected, (turn, stderr.decode())
        seen[result or "not begun"] += 1
    figure("signals at moments of a run", dict(seen))
    assert len(seen) >= 2


def test_signals_every_millisecond_from_any_moment(pexec: Pexec, request: pytest.FixtureRequest) -> None:
    storms = 150 if request.config.getoption("--full") else 12
    pexec.file("pexec.yaml", MANIFEST)
    whole = duration(pexec)
    for turn in range(storms):
        number = list(CODES)[turn % len(CODES)]
        before = directories(pexec)
        process = start(pexec)
        time.sleep(whole * 0.6 * turn / storms)
        sent = 0
        while process.poll() is None:
            process.send_signal(number)
            sent += not is_exiting(process.pid)
            time.sleep(0.001)
        _, stderr = process.communicate(timeout=60)
        complete(pexec, before, stderr)
        expected = CODES[number] if sent > 1 else 0  # one may come just after the exit code was decided
        assert process.returncode in (CODES[number], expected), (turn, stderr.decode())


@pytest.mark.parametrize("number", CODES)
def test_a_signal_while_the_last_files_are_written_changes_only_the_exit_code(
    pexec: Pexec, number: signal.Signals
) -> None:
    # The end of the run is recorded, and the archive, which takes a while, is being written.
    pexec.file("pexec.yaml", MANIFEST.replace("echo bye", "head -c 60000000 /dev/urandom"))
    process = start(pexec)
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if b"3 of 3 jobs succeeded" in line:
            process.send_signal(number)
    assert process.wait(60) == CODES[number]
    (run,) = directories(pexec)
    run.check()
    assert (run.results["execution_result"], run.results["exit_code"]) == ("SUCCESS", 0)
    assert b"archived to" in b"".join(lines)


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("command", [("status", "--watch"), ("logs", "--follow", "slow")])
def test_a_command_that_follows_a_run_ends_with_the_exit_code_of_the_signal(
    pexec: Pexec, number: signal.Signals, command: tuple[str, ...]
) -> None:
    pexec.file(
        "pexec.yaml", "version: 1\nworkflows: {slow: {run: 'echo x; while ! test -e go; do sleep 0.05; done'}}\n"
    )
    driving = start(pexec)
    assert wait_until(lambda: pexec.run("logs", "slow").stdout)
    process = pexec.start(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline()
    time.sleep(random.uniform(0, 0.1))
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    pexec.file("go", "")
    driving.communicate(timeout=60)
    assert process.returncode == CODES[number]
    assert b"Traceback" not in stderr


def test_a_suspension_that_is_taken_back_within_milliseconds_never_leaves_pexec_stopped(
    pexec: Pexec, request: pytest.FixtureRequest
) -> None:
    times = 1500 if request.config.getoption("--full") else 120
    pexec.file("pexec.yaml", "version: 1\nworkflows: {slow: {run: 'while ! test -e go; do sleep 0.02; done'}}\n")
    process = start(pexec)
    assert wait_until(lambda: bool(directories(pexec)) and b"attempt.started" in journal(pexec))
    chance = random.Random(7)
    for turn in range(times):
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            process.send_signal(signal.SIGTSTP)
        time.sleep(chance.choice((0, 0.0001, 0.0002, 0.0005, 0.001, 0.003)))
        process.send_signal(signal.SIGCONT)
        time.sleep(0.01)
        assert wait_until(lambda: state_of(process.pid) != "T"), turn
    pexec.file("go", "")
    process.communicate(timeout=60)
    assert process.returncode == 0
    directories(pexec)[-1].check()


def journal(pexec: Pexec) -> bytes:
    path = directories(pexec)[-1].path / "events.jsonl"
    return path.read_bytes() if path.exists() else b""
