"""Nothing to do: graphs whose jobs each make one file from one file, all of which are up to date."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import formats
from benchmarks.clock import Share
from benchmarks.graphs import Graph, layers
from benchmarks.process import FailedError, Used
from benchmarks.subject import Subject, ratio, take_turns
from benchmarks.tables import rounds, table

ROUNDS = 5
SLOTS = 4
# File times that are younger than this are not trusted by tools that compare them, pexec among them.
SETTLES = 2.5
PATIENCE = 5  # a first build, which is not measured, may take so many times what others may take


@dataclass(frozen=True, slots=True)
class Builder:
    """How a tool describes such a graph, and builds it. `most` is the largest number of jobs that it is measured with:
    Task takes minutes for more, and make needs a minute to build what it then looks at as fast as ninja."""

    name: str
    write: Callable[[Graph, Path], None]
    build: tuple[str, ...]
    most: int | None = None


def _source(job: int) -> str:
    return f"src/{job % 100}/{job}.c"


def _made(job: int) -> str:
    return f"out/{job % 100}/{job}.o"


def _command(job: int) -> str:
    """What each job runs: built into the shell, since building 100,000 files is not what is measured."""
    return f"read -r line < {_source(job)}; echo $line > {_made(job)}"


def _files_of(job: int, needs: Sequence[int]) -> list[str]:
    return [_source(job), *map(_made, needs)]


def _pexec(graph: Graph, directory: Path) -> None:
    with (directory / "pexec.json").open("w") as file:
        file.write('{"version": 1, "defaults": {"shell": ["sh", "-e"]}, "workflows": {\n')
        for job, needs in enumerate(graph):
            workflow = {
                "run": _command(job),
                "needs": [f"j{need}" for need in needs],
                "inputs": [_source(job)],  # the outputs of its needs count anyway
                "outputs": [_made(job)],
            }
            file.write(f'{"," if job else ""}"j{job}": {json.dumps(workflow)}\n')
        file.write("}}\n")


def _ninja(graph: Graph, directory: Path) -> None:
    with (directory / "build.ninja").open("w") as file:
        file.write("rule r\n  command = $do\n  description = $out\n")
        for job, needs in enumerate(graph):
            file.write(f"build {_made(job)}: r {' '.join(_files_of(job, needs))}\n")
            file.write(f"  do = {_command(job).replace('$', '$$')}\n")


def _make(graph: Graph, directory: Path) -> None:
    with (directory / "Makefile").open("w") as file:
        file.write(
            f".SUFFIXES:\nMAKEFLAGS += -rR\n.PHONY: all\nall: {' '.join(map(_made, formats.last_jobs(graph)))}\n"
        )
        for job, needs in enumerate(graph):
            command = _command(job).replace("$", "$$")
            file.write(f"{_made(job)}: {' '.join(_files_of(job, needs))}\n\t@{command}\n")


def _task(graph: Graph, directory: Path) -> None:
    with (directory / "Taskfile.yml").open("w") as file:
        last = ", ".join(f"j{job}" for job in formats.last_jobs(graph))
        file.write(f"version: '3'\nsilent: true\nrun: once\ntasks:\n  default:\n    deps: [{last}]\n")
        for job, needs in enumerate(graph):
            deps = ", ".join(f"j{need}" for need in needs)
            file.write(
                f"  j{job}:\n    deps: [{deps}]\n    sources: [{', '.join(_files_of(job, needs))}]\n"
                f"    generates: [{_made(job)}]\n    cmds: ['{_command(job)}']\n"
            )


NINJA = Builder("ninja", _ninja, ("ninja", "--quiet", "-j", str(SLOTS)))
BUILDERS = (
    Builder("pexec", _pexec, ("pexec", "apply", "pexec.json", "-j", str(SLOTS), "--output", "quiet")),
    NINJA,
    Builder("make", _make, ("make", "-s", "-j", str(SLOTS)), most=10_000),
    Builder("Task", _task, ("task", "-C", str(SLOTS)), most=1000),
)


def measure(subject: Subject) -> str:
    """A table for each number of jobs: the time and memory of a second build, which has nothing to do."""
    sizes = [200, 1000] if subject.quick else [1000, 10_000, 100_000]
    found = []
    for number, jobs in enumerate(sizes):
        if subject.share.is_overdrawn:
            found.append(f"{jobs:,} jobs: left out, there is no time left.")
            continue
        subject.say(f"{jobs} jobs that are up to date")
        found.append(_compare(subject, subject.share.part(len(sizes) - number), jobs))
    return "\n\n".join(found)


def _compare(subject: Subject, share: Share, jobs: int) -> str:
    graph = layers(jobs, max(20, jobs // 100))
    failures: dict[str, str] = {}
    work: dict[str, Callable[[], Used]] = {}
    with subject.directory() as directory:
        for builder in BUILDERS:
            if builder.name != "pexec" and not subject.installed.has(builder.name):
                continue
            if builder.most is not None and jobs > builder.most:
                failures[builder.name] = f"left out beyond {builder.most:,} jobs"
                continue
            place = directory / builder.name
            _write_sources(place, jobs)
            builder.write(graph, place)
            try:
                subject.run(list(builder.build), place, times_limit=PATIENCE)
            except FailedError as error:
                failures[builder.name] = subject.failed(builder.name, f"first build of {jobs} jobs", error)
                continue
            work[builder.name] = partial(subject.run, list(builder.build), place)
        time.sleep(SETTLES)
        before = _state_of_outputs(directory)
        # The first time pexec reads what was made, and keeps what it has seen.
        first, failed = take_turns(subject, share, 1, {name: work.pop(name) for name in ("pexec",) if name in work})
        if first:
            work = {"pexec": partial(subject.run, list(BUILDERS[0].build), directory / "pexec"), **work}
        used, more = take_turns(subject, share, ROUNDS, work)
        if _state_of_outputs(directory) != before:
            subject.failures.append(f"{jobs} jobs: a second build wrote its files again")
    shown = _table(jobs, used, failures | failed | more)
    if "pexec" in first:
        shown += f"\n\nThe first time, pexec reads the files that were made: {first['pexec'][0].wall:.2f} s."
    return shown


def _write_sources(place: Path, jobs: int) -> None:
    for number in range(min(100, jobs)):
        (place / f"src/{number}").mkdir(parents=True)
        (place / f"out/{number}").mkdir(parents=True)
    for job in range(jobs):
        (place / _source(job)).write_text(f"{job}\n")


def _state_of_outputs(directory: Path) -> dict[Path, int]:
    """The time of the last change of each file that was built."""
    return {path: path.stat().st_mtime_ns for path in directory.glob("*/out/*/*")}


def _table(jobs: int, used: dict[str, list[Used]], failures: dict[str, str]) -> str:
    rows = []
    for name, all_used in used.items():
        wall = statistics.median(one.wall for one in all_used)
        memory = max(one.rss for one in all_used) / 2**20
        times = f"{ratio(all_used, used[NINJA.name]):.1f}" if NINJA.name in used else "-"
        cpu = statistics.median(one.cpu for one in all_used)
        rows.append((wall, [name, f"{wall:.2f}", f"{cpu:.2f}", f"{memory:.0f}", times]))
    shown = [row for _, row in sorted(rows)] + [[name, why, "", "", ""] for name, why in failures.items()]
    title = f"**{jobs:,} jobs, all up to date**, {rounds(max(map(len, used.values()), default=0))}"
    return f"{title}\n\n{table(['tool', 's', 'CPU s', 'MiB', 'times ninja'], shown)}"
