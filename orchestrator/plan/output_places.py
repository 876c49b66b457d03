"""Where output files may be, by their paths without `.` and a trailing slash. Pure."""

from __future__ import annotations

from collections.abc import Iterator

_WILD = "*?["
_OWN_DIRECTORIES = (".pexec", ".git")


def why_not_allowed(path: str) -> str:
    """Why a path cannot be an output, as a predicate of it; empty if it can."""
    if path.startswith("/"):
        return "is an absolute path"
    if path == ".." or path.startswith("../"):
        return "is outside of the manifest's directory"
    if path == ".":
        return "is the manifest's directory itself"
    for name in _OWN_DIRECTORIES:
        if name in path.split("/"):
            return f"is in `{name}`"
    return ""


def with_parents(path: str) -> Iterator[str]:
    """A path, and the directories around it; of a pattern those that have no wildcard."""
    yield path
    while "/" in path:
        path = path.rpartition("/")[0]
        if not any(character in path for character in _WILD):
            yield path
