"""The `.gitignore` files of a repository, from its root downward, matched by pathspec.

Only files of the repository count: neither `.git/info/exclude` nor the user's own file, so that the same tree has the
same inputs everywhere.
"""

from __future__ import annotations

import os

from pathspec import GitIgnoreSpec

from orchestrator.bounded_read import read_bounded

NAME = ".gitignore"
_MOST_BYTES = 4 << 20


def repository_root(base_dir: str) -> str:
    """The directory at or above `base_dir` that has a `.git`; `base_dir` itself if there is none."""
    directory = os.path.abspath(base_dir)
    while not os.path.lexists(os.path.join(directory, ".git")):
        above = os.path.dirname(directory)
        if above == directory:
            return os.path.abspath(base_dir)
        directory = above
    return directory


class IgnoreRules:
    """The rules for what is in one directory: those of its own file, and of the directories above. Paths are relative
    to the root."""

    __slots__ = ("_above", "_directory", "_spec")

    def __init__(self, directory: str, spec: GitIgnoreSpec | None, above: IgnoreRules | None) -> None:
        self._directory = f"{directory}/" if directory else ""
        self._spec = spec
        self._above = above

    def ignores(self, path: str) -> bool:
        """Whether a file, or with a trailing slash a directory, is ignored. What is above it must not be."""
        rules: IgnoreRules | None = self
        while rules is not None:
            if rules._spec is not None:
                include = rules._spec.check_file(path[len(rules._directory) :]).include
                if include is not None:
                    return include
            rules = rules._above
        return False


def rules_in(root: str, directory: str, above: IgnoreRules | None) -> IgnoreRules | None:
    """The rules in a directory, `above` being those of its parent. Raises OSError if its file cannot be read."""
    try:
        content = read_bounded(os.path.join(root, directory, NAME), _MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return above
    lines = content.decode("utf-8", "surrogateescape").splitlines()
    spec = GitIgnoreSpec.from_lines(line for line in lines if line.strip() and not line.startswith("#"))
    return IgnoreRules(directory, spec, above) if spec.patterns else above
