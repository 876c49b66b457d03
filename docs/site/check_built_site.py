"""Checks the pages that MkDocs has built: nothing is loaded over the network, and every file that is loaded exists.

python docs/site/check_built_site.py build/site
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Attributes that make a browser load something; an `a` does not.
_LOADS = {
    "audio": "src", "embed": "src", "iframe": "src", "img": "src", "input": "src", "link": "href", "object": "data",
    "script": "src", "source": "src", "track": "src", "use": "href", "video": "src",
}  # fmt: skip
# Relations of a `link` that name another page, and load nothing.
_NAMES = {"alternate", "canonical", "edit", "next", "prev"}
_IN_CSS = re.compile(r"""(?:url\(|@import)\s*['"]?([^'")\s]+)""")


class Loaded(HTMLParser):
    """What a page loads, and the classes of its elements."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.classes: set[str] = set()
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.classes |= set(values.get("class", "").split())
        self._in_style = tag == "style"
        self.urls += _IN_CSS.findall(values.get("style", ""))
        if tag in _LOADS and not (tag == "link" and set(values.get("rel", "").split()) <= _NAMES):
            self.urls += [values[name] for name in (_LOADS[tag],) if name in values]
        if "srcset" in values:
            self.urls += [part.split()[0] for part in values["srcset"].split(",") if part.split()]

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.urls += _IN_CSS.findall(data)

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False


def errors(site: Path) -> list[str]:
    """One line for each thing that is wrong."""
    found = []
    pages = sorted(site.rglob("*.html"))
    if not pages:
        return [f"{site} has no pages"]
    for page in pages:
        loaded = Loaded()
        loaded.feed(page.read_text())
        found += [
            f"{page.relative_to(site)}: {problem}" for url in loaded.urls if (problem := _problem(url, page, site))
        ]
        # For these the theme loads a program from a server.
        found += [f"{page.relative_to(site)}: has a `{name}` diagram" for name in {"mermaid"} & loaded.classes]
    for sheet in sorted(site.rglob("*.css")):
        urls = _IN_CSS.findall(sheet.read_text())
        found += [f"{sheet.relative_to(site)}: {problem}" for url in urls if (problem := _problem(url, sheet, site))]
    return found


def _problem(url: str, page: Path, site: Path) -> str:
    parts = urlsplit(url)
    if parts.scheme == "data":
        return ""
    if parts.scheme or parts.netloc:
        return f"loads {url} over the network"
    # The page for addresses that do not exist is shown at any depth, so its links are absolute.
    directory = site if parts.path.startswith("/") and page.name == "404.html" else page.parent
    target = directory / unquote(parts.path).lstrip("/") if parts.path else page
    return "" if target.exists() else f"loads {url}, which does not exist"


if __name__ == "__main__":
    problems = errors(Path(sys.argv[1]))
    print("\n".join(problems) if problems else "nothing is loaded over the network")
    sys.exit(1 if problems else 0)
