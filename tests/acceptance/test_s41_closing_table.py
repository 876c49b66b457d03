"""S41: at the end of a run a table shows the outcome of each job, then the failures, the totals, and what is next."""

from __future__ import annotations

import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from support.attempts import wait_until
from support.cli import Pexec, Said
from support.runs import last_run

MANIFEST = """\
version: 1
policy: {max_parallel_jobs: 2}
workflows:
  good: {run: ':'}
  bad: {run: exit 3}
  behind: {needs: bad, run: ':'}
"""

TIME = r"\d+(\.\d+)?m?s"
JOB_TIME = rf"{TIME}( +\({TIME} waiting\))?"  # on a busy machine a job may wait for its process


def test_it_is_last_on_standard_error_in_every_output_mode(pexec: Pexec) -> None:
    for output in ("plain", "live", "grouped", "quiet", "jsonl"):
        said = pexec.file("pexec.yaml", MANIFEST).run("apply", "--output", output)
        assert said.exit_code == 1
        run = last_run(pexec.folder)
        table = said.stderr.partition("job     status")[2].splitlines()
        assert re.fullmatch(rf"good    succeeded  +{JOB_TIME} *", table[1])
        assert re.fullmatch(r"behind  skipped  +-  need `bad` failed", table[2])
        assert re.fullmatch(rf"bad     failed  +{JOB_TIME} +exit code 3", table[3])
        assert table[4] == ""
        assert re.fullmatch(rf"✗ bad  failed after {JOB_TIME}: exit code 3", table[5])
        assert table[6:8] == ["↷ behind skipped because bad failed", ""]
        assert re.fullmatch(rf"FAILED in {TIME}: 1 of 3 jobs succeeded, 1 failed, 1 skipped", table[8])
        assert table[9:] == [
            f"report: .pexec/runs/{run.path.name}/report.html",
            "next: pexec logs bad · pexec resume --failed",
        ]


def test_its_statuses_are_coloured_where_colours_are_enabled(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST)
    forced = pexec.env(FORCE_COLOR="1").run("apply", "--output", "quiet").stderr
    assert "good    \x1b[32msucceeded\x1b[0m" in forced
    assert "\n\x1b[31m✗\x1b[0m bad  failed after " in forced
    assert "\n\x1b[1;31mFAILED\x1b[0m in " in forced
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
    process.wait(60)
    return shown


def read(leader: int) -> bytes:
    try:
        return os.read(leader, 4096)
    except OSError:  # every writer has closed the terminal
        return b""


def test_a_terminal_that_is_not_utf8_gets_words_instead_of_symbols(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST).env(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    shown = shown_on_terminal(pexec, "dumb").decode("ascii")
    assert "\nFAIL bad  failed after " in shown.replace("\r", "")
    assert "\n-> behind skipped because bad failed\n" in shown.replace("\r", "")


SIXTY = "version: 1\nworkflows:\n" + "".join(
    f"  j{number}: {{argv: ['{'false' if number == 50 else 'true'}']}}\n" for number in range(60)
)


def test_for_a_large_run_it_shows_the_failures_and_the_slowest_jobs(pexec: Pexec) -> None:
    said = pexec.file("pexec.yaml", SIXTY).run("apply", "--output", "quiet")
    assert said.exit_code == 1
    lines = said.stderr.splitlines()
    (slowest,) = (line for line in lines if line.startswith("slowest: "))
    assert slowest.count(",") == 4
    assert re.search(rf"\n\n✗ j50  failed after {JOB_TIME}: exit code 1\n\nFAILED in ", said.stderr)
    assert "59 of 60 jobs succeeded, 1 failed" in said.stderr
    rows = pexec.run("apply", "--output", "quiet", "--summary", "all").stderr.partition("\njob  status")[2]
    assert [line.split()[0] for line in rows.splitlines()[1:61]] == [
        *(f"j{number}" for number in range(60) if number != 50),
        "j50",
    ]


def test_with_summary_short_there_is_no_table(pexec: Pexec) -> None:
    said = pexec.file("pexec.yaml", MANIFEST).run("apply", "--output", "quiet", "--summary", "short")
    assert "job     status" not in said.stderr
    assert "\n✗ bad  failed after " in said.stderr
    resumed = pexec.run("resume", "--output", "quiet", "--summary=short")
    assert "job     status" not in resumed.stderr


def test_the_end_of_a_failed_log_is_shown_in_every_output_mode(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows:\n  bad: {run: 'seq 1 60; printf \"why\\n\\n\" >&2; exit 1'}\n")
    for output in ("plain", "live", "grouped", "quiet", "jsonl"):
        said = pexec.run("apply", "--output", output).stderr
        tail = said.partition("✗ bad  failed after ")[2].splitlines()[1:]
        log = f".pexec/runs/{last_run(pexec.folder).path.name}/logs/bad.1.log"
        assert tail[:39] == [f"    | {number}" for number in range(22, 61)]
        assert tail[39:41] == ["    | why", f"    last 40 lines of {log}"]
        assert (pexec.folder / log).read_text().endswith("60\nwhy\n\n")


def test_of_several_failures_ten_have_fifteen_lines_each_and_long_lines_are_cut(pexec: Pexec) -> None:
    jobs = "".join(f"  j{number:02}: {{run: 'seq 1 20; exit 1'}}\n" for number in range(11))
    long = "  long: {run: 'head -c 1000000 /dev/zero | tr \"\\0\" x; exit 1', priority: 1}\n"
    said = pexec.file("pexec.yaml", f"version: 1\nworkflows:\n{long}{jobs}").run("apply", "--output", "quiet").stderr
    digest = said.partition("\n\n")[2]
    assert digest.startswith("✗ long  failed after ")
    assert f"    | {'x' * 4096}… (line of 976.6 KiB)\n    log: .pexec/runs/" in digest
    assert digest.count("    | 20\n    last 15 lines of ") == 9
    assert [line.split()[1] for line in digest.splitlines() if line.startswith("✗ ")] == [
        "long", *(f"j{number:02}" for number in range(11)),
    ]  # fmt: skip


def test_it_says_how_often_a_job_was_tried_and_what_was_allowed_or_timed_out(pexec: Pexec) -> None:
    said = pexec.file(
        "pexec.yaml",
        """\
version: 1
workflows:
  flaky: {run: exit 75, retry: {max_attempts: 2, delay: 1s, jitter: 0}}
  slow: {run: sleep 60, timeout: 300ms}
  lint: {run: exit 2, allow_failure: true}
""",
    ).run("apply", "--output", "quiet")
    assert re.search(
        rf"""✗ flaky  failed after {TIME} \({TIME} waiting\): exit code 75 \(attempt 2 of 2\)
✗ slow   timed out after {JOB_TIME}: ran longer than 300ms
! lint   failed, allowed: exit code 2

FAILED in {TIME}: 0 of 3 jobs succeeded, 1 failed, 1 timed out, 1 allowed failure
""",
        said.stderr,
    ), said.stderr


def test_an_interrupted_run_says_what_was_stopped_and_how_to_continue(pexec: Pexec) -> None:
    jobs = "  train: {run: 'touch begun; sleep 60'}\n  next: {run: ':'}\n"
    pexec.file("pexec.yaml", f"version: 1\npolicy: {{max_parallel_jobs: 1}}\nworkflows:\n{jobs}")
    process = pexec.start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    assert wait_until((pexec.folder / "begun").exists)
    process.send_signal(signal.SIGINT)
    shown = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 130
    assert "⊘ train cancelled while running\n⊘ next cancelled before starting\n\nCANCELLED in " in shown
    assert shown.endswith("/report.html\nnext: pexec resume\n")


# Everything that is printed as a command to type next.

FAILING = """\
version: 1
workflows:
  bad: {matrix: {os: [a b]}, run: 'echo why; test -e repaired'}
  ok: {run: ':'}
"""


def next_commands(said: Said) -> list[str]:
    """The commands after `next:`, and the report that is named before them must exist."""
    (line,) = (line for line in said.stderr.splitlines() if line.startswith("next: "))
    return line.removeprefix("next: ").split(" · ")


def typed(pexec: Pexec, command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as it is printed, in a shell, where `pexec` is this one."""
    program = f'pexec() {{ {shlex.join(pexec.program)} "$@"; }}\n'
    return subprocess.run(
        ["bash", "-c", program + command], cwd=directory, env=pexec.environ, capture_output=True, text=True, timeout=60
    )


def obey(pexec: Pexec, said: Said, directory: Path, repaired: Path) -> None:
    """Type what is printed: the log of the failure is shown, and the run is resumed to a success."""
    assert said.exit_code == 1, said.stderr
    (report,) = (line.removeprefix("report: ") for line in said.stderr.splitlines() if line.startswith("report: "))
    assert (directory / report).is_file()
    (log,) = (line.split("log: ")[1] for line in said.stderr.splitlines() if line.startswith("    log: "))
    assert (directory / log).read_text() == "why\n"
    logs, resume = next_commands(said)
    assert typed(pexec, logs, directory).stdout == "why\n"
    repaired.write_text("")
    resumed = typed(pexec, resume, directory)
    assert resumed.returncode == 0, resumed.stderr
    assert "SUCCEEDED in " in resumed.stderr
    repaired.unlink()


def test_the_next_commands_work_as_printed_wherever_the_run_was_started(pexec: Pexec, tmp_path: Path) -> None:
    pexec.file("pexec.yaml", FAILING).file("deep/down/here", "").file("flows/other.yaml", FAILING)
    top = pexec.folder
    said = pexec.run("apply", "--output", "quiet")
    assert next_commands(said) == ["pexec logs 'bad[os=a b]'", "pexec resume --failed"]
    obey(pexec, said, top, top / "repaired")
    obey(pexec, pexec.run("apply", "flows/other.yaml", "--output=quiet"), top, top / "flows/repaired")
    there = tmp_path / "my runs"
    said = pexec.run("apply", "--output", "quiet", "--run-root", str(there))
    assert next_commands(said)[0] == f"pexec logs 'bad[os=a b]' --run-root '{there}'"
    obey(pexec, said, top, top / "repaired")
    obey(pexec, pexec.inside("deep/down").run("apply", "--output", "quiet"), top / "deep/down", top / "repaired")
    said = pexec.run("-C", "../../flows", "apply", "-C", ".", "other.yaml", "--output", "quiet", "--run-root", "mine")
    assert next_commands(said)[0] == "pexec -C ../../flows logs 'bad[os=a b]' --run-root mine"
    obey(pexec, said, top / "deep/down", top / "flows/repaired")
    obey(
        pexec,
        pexec.run("apply", "../../flows/other.yaml", "--output", "quiet", "--run-root", "runs"),
        top / "deep/down",
        top / "flows/repaired",
    )


def test_the_next_commands_do_not_depend_on_a_variable_of_one_command(pexec: Pexec) -> None:
    said = pexec.file("pexec.yaml", FAILING).env(PEXEC_RUN_ROOT="runs").run("apply", "--output", "quiet")
    del pexec.environ["PEXEC_RUN_ROOT"]
    assert next_commands(said)[1] == "pexec resume --failed --run-root runs"
    obey(pexec, said, pexec.folder, pexec.folder / "repaired")


def test_the_next_commands_name_a_run_that_is_not_the_last_one(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", FAILING).run("apply", "--output", "quiet")
    older = last_run(pexec.folder).path.name
    pexec.file("pexec.yaml", FAILING.replace("test -e repaired", ":")).run("apply", "--output", "quiet")
    said = pexec.file("pexec.yaml", FAILING).run("resume", older, "--output", "quiet")
    assert next_commands(said) == [f"pexec logs --run {older} 'bad[os=a b]'", f"pexec resume {older} --failed"]
    obey(pexec, said, pexec.folder, pexec.folder / "repaired")


def test_it_is_shown_although_a_job_has_removed_the_current_directory(pexec: Pexec, tmp_path: Path) -> None:
    inside = pexec.folder / "inside"
    inside.mkdir()
    (inside / "pexec.yaml").write_text("version: 1\nworkflows: {clean: {run: 'rm -rf \"$PWD\"; exit 3'}}\n")
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", "apply", "--run-root", f"{tmp_path}/runs"],
        cwd=inside, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "✗ clean  failed after " in done.stderr
    assert f"report: {tmp_path}/runs/" in done.stderr
