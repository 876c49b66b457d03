"""`pexec init`: a first manifest that is valid, runs, and never takes the place of anything."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from support.cli import Pexec
from support.runs import last_run

WROTE = "pexec: wrote {}; show its plan with `pexec plan{words}`, run it with `pexec apply{words}`\n"


def refused(name: str) -> dict[str, object]:
    return {
        "exit_code": 4,
        "stderr": f"error[PX407]: `{name}` already exists\n"
        "  = help: pexec does not overwrite files; name another one with `-o`\n",
    }


def test_the_first_manifest_is_valid_and_runs(pexec: Pexec) -> None:
    pexec.run("init").said(stderr=WROTE.format("pexec.yaml", words=""))
    pexec.run("validate").said(stdout="pexec.yaml: valid, 5 jobs in 4 levels\n")
    assert pexec.run("apply").exit_code == 0
    run = last_run(pexec.folder)
    assert set(run.statuses.values()) == {"succeeded"}
    assert run.log("notify") == b"all done\n"


def test_every_key_of_the_first_manifest_is_explained_by_a_comment_near_it(pexec: Pexec) -> None:
    text = pexec.run("init", "-o", "-").stdout
    sections = text.partition("version: 1\n")[2].split("\n\n")
    assert len(sections) > 6
    assert all("#" in section for section in sections if not section.startswith("  test:")), sections
    assert max(map(len, text.splitlines())) <= 120


def test_stdout_has_the_same_text(pexec: Pexec) -> None:
    said = pexec.run("init", "-o", "-")
    pexec.run("init")
    said.said(stdout=(pexec.folder / "pexec.yaml").read_text())


@pytest.mark.parametrize("name", ["pexec.yaml", "pexec.yml"])
def test_an_existing_manifest_is_not_overwritten(pexec: Pexec, name: str) -> None:
    pexec.file(name, "mine").run("init").said(**refused(name))  # type: ignore[arg-type]
    assert [path.name for path in pexec.folder.iterdir() if path.name != ".git"] == [name]
    assert (pexec.folder / name).read_text() == "mine"


def test_neither_is_the_target_of_a_link(pexec: Pexec, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.yaml"
    (pexec.folder / "pexec.yaml").symlink_to(target)
    pexec.run("init").said(**refused("pexec.yaml"))  # type: ignore[arg-type]
    pexec.run("init", "-o", "pexec.yaml").said(**refused("pexec.yaml"))  # type: ignore[arg-type]
    assert not target.exists()


def test_another_file_may_be_named(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "mine").run("init", "-o", "ci.yaml").said(stderr=WROTE.format("ci.yaml", words=" ci.yaml"))
    pexec.run("init", "--output", "ci.yaml").said(**refused("ci.yaml"))  # type: ignore[arg-type]
    pexec.run("validate", "ci.yaml").said(stdout="ci.yaml: valid, 5 jobs in 4 levels\n")


def test_a_missing_directory_is_reported(pexec: Pexec) -> None:
    pexec.run("init", "-o", "no/pexec.yaml").said(
        exit_code=5, stderr="error[PX302]: `no/pexec.yaml` cannot be written: no such file or directory\n"
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("./pexec.yml", ""),
        ("sub/pexec.yaml", " sub/pexec.yaml"),
        ("two words.yaml", " 'two words.yaml'"),
        ("flow", " --file=flow"),
        ("-x.yaml", " --file=-x.yaml"),
    ],
)
def test_the_printed_commands_find_the_file(pexec: Pexec, name: str, words: str) -> None:
    (pexec.folder / "sub").mkdir()
    pexec.run("init", f"--output={name}").said(stderr=WROTE.format(name.removeprefix("./"), words=words))
    assert pexec.run("plan", *shlex.split(words)).exit_code == 0


def test_the_printed_commands_work_where_the_command_was_typed(pexec: Pexec) -> None:
    (pexec.folder / "sub").mkdir()
    pexec.run("-C", "sub", "init").said(
        stderr="pexec: wrote sub/pexec.yaml; show its plan with `pexec -C sub plan`, run it with `pexec -C sub apply`\n"
    )
