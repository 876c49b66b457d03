"""The inputs and the outputs of a job as listings: which files there are, what is in them, and what is wrong."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache

from msgspec.structs import replace

from orchestrator.cache.content import Contents
from orchestrator.cache.hash_memory import HashMemory
from orchestrator.cache.links import LeadsOutError, resolved
from orchestrator.cache.model import (
    EMPTY_DIRECTORY,
    Listing,
    OutputPath,
    PathInput,
    Place,
    Problem,
    ShouldStop,
    listing_of,
)
from orchestrator.cache.patterns import Matcher, OutsideError, Pattern, is_within, parse, relative, roots_of
from orchestrator.cache.walk import HIDDEN_NAMES, Found, Selection, Walk
from orchestrator.console.text import visible
from orchestrator.garbage_collection import collector_paused

_NAMED = 3
_BEHIND = "the output `{}` is a link to a directory that is not in the repository"
_INSTEAD = "copy it into the repository, or let a command print what matters of it: `{command: [...]}`"


def list_inputs(
    place: Place,
    inputs: Sequence[PathInput],
    memory: HashMemory,
    should_stop: ShouldStop,
    *,
    own_outputs: Sequence[str] = (),
    upstream_outputs: Sequence[str] = (),
) -> Listing:
    """The files that some inputs are. Raises Stopped."""
    with collector_paused():
        return _listed_inputs(place, inputs, memory, should_stop, own_outputs, upstream_outputs)


def _listed_inputs(
    place: Place,
    inputs: Sequence[PathInput],
    memory: HashMemory,
    should_stop: ShouldStop,
    own_outputs: Sequence[str],
    upstream_outputs: Sequence[str],
) -> Listing:
    prefix = prefix_of(place)
    problems: list[Problem] = []
    wanted = list(_parsed_inputs(inputs, prefix, problems))
    chosen = _Inputs(place.root, wanted, prefix, own_outputs, upstream_outputs, should_stop)
    contents = Contents(place.root, memory, "input", should_stop)
    states = contents.of(chosen.found)
    walk = chosen.walk
    problems += [*chosen.problems, *contents.problems, *_unreadable(walk, "input")]
    reported = {one.path for one in problems}
    searched = [one for one in wanted if not one.excludes and not one.optional and one.written not in reported]
    not_followed = [path for path in contents.directory_links if path not in walk.followed]
    warnings = [*_without_match(searched, [*states, *walk.names]), *_links(not_followed, prefix)]
    return replace(_listing(prefix, states, problems, warnings), has_followed=bool(walk.followed))


def list_outputs(place: Place, outputs: Sequence[OutputPath], memory: HashMemory, should_stop: ShouldStop) -> Listing:
    """The files that some outputs are, also behind links to directories. Raises Stopped."""
    found, patterns, problems, prefix, walk = _found_outputs(place, outputs, should_stop, follow=True)
    contents = Contents(place.root, memory, "output", should_stop)
    states = contents.of(found)
    paths = [*(path for path, (state, _) in states.items() if state != EMPTY_DIRECTORY), *walk.names]
    by_pattern = {one.written: _matched_by(one, paths, prefix) for one in patterns if not one.excludes}
    missing = [_not_created(one, place.root) for one in patterns if not by_pattern.get(one.written, "-")]
    optional = {one.written for one in patterns if one.optional}
    problems += [one for one in missing if one.path not in optional]
    links = {*walk.leading_out.values(), *(path for path in contents.directory_links if path not in walk.followed)}
    warnings = [Problem("link", path, _BEHIND.format(visible(relative(path, prefix)))) for path in sorted(links)]
    listing = _listing(prefix, states, [*problems, *contents.problems], warnings)
    return replace(listing, by_pattern=by_pattern)


def find_outputs(
    place: Place, outputs: Sequence[OutputPath], should_stop: ShouldStop
) -> tuple[list[Found], list[Pattern], list[Problem], str]:
    """The output files, unread, none of them behind a link; the patterns; what is wrong; and the manifest's directory
    relative to the root."""
    return _found_outputs(place, outputs, should_stop, follow=False)[:4]


def _found_outputs(
    place: Place, outputs: Sequence[OutputPath], should_stop: ShouldStop, *, follow: bool
) -> tuple[list[Found], list[Pattern], list[Problem], str, Walk]:
    prefix = prefix_of(place)
    problems: list[Problem] = []
    patterns = list(_parsed_outputs(outputs, prefix, problems))
    walk = Walk(place.root, Selection(Matcher(patterns), ignore=False, follow=follow, empty=True), should_stop)
    found = {one.path: one for start in roots_of(patterns) for one in walk.files(start)}
    problems += _unreadable(walk, "output")
    return list(found.values()), patterns, problems, prefix, walk


@lru_cache(maxsize=8)
def prefix_of(place: Place) -> str:
    """The manifest's directory relative to the root, empty for the root itself."""
    prefix = os.path.relpath(place.base_dir, place.root)
    return "" if prefix == "." else prefix


class _Inputs:
    """Which files the inputs are."""

    def __init__(
        self,
        root: str,
        wanted: Sequence[Pattern],
        prefix: str,
        own_outputs: Sequence[str],
        upstream_outputs: Sequence[str],
        should_stop: ShouldStop,
    ) -> None:
        self.problems: list[Problem] = []
        self._root = root
        self._never = Matcher(_parsed(own_outputs, prefix))
        self._ignoring = Walk(root, Selection(Matcher(())), should_stop)
        exempt = [*_parsed(upstream_outputs, prefix), *(one for one in wanted if not one.excludes and not one.ignore)]
        exempt += [one for one in wanted if not one.excludes and not one.is_wild and self._is_written_out(one)]
        selection = Selection(Matcher(wanted), Matcher(exempt), self._never, follow=True)
        self.walk = Walk(root, selection, should_stop)
        self.found = list({one.path: one for start in roots_of(wanted) for one in self.walk.files(start)}.values())
        self.problems += self._leading_out(wanted)

    def _is_written_out(self, pattern: Pattern) -> bool:
        """Whether no `.gitignore` file counts for a path: for a file, and for a directory that is ignored itself."""
        path = pattern.path
        try:
            facts = os.stat(os.path.join(self._root, path))
        except OSError as error:
            if not os.path.islink(os.path.join(self._root, path)):
                self._report(pattern, error)
            return True
        return not stat.S_ISDIR(facts.st_mode) or self._is_ignored_directory(path)

    def _is_ignored_directory(self, path: str) -> bool:
        """Whether a directory, or the one to which a link leads, is ignored."""
        if self._ignoring.is_ignored(path, is_directory=True):
            return True
        with suppress(OSError, LeadsOutError):
            target = resolved(self._root, path, HIDDEN_NAMES).path
            return target != path and self._ignoring.is_ignored(target, is_directory=True)
        return False

    def _leading_out(self, wanted: Sequence[Pattern]) -> Iterator[Problem]:
        """Inputs that are written so that they can only be behind a link that leads out of the repository."""
        for pattern in wanted:
            for path, link in self.walk.leading_out.items():
                if not pattern.excludes and is_within(pattern.fixed, path):
                    text = f"the input `{visible(pattern.written)}` is outside of the repository: "
                    text += f"`{visible(link)}` is a link that leads out of it, or into `.git` or `.pexec`"
                    yield Problem("outside", pattern.written, text, _INSTEAD)

    def _report(self, pattern: Pattern, error: OSError) -> None:
        name = visible(pattern.written)
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            why = (error.strerror or str(error)).lower()
            text = f"the input `{name}` cannot be read: {why}"
            self.problems.append(Problem("unreadable", pattern.written, text))
        elif not pattern.optional:
            text = f"the input `{name}` does not exist"
            help_text = f"if it need not exist: `{{path: {name}, optional: true}}`"
            self.problems.append(Problem("missing", pattern.written, text, help_text))


def _parsed_inputs(inputs: Sequence[PathInput], prefix: str, problems: list[Problem]) -> Iterator[Pattern]:
    for one in inputs:
        excludes = one.path.startswith("!")
        written = one.path[1:] if excludes else one.path
        try:
            pattern = parse(written, prefix, excludes=excludes, ignore=one.ignore, optional=one.optional)
        except OutsideError:
            text = f"the input `{visible(written)}` is outside of the repository"
            problems.append(Problem("outside", written, text, _INSTEAD))
            continue
        if excludes or HIDDEN_NAMES.isdisjoint(pattern.fixed.split("/")):
            yield pattern
        else:
            text = f"the input `{visible(written)}` belongs to pexec or Git, which is never an input"
            problems.append(Problem("outside", written, text, _INSTEAD))


def _parsed_outputs(outputs: Sequence[OutputPath], prefix: str, problems: list[Problem]) -> Iterator[Pattern]:
    for one in outputs:
        excludes = one.path.startswith("!")
        written = one.path[1:] if excludes else one.path
        try:
            pattern = parse(written, prefix, inside=prefix, excludes=excludes, ignore=False, optional=one.optional)
        except OutsideError:
            text = f"the output `{visible(written)}` is outside of the manifest's directory"
            problems.append(Problem("outside", written, text))
            continue
        if HIDDEN_NAMES.isdisjoint(pattern.path.split("/")):
            yield pattern
        else:
            problems.append(Problem("outside", written, f"the output `{visible(written)}` belongs to pexec or Git"))


def _parsed(written: Iterable[str], prefix: str) -> list[Pattern]:
    """Patterns that were checked elsewhere; what is not valid matches nothing."""
    found: list[Pattern] = []
    for one in written:
        try:
            found.append(parse(one.removeprefix("!"), prefix, excludes=one.startswith("!")))
        except OutsideError:
            continue
    return found


def _without_match(wanted: Sequence[Pattern], paths: Iterable[str]) -> Iterator[Problem]:
    """Warnings for patterns, and directories, without a file."""
    for pattern in wanted:
        if not any(map(Matcher([pattern]).matches, paths)):
            text = f"the input `{visible(pattern.written)}` matches no file"
            yield Problem(
                "empty", pattern.written, text, "files that `.gitignore` names count only with `ignore: false`"
            )


def _links(paths: Sequence[str], prefix: str) -> Iterator[Problem]:
    if paths:
        names = ", ".join(f"`{visible(relative(path, prefix))}`" for path in paths[:_NAMED])
        more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        text = f"links that lead out of the repository are not followed: {names}{more}"
        yield Problem("link", paths[0], text, "copy the directories into the repository, or exclude the links")


def _unreadable(walk: Walk, noun: str) -> Iterator[Problem]:
    for path, error in walk.unreadable:
        why = (error.strerror or str(error)).lower()
        yield Problem("unreadable", path, f"the {noun} `{visible(path)}` cannot be read: {why}")


def _matched_by(pattern: Pattern, paths: Iterable[str], prefix: str) -> tuple[str, ...]:
    alone = Matcher([pattern])
    return tuple(sorted(relative(path, prefix) for path in paths if alone.matches(path)))


def _not_created(pattern: Pattern, root: str) -> Problem:
    name = visible(pattern.written)
    if pattern.is_wild:
        return Problem("missing", pattern.written, f"no file matches the declared output `{name}`")
    if os.path.isdir(os.path.join(root, pattern.path)):
        return Problem("empty", pattern.written, f"declared output `{name}` is an empty directory")
    return Problem("missing", pattern.written, f"declared output `{name}` was not created")


def _listing(
    prefix: str,
    states: dict[str, tuple[bytes, tuple[int, int, int, int, int]]],
    problems: Sequence[Problem],
    warnings: Sequence[Problem],
) -> Listing:
    files: dict[str, bytes] = {}
    signatures: dict[str, tuple[int, int, int, int, int]] = {}
    for path, (state, signature) in states.items():
        name = relative(path, prefix)
        files[name] = state
        signatures[name] = signature
    return listing_of(files, problems=tuple(problems), warnings=tuple(warnings), signatures=signatures)
