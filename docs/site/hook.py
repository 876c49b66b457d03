"""What MkDocs calls while it builds the site: adds the pages that are not in `docs`, and completes the navigation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from generated_pages import pages
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
# Pages of the repository that are not below `docs`.
ROOT_PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "RELEASING.md", "SECURITY.md")
# How much a page counts in a search, by the directory or the name that it starts with; 1 for the others.
_BOOSTS = {"commands/": 3, "reference/manifest": 3, "manual": 1.5, "design/": 0.5, "decisions/": 0.3, "CHANGELOG": 0.3}
_LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
_TABLE_ROW = re.compile(r"^\|.*$", re.MULTILINE)
_CODE = re.compile(r"`[^`]+`")


def on_config(config: MkDocsConfig) -> None:
    """An entry of the navigation that is a directory, such as `decisions/`, becomes all pages in it."""
    generated = [path for path, _ in pages()]
    config.nav = [_entry(entry, generated, Path(config.docs_dir)) for entry in config.nav or ()]


def _entry(entry: Any, generated: list[str], docs: Path) -> Any:
    if isinstance(entry, dict):
        return {title: _entry(content, generated, docs) for title, content in entry.items()}
    if isinstance(entry, list):
        return [_entry(part, generated, docs) for part in entry]
    if entry.endswith("/"):
        written = [str(page.relative_to(docs)) for page in sorted((docs / entry).glob("*.md"))]
        found = [page for page in generated if page.startswith(entry)] + written
        return sorted(found, key=lambda page: not page.endswith("README.md"))
    return entry


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from the program, those of the repository's root, and what they load."""
    for path, text in pages():
        files.append(File.generated(config, path, content=text))
    for name in ROOT_PAGES:
        files.append(File.generated(config, name, content=(ROOT / name).read_text()))
    for name in ("style.css", "page.js"):
        files.append(File.generated(config, f"assets/{name}", content=(Path(__file__).parent / name).read_text()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links between `docs` and the repository's root lead to where the site has these pages. In tables, `\\|` in code
    is how GitHub wants a `|`; MkDocs would show the backslash."""
    boosts = [boost for start, boost in _BOOSTS.items() if page.file.src_uri.startswith(start)]
    page.meta.setdefault("search", {"boost": boosts[0] if boosts else 1})
    is_root_page = page.file.src_uri in ROOT_PAGES
    text = _LINK.sub(lambda link: f"]({_target(link.group(1), is_root_page)}{link.group(2) or ''})", markdown)
    return _TABLE_ROW.sub(lambda row: _CODE.sub(lambda code: code.group().replace("\\|", "|"), row.group()), text)


def _target(link: str, is_root_page: bool) -> str:
    if is_root_page:
        return "index.md" if link == "README.md" else link.removeprefix("docs/")
    before, _, name = link.rpartition("../")
    return f"{before}{name}" if name in ROOT_PAGES else link
