"""Which files some patterns match below the root of a repository.

A directory is visited only if something below it may be matched. What `.gitignore` files name is left out, except what
is exempt. `.git`, `.pexec` and what is in `never` are always left out. No link is followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

from orchestrator.cache.ignore_rules import NAME as GITIGNORE
from orchestrator.cache.ignore_rules import IgnoreRules, rules_in
from orchestrator.cache.model import ShouldStop, Stopped
from orchestrator.cache.patterns import NO_PATTERNS, Below, Matcher

HIDDEN_NAMES = frozenset((".git", ".pexec"))
TEMPORARY = ".pexec-restore-"  # the beginning of names under which files are put into place
_POLL_EVERY = 200


class Found(NamedTuple):
    """A file, a link or something special; its path is relative to the root, its facts are its own, not a target's."""

    path: str
    facts: os.stat_result


class Selection(NamedTuple):
    """What is wanted. `exempt` is not left out by `.gitignore` files, which count only with `ignore`."""

    wanted: Matcher
    exempt: Matcher = NO_PATTERNS
    never: Matcher = NO_PATTERNS
    ignore: bool = True


class _Directory(NamedTuple):
    path: str
    rules: IgnoreRules | None
    below: Below
    is_ignored: bool


class Walk:
    """One walk. `unreadable` are the directories and `.gitignore` files that could not be read, with the reason."""

    def __init__(self, root: str, selection: Selection, should_stop: ShouldStop) -> None:
        self._root = root
        self._wanted, self._exempt, self._never, self._ignore = selection
        self._should_stop = should_stop
        self._unpolled = 0
        self.unreadable: list[tuple[str, OSError]] = []

    def files(self, start: str) -> Iterator[Found]:
        """What is wanted of `start`, a directory or a file, which may be missing. Raises Stopped."""
        if not HIDDEN_NAMES.isdisjoint(start.split("/")):
            return
        try:
            facts = os.lstat(os.path.join(self._root, start))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            self.unreadable.append((start, error))
            return
        is_directory = stat.S_ISDIR(facts.st_mode)
        if not is_directory and self._exempt.matches(start):
            rules, is_ignored = None, False  # as most paths that are written out: no rules are read for them
        else:
            rules, is_ignored = self._above(start, is_directory=is_directory)
        if not is_directory:
            if self._test(Below.SOME, rules, is_ignored=is_ignored)(start, start.rpartition("/")[2]):
                yield Found(start, facts)
            return
        waiting = [_Directory(start, rules, self._wanted.below(start), is_ignored)]
        while waiting:
            directory = waiting.pop()
            if self._enters(directory.path, directory.below, is_ignored=directory.is_ignored):
                yield from self._visited(directory, waiting)

    def is_ignored(self, path: str, *, is_directory: bool) -> bool:
        """Whether `.gitignore` files leave out a path, or a directory above it."""
        return self._above(path, is_directory=is_directory)[1]

    def _above(self, path: str, *, is_directory: bool) -> tuple[IgnoreRules | None, bool]:
        """The rules above a path, and whether they ignore it or a directory above it."""
        rules: IgnoreRules | None = None
        if not self._ignore or not path:
            return None, False
        components = path.split("/")
        for number in range(len(components)):
            rules = self._rules("/".join(components[:number]), rules)
            here = "/".join(components[: number + 1])
            is_last = number == len(components) - 1
            if rules is not None and rules.ignores(*_with_name(here, is_directory=is_directory or not is_last)):
                return rules, True
        return rules, False

    def _visited(self, directory: _Directory, waiting: list[_Directory]) -> Iterator[Found]:
        path, rules, below, is_ignored = directory
        try:
            with os.scandir(os.path.join(self._root, path)) as found:
                entries = list(found)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            self.unreadable.append((path, error))
            return
        self._poll(len(entries))
        if self._ignore and not is_ignored and any(entry.name == GITIGNORE for entry in entries):
            rules = self._rules(path, rules)
        inside = f"{path}/" if path else ""
        is_wanted = self._test(below, rules, is_ignored=is_ignored)
        for entry in entries:
            name = entry.name
            if name[0] == "." and (name in HIDDEN_NAMES or name.startswith(TEMPORARY)):
                continue
            here = inside + name
            if entry.is_dir(follow_symlinks=False):
                ignored = is_ignored or (rules is not None and rules.ignores(f"{here}/", f"{name}/"))
                within = below if below is Below.ALL else self._wanted.below(here)
                waiting.append(_Directory(here, rules, within, ignored))
            elif is_wanted(here, name):
                try:
                    facts = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                yield Found(here, facts)

    def _enters(self, path: str, below: Below, *, is_ignored: bool) -> bool:
        if below is Below.NOTHING or self._never.below(path) is Below.ALL:
            return False
        return not is_ignored or self._exempt.below(path) is not Below.NOTHING

    def _test(self, below: Below, rules: IgnoreRules | None, *, is_ignored: bool) -> Callable[[str, str], bool]:
        """Whether a file of a directory is wanted, by its path and its name. Of 50,000 files each is asked about."""
        wanted = None if below is Below.ALL else self._wanted.matches
        never = self._never.matches if self._never else None
        ignores = None if rules is None else rules.ignores
        exempt = self._exempt.matches

        def is_wanted(path: str, name: str) -> bool:
            if (wanted is not None and not wanted(path)) or (never is not None and never(path)):
                return False
            if is_ignored or (ignores is not None and ignores(path, name)):
                return exempt(path)
            return True

        return is_wanted

    def _rules(self, directory: str, above: IgnoreRules | None) -> IgnoreRules | None:
        try:
            return rules_in(self._root, directory, above)
        except OSError as error:
            self.unreadable.append((f"{directory}/{GITIGNORE}".lstrip("/"), error))
            return above

    def _poll(self, number: int) -> None:
        self._unpolled += number
        if self._unpolled >= _POLL_EVERY:
            self._unpolled = 0
            if self._should_stop():
                raise Stopped


def _with_name(path: str, *, is_directory: bool) -> tuple[str, str]:
    name = path.rpartition("/")[2]
    return (f"{path}/", f"{name}/") if is_directory else (path, name)
