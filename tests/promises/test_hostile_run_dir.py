"""Whatever a run directory contains, no command hangs, follows a link or crashes; one that is read-only is reported."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Pexec, Said
from support.crashes import pexec_here
from support.disks import small_disk
from support.runs import last_run, runs
from support.users import USERS, pexec_of

MANIFEST = """\
version: 1
defaults: {shell: [sh, -eu]}
workflows:
  a: {run: echo out; echo x >> a.txt}
  b: {needs: a, run: test -e there}
"""
COMMANDS = ("status", "runs", "logs", "report", "verify", "cancel", "archive", "prune", "resume")
NAMES = (
    *("events.jsonl", "plan.json", "results_summary.json", "execution_report.md", "dependencies.json"),
    *("logs", "status", "tmp", "logs/a.1.log", "status/a.status", ".ballast", ".control"),
)
PLANTS = ("link", "dangling", "fifo", "folder", "empty", "garbage", "nothing")


def plant(place: Path, what: str, victim: Path) -> None:
    """Replace a file or directory of a run by something else."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    elif os.path.lexists(place):
        place.unlink()
    match what:
        case "link":
            place.symlink_to(victim)
        case "dangling":
            place.symlink_to(victim / "nowhere")
        case "fifo":
            os.mkfifo(place)
        case "folder":
            (place / "in the way").mkdir(parents=True)
        case "empty":
            place.touch()
        case "garbage":
            place.write_bytes(b'\xff\x00{"\n\x1b[2J\n' * 9)
        case _:
            pass


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check(said: Said, context: object) -> None:
    assert said.exit_code in (0, 1, 2, 4, 5), (context, said)
    assert "Traceback" not in said.stderr, (context, said.stderr)
    assert "\x1b" not in said.stderr + said.stdout, context
    assert said.exit_code < 2 or "error" in said.stderr, (context, said)


@pytest.mark.faults
def test_no_command_is_misled_by_the_contents_of_a_run_directory(
    tmp_path: Path, full: bool, figure: Callable[[str, object], None]
) -> None:
    pexec = Pexec(tmp_path).file("pexec.yaml", MANIFEST)
    assert pexec.run("apply", "--output", "quiet").exit_code == 1
    root, aside = pexec.folder / ".pexec/runs", pexec.folder / "aside"
    shutil.move(root, aside)
    victim = tmp_path / "victim"
    cases = [(name, what, command) for name in NAMES for what in PLANTS for command in COMMANDS]
    cases = cases if full else cases[::17]
    figure("run directories with unexpected contents, each with a command", len(cases))
    for name, what, command in cases:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(aside, root)
        shutil.rmtree(victim, ignore_errors=True)
        shutil.copytree(aside, victim)
        before = content_of(victim)
        run = last_run(pexec.folder).path
        plant(run / name, what, victim / run.name / name)
        check(pexec_here(pexec.folder, command, *(["--keep=0"] if command == "prune" else [])), (name, what, command))
        assert content_of(victim) == before, (name, what, command)


@pytest.mark.skipif(
    "ordinary" not in USERS, reason="the Python of these tests is in a directory that only root can enter"
)
def test_a_run_directory_that_is_not_writable_can_be_inspected_but_not_resumed() -> None:
    with pexec_of("ordinary") as pexec:
        pexec.file("pexec.yaml", MANIFEST)
        assert pexec.start("apply", "--output", "quiet", stderr=-3).wait(60) == 1
        run = runs(pexec.folder)[0].path
        for folder in (run, run / "logs", run / "status", run / "tmp"):
            folder.chmod(0o500)
        codes = {}
        for command in (*COMMANDS[:5], "archive", "resume"):
            process = pexec.start(command, stdout=-1, stderr=-1)
            out, err = process.communicate(timeout=60)
            said = Said(process.returncode, out.decode(), err.decode())
            check(said, command)
            codes[command] = said.exit_code
        run.chmod(0o700)
        assert codes == {
            "status": 0,
            "runs": 0,
            "logs": 0,
            "report": 0,
            "verify": 0,
            "archive": 5,
            "resume": 5,
        }
        assert (pexec.folder / "a.txt").read_text() == "x\n"


@pytest.mark.parametrize("command", ["apply", "resume"])
def test_a_read_only_disk_is_reported_and_nothing_runs(tmp_path: Path, command: str) -> None:
    pexec = Pexec(tmp_path).file("pexec.yaml", MANIFEST)
    with small_disk(tmp_path / "disk", "1m") as disk:
        flags = ("--output", "quiet", "--run-root", str(disk / "runs"))
        assert pexec.run("apply", *flags).exit_code == 1
        (pexec.folder / "there").touch()
        os.system(f"mount -o remount,ro {disk}")
        said = pexec.run(command, *flags)
        assert (said.exit_code, said.stdout) == (5, "")
        assert "read-only file system" in said.stderr
        assert pexec.run("status", "--run-root", str(disk / "runs")).exit_code == 0
        assert (pexec.folder / "a.txt").read_text() == "x\n"
