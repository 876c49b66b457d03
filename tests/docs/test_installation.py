"""Installed as the README says, without anything that only the tests require, pexec runs every command of the docs.

Sessions, whose output is compared, run in `test_documents.py`; here are the other commands.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from support.documents import run_command

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
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


PAGES_WITH_COMMANDS = [page for page in PAGES if any(shell_commands(page))]


@pytest.mark.network
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS, ids=lambda page: page.stem)
def test_every_command_of_a_page_works_after_the_installation_of_the_readme(
    page: Path, clone: Path, tmp_path: Path
) -> None:
    """They run in a directory where `pexec.yaml` is the example of the repository."""
    project = tmp_path / page.stem
    project.mkdir()
    shutil.copy(clone / "pexec.yaml.example", project / "pexec.yaml")
    (project / "flaky.yaml").write_text(FLAKY)
    for number, command in shell_commands(page):
        for line in filter(None, (CONTEXT.get(command.split()[1]), command)):
            status, shown = run_command(line, project, clone / ".venv/bin")
            assert status == 0, f"{page.name}:{number}: {line}\n" + "\n".join(shown)


def test_commands_of_the_readme_are_found() -> None:
    assert [command.split("#")[0].strip() for _, command in shell_commands(ROOT / "README.md")] == [
        "pexec validate pexec.yaml",
        "pexec plan",
        "pexec apply",
        "pexec resume",
    ]
