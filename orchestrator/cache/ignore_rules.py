"""The `.gitignore` files of a repository, from its root downward, matched by pathspec.

Only files of the repository count: neither `.git/info/exclude` nor the user's own file, so that the same tree has the
same inputs everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import groupby

from orchestrator.bounded_read import read_bounded
from orchestrator.cache.patterns import compiled, rule_of

NAME = ".gitignore"
_MOST_BYTES = 4 << 20
_ANYTHING, _ANY_DIRECTORY = ".", "(?:/)"  # what pathspec makes of `*` and `*/`
_ANYWHERE = "^(?:.+/)?"  # how pathspec begins the expression of a name

_Matches = Callable[[str], object]
_Run = tuple[bool, _Matches | None, _Matches | None]
"""Whether what matches is ignored; what matches names, and what matches paths."""


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
    to the root.

    Each is asked about one entry of a directory that is not ignored itself, so an expression has to match the whole
    path: that of something above must not count again, as `!*/` must not for the files of a directory."""

    __slots__ = ("_above", "_length", "_runs")

    def __init__(self, directory: str, runs: Sequence[_Run], above: IgnoreRules | None) -> None:
        self._length = len(directory) + 1 if directory else 0
        self._runs = runs
        self._above = above

    def ignores(self, path: str, name: str) -> bool:
        """Whether a file, or with a trailing slash a directory, is ignored; `name` is the end of its path."""
        rules: IgnoreRules | None = self
        while rules is not None:
            for is_ignored, names, paths in rules._runs:
                if (names is not None and names(name)) or (paths is not None and paths(path[rules._length :])):
                    return is_ignored
            rules = rules._above
        return False


def rules_in(root: str, directory: str, above: IgnoreRules | None) -> IgnoreRules | None:
    """The rules in a directory, `above` being those of its parent. Raises OSError if its file cannot be read."""
    try:
        content = read_bounded(os.path.join(root, directory, NAME), _MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return above
    runs = _runs(content)
    return IgnoreRules(directory, runs, above) if runs else above


@lru_cache(maxsize=200)
def _runs(content: bytes) -> list[_Run]:
    """The lines from the last one to the first, neighbours of a kind together: most files are tried with all."""
    lines = [line.removesuffix("\r") for line in content.decode("utf-8", "surrogateescape").split("\n")]
    rules = [_Rule(line) for line in lines if line.strip() and not line.startswith("#")]
    found: list[_Run] = []
    for is_ignored, run in groupby(rules[::-1], key=lambda rule: rule.is_ignored):
        names: list[str] = []
        paths: list[str] = []
        for rule in run:
            (names if rule.is_name else paths).append(rule.expression)
        found.append((is_ignored, _matcher(names), _matcher(paths)))
    return found


class _Rule:
    """A line. A name, without a slash before its end, is matched in every directory."""

    def __init__(self, line: str) -> None:
        self.is_ignored, made = rule_of(line)
        text = line.rstrip()
        self.is_name = "/" not in text.rstrip("/").removeprefix("!")
        if self.is_name:
            made = made.replace(_ANYWHERE, "^", 1)
        # Where pathspec leaves open how a path ends, or begins.
        if made == _ANYTHING:
            made = ".+"
        elif made == _ANY_DIRECTORY:
            made = ".+/"
        elif text.endswith("/**"):
            made = f"(?:{made}).+"  # all below a directory, but not the directory
        elif text.endswith("/**/"):
            made = f"(?:{made}).+/"
        self.expression = made


def _matcher(expressions: Sequence[str]) -> _Matches | None:
    return compiled("|".join(f"(?:{one})" for one in expressions)).fullmatch if expressions else None
