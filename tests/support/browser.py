"""A real browser for tests of pages: Chromium, driven by playwright-core, with the accessibility checks of axe-core.

`chromium` and `node` must be in PATH, and so must be `playwright-core`, a program of the npm package; axe-core is
looked for next to that package. `.ci/run` installs all of them. Tests that need them are skipped where they are
missing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
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


def browse(url: str | Path, script: str, **options: Any) -> Seen:
    """Open a page, and run the body of an async JavaScript function of `page` (as of Playwright), `axe`, which
    returns the violations that axe-core finds, and `fs` of Node. `options` are those of `newContext`."""
    target = url.absolute().as_uri() if isinstance(url, Path) else url
    job = {"url": target, "script": script, "options": options, "chromium": CHROMIUM}
    said = subprocess.run(
        ["node", str(Path(__file__).with_name("browse.cjs"))],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        env={**os.environ, "NODE_PATH": str(_modules())},
    )
    assert said.returncode == 0, said.stderr
    return Seen(**json.loads(said.stdout))
