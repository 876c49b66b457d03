"""Measures work as CPU time of this thread, the minimum of several rounds. Only ratios within one test matter.

Wall-clock time tells how busy the machine is. CPU time of one thread tells what was done, but for what neighbours do to
the caches; the least of several tries, taken in turns, leaves little of that.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from benchmarks.graphs import Graph
from benchmarks.simulate import list_schedule
from orchestrator.engine.facts import AttemptFinished, AttemptStarted, RunStarted
from orchestrator.engine.scheduler import Scheduler
from orchestrator.engine.states import Verdict
from orchestrator.plan.model import Plan


def cpu_seconds(*works: Callable[[], object], tries: int = 5) -> list[float]:
    """The minimum CPU seconds of each piece of work, in interleaved rounds without garbage collection."""
    least = [float("inf")] * len(works)
    enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(tries):
            for number, work in enumerate(works):
                began = time.thread_time()
                work()
                least[number] = min(least[number], time.thread_time() - began)
    finally:
        if enabled:
            gc.enable()
    return least


def times_dearer(work: Callable[[], object], base: Callable[[], object], allowed: float, tries: int = 5) -> float:
    """How many times what `base` costs `work` does. As long as that is more than allowed it is measured again, for up
    to ten times as many rounds: the least of more tries has less of what else the machine does in it."""
    least = [float("inf")] * 2
    for _ in range(10):
        least = [min(*pair) for pair in zip(least, cpu_seconds(work, base, tries=tries), strict=True)]
        if least[0] < allowed * least[1]:
            break
    return least[0] / least[1]


def play(plan: Plan) -> int:
    """Run a plan in the engine alone: every attempt succeeds, in the order of starts. Returns the number of facts."""
    scheduler = Scheduler(plan)
    scheduler.apply(RunStarted(0.0))
    facts, now = 1, 0.0
    while not scheduler.finished:
        for wish in scheduler.decide(now):
            scheduler.apply(AttemptStarted(now, wish.job, wish.attempt))  # type: ignore[union-attr, arg-type]
            facts += 1
        scheduler.next_wakeup()
        now += 1.0
        scheduler.apply(AttemptFinished(now, *scheduler.running[0], Verdict.SUCCEEDED, 0))
        facts += 1
    return facts


def bare(graph: Graph) -> Callable[[], object]:
    """Schedule the same graph with a few lines of plain Python, as a reference."""
    seconds = [1.0] * len(graph)
    return lambda: list_schedule(graph, seconds, 4)
