"""How much faster a run is than one job after the other, and than one level after the other. The jobs sleep."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from benchmarks import marks
from benchmarks.clock import Share
from benchmarks.graphs import Graph, layers, scattered, side_by_side, with_barriers
from benchmarks.makespan import durations
from benchmarks.process import FailedError, Used
from benchmarks.simulate import bound, list_schedule
from benchmarks.subject import Subject, ratio, take_turns
from benchmarks.tables import rounds, table
from benchmarks.tools import PEXEC

ROUNDS = 5
ONE_SLOT = "pexec, one slot"
TITLES = [
    "slots", "one slot, s", "with barriers, s", "pexec, s",
    "speedup", "possible", "barriers / pexec", "in theory",
]  # fmt: skip


def staircase(chains: int, long: float, short: float) -> tuple[Graph, list[float]]:
    """As many jobs in each chain as there are chains; the long job of chain n is its n-th. And the seconds of each."""
    graph = side_by_side(chains, chains)
    return graph, [long if job // chains == job % chains else short for job in range(len(graph))]


def measure(subject: Subject) -> str:
    """A table for each graph."""
    jobs, slots = (30, (4,)) if subject.quick else (100, (4, 8))
    graphs = {
        "staircase": staircase(8, 0.4, 0.02),
        "layers": (layers(jobs, 10), durations(jobs, seed=6)),
        "random": (scattered(jobs), durations(jobs, seed=6)),
    }
    found = []
    for left, (name, (graph, seconds)) in zip(range(len(graphs), 0, -1), graphs.items(), strict=True):
        if subject.share.is_overdrawn:
            found.append(f"**{name}**: left out for lack of time.")
            continue
        subject.say(f"speedup, {name}, {len(graph)} jobs")
        found.append(_compare(subject, subject.share.part(left), name, graph, seconds, slots))
    return "\n\n".join(found)


def _compare(
    subject: Subject, share: Share, name: str, graph: Graph, seconds: list[float], slots: tuple[int, ...]
) -> str:
    barred, order = with_barriers(graph)
    barred_seconds = [seconds[job] for job in order]
    with subject.directory() as directory:
        work: dict[str, Callable[[], Used]] = {}

        def add(way: str, of: Graph, lengths: list[float], number: int) -> None:
            place = directory / str(len(work))
            place.mkdir()
            PEXEC.write(of, marks.marked([f"sleep {length}" for length in lengths]), place)

            def run() -> Used:
                used = subject.run(PEXEC.run(number), place)
                marks.check(of, place, number)
                return used

            work[way] = run

        add(ONE_SLOT, graph, seconds, 1)
        for number in slots:
            add(_name(number), graph, seconds, number)
            add(_name(number, barriers=True), barred, barred_seconds, number)
        for way, first in work.items():
            if way != ONE_SLOT:  # this run only records the durations
                try:
                    first()
                except FailedError as error:
                    subject.failed(way, name, error)
        used, failures = take_turns(subject, share, ROUNDS, work)
    rows = []
    for number in slots:
        ways = [ONE_SLOT, _name(number, barriers=True), _name(number)]
        if any(way in failures for way in ways):
            rows.append([str(number), *(failures.get(way, "") for way in ways), "", "", "", ""])
            continue
        one, barriers, free = (used[way] for way in ways)
        possible = sum(seconds) / bound(graph, seconds, number)
        theory = list_schedule(barred, barred_seconds, number) / list_schedule(graph, seconds, number)
        walls = [f"{statistics.median(each.wall for each in all_used):.2f}" for all_used in (one, barriers, free)]
        gains = [ratio(one, free), possible, ratio(barriers, free), theory]
        rows.append([str(number), *walls, *(f"{gain:.2f}" for gain in gains)])
    done = rounds(max(map(len, used.values()), default=0))
    shown = table(TITLES, rows, texts=0)
    return f"**{name}**, {len(graph)} jobs, {sum(seconds):.2f} s of work, {done}\n\n{shown}"


def _name(slots: int, *, barriers: bool = False) -> str:
    return f"pexec, {slots} slots{' and barriers' if barriers else ''}"
