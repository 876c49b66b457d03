"""Opening a page in the browser of the user."""

from __future__ import annotations

import os

from orchestrator.app.caller_directory import from_here
from orchestrator.errors import RefusedError


def open_page(path: str) -> None:
    """Open a file in the browser that `BROWSER` names, or else in that of the desktop.

    Raises RefusedError (PX415) if there is none, or it does not start.
    """
    import webbrowser
    from urllib.parse import quote

    url = "file://" + quote(os.path.abspath(path))
    try:
        started = webbrowser.get().open(url)
    except (webbrowser.Error, OSError) as error:
        raise _not_opened("no browser was found", path) from error
    if not started:
        raise _not_opened("the browser could not be started", path)


def _not_opened(why: str, path: str) -> RefusedError:
    return RefusedError(why, help=f"open `{from_here(path)}` yourself, or set the variable `BROWSER`", code="PX415")
