"""S63: pexec handles JSON, scheduling, signals and files itself; it runs no tools of the system."""

from __future__ import annotations

import shutil

from support.cli import Pexec
from support.runs import last_run

MANIFEST = """\
version: 1
defaults: {shell: [sh, -eu]}
workflows:
  a: {run: 'echo "{\\"a\\": 1}"'}
  b: {needs: a, run: 'exit 3', retry: {max_attempts: 2, delay: 10ms}}
  c: {needs: a, run: 'while :; do :; done', timeout: 300ms, grace: 100ms}
"""
COMMANDS = (
    ["runs"],
    ["status"],
    ["logs", "a"],
    ["report"],
    ["report", "--format", "html"],
    ["report", "--format", "junit"],
    ["verify"],
    ["archive"],
    ["graph"],
    ["plan"],
)


def test_a_run_and_all_reports_of_it_need_only_the_shell_of_the_jobs(pexec: Pexec) -> None:
    """`PATH` contains only `sh`, so that any other program is not found."""
    shell = shutil.which("sh")
    assert shell is not None
    tools = pexec.folder / "tools"
    tools.mkdir()
    (tools / "sh").symlink_to(shell)
    pexec.file("pexec.yaml", MANIFEST).file("s.sh", "# Depends on: t\n").file("t.sh", "bash s2.sh\n").env(
        PATH=str(tools)
    )
    assert pexec.run("apply").exit_code == 1
    run = last_run(pexec.folder).check()
    assert run.statuses == {"a": "succeeded", "b": "failed", "c": "timed_out"}
    for command in COMMANDS:
        said = pexec.run(*command)
        assert said.exit_code == 0, said.stderr
    assert pexec.run("discover", "s.sh", "t.sh").exit_code == 0
    assert pexec.run("resume", "--output", "quiet").exit_code == 1
