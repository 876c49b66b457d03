"""The live view of real runs: on terminals of several sizes and encodings, when they are resized, after Ctrl-Z."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.attempts import stands_still, wait_until
from support.cli import Pexec
from support.runs import last_run
from support.terminal import CTRL_C, CTRL_Z, Terminal

# `b` starts once `a`, whose name is long, prints; both wait for the test.
WORKFLOWS = """\
version: 1
policy: {max_parallel_jobs: 3}
workflows:
  first: {run: "true"}
  a-name-of-a-job-that-is-very-long-indeed:
    run: 'echo one; printf "50%%\\r60%%"; until test -e go; do sleep 0.05; done; printf "\\r70%%\\n"'
  b: {needs: first, run: 'until test -e go; do sleep 0.05; done; exit 3'}
  c: {needs: b, run: "true"}
"""
BAR = re.compile(r"^(?!\[\d).*\d/4 ")


def live(pexec: Pexec, width: int = 80, height: int = 24, *, output: str = "live") -> Terminal:
    terminal = Terminal(
        pexec.file("pexec.yaml", WORKFLOWS), *pexec.program, "apply", "--output", output, width=width, height=height
    )
    wait_for_frame(terminal, "60%" if width >= 60 else "b ")
    return terminal


def wait_for_frame(terminal: Terminal, text: str) -> list[str]:
    """The lines of the region: the bar and two jobs, of which one has this text. Since a drawing may be read in parts,
    they must have been seen together."""
    seen: list[list[str]] = []

    def is_whole() -> bool:
        seen[:] = [region(terminal)]
        return len(seen[0]) == 3 and any(line.startswith("  ") and text in line for line in seen[0])

    assert wait_until(is_whole), terminal.shown
    return seen[0]


def region(terminal: Terminal) -> list[str]:
    lines = terminal.shown
    starts = [number for number, line in enumerate(lines) if BAR.search(line)]
    return lines[starts[0] :] if len(starts) == 1 else []


def end(terminal: Terminal, pexec: Pexec) -> None:
    pexec.file("go", "")
    assert terminal.process.wait(60) == 1, terminal.screen
    terminal.wait_for("report: ")
    assert terminal.modes == terminal.modes_before
    assert terminal.is_ordinary
    assert region(terminal) == []


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_the_region_fits_its_terminal_and_leaves_nothing_behind(pexec: Pexec, width: int) -> None:
    with live(pexec, width, 30) as terminal:
        bar, long, short = wait_for_frame(terminal, "b ")
        assert "✓ 1" in bar
        assert long.split()[0] == "a-name-of-a-job-that-is-very-long-indeed" or re.match(r"  a-na\S*…\S*indeed ", long)
        assert short.startswith("  b ")
        end(terminal, pexec)
        shown = terminal.screen
    plain = re.sub("\x1b[^A-Za-z]*[A-Za-z]", "", shown)
    assert "a-name-of-a-job-that-is-very-long-indeed | one\n" in plain
    assert "a-name-of-a-job-that-is-very-long-indeed | 70%\n" in plain
    assert "/4] b failed in " in plain
    assert last_run(pexec.folder).check().log("a-name-of-a-job-that-is-very-long-indeed") == b"one\n50%\r60%\r70%\n"


def test_it_follows_the_size_of_the_terminal(pexec: Pexec) -> None:
    with live(pexec, 100) as terminal:
        for width in (50, 120, 40, 80):
            terminal.resize(width, 24)
            assert wait_until(lambda: len(region(terminal)) == 3), terminal.shown
        end(terminal, pexec)


def test_a_terminal_without_utf8_or_colours_gets_words(pexec: Pexec) -> None:
    pexec.env(LC_ALL="POSIX", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0", NO_COLOR="1")
    with live(pexec) as terminal:
        assert wait_until(lambda: any("ok 1" in line for line in region(terminal)[:1]))
        end(terminal, pexec)
        assert terminal.screen.isascii()
        assert not re.search("\x1b\\[[0-9;]*m", terminal.screen)


def test_in_the_c_locale_the_view_is_ascii_although_python_writes_utf8(pexec: Pexec) -> None:
    pexec.env(LC_ALL="C")
    with live(pexec, 60) as terminal:
        assert wait_until(lambda: "ok 1" in "".join(region(terminal)[:1]))
        end(terminal, pexec)
        assert terminal.screen.isascii()


def test_no_color_keeps_the_view_without_its_colours(pexec: Pexec) -> None:
    with live(pexec.env(NO_COLOR="1"), output="auto") as terminal:
        assert wait_until(lambda: "✓ 1" in "".join(region(terminal)[:1]))
        end(terminal, pexec)
        assert not re.search("\x1b\\[[0-9;]*m", terminal.screen)


def test_ctrl_z_leaves_the_terminal_to_the_shell_and_fg_draws_again(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", WORKFLOWS).env(PS1="$ ", HISTFILE="")
    command = " ".join([*pexec.program, "apply", "--output", "live"])
    with Terminal(pexec, "bash", "--norc", "--noprofile", "-i") as shell:
        shell.type(f"{command}\n")
        wait_for_frame(shell, "60%")
        shell.type(CTRL_Z)
        shell.wait_for("Stopped")
        assert wait_until(lambda: "".join(shell.shown[-1:]).startswith("$"))
        assert region(shell) == []
        shell.type("fg\n")
        wait_for_frame(shell, "60%")
        assert sum("Stopped" in line for line in shell.shown) == 1
        pexec.file("go", "")
        shell.wait_for("report: ")
        shell.type("echo code=$?.\n")
        shell.wait_for("code=1.")
        assert region(shell) == []
        shell.type("exit\n")
        shell.process.wait(60)


def test_in_the_background_only_lines_are_printed(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", WORKFLOWS).env(PS1="$ ", HISTFILE="")
    command = " ".join([*pexec.program, "apply", "--output", "live"])
    with Terminal(pexec, "bash", "--norc", "--noprofile", "-i") as shell:
        shell.type(f"{command} &\n")
        shell.wait_for("[1/4]")
        time.sleep(1)  # several frames
        assert region(shell) == []
        pexec.file("go", "")
        shell.wait_for("report: ")
        shell.type("exit\n")
        shell.process.wait(60)


def test_a_stop_counts_down_to_the_kill(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {grace: 30s, run: \"trap '' TERM; touch on; sleep 60\"}}\n")
    with Terminal(pexec, *pexec.program, "apply", "--output", "live") as terminal:
        assert wait_until((pexec.folder / "on").exists)
        terminal.type(CTRL_C)
        assert wait_until(lambda: any(re.match(r"stopping 1 job \(KILL in \d+s\)", line) for line in terminal.shown))
        terminal.wait_for("Interrupted: stopping 1 job (up to 30s). Press Ctrl-C again to kill it.")
        time.sleep(0.4)  # within 0.3 s it would count as the same key press
        terminal.type(CTRL_C)
        assert terminal.process.wait(60) == 130


def test_a_pexec_that_is_killed_leaves_the_terminal_usable(pexec: Pexec) -> None:
    with live(pexec) as terminal:
        terminal.process.send_signal(signal.SIGKILL)
        terminal.process.wait(60)
        assert terminal.is_ordinary
        assert terminal.modes == terminal.modes_before


def test_a_run_that_ends_at_once_draws_nothing(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: 'true'}}\n")

    def draws_nothing() -> bool:
        with Terminal(pexec, *pexec.program, "apply", "--output", "live") as terminal:
            assert terminal.process.wait(60) == 0
            terminal.wait_for("report: ")
            return "elapsed" not in terminal.screen and "\x1b[J" not in terminal.screen

    # The first drawing is due after 0.3 s, which a run may take on a busy machine.
    assert any(draws_nothing() for _ in range(10))


@pytest.fixture
def tmux(pexec: Pexec) -> Iterator[list[str]]:
    """A tmux server of its own, with a session of 100 columns. Unlike the emulator it wraps rows anew on a resize."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    socket = pexec.folder.parent / "tmux"
    command = ["tmux", "-f", os.devnull, "-S", str(socket)]
    environ = {**pexec.environ, "LC_ALL": "C.UTF-8"}
    shell = ["env", "PS1=$ ", "bash", "--norc", "--noprofile"]
    subprocess.run(
        [*command, "new-session", "-d", "-x", "100", "-y", "24", *shell], cwd=pexec.folder, env=environ, check=True
    )
    yield command
    with suppress(subprocess.SubprocessError):
        subprocess.run([*command, "kill-server"], check=False, timeout=60)


def test_rows_that_a_terminal_wraps_when_it_shrinks_leave_nothing_behind(pexec: Pexec, tmux: list[str]) -> None:
    def tell(*words: str) -> str:
        return subprocess.run([*tmux, *words], capture_output=True, text=True, check=True, timeout=60).stdout

    def shown() -> list[str]:
        return tell("capture-pane", "-p").rstrip("\n").split("\n")

    def frame() -> list[str]:
        lines = shown()
        starts = [number for number, line in enumerate(lines) if BAR.search(line)]
        return lines[starts[0] :] if len(starts) == 1 else []

    pexec.file("pexec.yaml", WORKFLOWS)
    root = Path(__file__).parents[2]
    tell(
        "send-keys", f"PYTHONPATH={shlex.quote(str(root))} {shlex.quote(sys.executable)} -m orchestrator apply", "Enter"
    )
    assert wait_until(lambda: len(frame()) == 3), shown()
    for width in (45, 90, 40, 100):
        tell("resize-window", "-x", str(width), "-y", "24")
        assert wait_until(lambda: len(frame()) == 3), shown()
        assert " | one" in tell("capture-pane", "-pJ", "-S", "-")
    tell("send-keys", "C-c")
    assert wait_until(lambda: any("report: " in line for line in shown())), shown()
    assert frame() == []


def test_suspension_does_not_wait_for_a_terminal_that_takes_nothing(pexec: Pexec) -> None:
    with live(pexec) as terminal:
        terminal.type("\x13")  # Ctrl-S
        time.sleep(1)  # the console thread is in a write
        terminal.process.send_signal(signal.SIGTSTP)
        assert wait_until(lambda: stands_still([terminal.process.pid]))
        terminal.type("\x11")
        terminal.process.send_signal(signal.SIGCONT)
        end(terminal, pexec)
