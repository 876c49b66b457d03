"""private-files: directories 0700, files 0600, whatever the umask; planted links are not followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cli import Pexec
from support.runs import last_run
from support.users import USERS

LIST = "find \"$PEXEC_RUN_DIR\" -printf '%y %m %P\\n'"
MANIFEST = f"""\
version: 1
defaults: {{shell: [sh, -eu]}}
workflows:
  a: {{run: "{LIST.replace('"', chr(92) + '"').replace(chr(92) + "n", chr(92) * 2 + "n")}; umask; echo mine > made"}}
  b: {{needs: a, run: "exit 3"}}
"""


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("output", ["plain", "quiet"])
def test_no_other_user_can_read_a_run_and_jobs_have_the_users_umask(pexec: Pexec, umask: int, output: str) -> None:
    assert pexec.file("pexec.yaml", MANIFEST).run("apply", "--output", output).exit_code == 1
    home = pexec.folder / ".pexec"
    modes = {path: mode(path) for path in (home, *home.rglob("*"))}
    assert {path: oct(found) for path, found in modes.items() if found != (0o700 if path.is_dir() else 0o600)} == {}
    *during, last = last_run(pexec.folder).log("a").decode().splitlines()
    assert int(last, 8) == umask
    assert mode(pexec.folder / "made") == 0o666 & ~umask
    found = [line.split(maxsplit=2) for line in during]
    assert {name for _, _, name in (*[row for row in found if len(row) == 3],)} >= {"events.jsonl", "logs", "plan.json"}
    assert [row for row in found if row[1] != ("700" if row[0] == "d" else "600")] == []


@pytest.mark.parametrize("output", ["plain", "quiet", "grouped"])
@pytest.mark.parametrize("plant", ["ln -s ../../../../victim", "mkfifo", "mkdir", "ln ../../../../victim"])
def test_a_log_is_never_written_through_a_planted_link(pexec: Pexec, plant: str, output: str) -> None:
    plant = f'cd \\"$PEXEC_RUN_DIR/logs\\"; {plant} b.1.log'
    text = f'version: 1\nworkflows:\n  a: {{run: "{plant}"}}\n  b: {{needs: a, run: echo written}}\n'
    pexec.file("pexec.yaml", text).file("victim", "untouched\n")
    assert pexec.run("apply", "--output", output).exit_code == 0
    assert (pexec.folder / "victim").read_bytes() == b"untouched\n"
    run = last_run(pexec.folder).check()
    first, second = run.named("attempt.finished", job="b")
    assert (first["verdict"], second["verdict"]) == ("lost", "succeeded")
    assert first["reason"] == "the log `b.1.log` cannot be written: file exists"
    assert run.log("b", 2) == b"written\n"


@pytest.mark.parametrize("where", [".pexec", ".pexec/runs"])
def test_a_run_is_not_stored_behind_a_planted_link(pexec: Pexec, where: str) -> None:
    elsewhere = pexec.home / "elsewhere"
    elsewhere.mkdir()
    link = pexec.folder / where
    link.parent.mkdir(exist_ok=True)
    owner = pexec.folder.stat()
    os.chown(link.parent, owner.st_uid, owner.st_gid)
    link.symlink_to(elsewhere)
    said = pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: touch ran}}\n").run("apply")
    assert said.exit_code == 5
    assert f"`{link}` is a link" in said.stderr
    assert list(elsewhere.iterdir()) == []
    assert not (pexec.folder / "ran").exists()


@pytest.mark.parametrize("name", ["../up", "a/b", "..", ".", "/etc/x", "a\\0b", "a b", "", "~", "x" * 101])
def test_a_name_that_could_lead_out_of_the_run_directory_is_refused(pexec: Pexec, name: str) -> None:
    text = f'version: 1\nworkflows: {{"{name}": {{run: touch ran}}}}\n'
    assert pexec.file("pexec.yaml", text).run("apply").exit_code == 3
    assert not (pexec.folder / ".pexec").exists()
    assert not (pexec.folder / "ran").exists()


def test_names_that_differ_only_in_case_have_files_of_their_own(pexec: Pexec) -> None:
    names = ["a", "A", "a.", "con", "CON", "a.1.log", "x" * 100, "X" * 100]
    workflows = "".join(f"  {name}: {{run: 'echo {name}'}}\n" for name in names)
    assert pexec.file("pexec.yaml", f"version: 1\nworkflows:\n{workflows}").run("apply").exit_code == 0
    run = last_run(pexec.folder).check()
    assert {name: run.log(name) for name in names} == {name: f"{name}\n".encode() for name in names}
    logs = os.listdir(run.path / "logs")
    assert len({name.casefold() for name in logs}) == len(names)


@pytest.mark.parametrize("more", ["--output=quiet", "--output=plain"])
@pytest.mark.parametrize("killed", ["", "kill -9 $PPID; "])
def test_a_log_directory_that_a_job_replaces_redirects_no_log(pexec: Pexec, more: str, killed: str) -> None:
    """Not even when the warden dies and is replaced."""
    elsewhere = pexec.home / "elsewhere"
    elsewhere.mkdir()
    away = f'cd "$PEXEC_RUN_DIR"; mv logs aside; ln -s {elsewhere} logs; {killed}exit 0'
    pexec.file("away.sh", away).file(
        "pexec.yaml",
        "version: 1\nworkflows:\n  a: {file: away.sh, shell: [sh], retry: {max_attempts: 1}}\n"
        "  b: {after: a, run: 'echo written; exit 1', cleanup: echo cleaned}\n",
    )
    process = pexec.start("apply", more, stdout=-3, stderr=-3)
    assert process.wait(60) == 1
    assert list(elsewhere.iterdir()) == []
    run = last_run(pexec.folder)
    assert (run.path / "aside/b.1.log").read_bytes() == b"written\n"
    assert (run.path / "aside/b.cleanup.log").read_bytes() == b"cleaned\n"


@pytest.mark.parametrize("run_as", USERS)
@pytest.mark.parametrize("more", ["--output=quiet", "--output=plain", "--keep-temp"])
def test_a_temporary_directory_that_a_job_replaces_redirects_nothing(pexec: Pexec, more: str) -> None:
    """Neither what is created, also a script that is too long for an argument, nor what is removed."""
    elsewhere = pexec.home / "elsewhere"
    precious = [elsewhere / str(number) / "precious" for number in range(9)]
    for path in precious:
        path.parent.mkdir(parents=True)
        path.touch()
    away = f'cd "$PEXEC_RUN_DIR"; touch $PEXEC_TMPDIR/left; mv tmp aside; ln -s {elsewhere} tmp'
    pexec.file("away.sh", away).file(
        "pexec.yaml",
        "version: 1\nworkflows:\n  a: {file: away.sh, shell: [sh]}\n"
        f"  b: {{after: a, run: 'touch $PEXEC_TMPDIR/mine'}}\n  c: {{after: a, run: 'true; : {'x' * 200_000}'}}\n",
    )
    assert pexec.run("apply", more).exit_code == 1
    assert sorted(path for path in elsewhere.rglob("*") if path.is_file()) == sorted(precious)
    run = last_run(pexec.folder).check()
    ends = [run.named("attempt.finished", job=job)[-1] for job in "abc"]
    assert [end["verdict"] for end in ends] == ["succeeded", "lost", "lost"]
    assert f"`{run.path}/tmp`, for temporary directories, is not a directory any more" in ends[1]["reason"]


def test_a_job_that_removes_the_temporary_directories_breaks_no_other(pexec: Pexec) -> None:
    pexec.file(
        "pexec.yaml",
        "version: 1\nworkflows:\n  a: {run: 'rm -r $PEXEC_RUN_DIR/tmp'}\n  b: {after: a, run: 'ls -d $PEXEC_TMPDIR'}\n",
    )
    assert pexec.run("apply").exit_code == 0
    assert os.listdir(last_run(pexec.folder).path / "tmp") == []
