"""Installed as the README says, without anything that only the tests require, pexec runs every command of the docs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from support.documents import play, run_command

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
INSTALLATION = re.compile(r"^python3 -m venv .*pip install .*pexec apply .*$", re.MULTILINE)
# What runs before a command, by its first word: `resume` continues a run that failed, and whose failure is fixed.
CONTEXT = {"resume": "! pexec apply flaky.yaml && touch fixed"}
FLAKY = "version: 1\nworkflows: {flaky: {run: test -e fixed}}\n"


def shell_commands(page: Path) -> Iterator[tuple[int, str]]:
    """The lines of `sh` fences that run pexec, with their numbers; a fence with a title is a file."""
    for token in MarkdownIt().parse(page.read_text()):
        if token.type == "fence" and token.map is not None and token.info.strip() == "sh":
            for number, line in enumerate(token.content.splitlines(), token.map[0] + 2):
                if line.startswith("pexec "):
                    yield number, line


@pytest.mark.network
@pytest.mark.timeout(1200)
def test_every_command_of_the_documentation_works_after_the_installation_of_the_readme(tmp_path: Path) -> None:
    """One test, so that several processes of pytest install once.

    Sessions run in a directory of their page, with the files that the page shows, and must print what it quotes. Other
    commands run in a directory where `pexec.yaml` is the example of the repository, and must succeed.
    """
    clone = tmp_path / "clone"
    copy_of_the_sources(clone)
    installation = INSTALLATION.search((clone / "README.md").read_text())
    assert installation is not None
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PEXEC_", "VIRTUAL_ENV"))}
    for _ in range(2):  # a package index may fail once
        done = subprocess.run(
            ["bash", "-c", installation.group()], cwd=clone, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=500, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stdout + done.stderr
    programs = clone / ".venv/bin"
    assert not (programs / "pytest").exists()
    for page in PAGES:
        session, project = tmp_path / "sessions" / page.stem / page.stem, tmp_path / "projects" / page.stem
        session.mkdir(parents=True)
        play(page, session, programs)
        project.mkdir(parents=True)
        shutil.copy(clone / "pexec.yaml.example", project / "pexec.yaml")
        (project / "flaky.yaml").write_text(FLAKY)
        for number, command in shell_commands(page):
            for line in filter(None, (CONTEXT.get(command.split()[1]), command)):
                status, shown = run_command(line, project, programs)
                assert status == 0, f"{page.name}:{number}: {line}\n" + "\n".join(shown)


def copy_of_the_sources(target: Path) -> None:
    """What a clone would have, with the changes that are not committed yet."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def test_commands_of_the_readme_are_found() -> None:
    assert [command.split("#")[0].strip() for _, command in shell_commands(ROOT / "README.md")] == [
        "pexec validate pexec.yaml",
        "pexec plan",
        "pexec apply",
        "pexec resume",
    ]
