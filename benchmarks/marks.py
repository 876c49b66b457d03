"""Proves that a tool did the work: each job writes a line at its start and at its end."""

from __future__ import annotations

from pathlib import Path

from benchmarks.graphs import Graph
from benchmarks.process import FailedError

FILE = "marks"


def marked(commands: list[str]) -> list[str]:
    """The same commands between two marks. Task's own shell writes the words of echo one by one, hence printf."""
    return [f"printf 'b{n}\\n' >> {FILE} && {text} && printf 'e{n}\\n' >> {FILE}" for n, text in enumerate(commands)]


def check(graph: Graph, directory: Path, slots: int | None) -> None:
    """Check that every job ran exactly once, after its needs, and at most `slots` at once. Removes the marks.

    Raises `FailedError` with the violation.
    """
    path = directory / FILE
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    begun: set[int] = set()
    ended: set[int] = set()
    for line in lines:
        job = int(line[1:])
        if line.startswith("e"):
            ended.add(job)
            continue
        if job in begun:
            raise FailedError(f"job {job} ran twice")
        if not ended.issuperset(graph[job]):
            raise FailedError(f"job {job} started before its needs had ended")
        begun.add(job)
        if slots is not None and len(begun) - len(ended) > slots:
            raise FailedError(f"{len(begun) - len(ended)} jobs at once, with {slots} slots")
    if len(ended) != len(graph):
        raise FailedError(f"{len(ended)} of {len(graph)} jobs ran")
