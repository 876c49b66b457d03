"""The built site in a real browser: it loads nothing over the network, its search finds commands, and axe-core finds
no violations in either theme, or on a phone."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.browser import DARK, PHONE, browse, needs_browser
from support.shared import made_once

ROOT = Path(__file__).parents[2]
PAGES = ("index", "commands/apply", "reference/manifest")

pytestmark = [
    needs_browser,
    pytest.mark.skipif(
        importlib.util.find_spec("mkdocs") is None, reason="needs MkDocs: pip install -e '.[docs]'"
    ),
]  # fmt: skip


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing."""


def build_site(directory: Path) -> None:
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    with (ROOT / "docs/site/mkdocs.yml").open("rb") as configuration:
        build(load_config(configuration, site_dir=str(directory)))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that has the built site."""
    site = made_once(tmp_path_factory, "site", build_site)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("options", [{}, DARK, PHONE], ids=["light", "dark", "phone"])
def test_pages_are_accessible_and_load_nothing_from_elsewhere(address: str, options: dict[str, Any]) -> None:
    # One page after the other in one browser: starting it takes most of the time.
    script = """
        const found = {};
        for (const name of NAMES) {
            await page.goto(page.url().replace(/[^/]*$/, '') + name + '.html');
            found[name] = (await axe()).filter(([impact]) => ['serious', 'critical'].includes(impact));
            await page.goto(HOME);
        }
        return found;
    """
    script = script.replace("NAMES", str(list(PAGES))).replace("HOME", repr(f"{address}/index.html"))
    seen = browse(f"{address}/index.html", script, **options)
    assert seen.result == {name: [] for name in PAGES}
    assert [url for url in seen.requests if not url.startswith((address, "data:", "blob:"))] == []


@pytest.mark.timeout(600)
def test_the_search_finds_a_command_by_its_flag(address: str) -> None:
    script = """
        await page.click('.md-search__input');
        await page.keyboard.type('keep-going');
        await page.waitForSelector('.md-search-result a[href*="commands/apply.html"]', {state: 'attached'});
        return true;
    """
    assert browse(f"{address}/index.html", script, viewport={"width": 1300, "height": 900}).result is True
