"""`pexec completion`: what real shells make of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Pexec
from support.shells import Shell

from orchestrator.cli.completion.bash import bash_script
from orchestrator.cli.completion.fish import fish_script
from orchestrator.cli.completion.shape import ArgumentValue, shapes
from orchestrator.cli.completion.zsh import zsh_script
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
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_pexec
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


def shell(name: str) -> object:
    """A parameter that is skipped where the shell is missing."""
    missing = shutil.which(name) is None
    return pytest.param(name, marks=pytest.mark.skipif(missing, reason=f"{name} is not installed"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the shells are: some files and folders, one with a space."""
    inside = tmp_path / "inside"
    (inside / "ci folder").mkdir(parents=True)
    (inside / "nightly.yaml").touch()
    (inside / "two words.yaml").touch()
    return inside


SCRIPTS = {"bash": bash_script, "zsh": zsh_script, "fish": fish_script}


def with_script(name: str, folder: Path) -> Path:
    """Put the script of a shell where the shells are."""
    (folder / "script").write_text(SCRIPTS[name](shapes()))
    return folder


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_is_data(pexec: Pexec, name: str) -> None:
    pexec.run("completion", name).said(stdout=SCRIPTS[name](shapes()))


@pytest.mark.parametrize("name", [shell("bash"), shell("zsh")])
def test_a_tab_completes_commands_flags_values_and_files(name: str, folder: Path) -> None:
    interactive = Shell(START[name], with_script(name, folder), SET_UP[name])
    try:
        assert interactive.words("vali\t") == ["validate"]
        assert interactive.words("validate --quie\t") == ["validate", "--quiet"]
        assert interactive.words("validate --format sar\t") == ["validate", "--format", "sarif"]
        assert interactive.words("validate --format=sar\t") == ["validate", "--format=sarif"]
        assert interactive.words("apply --fail-fast=d\t") == ["apply", "--fail-fast=drain"]
        assert interactive.words("schema ev\t") == ["schema", "events"]
        assert interactive.words("explain PX20\t1") == ["explain", "PX201"]
        assert interactive.words("validate nightly.yaml two\t") == ["validate", "nightly.yaml", "two words.yaml"]
        assert interactive.words("plan -j 3 nig\t") == ["plan", "-j", "3", "nightly.yaml"]
        *words, folder_word = interactive.words("runs --run-root ci\t")
        assert (words, folder_word.rstrip("/")) == (["runs", "--run-root"], "ci folder")
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
    words = ["pexec", *typed.split(" ")]
    asked = ["bash", "--norc", "-c", BASH_ASKED, "bash", *words]
    return _lines(subprocess.run(asked, cwd=folder, capture_output=True, text=True, timeout=60, check=True))


def fish_offers(folder: Path, typed: str) -> set[str]:
    asked = ["fish", "--no-config", "-c", f"source ./script; complete -C 'pexec {typed}'"]
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
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
    assert {word for word in offered if not word.startswith("-")} == set(COMMANDS)


@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize("command", ["plan", "validate"])
def test_every_flag_of_a_command_is_offered(pexec: Pexec, name: str, command: str, folder: Path) -> None:
    offered = OFFERS[name](with_script(name, folder), f"{command} -")
    listed = set(
        re.findall(r"(?<![\w-])--?[A-Za-z][a-z-]*", pexec.run(command, "--help").stdout.partition("options:")[2])
    )
    assert {word.removesuffix("=") for word in offered} - {"--fail-fast=drain"} == listed


@pytest.mark.parametrize("name", SHELLS)
def test_the_values_of_a_flag_are_offered(name: str, folder: Path) -> None:
    assert OFFERS[name](with_script(name, folder), "validate --format ") == {"text", "json", "sarif", "github"}


@pytest.mark.parametrize("name", SHELLS)
def test_the_codes_that_can_be_explained_are_offered(name: str, folder: Path) -> None:
    assert OFFERS[name](with_script(name, folder), "explain PX") >= set(CODES)


@pytest.mark.parametrize("name", [shell("fish")])
def test_fish_completes_joined_values_and_files(name: str, folder: Path) -> None:
    with_script(name, folder)
    assert fish_offers(folder, "validate --format=sa") == {"--format=sarif"}
    assert fish_offers(folder, "apply --fail-fast=d") == {"--fail-fast=drain"}
    assert fish_offers(folder, "validate nightly.yaml two") == {"two words.yaml"}
    assert fish_offers(folder, "runs --run-root ") == {"ci folder/"}


def test_the_commands_parsers_say_what_can_be_completed() -> None:
    (validate,) = (shape for shape in shapes() if shape.name == "validate")
    assert validate.words == ArgumentValue(files=True)
    assert validate.several
    assert [flag.names for flag in validate.flags] == [
        *(("-h", "--help"), ("-f", "--file"), ("--format",), ("-q", "--quiet"), ("-C", "--directory"))
    ]
    assert validate.flags[2].value == ArgumentValue(("text", "json", "sarif", "github"))
    (fail_fast,) = (flag for shape in shapes() if shape.name == "plan" for flag in shape.flags if flag.optional)
    assert (fail_fast.names, fail_fast.value) == (("--fail-fast",), ArgumentValue(("drain",)))


def test_an_unknown_shell_is_wrong_usage(pexec: Pexec) -> None:
    pexec.run("completion", "tcsh").said(
        exit_code=2,
        stderr="error: argument SHELL: expected one of `bash`, `zsh`, `fish`, found `tcsh`\n"
        "  = help: see `pexec completion --help`\n",
    )
