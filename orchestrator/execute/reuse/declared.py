"""What the jobs of a plan declare, as the cache takes it: inputs, output files, needs, outputs upstream. Pure."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence

from orchestrator.cache.model import OutputPath, PathInput
from orchestrator.plan.model import JobSpec, PlannedJob

_WILD = "*?[\\"  # a backslash escapes what follows it


def path_inputs(spec: JobSpec) -> list[PathInput]:
    """The paths and patterns among its inputs, in order."""
    return [PathInput(one.path, one.ignore, one.optional) for one in spec.inputs or () if one.path]


def output_paths(spec: JobSpec) -> list[OutputPath]:
    """The paths and patterns of its output files."""
    return [OutputPath(path, output.fresh, output.optional) for output in spec.output_files for path in output.paths]


def output_patterns(spec: JobSpec) -> list[str]:
    """The same without their options."""
    return [path for output in spec.output_files for path in output.paths]


def needs_of(
    jobs: Sequence[PlannedJob], job: int, is_left_out: Callable[[int], bool] = lambda need: False
) -> list[int]:
    """What a job needs, in order: of a group, and of a job that was left out, what that needs. So of a placeholder: the
    jobs that have taken its place, or without any what it needs itself."""
    found: dict[int, None] = {}
    to_visit = list(reversed(jobs[job].needs))
    while to_visit:
        need = to_visit.pop()
        if jobs[need].spec.is_group or jobs[need].run_matrix is not None or is_left_out(need):
            to_visit += reversed(jobs[need].needs)
        else:
            found[need] = None
    return list(found)


class Upstream:
    """Which output files of jobs upstream may be among the inputs of a job: those that a `.gitignore` file does not
    take out. Found by the fixed parts of paths, since few of all outputs of a plan concern one job. More jobs may come
    to the end of `jobs`."""

    def __init__(self, jobs: Sequence[PlannedJob]) -> None:
        self._jobs = jobs
        self._latest: tuple[int, list[tuple[str, int, str]]] = (0, [])

    def _by_place(self) -> list[tuple[str, int, str]]:
        """The fixed part of each output with a `/` at its end, sorted; its job; and the pattern. Found anew when there
        are more jobs."""
        number, found = self._latest
        if number != len(self._jobs):
            jobs = self._jobs[:]
            found = sorted(
                (place_of(path), job.index, path)
                for job in jobs
                if job.spec.output_files and job.run_matrix is None
                for path in output_patterns(job.spec)
            )
            self._latest = len(jobs), found
        return found

    def outputs(self, job: int, inputs: Sequence[PathInput]) -> list[str]:
        """The patterns of outputs, upstream of this job at any distance, that may match files of these inputs."""
        found: dict[str, list[int]] = {}
        for one in inputs:
            for index, pattern in self._near(place_of(one.path)):
                found.setdefault(pattern, []).append(index)
        if not found:
            return []
        above = self._above(job, {index for jobs in found.values() for index in jobs})
        return [pattern for pattern, jobs in found.items() if not above.isdisjoint(jobs)]

    def all_outputs(self, job: int) -> list[str]:
        """The patterns of all outputs upstream of this job."""
        outputs = self._by_place()
        above = self._above(job, {index for _, index, _ in outputs})
        return [pattern for _, index, pattern in outputs if index in above]

    def _near(self, place: str) -> list[tuple[int, str]]:
        """The outputs in a directory, at any depth, and those that are a directory around it."""
        outputs = self._by_place()
        start = bisect.bisect_left(outputs, (place,))
        end = bisect.bisect_left(outputs, (place[:-1] + "0",)) if place else len(outputs)  # `0` follows `/`
        near = outputs[start:end]
        for depth in range(place.count("/")):
            around = "".join(part + "/" for part in place.split("/")[:depth])
            first = bisect.bisect_left(outputs, (around,))
            while first < len(outputs) and outputs[first][0] == around:
                near.append(outputs[first])
                first += 1
        return [(index, pattern) for _, index, pattern in near]

    def _above(self, job: int, wanted: set[int]) -> set[int]:
        """Those of the wanted jobs that this one needs, at any distance; the search ends when all are found."""
        found: set[int] = set()
        passed: set[int] = set()
        to_visit = list(self._jobs[job].needs)
        while to_visit and len(found) < len(wanted):
            need = to_visit.pop()
            if need not in passed:
                passed.add(need)
                if need in wanted:
                    found.add(need)
                to_visit += self._jobs[need].needs
        return found


def place_of(path: str) -> str:
    """The directories before the first component with a wildcard, or the whole path without one, with a `/` behind
    each; empty for the manifest's own directory. What leads out of it counts as the whole tree."""
    parts = []
    for part in path.removeprefix("!").split("/"):
        if part == "..":
            return ""
        if is_wild(part):
            break
        if part not in ("", "."):
            parts.append(part + "/")
    return "".join(parts)


def is_wild(path: str) -> bool:
    """Whether a path has wildcards."""
    return any(character in path for character in _WILD)
