"""Where a file stands in its repository: what services that show a diagnostic beside the code go by."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from orchestrator.errors import EnvironmentFailedError


def in_repository(file: str) -> str | None:
    """The path of `file` from the repository's root, with `/` between its parts; None if it is not below it.

    The root is GitHub's workspace, else the nearest folder above the current one that holds `.git`; without either it
    is the current folder.
    """
    path = os.path.abspath(file)
    return next((os.path.relpath(path, root) for root in _roots() if path.startswith(root.rstrip("/") + "/")), None)


def _roots() -> tuple[str, ...]:
    workspace = os.environ.get("GITHUB_WORKSPACE", "")
    above = (folder for folder in directories_upward(".") if os.path.lexists(os.path.join(folder, ".git")))
    nearest = next(above, os.getcwd())
    return (os.path.abspath(workspace), nearest) if workspace else (nearest,)


def directories_upward(folder: str) -> Iterator[str]:
    """`folder` and those above it up to the repository's root (it holds `.git`), else to the file system's root.

    A folder above that everybody may write to, such as /tmp, ends the search: what lies there may be anybody's.
    """
    try:
        folder = os.path.abspath(folder)
    except FileNotFoundError as error:
        raise EnvironmentFailedError("the current folder does not exist any more", code="PX301") from error
    while True:
        yield folder
        parent = os.path.dirname(folder)
        if parent == folder or os.path.lexists(os.path.join(folder, ".git")) or _is_open_to_all(parent):
            return
        folder = parent


def _is_open_to_all(folder: str) -> bool:
    try:
        return bool(os.stat(folder).st_mode & stat.S_IWOTH)
    except OSError:
        return True
