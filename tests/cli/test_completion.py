"""`pexec completion`: what real shells make of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Pexec
from support.shells import PATH, Shell

from orchestrator.cli.main import COMMANDS
from orchestrator.diagnostics.model import CODES

START = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish"],
}
SET_UP = {
    "bash": "source ./script",
    "zsh": "autoload -Uz compinit; compinit -u -d ./dump; source ./script",
}
BASH_ASKED = """
source ./script
COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
_python_argcomplete pexec 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""
# Writes what the completion system is given as candidates, before it picks from them.
ZSH_OVERHEARD = r"""
compadd() {
    local -a hits
    if (( ! ${argv[(I)-[OAD]]} )); then
        builtin compadd -O hits "$@"
        print -rl -- $hits >> ./candidates
    fi
    builtin compadd "$@"
}
LISTMAX=1000
"""
MANIFEST = """\
version: 1
params:
  channel: {default: dev, choices: [dev, stable], description: Where to publish.}
  count: {default: 1}
workflows:
  build: {run: 'true', description: Compile everything., tags: [fast]}
  test: {needs: build, matrix: {python: ["3.11", "3.12"]}, run: 'true', tags: [slow]}
  clean: {run: 'true', manual: true}
"""
RUN_ID = "20260102T030405.678901Z-0123abcd"


def shell(name: str) -> object:
    """A parameter that is skipped where the shell is missing."""
    missing = shutil.which(name) is None
    return pytest.param(name, marks=pytest.mark.skipif(missing, reason=f"{name} is not installed"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the shells are: some files and folders, one with a space; a manifest, and another one."""
    inside = tmp_path / "inside"
    (inside / "ci folder").mkdir(parents=True)
    (inside / "other").mkdir()
    (inside / ".git").mkdir()
    (inside / "nightly.yaml").touch()
    (inside / "two words.yaml").touch()
    (inside / "pexec.yaml").write_text(MANIFEST)
    (inside / "other/pexec.yaml").write_text("version: 1\nworkflows: {deploy: {run: 'true'}}\n")
    return inside


def script(name: str) -> str:
    """The script of a shell."""
    program = [sys.executable, "-m", "orchestrator", "completion", name]
    return subprocess.run(program, capture_output=True, text=True, timeout=60, check=True).stdout


def with_script(name: str, folder: Path) -> Path:
    """Put the script of a shell where the shells are."""
    (folder / "script").write_text(script(name))
    return folder


@pytest.mark.parametrize("name", [shell("bash"), shell("zsh")])
def test_a_tab_completes_commands_flags_values_and_files(name: str, folder: Path) -> None:
    interactive = Shell(START[name], with_script(name, folder), SET_UP[name])
    try:
        assert interactive.words("vali\t") == ["validate"]
        assert interactive.words("validate --quie\t") == ["validate", "--quiet"]
        assert interactive.words("validate --format sar\t") == ["validate", "--format", "sarif"]
        assert interactive.words("validate --format=sar\t") == ["validate", "--format=sarif"]
        assert interactive.words("schema ev\t") == ["schema", "events"]
        assert interactive.words("explain PX20\t1") == ["explain", "PX201"]
        assert interactive.words("validate nightly.yaml two\t") == ["validate", "nightly.yaml", "two words.yaml"]
        assert interactive.words("plan -j 3 nig\t") == ["plan", "-j", "3", "nightly.yaml"]
        *words, folder_word = interactive.words("runs --run-root ci\t")
        assert (words, folder_word.rstrip("/")) == (["runs", "--run-root"], "ci folder")
    finally:
        interactive.close()


@pytest.mark.parametrize("name", [shell("bash"), shell("zsh")])
def test_a_tab_completes_jobs_tags_parameters_and_runs(name: str, folder: Path) -> None:
    (folder / ".pexec/runs" / RUN_ID).mkdir(parents=True)
    interactive = Shell(START[name], with_script(name, folder), SET_UP[name])
    try:
        assert interactive.words("apply bu\t") == ["apply", "build"]
        assert interactive.words("run -j 3 bu\t") == ["run", "-j", "3", "build"]
        assert interactive.words("apply build cl\t") == ["apply", "build", "clean"]
        assert interactive.words("apply --only tag:fa\t") == ["apply", "--only", "tag:fast"]
        assert interactive.words("apply --set cou\t2") == ["apply", "--set", "count=2"]
        assert interactive.words("apply --set channel=st\t") == ["apply", "--set", "channel=stable"]
        assert interactive.words("-C other apply de\t") == ["-C", "other", "apply", "deploy"]
        assert interactive.words("apply -f other/pexec.yaml de\t") == ["apply", "-f", "other/pexec.yaml", "deploy"]
        assert interactive.words("status 2\t") == ["status", RUN_ID]
        assert interactive.words("status la\t") == ["status", "last"]
        assert interactive.words("logs --run 2\t") == ["logs", "--run", RUN_ID]
    finally:
        interactive.close()


@pytest.mark.parametrize("name", [shell("zsh")])
def test_zsh_finds_the_script_in_its_own_folders(name: str, folder: Path) -> None:
    (folder / "functions").mkdir()
    with_script(name, folder).joinpath("script").rename(folder / "functions/_pexec")
    interactive = Shell(
        START[name], folder, "fpath=($PWD/functions $fpath); autoload -Uz compinit; compinit -u -d ./dump"
    )
    try:
        assert interactive.words("vali\t") == ["validate"]
        assert interactive.words("schema ev\t") == ["schema", "events"]
    finally:
        interactive.close()


def bash_offers(folder: Path, typed: str) -> set[str]:
    asked = ["bash", "--norc", "-c", BASH_ASKED, "bash", f"pexec {typed}"]
    environment = {"HOME": str(folder), "PATH": PATH, "LANG": "C.UTF-8"}
    done = subprocess.run(asked, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return {line.strip() for line in _lines(done)} - {""}


def fish_offers(folder: Path, typed: str) -> set[str]:
    asked = ["fish", "--no-config", "-c", f"source ./script; complete -C 'pexec {typed}'"]
    environment = {"HOME": str(folder), "PATH": PATH, "LANG": "C.UTF-8"}
    lines = _lines(
        subprocess.run(asked, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=True)
    )
    return {line.partition("\t")[0] for line in lines}


def zsh_offers(folder: Path, typed: str) -> set[str]:
    interactive = Shell(START["zsh"], folder, SET_UP["zsh"] + ZSH_OVERHEARD)
    try:
        interactive.words(f"{typed}\t\x15pexec done")
    finally:
        interactive.close()
    return set((folder / "candidates").read_text().split())


def _lines(done: subprocess.CompletedProcess[str]) -> set[str]:
    assert done.stderr == ""
    return set(done.stdout.splitlines())


OFFERS: dict[str, Callable[[Path, str], set[str]]] = {"bash": bash_offers, "fish": fish_offers, "zsh": zsh_offers}
SHELLS = [shell(name) for name in OFFERS]


@pytest.mark.parametrize("name", SHELLS)
def test_every_command_is_offered(name: str, folder: Path) -> None:
    offered = OFFERS[name](with_script(name, folder), "")
    assert offered == {*COMMANDS, "help", "version"}


@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize("command", ["plan", "validate"])
def test_every_flag_of_a_command_is_offered(pexec: Pexec, name: str, command: str, folder: Path) -> None:
    offered = OFFERS[name](with_script(name, folder), f"{command} -")
    options = pexec.run(command, "--help").stdout.partition("options:")[2]
    listed = set(re.findall(r"(?<![\w-])--?[A-Za-z][a-z-]*", options))
    assert offered == listed


@pytest.mark.parametrize("name", SHELLS)
def test_the_values_of_a_flag_are_offered(name: str, folder: Path) -> None:
    assert OFFERS[name](with_script(name, folder), "validate --format ") == {"text", "json", "sarif", "github"}


@pytest.mark.parametrize("name", SHELLS)
def test_the_codes_that_can_be_explained_are_offered(name: str, folder: Path) -> None:
    assert OFFERS[name](with_script(name, folder), "explain PX") >= set(CODES)


@pytest.mark.parametrize("name", SHELLS)
def test_the_jobs_that_can_be_run_are_offered(name: str, folder: Path) -> None:
    offered = OFFERS[name](with_script(name, folder), "apply ")
    assert {"build", "test", "clean"} <= offered
    assert {word.replace("\\", "") for word in offered} >= {"test[python=3.11]", "test[python=3.12]"}


@pytest.mark.parametrize("name", [shell("fish")])
def test_fish_completes_joined_values_files_and_names(name: str, folder: Path) -> None:
    (folder / ".pexec/runs" / RUN_ID).mkdir(parents=True)
    with_script(name, folder)
    assert fish_offers(folder, "validate --format=sa") == {"--format=sarif"}
    assert fish_offers(folder, "validate nightly.yaml two") == {"two words.yaml"}
    assert fish_offers(folder, "runs --run-root c") == {"ci folder/"}
    assert fish_offers(folder, "apply --only tag:") == {"tag:fast", "tag:slow"}
    assert fish_offers(folder, "apply --set cou") == {"count="}
    assert fish_offers(folder, "-C other apply de") == {"deploy"}
    assert fish_offers(folder, "status 2") == {RUN_ID}


def answered(folder: Path, typed: str, **environment: str) -> tuple[list[str], str]:
    """What pexec itself answers to a shell, and what it prints besides."""
    line = f"pexec {typed}"
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n"}
    asked |= {"_ARGCOMPLETE_STDOUT_FILENAME": str(folder.parent / "answer"), "_ARGCOMPLETE_SUPPRESS_SPACE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator"],
        cwd=folder, env={**os.environ, **asked, **environment}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return (folder.parent / "answer").read_text().splitlines(), done.stdout + done.stderr


@pytest.mark.parametrize("content", ["version: 1\nworkflows: [", "", "\0", "version: 1\ninclude: [pexec.yaml]\n", None])
@pytest.mark.parametrize("typed", ["apply bu", "apply --set cha", "apply --only tag:", "logs bu", "list -C nowhere "])
def test_a_broken_manifest_is_answered_with_silence(folder: Path, content: str | None, typed: str) -> None:
    if content is None:
        (folder / "pexec.yaml").unlink()
    else:
        (folder / "pexec.yaml").write_text(content)
    offered, printed = answered(folder, typed)
    assert (set(offered) - {"other/", "pexec.yaml", "nightly.yaml", "two words.yaml", "ci folder/"}, printed) == (
        set(),
        "",
    )


def test_an_invalid_manifest_is_completed_as_far_as_it_can_be_read(folder: Path) -> None:
    (folder / "pexec.yaml").write_text(MANIFEST + "  extra: {rnu: x, needs: nothing}\n")
    assert answered(folder, "apply bu") == (["build"], "")


def test_logs_are_completed_by_the_jobs_of_the_run(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST).run("apply", "build", "-q")
    pexec.file("pexec.yaml", "version: 1\nworkflows: {later: {run: 'true'}}\n")
    assert answered(pexec.folder, "logs ") == (["build"], "")
    assert answered(pexec.folder, "apply lat") == (["later"], "")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("-C other apply ", ["deploy"]), ("-C other apply pex", ["pexec.yaml"]), ("-C other logs ", ["deploy"])],
)
def test_another_directory_is_entered_once(folder: Path, typed: str, offered: list[str]) -> None:
    assert answered(folder, typed) == (offered, "")


def test_words_after_the_dashes_are_files(folder: Path) -> None:
    assert answered(folder, "apply build -- nig") == (["nightly.yaml"], "")


def test_many_cells_are_offered_only_when_one_is_begun(folder: Path) -> None:
    cells = ", ".join(map(str, range(300)))
    (folder / "pexec.yaml").write_text(f"version: 1\nworkflows: {{test: {{run: x, matrix: {{n: [{cells}]}}}}}}\n")
    assert answered(folder, "apply te") == (["test"], "")
    assert len(answered(folder, "apply 'test[n=29")[0]) == 11


def test_other_programs_do_not_complete_pexec(pexec: Pexec) -> None:
    pexec.env(_ARGCOMPLETE="1").run("schema", "nothing").said(
        exit_code=2,
        stderr="error: argument NAME: expected one of `manifest`, `events`, `results`, `plan`, found `nothing`\n"
        "  = help: see `pexec schema --help`\n",
    )


def test_an_unknown_shell_is_wrong_usage(pexec: Pexec) -> None:
    pexec.run("completion", "tcsh").said(
        exit_code=2,
        stderr="error: argument SHELL: expected one of `bash`, `zsh`, `fish`, found `tcsh`\n"
        "  = help: see `pexec completion --help`\n",
    )


@pytest.mark.parametrize(
    ("typed", "absent"),
    [
        ("apply --ti", {"orchestrator.manifest.load", "orchestrator.journal.rundir"}),
        ("apply bu", {"orchestrator.plan.make", "orchestrator.execute", "orchestrator.engine"}),
        ("status 2", {"orchestrator.manifest.load"}),
    ],
)
def test_a_tab_imports_only_what_it_needs(folder: Path, typed: str, absent: set[str]) -> None:
    (folder / ".pexec/runs" / RUN_ID).mkdir(parents=True)
    line = f"pexec {typed}"
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line))}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "orchestrator"],
        cwd=folder, env={**os.environ, **asked, "_ARGCOMPLETE_STDOUT_FILENAME": str(folder / "answer")},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert (folder / "answer").read_text() != ""
    assert not modules & {"pydantic", "pydantic_settings", "structlog", "rich", "asyncio", *absent}
