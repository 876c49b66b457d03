"""`--since REV`: a selection of the jobs that depend on what was changed since a revision of the repository."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, partial

from msgspec.structs import replace

from orchestrator.app.cache_of_plan import place_of
from orchestrator.app.git_changes import GitChanges, git_changes, ignored_files
from orchestrator.app.invocation import Invocation
from orchestrator.app.job_scripts import with_scripts
from orchestrator.app.planning import PlanningResult, plan_invocation
from orchestrator.cache.links import LeadsOutError, resolved
from orchestrator.cache.listing import prefix_of
from orchestrator.cache.model import Place, never
from orchestrator.cache.patterns import NO_PATTERNS, Matcher, OutsideError, is_within, parse, relative
from orchestrator.cache.walk import HIDDEN_NAMES, Selection, Walk
from orchestrator.console.streams import write_stderr
from orchestrator.console.text import count, quote, visible
from orchestrator.execute.reuse.affected import Changes

_COMMIT = 8


def narrowed(invocation: Invocation, revision: str) -> Invocation | None:
    """The invocation with only the jobs that are affected, and what they need; None if there are none. The same if the
    manifest has errors, which planning it again reports. Says what it found. Raises UsageError."""
    result = plan_invocation(invocation)
    plan = result.plan
    if plan is None:
        return invocation
    place = place_of(plan)
    changes = git_changes(place.root, revision)
    found = _changes(place, changes).affected(with_scripts(plan), _manifests(result, place, changes))
    since = f"{quote(revision)} ({changes.commit[:_COMMIT]})"
    if not found:
        write_stderr(f"pexec: nothing to do: no job depends on what has changed since {visible(since)}\n")
        return None
    jobs = count(len(plan.jobs), "job")
    write_stderr(f"pexec: {len(found)} of {jobs} depend on what has changed since {visible(since)}\n")
    only = tuple(plan.jobs[index].id for index in sorted(found))
    return replace(invocation, selection=replace(invocation.selection, only=only))


def _manifests(result: PlanningResult, place: Place, changes: GitChanges) -> list[str]:
    """The files from which the plan follows, relative to the manifest's directory: a change of one concerns every job.
    An axis that lists files has another value if one was added or removed."""
    prefix = prefix_of(place)
    found = [os.path.relpath(os.path.realpath(path), place.base_dir) for path in result.texts]
    for request, _ in result.listings:
        path = os.path.normpath(os.path.join(request.folder, request.path))
        if request.kind != "glob":
            found.append(path)
            continue
        with suppress(OutsideError):
            matches = Matcher([parse(path, prefix)]).matches
            found += [relative(one, prefix) for one in sorted(changes.moved) if matches(one)][:1]
    return found


def _changes(place: Place, changes: GitChanges) -> Changes:
    no_rules = Walk(place.root, Selection(NO_PATTERNS), never)

    def is_unknown(path: str) -> bool:
        """A file, or a directory that `.gitignore` files name."""
        full = os.path.join(place.root, path)
        return os.path.isfile(full) or (os.path.isdir(full) and no_rules.is_ignored(path, is_directory=True))

    return Changes(
        place,
        changes.changed,
        changes.tracked,
        directories=[*changes.directories, *_changed_behind(place.root, changes)],
        is_unknown=is_unknown,
        ignored=cache(partial(ignored_files, place.root)),
    )


def _changed_behind(root: str, changes: GitChanges) -> list[str]:
    """The links to directories in which something was changed, also behind other links."""
    targets: dict[str, tuple[str, ...]] = {}
    for link in changes.links:
        with suppress(OSError, LeadsOutError):
            if os.path.isdir(os.path.join(root, link)):
                target, passed = resolved(root, link, HIDDEN_NAMES)
                targets[link] = (target, *(one.path for one in passed))
    found: list[str] = []
    news: Sequence[str] = (*changes.changed, *changes.directories)
    while news:
        news = [
            link for link, places in targets.items() if any(is_within(path, place) for path in news for place in places)
        ]
        for link in news:
            del targets[link]
        found += news
    return found
