"""Where a file stands in its repository: what services that show a diagnostic beside the code go by."""

from __future__ import annotations

import os

from orchestrator.settings import folders_upward


def in_repository(file: str) -> str | None:
    """The path of `file` from the repository's root, with `/` between its parts; None if it is not below it.

    The root is GitHub's workspace, else the nearest folder above the current one that holds `.git`; without either it
    is the current folder.
    """
    path = os.path.abspath(file)
    return next((os.path.relpath(path, root) for root in _roots() if path.startswith(root.rstrip("/") + "/")), None)


def _roots() -> tuple[str, ...]:
    workspace = os.environ.get("GITHUB_WORKSPACE", "")
    above = (folder for folder in folders_upward(".") if os.path.lexists(os.path.join(folder, ".git")))
    nearest = next(above, os.getcwd())
    return (os.path.abspath(workspace), nearest) if workspace else (nearest,)
