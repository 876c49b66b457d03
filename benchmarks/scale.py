"""Large runs of pexec: whether the cost of a job depends on the number of jobs, in time and in memory."""

from __future__ import annotations

from pathlib import Path

from benchmarks.graphs import layers
from benchmarks.process import FailedError, Used
from benchmarks.subject import Subject
from benchmarks.tables import table
from benchmarks.tools import NINJA, PEXEC, Tool

SLOTS = 4


def measure(subject: Subject) -> str:
    """Layers of twenty jobs that do nothing: time and memory, each run checked by `pexec verify`."""
    sizes = [200, 1000] if subject.quick else [1000, 10_000, 100_000]
    rows: list[list[str]] = []
    first: Used | None = None
    for jobs in sizes:
        subject.say(f"a run of {jobs} jobs")
        expected = 0.0 if first is None else 1.3 * first.wall * jobs / sizes[0]
        if first is not None and expected > subject.share.left() + 30:
            rows.append([f"{jobs:,}", f"left out: {expected:.0f} s expected", *[""] * 7])
            continue
        try:
            with subject.directory() as directory:
                ninja = _run(subject, NINJA, jobs, directory) if subject.installed.has("ninja") else None
                used = _run(subject, PEXEC, jobs, directory)
                verified = subject.run(["pexec", "verify"], directory)
        except FailedError as error:
            rows.append([f"{jobs:,}", subject.failed("pexec", f"{jobs} jobs", error), *[""] * 7])
            continue
        first = first or used
        rows.append(_row(jobs, sizes[0], used, first, ninja, verified))
    titles = [
        "jobs",
        "s",
        "ms a job",
        f"times that at {sizes[0]:,}",
        "times ninja",
        "MiB at most",
        "mostly",
        "warden",
    ]
    return table([*titles, "`verify`, s"], rows, texts=0)


def _row(jobs: int, fewest: int, used: Used, first: Used, ninja: Used | None, verified: Used) -> list[str]:
    each, before = used.wall / jobs, first.wall / fewest
    return [
        f"{jobs:,}", f"{used.wall:.2f}", f"{1000 * each:.2f}", f"{each / before:.2f}",
        "-" if ninja is None else f"{used.wall / ninja.wall:.2f}",
        f"{used.own / 2**20:.0f}", f"{used.resident / 2**20:.0f}", f"{used.helper / 2**20:.0f}", f"{verified.wall:.1f}",
    ]  # fmt: skip


def _run(subject: Subject, tool: Tool, jobs: int, directory: Path) -> Used:
    tool.write(layers(jobs), ["true"] * jobs, directory)
    return subject.run(tool.run(SLOTS), directory, watch=True)
