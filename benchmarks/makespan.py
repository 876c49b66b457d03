"""How close runs of jobs with known durations come to the shortest possible run. The jobs sleep."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import marks
from benchmarks.clock import Share
from benchmarks.graphs import Graph, layers, scattered
from benchmarks.process import FailedError, Used
from benchmarks.simulate import bound, list_schedule
from benchmarks.subject import Subject, take_turns
from benchmarks.tables import rounds, table
from benchmarks.tools import PEXEC, Tool

ROUNDS = 3
AGAIN = "pexec, after an earlier run"


def durations(jobs: int, seed: int) -> list[float]:
    """Seconds of each job: most are short and some are long, as in real work; 0.06 s on average."""
    draw = random.Random(seed)
    return [round(min(0.6, max(0.01, draw.lognormvariate(-3.2, 0.9))), 3) for _ in range(jobs)]


def measure(subject: Subject) -> str:
    """A table for each graph and number of slots."""
    jobs, slots = (40, (4,)) if subject.quick else (150, (4, 8))
    graphs = {"layers": layers(jobs, 10), "random": scattered(jobs)}
    left = len(graphs) * len(slots)
    found = []
    for name, graph in graphs.items():
        for number in slots:
            if subject.share.is_overdrawn:
                found.append(f"**{name}**, {number} slots: left out for lack of time.")
                continue
            subject.say(f"makespan, {name}, {jobs} jobs, {number} slots")
            found.append(_compare(subject, subject.share.part(left), name, graph, number))
            left -= 1
    return "\n\n".join(found)


def _compare(subject: Subject, share: Share, name: str, graph: Graph, slots: int) -> str:
    seconds = durations(len(graph), seed=len(name))
    tools = [PEXEC, *(tool for tool in subject.installed.peers if tool.keeps_limit and not tool.only_flat)]
    with subject.directory() as directory:
        work: dict[str, Callable[[], Used]] = {}
        for tool in tools:
            place = directory / tool.name
            place.mkdir()
            tool.write(graph, marks.marked([f"sleep {length}" for length in seconds]), place)
            work[tool.name] = partial(_proven, subject, tool, graph, slots, place)
        # A second project, whose runs are kept: its first run only records the durations.
        place = directory / "again"
        place.mkdir()
        PEXEC.write(graph, marks.marked([f"sleep {length}" for length in seconds]), place)
        work[AGAIN] = partial(_proven, subject, PEXEC, graph, slots, place, keep=True)
        try:
            work[AGAIN]()
        except FailedError as error:
            subject.failed(AGAIN, name, error)
        used, failures = take_turns(subject, share, ROUNDS, work, frozenset(tool.name for tool in tools if tool.slow))
    least, simulated = bound(graph, seconds, slots), list_schedule(graph, seconds, slots)
    rows = []
    for tool_name, all_used in used.items():
        wall = statistics.median(one.wall for one in all_used)
        rows.append([tool_name, f"{wall:.2f}", f"{wall / least:.3f}", f"{wall / simulated:.3f}"])
    rows.sort(key=lambda row: float(row[1]))
    rows += [[tool_name, why, "", ""] for tool_name, why in failures.items()]
    shown = table(["tool", "s", "times the bound", "times list scheduling"], rows)
    figures = f"bound {least:.2f} s, list scheduling in simulation {simulated:.2f} s"
    done = rounds(max(map(len, used.values()), default=0))
    return f"**{name}**, {len(graph)} jobs, {slots} slots, {figures}, {done}\n\n{shown}"


def _proven(subject: Subject, tool: Tool, graph: Graph, slots: int, directory: Path, *, keep: bool = False) -> Used:
    """One run, checked: each job ran in order and within the slots."""
    if not keep:
        tool.clean(directory)
    used = subject.run(tool.run(slots), directory)
    marks.check(graph, directory, slots)
    return used
