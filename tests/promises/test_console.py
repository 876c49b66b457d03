"""console: a reader that is slow or takes nothing loses no output in silence, and delays nothing but what it reads.

Runs that wait their 10 s for a reader do so at the same time.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.attempts import stands_still_for_a_second, wait_until
from support.cli import Pexec
from support.pipes import SlowReader, stuck_pipe
from support.runs import Run, journal, last_run
from support.terminal import Terminal

CTRL_Q, CTRL_S = "\x11", "\x13"
PATIENCE = 10.0
SLACK = 30.0  # for a busy machine
STOPPABLE = """\
version: 1
{policy}
workflows:
  noisy: {{run: "seq 1 30000; touch printed; sleep 600", grace: 1s, cleanup: touch cleaned}}
  last: {{needs: noisy, when: always, run: touch ran}}
"""
QUIET_STREAMS = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
# Which streams are stuck, the output, what ends the run, and the exit code.
STOPS = [
    (("stdout",), "plain", signal.SIGINT, 130),
    (("stdout",), "grouped", signal.SIGTERM, 143),
    (("stderr",), "plain", signal.SIGTERM, 143),
    (("stderr",), "quiet", signal.SIGQUIT, 131),
    (("stdout", "stderr"), "plain", signal.SIGINT, 130),
    (("stdout", "stderr"), "jsonl", "timeout", 124),
    (("stdout", "stderr"), "plain", "timeout", 124),
    (("stdout", "stderr"), "plain", "cancel", 1),
    (("stdout",), "jsonl", "cancel", 1),
]


class Project:
    """A directory of its own for one of several runs at the same time."""

    def __init__(self, pexec: Pexec, name: str, manifest: str) -> None:
        self.folder = pexec.file(f"{name}/pexec.yaml", manifest).folder / name
        self._pexec = pexec
        self._name = name

    def start(self, *arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
        return self._pexec.inside(self._name).start(*arguments, **{**QUIET_STREAMS, **streams})

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    @property
    def run(self) -> Run:
        return last_run(self.folder)


@pytest.fixture
def readers() -> Any:
    """Closed at the end of the test."""
    with ExitStack() as stack:
        yield stack


def stuck(readers: ExitStack, *streams: str, nonblocking: bool = False) -> Mapping[str, int]:
    """Streams that share a pipe which takes nothing."""
    return dict.fromkeys(streams, readers.enter_context(stuck_pipe(nonblocking=nonblocking)))


def test_stops_deadlines_cleanups_and_always_jobs_do_not_wait_for_a_reader(pexec: Pexec, readers: ExitStack) -> None:
    started = []
    for number, (streams, output, how, code) in enumerate(STOPS):
        policy = "policy: {timeout: 20s}" if how == "timeout" else ""
        project = Project(pexec, f"p{number}", STOPPABLE.format(policy=policy))
        process = project.start("apply", "--output", output, **stuck(readers, *streams, nonblocking=number % 3 == 2))
        started.append((project, process, how, code))
    for project, process, how, _ in started:
        assert wait_until(lambda at=project: at.has("printed")), "the job waits for the reader"  # type: ignore[misc]
        if isinstance(how, signal.Signals):
            process.send_signal(how)
        elif how == "cancel":
            assert pexec.inside(project.folder.name).run("cancel").exit_code == 0
    stopped_at = time.monotonic()
    for project, _, how, _ in started:
        if how is not signal.SIGQUIT:  # leaves no time for them
            assert wait_until(lambda at=project: at.has("cleaned") and at.has("ran"), 20 + 1 + SLACK)  # type: ignore[misc]
    for project, process, how, code in started:
        longest = (20 if how == "timeout" else 0) + 1 + PATIENCE + SLACK
        assert process.wait(max(0.1, stopped_at + longest - time.monotonic())) == code, how
        assert project.run.check().events[-1]["exit_code"] == code
        assert "not shown\n" in (project.run.path / "console.txt").read_text()


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_interrupts_reach_a_run_of_thousands_of_jobs_whose_reader_stands_still(
    pexec: Pexec, readers: ExitStack, stream: str
) -> None:
    jobs = "".join(f"  j{number}: {{run: 'true'}}\n" for number in range(1500))
    project = Project(
        pexec, "p", f"version: 1\nworkflows:\n{jobs}  last: {{priority: -1, run: touch printed; sleep 600}}\n"
    )
    process = project.start("apply", **stuck(readers, stream))
    assert wait_until(lambda: project.has("printed"), 120)
    process.send_signal(signal.SIGINT)
    assert wait_until(lambda: b'"run.finished"' in journal(project.folder))
    time.sleep(0.5)
    assert "is not running" in pexec.inside("p").run("cancel", timeout=SLACK).stderr, "only its output is missing"
    process.send_signal(signal.SIGINT)  # while pexec waits for the reader: it waits no longer
    assert process.wait(SLACK) == 130
    if stream == "stderr":  # nothing was printed on the other one
        lost = (project.run.path / "console.txt").read_text()
        assert "stderr was still being written at an interrupt" in lost
    assert project.run.check().statuses["j1499"] == "succeeded"


def test_warnings_before_a_run_do_not_delay_it_either(pexec: Pexec, readers: ExitStack) -> None:
    pexec.env(PEXEC_NO_SUCH_SETTING="1")
    good = Project(pexec, "good", STOPPABLE.format(policy=""))
    bad = Project(pexec, "bad", "version: 1\nworkflow: {}\n")
    began = time.monotonic()
    run = good.start("apply", **stuck(readers, "stderr"))
    refused = bad.start("apply", **stuck(readers, "stderr"))
    assert wait_until(lambda: good.has("printed"), PATIENCE - 1)
    run.send_signal(signal.SIGINT)
    assert refused.wait(PATIENCE + SLACK) == 3
    assert run.wait(1 + PATIENCE + SLACK) == 130
    assert time.monotonic() - began > PATIENCE, "the streams were stuck"


FINISHING = "version: 1\nworkflows: {a: {run: seq 1 30000}, b: {run: sleep 0.2; %s}}\n"


def test_output_that_nobody_takes_is_dropped_counted_and_reported_and_no_success(
    pexec: Pexec, readers: ExitStack
) -> None:
    cases: list[tuple[str, str, str, int]] = [
        *((output, "stdout", "true", 5) for output in ("plain", "grouped", "jsonl", "live")),
        *((output, "stderr", "true", 5) for output in ("plain", "quiet")),
        ("plain", "stdout", "exit 3", 1),
    ]
    began = time.monotonic()
    started = []
    for number, (output, stream, last, code) in enumerate(cases):
        project = Project(pexec, f"p{number}", FINISHING % last)
        other = readers.enter_context((pexec.folder / f"other{number}").open("wb"))
        streams = {"stdout": other, "stderr": other, **stuck(readers, stream, nonblocking=bool(number % 2))}
        started.append((project, project.start("apply", "--output", output, **streams), stream, code))
    for number, (project, process, stream, code) in enumerate(started):
        assert process.wait(120) == code
        assert time.monotonic() - began >= PATIENCE
        run = project.run.check()
        assert run.events[-1]["exit_code"] == (0 if code == 5 else code)
        assert run.events[-1]["wall_seconds"] < PATIENCE, "the jobs waited for the reader"
        assert run.log("a").endswith(b"\n30000\n")
        report = (run.path / "console.txt").read_text()
        assert report.startswith(f"warning: {stream} took nothing for 10.0s: ")
        assert " not shown\n" in report
        if stream == "stdout":
            shown = (pexec.folder / f"other{number}").read_text()
            assert shown.endswith(report)
            assert "\nreport: " in shown, "the closing table"


@pytest.mark.parametrize("nonblocking", [False, True])
@pytest.mark.parametrize("size", [None, 4096])
def test_a_slow_reader_gets_every_byte_of_a_run_that_does_not_wait_for_it(
    pexec: Pexec, nonblocking: bool, size: int | None
) -> None:
    readers = {}
    for output in ("plain", "grouped", "jsonl", "quiet"):
        project = Project(pexec, output, FINISHING % "echo end")
        reader = SlowReader(nonblocking=nonblocking, size=size)
        process = project.start("apply", "--output", output, stdout=reader.write_end, stderr=subprocess.STDOUT)
        readers[output] = (project, reader, process)
    lines = [str(number) for number in range(1, 30001)]
    for output, (project, reader, process) in readers.items():
        shown = reader.read_all().decode()
        assert process.wait(60) == 0
        run = project.run.check()
        assert run.events[-1]["wall_seconds"] < PATIENCE
        assert shown.endswith(f"report: .pexec/runs/{run.path.name}/report.html\n")
        assert not (run.path / "console.txt").exists()
        got = shown.splitlines()
        if output == "plain":
            assert [line[4:] for line in got if line.startswith("a | ")] == lines
            assert "b | end" in got
        elif output == "grouped":
            assert got[got.index("--- a") + 1 :][: len(lines)] == lines
        elif output == "jsonl":
            events = (run.path / "events.jsonl").read_text().splitlines()
            assert [line for line in got if line.startswith("{")] == events


def with_much_data(pexec: Pexec) -> Pexec:
    """A finished run whose data fills a pipe several times."""
    jobs = "".join(f"  job-with-a-long-name-{number}: {{run: 'true', manual: true}}\n" for number in range(800))
    pexec.file("pexec.yaml", f"version: 1\nworkflows:\n  a: {{run: seq 1 40000}}\n{jobs}")
    assert pexec.run("apply", "a", "--output", "quiet").exit_code == 0
    jobs = "".join(f"  job-with-a-long-name-{number}: {{run: 'true'}}\n" for number in range(800))
    pexec.file("pexec.yaml", f"version: 1\nworkflows:\n{jobs}")
    return pexec


DATA = [
    ("logs", "a"),
    ("plan", "--format", "json"),
    ("plan",),
    ("graph", "--format", "json"),
    ("graph", "--format", "dot"),
    ("report", "--format", "html"),
    ("schema", "manifest"),
    ("validate", "--format", "json"),
    ("status",),
    ("runs", "--format", "json"),
    ("completion", "bash"),
    ("apply", "--dry-run"),
]


def test_commands_write_their_data_whole_to_a_non_blocking_pipe(pexec: Pexec) -> None:
    with_much_data(pexec)
    started = []
    for command in DATA:
        expected = pexec.run(*command).stdout.encode()
        reader = SlowReader(nonblocking=True, size=4096, pause=0.2)
        process = pexec.start(*command, stdout=reader.write_end, stderr=subprocess.DEVNULL)
        started.append((command, expected, reader, process))
    for command, expected, reader, process in started:
        assert reader.read_all() == expected, command
        assert process.wait(60) == 0, command
        assert expected, command


@pytest.mark.parametrize("nonblocking", [False, True])
def test_a_command_in_front_of_a_stopped_pager_waits_until_it_is_interrupted(
    pexec: Pexec, readers: ExitStack, nonblocking: bool
) -> None:
    with_much_data(pexec)
    streams = stuck(readers, "stdout", nonblocking=nonblocking)
    started = [pexec.start(*command, stderr=subprocess.DEVNULL, **streams) for command in DATA[:3]]
    assert wait_until(lambda: all(stands_still_for_a_second(process.pid) for process in started))
    assert [process.poll() for process in started] == [None] * 3
    for process in started:
        process.send_signal(signal.SIGINT)
    assert [process.wait(SLACK) for process in started] == [130] * 3


def test_a_reader_that_leaves_is_no_loss(pexec: Pexec) -> None:
    project = Project(pexec, "p", FINISHING % "true")
    ours, theirs = os.pipe()
    process = project.start("apply", stdout=theirs)
    os.close(theirs)
    os.read(ours, 10)
    os.close(ours)
    assert process.wait(60) == 0
    assert not (project.run.check().path / "console.txt").exists()


@pytest.mark.parametrize(("last", "code"), [("true", 5), ("exit 3", 1)])
@pytest.mark.parametrize("output", ["plain", "jsonl"])
def test_a_full_disk_under_stdout_is_a_loss(pexec: Pexec, output: str, last: str, code: int) -> None:
    project = Project(pexec, "p", FINISHING % last)
    with Path("/dev/full").open("wb") as full:
        process = project.start("apply", "--output", output, stdout=full, stderr=subprocess.PIPE)
        _, shown = process.communicate(timeout=60)
    assert process.returncode == code
    assert b"\nwarning: stdout cannot be written: no space left on device: " in shown


def test_a_terminal_that_was_stopped_gets_everything_once_it_continues(pexec: Pexec) -> None:
    pexec.file(
        "pexec.yaml", "version: 1\nworkflows: {a: {run: 'until test -e go; do sleep 0.02; done; seq 1 20000'}}\n"
    )
    with Terminal(pexec, *pexec.program, "apply", "--output", "plain") as terminal:
        assert wait_until(lambda: (pexec.folder / ".pexec/runs").exists())
        terminal.type(CTRL_S)
        time.sleep(0.3)
        pexec.file("go", "")
        assert wait_until(lambda: b'"run.finished"' in journal(pexec.folder))
        time.sleep(1)
        assert "succeeded" not in terminal.screen
        terminal.type(CTRL_Q)
        assert terminal.process.wait(60) == 0
        terminal.wait_for("report: ")
        assert [line for line in terminal.screen.split("\n") if line.startswith("a | ")] == [
            f"a | {number}" for number in range(1, 20001)
        ]


def test_ctrl_c_ends_a_run_on_a_stopped_terminal(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", STOPPABLE.format(policy=""))
    with Terminal(pexec, *pexec.program, "apply") as terminal:
        terminal.type(CTRL_S)
        assert wait_until(lambda: (pexec.folder / "printed").exists())
        began = time.monotonic()
        terminal.process.send_signal(signal.SIGINT)  # Ctrl-C itself would let the terminal continue
        assert terminal.process.wait(1 + PATIENCE + SLACK) == 130
        assert time.monotonic() - began < 1 + PATIENCE + SLACK
    assert (pexec.folder / "ran").exists()


def test_memory_does_not_grow_with_what_a_reader_has_not_taken(
    pexec: Pexec, readers: ExitStack, figure: Callable[[str, object], None]
) -> None:
    lines = 'head -c 60000000 /dev/zero | tr "\\0" "\\n"'
    job = f"{{run: '{lines}; head -c 60000000 /dev/zero; touch printed; sleep 600'}}"
    project = Project(pexec, "p", f"version: 1\nworkflows: {{a: {job}}}\n")
    process = project.start("apply", "--output", "plain", **stuck(readers, "stdout", "stderr"))
    assert wait_until(lambda: project.has("printed"), 120)
    status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    (peak,) = [int(line.split()[1]) for line in status if line.startswith("VmHWM:")]
    figure("peak memory of pexec while 120 MB waited for a reader", f"{peak / 1024:.0f} MiB")
    assert peak < 100 * 1024
    process.send_signal(signal.SIGQUIT)
    process.send_signal(signal.SIGUSR1)
    assert process.wait(PATIENCE + SLACK) == 131
