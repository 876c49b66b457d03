"""Proof that a tool did the work: each job writes a line when it begins and when it ends."""

from __future__ import annotations

from pathlib import Path

from benchmarks.graphs import Graph
from benchmarks.process import FailedError

FILE = "marks"


def marked(commands: list[str]) -> list[str]:
    """The same commands between two marks. printf, since Task's own shell writes the words of echo one by one."""
    return [f"printf 'b{n}\\n' >> {FILE} && {text} && printf 'e{n}\\n' >> {FILE}" for n, text in enumerate(commands)]


def check(graph: Graph, folder: Path, slots: int | None) -> None:
    """Every job ran exactly once, after all that it needs, and never more than `slots` at once; the marks go.

    Raises `FailedError` that says what is wrong.
    """
    path = folder / FILE
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
            raise FailedError(f"job {job} began before what it needs had ended")
        begun.add(job)
        if slots is not None and len(begun) - len(ended) > slots:
            raise FailedError(f"{len(begun) - len(ended)} jobs at once, with {slots} slots")
    if len(ended) != len(graph):
        raise FailedError(f"{len(ended)} of {len(graph)} jobs ran")
