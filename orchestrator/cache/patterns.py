"""The paths and patterns of `inputs` and `outputs`, matched by pathspec. Pure.

All paths here are relative to the repository's root, without `..`; a directory that is matched means everything
below it. pathspec gives the meaning of `*`, `?`, `[...]` and `**`, as Git defines it.
"""

from __future__ import annotations

import enum
import posixpath
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import groupby

from msgspec import Struct
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

_GROUP = re.compile(r"\(\?P<\w+>")
_WILD = "*?["
# What pathspec makes of `**/` at the beginning, of `/**/`, and of `*`; and of what has the length that it has.
_ANYWHERE, _ANY_NAMES, _ANY_TEXT = "^(?:.+/)?", "(?:/.+)?/", "[^/]*"
_OF_FIXED_LENGTH = re.compile(r"(?:\\.|\[\^?(?:\\.|[^\]\\])+\]|[^\\()|/$*+?\[\]{}])*", re.DOTALL)
_ESCAPED = str.maketrans({character: f"\\{character}" for character in "*?[]\\!# "})


class OutsideError(ValueError):
    """A path that leaves the tree that it must be in."""


class Pattern(Struct, frozen=True):
    """One entry. `written` is what the user wrote, `path` is relative to the root, `line` is the same for pathspec.

    `fixed` is the directory, or for a path without wildcards the path, under which everything lies that it matches."""

    written: str
    path: str
    line: str
    fixed: str
    is_wild: bool
    excludes: bool = False
    ignore: bool = True
    optional: bool = False

    @property
    def depth(self) -> int | None:
        """How many components the paths have that it matches itself; None for any number."""
        return None if "**" in self.path else self.path.count("/") + 1


def parse(
    written: str, prefix: str, *, inside: str = "", excludes: bool = False, ignore: bool = True, optional: bool = False
) -> Pattern:
    """`written` is relative to `prefix`, the manifest's directory relative to the root (empty for the root itself).

    Raises OutsideError unless it stays within `inside`, a directory."""
    if written.startswith("/"):
        raise OutsideError(written)
    is_wild = any(character in written for character in _WILD)
    path = posixpath.normpath(posixpath.join(prefix, written))
    path = "" if path == "." else path
    if path == ".." or path.startswith("../") or not is_within(path, inside):
        raise OutsideError(written)
    if not is_wild:
        return Pattern(written, path, _line(path.translate(_ESCAPED)), path, False, excludes, ignore, optional)
    # Of the path of the manifest's directory nothing is a wildcard.
    within = posixpath.relpath(path, prefix) if prefix and is_within(path, prefix) else None
    line = path if within is None else posixpath.join(prefix.translate(_ESCAPED), within)
    return Pattern(written, path, _line(line), _fixed_part(path, prefix), True, excludes, ignore, optional)


def is_within(path: str, directory: str) -> bool:
    """Whether a path is a directory or lies below it; everything is within the root, which is empty."""
    return not directory or path == directory or path.startswith(directory + "/")


def relative(path: str, prefix: str) -> str:
    """A path relative to the root as a path relative to `prefix`."""
    if not prefix:
        return path
    if path.startswith(prefix + "/"):
        return path[len(prefix) + 1 :]
    return posixpath.relpath(path, prefix)


class Below(enum.Enum):
    """What of a directory is matched."""

    NOTHING = enum.auto()
    SOME = enum.auto()
    ALL = enum.auto()


class Matcher:
    """Some patterns, of which the last one that matches decides. What matches a directory matches all below it."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self.patterns = tuple(patterns)
        runs = groupby(self.patterns, key=lambda one: one.excludes)
        # Neighbours of a kind are one test: most files are tried with all patterns.
        self._runs = [(not excludes, _test_of(tuple(run))) for excludes, run in runs][::-1]

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def matches(self, path: str) -> bool:
        """Whether a file is matched."""
        for includes, match in self._runs:
            if match(path):
                return includes
        return False

    def below(self, directory: str) -> Below:
        """What is matched below a directory, as far as the patterns alone can tell."""
        later: list[Pattern] = []
        for pattern in self.patterns[::-1]:
            if directory and _test_of((pattern,))(f"{directory}/"):
                if not pattern.excludes:
                    return Below.SOME if any(one.excludes for one in later) else Below.ALL
                break
            later.append(pattern)
        if any(not one.excludes and _reaches_below(one, directory) for one in later):
            return Below.SOME
        return Below.NOTHING


def _test_of(patterns: tuple[Pattern, ...]) -> Callable[[str], object]:
    """Whether a path is matched by any of them. Paths without wildcards are compared: their number may be large."""
    paths = frozenset(one.path for one in patterns if not one.is_wild)
    within = tuple(f"{path}/" if path else "" for path in paths)
    wild = [one.line for one in patterns if one.is_wild]
    match = _compiled("|".join(map(expression, wild))) if wild else None
    if not paths and match is not None:
        return match
    return lambda path: path in paths or path.startswith(within) or (match is not None and match(path) is not None)


@lru_cache(maxsize=1000)
def _compiled(text: str) -> Callable[[str], object]:
    return compiled(text).match


def compiled(text: str) -> re.Pattern[str]:
    """An expression. A name may contain line ends."""
    return re.compile(text, re.DOTALL)


def expression(line: str) -> str:
    """What pathspec makes of a line: a regular expression for the paths that it matches and all below them."""
    return rule_of(line)[1]


@lru_cache(maxsize=4000)
def rule_of(line: str) -> tuple[bool, str]:
    """Whether a line includes what it matches, and its expression. One that means nothing matches nothing."""
    pattern = GitIgnoreSpecPattern(line)
    made = pattern.regex
    if made is None:
        return bool(pattern.include), "(?!)"
    return bool(pattern.include), _without_backtracking(_GROUP.sub("(?:", made.pattern).replace("|$)", r"|\Z)"))


def _without_backtracking(text: str) -> str:
    """The same expression in time that does not explode: a repository may have been made to keep pexec busy.

    Of what lies between two wildcards, the first match is as good as any other, so it is never looked for again: within
    a name, and of whole names between two `**`."""
    names = text.split(_ANY_NAMES)
    first, *middle = [_name_without_backtracking(one) for one in names[:-1]] or [""]
    last = _name_without_backtracking(names[-1])
    if len(names) == 1:
        return last
    if first.startswith(_ANYWHERE):
        first = f"^(?>(?:.+?/)??{first[len(_ANYWHERE) :]}(?=/))"
    return first + "".join(f"(?>(?:/.+?)??/{one}(?=/))" for one in middle) + _ANY_NAMES + last


def _name_without_backtracking(text: str) -> str:
    first, *rest = text.split(_ANY_TEXT)
    found = first
    for number, part in enumerate(rest, 1):
        is_between = number < len(rest) and _OF_FIXED_LENGTH.fullmatch(part)
        found += f"(?>[^/]*?{part})" if is_between else _ANY_TEXT + part
    return found


def _reaches_below(pattern: Pattern, directory: str) -> bool:
    if is_within(pattern.fixed, directory):
        return True
    if not is_within(directory, pattern.fixed):
        return False
    if not pattern.is_wild:
        return True
    return pattern.depth is None or directory.count("/") + 1 < pattern.depth


def roots_of(patterns: Sequence[Pattern]) -> list[str]:
    """The directories and paths under which everything lies that is matched, none within another one."""
    found: list[str] = []
    for fixed in sorted({one.fixed for one in patterns if not one.excludes}):
        if not any(is_within(fixed, above) for above in found):
            found.append(fixed)
    return found


def _line(path: str) -> str:
    return f"/{path}" if path else "/**"


def _fixed_part(path: str, prefix: str) -> str:
    """The directories before the first component with a wildcard."""
    start = prefix if prefix and is_within(path, prefix) else ""
    rest = path[len(start) :].strip("/")
    fixed = [start] if start else []
    for component in rest.split("/"):
        if any(character in component for character in _WILD + "\\"):  # a backslash escapes what follows it
            break
        fixed.append(component)
    return "/".join(fixed)


NO_PATTERNS = Matcher(())
