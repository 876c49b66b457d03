"""A real browser for tests of pages: Chromium, driven by playwright-core, with the accessibility checks of axe-core.

`chromium` and `node` must be in PATH, and so must be `playwright-core`, a program of the npm package; axe-core is
looked for next to that package. `.ci/run` installs all of them. Tests that need them are skipped where they are
missing.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

_SECONDS = 300.0  # a busy machine starts Chromium in ten

PHONE = {"viewport": {"width": 390, "height": 800}, "hasTouch": True, "isMobile": True, "deviceScaleFactor": 2}
DARK = {"colorScheme": "dark"}
NO_SCRIPT = {"javaScriptEnabled": False}


class Seen(NamedTuple):
    """What the script returned, the errors on the console (such as violations of the content security policy), and all
    URLs that were requested."""

    result: Any
    errors: list[str]
    requests: list[str]


def _modules() -> Path | None:
    """The directory `node_modules` of the two packages."""
    program = shutil.which("playwright-core")
    if program is None or shutil.which("node") is None:
        return None
    for above in Path(os.path.realpath(program)).parents:
        if above.name == "node_modules" and (above / "axe-core").is_dir():
            return above
    return None


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None or _modules() is None,
    reason="needs chromium, node, and playwright-core and axe-core of npm in PATH; `.ci/run` installs them",
)


class _Browser:
    """A Chromium that opens one page after the other, each in a context of its own: it takes a second to start."""

    def __init__(self) -> None:
        self._node = subprocess.Popen(
            ["node", str(Path(__file__).with_name("browse.cjs")), str(CHROMIUM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "NODE_PATH": str(_modules())},
        )

    def ask(self, job: Mapping[str, Any]) -> dict[str, Any]:
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._node.stdin.write(json.dumps(job).encode() + b"\n")
        self._node.stdin.flush()
        give_up = threading.Timer(_SECONDS, self._node.kill)
        give_up.start()
        line = self._node.stdout.readline()
        give_up.cancel()
        if not line:
            _browser.cache_clear()
            raise AssertionError(f"the browser has ended: {self._node.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        with self._node:  # closes its stdin, after which it closes Chromium
            pass


@cache
def _browser() -> _Browser:
    """That of this process."""
    browser = _Browser()
    atexit.register(browser.close)
    return browser


def browse(url: str | Path, script: str, **options: Any) -> Seen:
    """Open a page, and run the body of an async JavaScript function of `page` (as of Playwright), `axe`, which
    returns the violations that axe-core finds, and `fs` of Node. `options` are those of `newContext`."""
    target = url.absolute().as_uri() if isinstance(url, Path) else url
    answer = _browser().ask({"url": target, "script": script, "options": options})
    assert "failure" not in answer, answer["failure"]
    return Seen(**answer)
