"""Every path and link in the documentation exists."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "benchmarks/README.md"])
# Pages that describe the repository; the others name files of a user's project.
ABOUT_THE_CODE = [ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/design/*.md"))]
_PATH = re.compile(r"`((?:orchestrator|tests|benchmarks|docs|schemas|\.ci)(?:/[\w.*-]+)*/?)`|python (tests/[\w./]+)")
_SEPARATORS = re.compile(r"[^\w -]")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def parsed(page: Path) -> list[Token]:
    return MarkdownIt().parse(page.read_text())


def anchors(page: Path) -> set[str]:
    """The fragments that GitHub gives to the headings of a page."""
    tokens = parsed(page.resolve())
    headings = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    return {_SEPARATORS.sub("", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", ABOUT_THE_CODE, ids=name)
def test_every_path_that_a_page_about_the_code_names_exists(page: Path) -> None:
    paths = {quoted or script for quoted, script in _PATH.findall(page.read_text())}
    assert {path for path in paths if not any(ROOT.glob(path.rstrip("/")))} == set()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_page_and_a_heading_that_exist(page: Path) -> None:
    links = {
        str(child.attrs["href"])
        for token in parsed(page)
        for child in token.children or ()
        if child.type == "link_open"
    }
    broken = set()
    for link in links:
        if "://" in link:
            continue
        file, _, fragment = link.partition("#")
        target = page.parent / file if file else page
        if not target.exists() or (fragment and fragment not in anchors(target)):
            broken.add(link)
    assert broken == set()


def test_the_map_names_paths() -> None:
    assert len(_PATH.findall((ROOT / "CONTRIBUTING.md").read_text())) > 10
