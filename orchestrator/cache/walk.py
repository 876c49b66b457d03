"""Which files some patterns match below the root of a repository.

A directory is visited only if something below it may be matched. What `.gitignore` files name is left out, except what
is exempt. `.git`, `.pexec` and what is in `never` are always left out.

Links to directories are followed only if that is wanted, and inside the root. What is behind one has two paths: that
with the link in it, which patterns see, and where it is, for everything else, as `.gitignore` files. Each link that is
followed is found too, so that another target is another input. Behind a link that is itself behind a link everything
counts, whatever its name is, so that no directory is visited often; a loop of links ends where it began.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

from orchestrator.cache.ignore_rules import NAME as GITIGNORE
from orchestrator.cache.ignore_rules import IgnoreRules, rules_in
from orchestrator.cache.links import LeadsOutError, PassedLink, resolved
from orchestrator.cache.model import ShouldStop, Stopped
from orchestrator.cache.patterns import NO_PATTERNS, Below, Matcher

HIDDEN_NAMES = frozenset((".git", ".pexec"))
TEMPORARY = ".pexec-restore-"  # the beginning of names under which files are put into place
_POLL_EVERY = 200


class Found(NamedTuple):
    """A file, a link, something special, or an empty directory. Its path is relative to the root; its facts are its
    own, not a target's."""

    path: str
    facts: os.stat_result


class Selection(NamedTuple):
    """What is wanted. `exempt` is not left out by `.gitignore` files, which count only with `ignore`. Links to
    directories are followed only with `follow`, and empty directories are found only with `empty`."""

    wanted: Matcher
    exempt: Matcher = NO_PATTERNS
    never: Matcher = NO_PATTERNS
    ignore: bool = True
    follow: bool = False
    empty: bool = False


class _Directory(NamedTuple):
    """`named` is the path that patterns see; `behind` are the directories to which links led on the way."""

    path: str
    named: str
    rules: IgnoreRules | None
    below: Below
    is_ignored: bool
    behind: tuple[str, ...] = ()


class Walk:
    """One walk. `unreadable` are the directories and `.gitignore` files that could not be read, with the reason;
    `followed` the links that were followed; `leading_out` the links that lead out of the root, by the path, as patterns
    see it, of all that is behind them; `names` what patterns see of what was found behind links."""

    def __init__(self, root: str, selection: Selection, should_stop: ShouldStop) -> None:
        self._root = root
        self._wanted, self._exempt, self._never, self._ignore, self._follow, self._empty = selection
        self._should_stop = should_stop
        self._unpolled = 0
        self._no_links: set[str] = set()
        self._whole: set[str] = set()  # directories behind links of which everything was found
        self.unreadable: list[tuple[str, OSError]] = []
        self.followed: set[str] = set()
        self.leading_out: dict[str, str] = {}
        self.names: set[str] = set()

    def files(self, start: str) -> Iterator[Found]:
        """What is wanted of `start`, a directory or a file, which may be missing. Raises Stopped."""
        if not HIDDEN_NAMES.isdisjoint(start.split("/")):
            return
        try:
            here, facts, links = self._place(start)
        except (FileNotFoundError, NotADirectoryError):
            return
        except LeadsOutError as error:
            self.leading_out[start] = error.link
            return
        except OSError as error:
            self.unreadable.append((start, error))
            return
        yield from self._passed(links)
        is_directory = stat.S_ISDIR(facts.st_mode)
        if not is_directory and self._exempt.matches(here):
            rules, is_ignored = None, False  # as most paths that are written out: no rules are read for them
        else:
            rules, is_ignored = self._above(here, is_directory=is_directory)
        behind = (here,) if links else ()
        directory = _Directory(here, start, rules, self._wanted.below(start), is_ignored, behind)
        if not is_directory:
            if links:
                self.names.add(start)
            if self._test(directory._replace(below=Below.SOME))(here, here.rpartition("/")[2]):
                yield Found(here, facts)
            return
        waiting = [directory]
        while waiting:
            directory = waiting.pop()
            if self._enters(directory):
                yield from self._visited(directory, waiting)

    def _place(self, start: str) -> tuple[str, os.stat_result, tuple[PassedLink, ...]]:
        """Where a path leads, and the links in it. A link to a file is not followed. Raises OSError, LeadsOutError."""
        facts = os.lstat(os.path.join(self._root, start))
        if not self._follow or (not stat.S_ISLNK(facts.st_mode) and not self._has_link_above(start)):
            return start, facts, ()
        above, _, name = start.rpartition("/")
        found = resolved(self._root, above, HIDDEN_NAMES)
        here = f"{found.path}/{name}".lstrip("/")
        if stat.S_ISLNK(facts.st_mode) and os.path.isdir(os.path.join(self._root, start)):
            found = resolved(self._root, start, HIDDEN_NAMES)
            here = found.path
            facts = os.lstat(os.path.join(self._root, here))
        return here, facts, found.links

    def _has_link_above(self, path: str) -> bool:
        """Whether a directory in a path is a link."""
        seen: list[str] = []
        end = path.rfind("/")
        while end > 0 and (above := path[:end]) not in self._no_links:
            if os.path.islink(os.path.join(self._root, above)):
                return True
            seen.append(above)
            end = path.rfind("/", 0, end)
        self._no_links.update(seen)
        return False

    def _passed(self, links: tuple[PassedLink, ...]) -> Iterator[Found]:
        for link in links:
            self.followed.add(link.path)
            yield Found(link.path, link.facts)

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
        path, named, rules, below, is_ignored, behind = directory
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
            directory = directory._replace(rules=rules)
        inside = f"{path}/" if path else ""
        is_wanted = self._test(directory)
        if self._empty and not entries and path and is_wanted(path, path.rpartition("/")[2]):
            yield Found(path, os.lstat(os.path.join(self._root, path)))
            if behind:
                self.names.add(named)
        for entry in entries:
            name = entry.name
            if name[0] == "." and (name in HIDDEN_NAMES or name.startswith(TEMPORARY)):
                continue
            here = inside + name
            if entry.is_dir(follow_symlinks=False):
                ignored = is_ignored or (rules is not None and rules.ignores(f"{here}/", f"{name}/"))
                as_named = here if path == named else f"{named}/{name}"
                within = below if below is Below.ALL else self._wanted.below(as_named)
                waiting.append(_Directory(here, as_named, rules, within, ignored, behind))
                continue
            if is_wanted(here, name):
                try:
                    facts = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if behind:
                    self.names.add(f"{named}/{name}")
                yield Found(here, facts)
            if self._follow and entry.is_symlink():
                yield from self._followed(directory, name, waiting)

    def _followed(self, directory: _Directory, name: str, waiting: list[_Directory]) -> Iterator[Found]:
        """The links that lead to a directory from one of its entries, if anything may be wanted behind them."""
        here, named = f"{directory.path}/{name}".lstrip("/"), f"{directory.named}/{name}".lstrip("/")
        below = directory.below if directory.below is Below.ALL else self._wanted.below(named)
        is_ignored = directory.is_ignored or (directory.rules is not None and directory.rules.ignores(here, name))
        link = directory._replace(path=here, named=named, below=below, is_ignored=is_ignored)
        if not self._enters(link) or not os.path.isdir(os.path.join(self._root, here)):
            return
        try:
            target, links = resolved(self._root, here, HIDDEN_NAMES)
        except LeadsOutError:
            self.leading_out[named] = here
            return
        except OSError as error:
            self.unreadable.append((here, error))
            return
        yield from self._passed(links)
        if target in directory.behind:
            return
        if directory.behind:
            below = Below.ALL
        rules, is_ignored = self._above(target, is_directory=True)
        waiting.append(_Directory(target, named, rules, below, is_ignored, (*directory.behind, target)))

    def _enters(self, directory: _Directory) -> bool:
        path, named, _, below, is_ignored, behind = directory
        if below is Below.NOTHING or self._never.below(path) is Below.ALL:
            return False
        if is_ignored and self._exempt.below(path) is Below.NOTHING and self._exempt.below(named) is Below.NOTHING:
            return False
        if behind and below is Below.ALL:
            if path in self._whole:
                return False
            self._whole.add(path)
        return True

    def _test(self, directory: _Directory) -> Callable[[str, str], bool]:
        """Whether a file of a directory is wanted, by its path and its name. Of 50,000 files each is asked about."""
        path, named, rules, below, is_ignored, _ = directory
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

        def is_wanted_behind_a_link(path: str, name: str) -> bool:
            as_named = named if path == directory.path else f"{named}/{name}"
            if (wanted is not None and not wanted(as_named)) or (never is not None and never(path)):
                return False
            if is_ignored or (ignores is not None and ignores(path, name)):
                return exempt(path) or exempt(as_named)
            return True

        return is_wanted if path == named else is_wanted_behind_a_link

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
