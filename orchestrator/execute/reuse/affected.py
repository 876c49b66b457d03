"""Which jobs depend on files that were changed. Pure."""

from __future__ import annotations

import bisect
import posixpath
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from msgspec.structs import replace

from orchestrator.cache.listing import prefix_of
from orchestrator.cache.model import Place
from orchestrator.cache.patterns import Below, Matcher, OutsideError, Pattern, is_within, parse
from orchestrator.execute.reuse.declared import output_patterns, path_inputs
from orchestrator.plan.late_values import OPENING
from orchestrator.plan.model import Plan, PlannedJob


class Changes:
    """Changed paths, sorted, and those that are tracked; relative to the root of the repository. Below `directories`
    anything may have changed. What is neither, a job can only depend on by naming it, which `is_unknown` is asked
    about, or with `ignore: false`: these are the `ignored` files."""

    def __init__(
        self,
        place: Place,
        changed: Sequence[str],
        tracked: Collection[str],
        *,
        directories: Sequence[str] = (),
        is_unknown: Callable[[str], bool] = lambda path: False,
        ignored: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._prefix = prefix_of(place)
        self._changed = changed
        self._known = {*changed, *tracked}
        self._directories = directories
        self._is_unknown_to_git = is_unknown
        self._ignored = ignored

    def affected(self, plan: Plan, manifests: Collection[str]) -> set[int]:
        """The jobs that have no inputs, or one that was changed, and all that need them. A changed manifest, relative
        to that directory, concerns every job."""
        if any(map(self._has_changed, manifests)):
            return {job.index for job in plan.jobs}
        made = {self._path(path) for job in plan.jobs for path in output_patterns(job.spec)}
        found: set[int] = set()
        for level in plan.levels:
            for index in level:
                job = plan.jobs[index]
                if any(need in found for need in job.needs) or (
                    not job.spec.is_group and not self._is_handler(plan, job) and self._is_affected(job, made)
                ):
                    found.add(index)
        return found

    @staticmethod
    def _is_handler(plan: Plan, job: PlannedJob) -> bool:
        """Whether it needs everything else, so that it selects nothing by itself."""
        return len(job.needs) == len(plan.jobs) - 1 > 0

    def _is_affected(self, job: PlannedJob, made: Collection[str]) -> bool:
        spec = job.spec
        if spec.inputs is None:
            return True
        files = [*([] if spec.file is None else [spec.file]), *job.scripts, *spec.env_files]
        if any(map(self._has_changed, files)):
            return True
        patterns: list[Pattern] = []
        for one in path_inputs(spec):
            if OPENING in one.path:
                if job.run_matrix is None or not (place := _known_part(one.path)):
                    return True
                one = replace(one, path=place)
            excludes = one.path.startswith("!")
            with suppress(OutsideError):
                patterns.append(parse(one.path.removeprefix("!"), self._prefix, excludes=excludes, ignore=one.ignore))
        named = [one.path for one in patterns if not one.excludes and not one.is_wild]
        return any(self._is_unknown(path, made) for path in named) or self._match(patterns)

    def _match(self, patterns: Sequence[Pattern]) -> bool:
        matcher = Matcher(patterns)
        places = {one.fixed for one in patterns if not one.excludes}
        if any(matcher.matches(path) for place in places for path in self._below(place)):
            return True
        if any(matcher.below(path) is not Below.NOTHING for path in self._directories):
            return True
        if all(one.ignore or one.excludes for one in patterns):
            return False
        unseen = Matcher([one for one in patterns if one.excludes or not one.ignore])
        return any(map(unseen.matches, self._ignored()))

    def _below(self, place: str) -> Sequence[str]:
        """The changed paths that are this one, or below it."""
        if not place:
            return self._changed
        start = bisect.bisect_left(self._changed, place)
        end = bisect.bisect_left(self._changed, place + "0")  # `0` follows `/`
        return [path for path in self._changed[start:end] if path == place or path.startswith(place + "/")]

    def _has_changed(self, path: str) -> bool:
        """Whether a file has, or may have: of one that leads through a link nothing is known."""
        path = self._path(path)
        if any(is_within(path, directory) for directory in self._directories):
            return True
        return path in self._known and bool(self._below(path))

    def _path(self, path: str) -> str:
        """A path relative to the manifest's directory, from the root."""
        return posixpath.normpath(posixpath.join(self._prefix, path))

    def _is_unknown(self, path: str, made: Collection[str]) -> bool:
        """Whether Git knows nothing of what is named and exists, and no job makes it."""
        return path not in self._known and path not in made and self._is_unknown_to_git(path)


def _known_part(path: str) -> str:
    """The directories of a path before the first value that is not known when planning; what takes its place in a
    growing matrix never leads out of them."""
    return path.removeprefix("!").partition(OPENING)[0].rpartition("/")[0]
