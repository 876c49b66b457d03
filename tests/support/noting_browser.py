"""A browser for tests."""

from __future__ import annotations

from pathlib import Path

from support.cli import Pexec


def noting_browser(pexec: Pexec) -> Path:
    """Make pexec open pages in a program that writes the URL to the file which is returned."""
    browser = pexec.folder / "browser"
    browser.write_text('#!/bin/sh\nprintf %s "$1" > opened\n')
    browser.chmod(0o755)
    pexec.env(BROWSER=f"{browser} %s")
    return pexec.folder / "opened"
