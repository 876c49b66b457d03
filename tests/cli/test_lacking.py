"""What the machine lacks is one line and exit code 5 (2 or 3 where it is the user's input), never a report of a bug.

Every command runs under every condition that it can notice: whatever it needs must be there, or be named.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest
from support.cli import Pexec
from support.runs import runs
from support.users import USERS, pexec_of

from orchestrator.cli.lacking import what_is_lacking, with_short_paths
from orchestrator.cli.main import COMMANDS

MANIFEST = "version: 1\nworkflows: {a: {run: echo built}, b: {needs: a, run: 'false'}}\n"
LINES: dict[str, Sequence[str]] = {
    "init": ("init -o new.yaml",),
    "apply": ("apply --output quiet", "apply - --output quiet"),
    "resume": ("resume --output quiet",),
    "validate": ("validate", "validate -", "validate --format sarif"),
    "plan": ("plan", "plan --format json -"),
    "graph": ("graph", "graph --run"),
    "discover": ("discover script.sh", "discover script.sh -o found.yaml"),
    "status": ("status", "status --watch"),
    "archive": ("archive", "archive -o out.tar.gz"),
    "explain": ("explain PX101",),
    "completion": ("completion bash",),
}
CALLS = [line for name in COMMANDS for line in LINES.get(name, (name,))]
# What these commands do does not depend on earlier runs.
WITHOUT_RUNS = {"init", "validate", "list", "discover", "explain", "schema", "completion"}
CALLS_ABOUT_RUNS = [line for line in CALLS if line.split()[0] not in WITHOUT_RUNS]
CODES = {0, 1, 2, 3, 4, 5}
# What serves until it is stopped.
ENDED = {"ui": ("timeout", "--preserve-status", "2")}
RAW = re.compile(r"Traceback|Errno|Error\(|this is a bug")


@cache
def can_mount() -> bool:
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


def without(directory: str) -> str:
    """A shell command that hides a directory of the system from what follows."""
    if not can_mount():
        pytest.skip("mount namespaces cannot be made here")
    return f'exec unshare --mount sh -c "mount -t tmpfs none {directory} && exec \\"\\$@\\"" sh "$@"'


def below(size: int) -> str:
    """A shell command that continues in a directory of the project whose path has this many bytes."""
    levels = size // 201 - 1
    path, pattern = "/".join(["y" * 200] * levels), "/".join(["y*"] * levels)
    rest = size - 201 * levels - 1
    return (
        f'last=$(printf "%0$(({rest} - ${{#PWD}}))d" 0); mkdir -p "{path}/$last"; cd {pattern}/0* '
        '&& cp "$OLDPWD"/pexec.yaml "$OLDPWD"/script.sh . && exec "$@"'
    )


LONG = "/" + "x" * 4090
# Each is a shell script that runs its arguments; made when it is used, since some cannot be made everywhere.
CONDITIONS: dict[str, Callable[[], str]] = {
    "no /proc": lambda: without("/proc"),
    "no /dev": lambda: without("/dev"),
    "no current directory": lambda: 'mkdir gone && cd gone && rmdir ../gone && exec "$@"',
    "closed stdin": lambda: 'exec "$@" <&-',
    "closed stdout": lambda: 'exec "$@" >&-',
    "home is a loop of links": lambda: 'ln -sfn loop loop; HOME=$PWD/loop exec "$@"',
    "the path of the home is too long": lambda: f'HOME={LONG} exec "$@"',
    "the path of the run root is too long": lambda: f'PEXEC_RUN_ROOT={LONG} exec "$@"',
    "the run root is a file": lambda: 'PEXEC_RUN_ROOT=$PWD/pexec.yaml exec "$@"',
    "the current path is nearly too long": lambda: below(3700),
    "the current path is too long": lambda: below(4080),
}
CONDITIONS_OF_RUNS: dict[str, Callable[[], str]] = {
    "the runs are removed": lambda: 'rm -rf .pexec; exec "$@"',
    "the run directory is empty": lambda: 'rm -rf .pexec/runs/*/*; exec "$@"',
    "the run directory lacks its directories": lambda: 'rm -rf .pexec/runs/*/logs .pexec/runs/*/status; exec "$@"',
    "the run directory lacks its journal": lambda: 'rm -f .pexec/runs/*/events.jsonl; exec "$@"',
}


def project(pexec: Pexec, template: Path) -> None:
    """The project as it was first, with a run that has failed."""
    subprocess.run(["rm", "-rf", pexec.folder], check=True)
    subprocess.run(["cp", "-a", template, pexec.folder], check=True)


@pytest.mark.parametrize("condition", [*CONDITIONS, *CONDITIONS_OF_RUNS])
def test_every_command_names_what_is_missing(pexec: Pexec, condition: str) -> None:
    script = {**CONDITIONS, **CONDITIONS_OF_RUNS}[condition]()
    pexec.file("pexec.yaml", MANIFEST).file("script.sh", "echo script\n").run("apply", "--output", "quiet")
    template = pexec.folder.rename(pexec.folder.parent / "template")
    wrong = []
    for line in CALLS_ABOUT_RUNS if condition in CONDITIONS_OF_RUNS else CALLS:
        project(pexec, template)
        done = subprocess.run(
            ["sh", "-c", script, "sh", *ENDED.get(line, ()), *pexec.program, *line.split()],
            cwd=pexec.folder,
            env=pexec.environ,
            stdin=None if condition == "closed stdin" else subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        said = done.stderr.decode()
        errors = [text for text in said.splitlines() if text.startswith("error")]
        codes = {*CODES, 143} if line in ENDED else CODES
        if done.returncode not in codes or RAW.search(said) or any(len(text) > 1000 for text in errors):
            wrong.append(f"{line}: {done.returncode}: {said[-2000:]}")
        elif done.returncode in (2, 3, 4, 5) and not errors:
            wrong.append(f"{line}: {done.returncode}: no error: {said}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("condition", ["no /proc", "no /dev"])
def test_a_run_is_refused_before_it_begins(pexec: Pexec, condition: str) -> None:
    pexec.file("pexec.yaml", MANIFEST)
    done = subprocess.run(
        ["sh", "-c", CONDITIONS[condition](), "sh", *pexec.program, "apply"],
        cwd=pexec.folder,
        env=pexec.environ,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, runs(pexec.folder)) == (5, [])
    assert done.stderr.startswith(b"error[PX301]: ")
    assert (b"`/proc` is not mounted" if condition == "no /proc" else b"`/dev/null`") in done.stderr


@pytest.mark.parametrize("what", [".pexec", ".pexec/runs/*", ".pexec/runs/*/logs", ".pexec/runs/*/*"])
@pytest.mark.parametrize("then", ["true", "false"])
def test_the_run_directory_is_removed_while_it_runs(pexec: Pexec, what: str, then: str) -> None:
    manifest = f"version: 1\nworkflows: {{a: {{run: 'rm -rf {what}; {then}'}}, b: {{needs: a, run: echo next}}}}\n"
    said = pexec.file("pexec.yaml", manifest).run("apply", "--output", "quiet")
    assert said.exit_code in (0, 1, 5), said.stderr
    assert not RAW.search(said.stderr), said.stderr


@pytest.mark.skipif("ordinary" not in USERS, reason="an ordinary user cannot run this Python")
def test_a_home_that_may_not_be_read_is_named() -> None:
    with pexec_of("ordinary") as pexec:
        pexec.file("pexec.yaml", MANIFEST)
        pexec.home.chmod(0)
        try:
            pexec.run("apply").said(
                exit_code=2,
                stderr=f"error: `{pexec.home}/.config/pexec/config.toml` cannot be read: permission denied\n"
                "  = help: set `HOME` or `XDG_CONFIG_HOME` to a directory that you may read\n",
            )
            assert pexec.env(HOME="/", XDG_CONFIG_HOME="/nonexistent").run("plan").exit_code == 0
        finally:
            pexec.home.chmod(0o700)


def test_only_errors_of_the_machine_are_taken_for_such(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Bad file") as bad:
        os.fsync(9999)
    assert what_is_lacking(bad.value) is None
    with pytest.raises(OSError, match="No such") as missing:
        os.listdir(tmp_path / "missing")
    lacking = what_is_lacking(missing.value)
    assert lacking is not None
    assert lacking.message == f"`{tmp_path}/missing` cannot be used: no such file or directory"


def test_a_path_of_thousands_of_characters_is_shortened() -> None:
    assert with_short_paths(f"`/{'x' * 4000}` is too long") == f"`/{'x' * 99}...{'x' * 80}` is too long"
    assert with_short_paths("`/home/you` is missing") == "`/home/you` is missing"
