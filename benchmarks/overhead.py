"""The overhead of a job: whole runs of jobs that do nothing."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import marks
from benchmarks.clock import Share
from benchmarks.graphs import SHAPES, Graph
from benchmarks.process import FailedError, Used
from benchmarks.subject import Subject, ratio, take_turns
from benchmarks.tables import rounds, table
from benchmarks.tools import FIRST_TIME, PEXEC, Tool

ROUNDS = 5


def measure(subject: Subject) -> str:
    """A table for each shape and number of slots."""
    jobs, slots, shapes = (200, (2,), ("flat", "layers")) if subject.quick else (1000, (2, 4, 8), tuple(SHAPES))
    left = len(shapes) * len(slots)
    found = []
    for shape in shapes:
        for number in slots:
            if subject.share.is_overdrawn:
                found.append(f"**{shape}**, {number} slots: left out for lack of time.")
                continue
            subject.say(f"{shape}, {jobs} jobs, {number} slots")
            found.append(_compare(subject, subject.share.part(left), shape, jobs, number, verify=number == slots[0]))
            left -= 1
    return "\n\n".join(found)


def _compare(subject: Subject, share: Share, shape: str, jobs: int, slots: int, *, verify: bool) -> str:
    tools = [tool for tool in (PEXEC, FIRST_TIME, *subject.installed.peers) if shape == "flat" or not tool.only_flat]
    with subject.directory() as directory:
        graphs = {tool.name: SHAPES[shape](min(jobs, tool.most or jobs)) for tool in tools}
        work: dict[str, Callable[[], Used]] = {}
        failures: dict[str, str] = {}
        for tool in tools:
            place = directory / tool.name.replace(" ", "-")
            place.mkdir()
            try:
                if verify:
                    prove(subject, tool, graphs[tool.name], slots, place)
            except FailedError as error:
                failures[tool.name] = subject.failed(tool.name, shape, error)
                continue
            tool.write(graphs[tool.name], ["true"] * len(graphs[tool.name]), place)
            work[tool.name] = partial(run_once, subject, tool, slots, place)
        once = frozenset(tool.name for tool in tools if tool.slow)
        used, more = take_turns(subject, share, ROUNDS, work, once)
    return _table(shape, slots, used, {name: len(graph) for name, graph in graphs.items()}, failures | more)


def run_once(subject: Subject, tool: Tool, slots: int, directory: Path) -> Used:
    """One run of the graph in `directory`, without records of earlier runs."""
    tool.clean(directory)
    return subject.run(tool.run(slots), directory, env=tool.home(directory))


def prove(subject: Subject, tool: Tool, graph: Graph, slots: int, directory: Path) -> None:
    """Raise `FailedError` unless the tool runs each job once, in order, within its slots."""
    tool.write(graph, marks.marked(["true"] * len(graph)), directory)
    run_once(subject, tool, slots, directory)
    marks.check(graph, directory, slots if tool.keeps_limit else None)


def _table(shape: str, slots: int, used: dict[str, list[Used]], jobs: dict[str, int], failures: dict[str, str]) -> str:
    rows = []
    for name, all_used in used.items():
        walls = [1000 * one.wall / jobs[name] for one in all_used]
        cpu = statistics.median(1000 * one.cpu / jobs[name] for one in all_used)
        times = "-"
        if "ninja" in used:
            times = f"{ratio(all_used, used['ninja'], jobs['ninja'] / jobs[name]):.2f}"
        spread = f"{min(walls):.2f} - {max(walls):.2f}"
        rows.append([name, str(jobs[name]), f"{statistics.median(walls):.2f}", spread, f"{cpu:.2f}", times])
    rows.sort(key=lambda row: float(row[2]))
    rows += [[name, str(jobs[name]), why, "", "", ""] for name, why in failures.items()]
    done = rounds(max(map(len, used.values()), default=0))
    titles = ["tool", "jobs", "ms a job", "from - to", "CPU ms a job", "times ninja"]
    return f"**{shape}**, {slots} slots, {done}\n\n{table(titles, rows)}"
