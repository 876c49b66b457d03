"""What is said goes to the right stream, whatever that stream is."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest
from support.cli import PROGRAM, Pexec

GOOD = "version: 1\nworkflows: {a: {run: 'true'}}\n"
BAD = "version: 1\nworkflow: {}\n"


def shell(pexec: Pexec, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script in which `$PEXEC` is the program."""
    environ = {**pexec.environ, "PEXEC": " ".join(PROGRAM)}
    del environ["PEXEC"]
    script = script.replace("$PEXEC", " ".join(PROGRAM))
    return subprocess.run(
        ["bash", "-c", script], cwd=pexec.folder, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("command", ["plan", "plan --format json", "schema", "--help", "plan --help", "validate"])
def test_a_reader_that_closes_early_is_not_an_error(pexec: Pexec, command: str) -> None:
    pexec.file("pexec.yaml", GOOD)
    done = shell(pexec, f"(sleep 0.3; exec $PEXEC {command}) | exec true; echo ${{PIPESTATUS[0]}}")
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_reader_that_goes_away_early_does_not_hide_an_invalid_manifest(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", BAD)
    done = shell(pexec, "(sleep 0.3; exec $PEXEC validate --format json) | exec true; echo ${PIPESTATUS[0]}")
    assert (done.stdout, done.stderr) == ("3\n", "")
    done = shell(pexec, "(sleep 0.3; exec $PEXEC validate 2>&1) | exec true; echo ${PIPESTATUS[0]}")
    assert (done.stdout, done.stderr) == ("3\n", "")


@pytest.mark.parametrize("command", ["plan", "schema", "--help", "validate --format json"])
def test_data_that_cannot_be_written_is_an_environment_error(pexec: Pexec, command: str) -> None:
    pexec.file("pexec.yaml", GOOD)
    done = shell(pexec, f"$PEXEC {command} >/dev/full")
    assert done.returncode == 5
    assert done.stderr == "error[PX302]: stdout cannot be written: No space left on device\n"


def test_the_version_that_cannot_be_written_too(pexec: Pexec) -> None:
    assert shell(pexec, "$PEXEC --version >/dev/full").returncode == 5


@pytest.mark.parametrize("closing", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_are_not_an_error(pexec: Pexec, closing: str) -> None:
    pexec.file("pexec.yaml", GOOD).file("bad.yaml", BAD)
    done = shell(
        pexec, f"$PEXEC validate {closing}; $PEXEC plan {closing} && $PEXEC validate bad.yaml {closing}; exit $?"
    )
    assert done.returncode == 3
    assert "Traceback" not in done.stderr


def test_text_that_the_stream_cannot_encode_is_escaped(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", GOOD).env(PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    pexec.file("日本.yaml", GOOD)
    pexec.run("validate", "日本.yaml").said(stdout="\\u65e5\\u672c.yaml: valid, 1 job in 1 level\n")


def test_a_file_name_need_not_be_text(pexec: Pexec) -> None:
    name = b"m\xff.yaml"
    (pexec.folder / os.fsdecode(name)).write_text(GOOD)
    pexec.run("validate", name).said(stdout="m<U+DCFF>.yaml: valid, 1 job in 1 level\n")


ESC = "\x1b["
PLAIN = "error: unknown command `x`\n  = help: see `pexec --help`\n"
COLOURED = f"{ESC}1;31merror{ESC}0m{ESC}1m: unknown command `x`{ESC}0m\n  {ESC}1;34m={ESC}0m help: see `pexec --help`\n"


def on_a_terminal(pexec: Pexec, *arguments: str) -> str:
    """What a run writes to stderr that is a terminal."""
    ours, theirs = pty.openpty()
    process = pexec.start(*arguments, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # EIO: the terminal has no writer any more
            break
        shown += chunk
    os.close(ours)
    process.wait(timeout=60)
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("variables", "terminal", "expected"),
    [
        ({}, True, COLOURED),
        ({}, False, PLAIN),
        ({"NO_COLOR": "1"}, True, PLAIN),
        ({"NO_COLOR": ""}, True, COLOURED),
        ({"TERM": "dumb"}, True, PLAIN),
        ({"FORCE_COLOR": "1"}, False, COLOURED),
        ({"FORCE_COLOR": ""}, False, PLAIN),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, False, COLOURED),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, PLAIN),
    ],
)
def test_colours_are_for_terminals_unless_the_user_says_otherwise(
    pexec: Pexec, variables: dict[str, str], terminal: bool, expected: str
) -> None:
    pexec.env(variables)
    assert (on_a_terminal(pexec, "x") if terminal else pexec.run("x").stderr) == expected


def test_no_manifest_speaks_to_the_runner_of_github(pexec: Pexec, tmp_path: Path) -> None:
    pexec.file("pexec.yaml", 'version: 1\nname: "::error::x"\nworkflows: {a: {run: "true"}}\n')
    assert pexec.run("plan").stdout.startswith("::error::x: 1 job in 1 level\n")
    pexec.env(GITHUB_ACTIONS="true")
    assert pexec.run("plan").stdout.startswith("\u200b::error::x: 1 job in 1 level\n")
