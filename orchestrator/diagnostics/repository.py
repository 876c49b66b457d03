"""The path of a file in its repository, by which services annotate code."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from orchestrator.errors import EnvironmentFailedError


def in_repository(file: str) -> str | None:
    """The path of `file` relative to the repository's root, with `/` between its parts; None if it is outside of it.

    The root is GitHub's workspace, else the nearest directory that contains `.git`, of the current one and its parents;
    else the current directory. Symbolic links on the way to both may differ.
    """
    roots = _roots()
    for path, above in ((os.path.abspath(file), roots), (os.path.realpath(file), tuple(map(os.path.realpath, roots)))):
        for root in above:
            if path.startswith(root.rstrip("/") + "/"):
                return os.path.relpath(path, root)
    return None


def _roots() -> tuple[str, ...]:
    workspace = os.environ.get("GITHUB_WORKSPACE", "")
    above = (directory for directory in directories_upward(".") if os.path.lexists(os.path.join(directory, ".git")))
    nearest = next(above, os.getcwd())
    return (os.path.abspath(workspace), nearest) if workspace else (nearest,)


def directories_upward(directory: str) -> Iterator[str]:
    """`directory` and its parents up to the repository's root (it contains `.git`), else to the file system's root.

    A parent that every user may write to, such as /tmp, ends the search: its files may be those of another user.
    """
    try:
        directory = os.path.abspath(directory)
    except FileNotFoundError as error:
        raise EnvironmentFailedError("the current directory no longer exists", code="PX301") from error
    while True:
        yield directory
        parent = os.path.dirname(directory)
        if parent == directory or os.path.lexists(os.path.join(directory, ".git")) or _is_open_to_all(parent):
            return
        directory = parent


def _is_open_to_all(directory: str) -> bool:
    try:
        return bool(os.stat(directory).st_mode & stat.S_IWOTH)
    except OSError:
        return True
