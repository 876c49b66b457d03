"""terminal: in a real pseudo-terminal, keys do what the table of signals says, and the terminal is restored."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest
from support.attempts import marked, new_mark, stands_still, state_of, survivors, wait_until
from support.cli import Pexec
from support.runs import Run, last_run, runs
from support.terminal import CTRL_BACKSLASH, CTRL_C, CTRL_Z, Terminal

from orchestrator.execute.warden.processes import children


def apply(pexec: Pexec, workflows: str, mark: str, processes: int = 1) -> Terminal:
    """A run in a terminal, with this number of processes that have the mark."""
    text = f"version: 1\ndefaults: {{shell: [sh, -eu]}}\nworkflows:\n{workflows}"
    terminal = Terminal(pexec.file("pexec.yaml", text), *pexec.program, "apply", "--output", "plain")
    assert wait_until(lambda: len(marked(mark)) >= processes), terminal.screen
    return terminal


def end(terminal: Terminal, pexec: Pexec, mark: str) -> tuple[int, Run]:
    exit_code = terminal.process.wait(60)
    assert "Traceback" not in terminal.screen
    assert terminal.modes == terminal.modes_before
    assert survivors(mark) == set()
    return exit_code, last_run(pexec.folder).check()


def sleeper(mark: str, seconds: int = 600) -> str:
    return f"run: 'sh -c \"sleep {seconds}; : {mark}\"'"


def test_one_ctrl_c_ends_the_run_cleanly(pexec: Pexec) -> None:
    mark = new_mark()
    # The terminal sends SIGINT to pexec only; jobs get a SIGTERM from it.
    traps = "trap 'echo INT' INT\ntrap 'echo TERM; exit 9' TERM\ntouch ready\n"
    pexec.file("job.sh", f"{traps}while :; do sleep 0.05; done\n")
    job = f"  a: {{file: job.sh, args: [{mark}]}}\n  z: {{needs: a, when: always, run: echo bye}}\n"
    with apply(pexec, job, mark) as terminal:
        assert wait_until((pexec.folder / "ready").exists)
        terminal.type(CTRL_C)
        exit_code, run = end(terminal, pexec, mark)
        assert "Press Ctrl-C again to kill it." in terminal.screen
    assert exit_code == 130
    assert run.log("a").endswith(b"TERM\n")
    assert b"INT" not in run.log("a")
    assert run.statuses == {"a": "cancelled", "z": "succeeded"}


def test_a_second_ctrl_c_kills_what_ignores_the_first(pexec: Pexec) -> None:
    mark = new_mark()
    job = f"  a: {{grace: 10m, run: \"trap '' TERM; sh -c 'sleep 600; : {mark}'\"}}\n"
    with apply(pexec, job, mark, processes=2) as terminal:
        terminal.type(CTRL_C)
        terminal.wait_for("Press Ctrl-C again")
        time.sleep(0.4)  # within 0.3 s it would count as the same key press
        terminal.type(CTRL_C)
        exit_code, run = end(terminal, pexec, mark)
    assert exit_code == 130
    assert run.named("attempt.finished")[0]["signal"] == "SIGKILL"


def test_ctrl_backslash_kills_at_once_and_prints_tracebacks(pexec: Pexec) -> None:
    mark = new_mark()
    job = f"  a: {{grace: 10m, {sleeper(mark)}}}\n  z: {{needs: a, when: always, run: touch ran}}\n"
    with apply(pexec, job, mark) as terminal:
        terminal.type(CTRL_BACKSLASH)
        exit_code, run = end(terminal, pexec, mark)
        assert "Current thread" in terminal.screen
        assert "driver.py" in terminal.screen
    assert exit_code == 131
    assert run.events[-1]["exit_code"] == 131
    assert run.statuses["a"] == "cancelled"
    assert not (pexec.folder / "ran").exists()
    stacks = run.path / "stacks.txt"
    assert "driver.py" in stacks.read_text()
    assert stacks.stat().st_mode & 0o777 == 0o600


def test_ctrl_z_stops_everything_and_the_time_until_it_continues_does_not_count(pexec: Pexec) -> None:
    mark = new_mark()
    began = time.monotonic()
    stray = f"timeout: 5s, run: 'setsid sh -c \"sleep 600; : {mark}\" & wait'"
    with apply(pexec, f"  a: {{timeout: 5s, {sleeper(mark)}}}\n  b: {{{stray}}}\n", mark, processes=3) as terminal:
        terminal.type(CTRL_Z)
        everybody = [terminal.process.pid, *marked(mark)]
        assert wait_until(lambda: stands_still(everybody)), [*map(state_of, everybody)]
        assert terminal.modes == terminal.modes_before
        stopped_at = time.monotonic()
        assert not wait_until(lambda: not stands_still(everybody), 6.0), "longer than the timeouts"
        stood_still = time.monotonic() - stopped_at
        terminal.process.send_signal(signal.SIGCONT)
        exit_code, run = end(terminal, pexec, mark)
    took = time.monotonic() - began
    assert exit_code == 1
    assert run.statuses == {"a": "timed_out", "b": "timed_out"}
    for event in run.named("attempt.finished"):
        # If the timeouts had counted it, they would have ended the jobs at once, after the second or less before it.
        assert 4.9 < event["duration_seconds"] < took - stood_still
    assert run.events[-1]["wall_seconds"] < took - stood_still, "the time in which all was stopped does not count"


def test_in_a_shell_with_job_control_a_run_can_be_stopped_and_continued_in_both_grounds(pexec: Pexec) -> None:
    mark = new_mark()
    pexec.file("job.sh", "while ! test -e go; do sleep 0.05; done\n")
    text = f"version: 1\ndefaults: {{shell: [sh, -eu]}}\nworkflows: {{a: {{file: job.sh, args: [{mark}]}}}}\n"
    pexec.file("pexec.yaml", text).env(PS1="$ ", HISTFILE="")
    command = " ".join([*pexec.program, "apply", "--output", "quiet"])
    with Terminal(pexec, "bash", "--norc", "--noprofile", "-i") as shell:
        shell.type(f"{command}\n")
        assert wait_until(lambda: marked(mark)), shell.screen
        shell.type(CTRL_Z)
        shell.wait_for("Stopped")
        assert wait_until(lambda: stands_still(marked(mark)))
        shell.type("bg\n")
        assert wait_until(lambda: "T" not in {state_of(pid) for pid in marked(mark)})
        shell.type("fg\n")
        pexec.file("go", "")
        shell.type("echo code=$?.\n")
        shell.wait_for("code=0.")
        shell.type("exit\n")
        shell.process.wait(60)
    assert survivors(mark) == set()
    assert last_run(pexec.folder).check().statuses == {"a": "succeeded"}


def test_a_job_has_no_terminal_and_an_empty_stdin(pexec: Pexec) -> None:
    job = "if (: </dev/tty) 2>/dev/null; then echo terminal; fi; cat; tty || true; ls -1 /proc/self/fd | wc -l"
    text = f"version: 1\ndefaults: {{shell: [sh, -eu]}}\nworkflows: {{a: {{run: '{job}'}}}}\n"
    with Terminal(pexec.file("pexec.yaml", text), *pexec.program, "apply", "--output", "quiet") as terminal:
        assert terminal.process.wait(60) == 0, terminal.screen
    # Descriptors 0 to 2, and the one through which `ls` reads the directory.
    assert last_run(pexec.folder).log("a") == b"not a tty\n4\n"


@pytest.mark.parametrize("after", [0.0, 0.05, 0.2])
def test_a_ctrl_c_while_pexec_reads_and_plans_leaves_no_traceback_and_no_process(
    pexec: Pexec, after: float, full: bool
) -> None:
    for step in range(20 if full else 1):
        mark = new_mark()
        pexec.file("pexec.yaml", f"version: 1\nworkflows: {{a: {{{sleeper(mark)}}}}}\n")
        with Terminal(pexec, *pexec.program, "apply") as terminal:
            # Before it has started its warden, the interpreter itself may still be starting, and reports it in its way.
            assert wait_until(lambda: children(terminal.process.pid))
            time.sleep(after + step * 0.02)  # the test chooses the moment
            terminal.type(CTRL_C)
            assert terminal.process.wait(60) == 130, terminal.screen
            assert "Traceback" not in terminal.screen
        assert survivors(mark) == set()
    for run in runs(pexec.folder):
        assert os.path.exists(run.path / "events.jsonl")


WATCHED = (
    "version: 1\nworkflows:\n  a: {run: 'echo one; until test -e go; do sleep 0.02; done'}\n  b: {needs: a, run: ':'}\n"
)


def test_on_a_terminal_a_region_shows_what_runs_and_is_erased_at_the_end(pexec: Pexec) -> None:
    with Terminal(pexec.file("pexec.yaml", WATCHED), *pexec.program, "apply") as terminal:
        expected = re.compile(r"a \| one\n[^\n]*0/2  \d:\d\d[^\n]*\n  a ")
        assert wait_until(lambda: expected.match("\n".join(terminal.shown))), terminal.shown
        pexec.file("go", "")
        assert terminal.process.wait(60) == 0, terminal.screen
        terminal.wait_for("report: ")
        assert terminal.modes == terminal.modes_before
        assert terminal.is_ordinary
        assert [line[:5] for line in terminal.shown[:3]] == ["a | o", "[1/2]", "[2/2]"]
        assert not [line for line in terminal.shown if "elapsed" in line]
        above, _, below = terminal.screen.partition("[2/2]")
        assert "\x1b[J" in above, "the region was erased before the summary"
        assert "\x1b[32msucceeded\x1b[0m" in below


@pytest.mark.parametrize("around", [{"TERM": "dumb"}, {"CI": "true"}])
def test_an_unattended_terminal_gets_plain_lines(pexec: Pexec, around: dict[str, str]) -> None:
    pexec.file("go", "").env(around)
    with Terminal(pexec.file("pexec.yaml", WATCHED), *pexec.program, "apply") as terminal:
        assert terminal.process.wait(60) == 0, terminal.screen
        terminal.wait_for("report: ")
        assert "a | one\n" in terminal.screen
        assert "\x1b" not in terminal.screen
        assert "running" not in terminal.screen
