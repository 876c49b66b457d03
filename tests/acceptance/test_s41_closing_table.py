"""S41: at the end of a run a table shows the outcome of each job, the totals, and where the files are."""

from __future__ import annotations

import os
import pty
import re

from support.cli import Pexec
from support.runs import last_run

MANIFEST = """\
version: 1
policy: {max_parallel_jobs: 2}
workflows:
  good: {run: ':'}
  bad: {run: exit 3}
  behind: {needs: bad, run: ':'}
"""

TIME = r"(\d+ms|\d+\.\ds)"


TIME = r"\d+(\.\d+)?m?s"


def test_it_is_last_on_standard_error_in_every_output_mode(pexec: Pexec) -> None:
    for output in ("plain", "live", "grouped", "quiet", "jsonl"):
        said = pexec.file("pexec.yaml", MANIFEST).run("apply", "--output", output)
        assert said.exit_code == 1
        run = last_run(pexec.folder)
        table = said.stderr.partition("job     status")[2].splitlines()
        assert re.fullmatch(rf"good    succeeded  +{TIME}", table[1])
        assert re.fullmatch(rf"bad     failed  +{TIME}  exit code 3; logs/bad\.1\.log", table[2])
        assert re.fullmatch(r"behind  skipped  +-  need `bad` failed", table[3])
        assert re.fullmatch(rf"FAILED in {TIME}: 1 of 3 jobs succeeded, 1 failed, 1 skipped", table[5])
        assert re.fullmatch(rf"\d+\.\dx parallel speedup, \d+% of 2 slots busy, critical path {TIME}", table[6])
        assert table[7:] == [f"run directory: {run.path}"]


def test_its_statuses_are_coloured_where_colours_are_enabled(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST)
    forced = pexec.env(FORCE_COLOR="1").run("apply", "--output", "quiet").stderr
    assert "good    \x1b[32msucceeded\x1b[0m" in forced
    assert "\n\x1b[31mFAILED\x1b[0m in " in forced
    assert "\x1b" not in pexec.env(FORCE_COLOR="1", NO_COLOR="1").run("apply", "--output", "quiet").stderr
    pexec.env(FORCE_COLOR="", NO_COLOR="")
    assert b"\x1b[32msucceeded\x1b[0m" in shown_on_terminal(pexec, "xterm")
    dumb = shown_on_terminal(pexec, "dumb")
    assert (b"good    succeeded" in dumb, b"\x1b" in dumb) == (True, False)


def shown_on_terminal(pexec: Pexec, kind: str) -> bytes:
    leader, follower = pty.openpty()
    process = pexec.env(TERM=kind).start("apply", "--output", "quiet", stderr=follower)
    os.close(follower)
    shown = b""
    while chunk := read(leader):
        shown += chunk
    os.close(leader)
    process.wait(30)
    return shown


def read(leader: int) -> bytes:
    try:
        return os.read(leader, 4096)
    except OSError:  # every writer has closed the terminal
        return b""


def test_for_a_large_run_it_shows_the_failures_and_the_slowest_jobs(pexec: Pexec) -> None:
    text = "version: 1\nworkflows:\n" + "".join(
        f"  j{number}: {{argv: ['{'false' if number == 50 else 'true'}']}}\n" for number in range(60)
    )
    said = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
    assert said.exit_code == 1
    lines = said.stderr.splitlines()
    assert [line.split()[:2] for line in lines if line.startswith("j50 ")] == [["j50", "failed"]]
    assert "... and 54 more that succeeded" in lines
    assert "59 of 60 jobs succeeded, 1 failed" in said.stderr
