"""`python many_workers_work.py DIRECTORY`: what decisions about many workers take, in a process of its own.

Nothing is started: workers and jobs exist only as what decisions are made of. Writes `measured.json` into the
directory: for each mixture of jobs and each number of workers, microseconds of CPU time.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from orchestrator.cluster.cluster_admission import ClusterAdmission
from orchestrator.cluster.placement import WorkerRoom
from orchestrator.engine.commands import Command, Launch

SIZES = ((10, 16), (200, 500), (1000, 100))
ENDS = 2_000
GIB = 1 << 30
_KINDS = 20


def main(directory: Path) -> None:
    """Measure each mixture with each number of workers."""
    found = [
        {"mixture": name, "workers": workers, "slots": slots, **_measured(workers, slots, kind_of)}
        for name, kind_of in MIXTURES.items()
        for workers, slots in SIZES
    ]
    (directory / "measured.json").write_text(json.dumps(found))


def _alike(number: int) -> Any:
    return SimpleNamespace(cpus=1.0, memory=GIB, requires=(), where="any")


def _of_many_kinds(number: int) -> Any:
    kind = number % _KINDS
    return SimpleNamespace(cpus=1.0, memory=GIB // (kind + 1), requires=("gpu",) if kind % 2 else (), where="any")


def _of_four_cpus(number: int) -> Any:
    """Slots stay free, CPUs do not: each job that waits reserves a worker."""
    return SimpleNamespace(cpus=4.0, memory=0, requires=(), where="any")


MIXTURES: dict[str, Callable[[int], Any]] = {
    "all alike": _alike,
    f"{_KINDS} kinds, half of them with a label": _of_many_kinds,
    "all of four CPUs": _of_four_cpus,
}


def _measured(workers: int, slots: int, kind_of: Callable[[int], Any]) -> dict[str, float]:
    """A start while all workers are filled, and a decision after an end, once they are."""
    total = workers * slots
    jobs = [kind_of(number) for number in range(2 * total + 2 * ENDS)]
    machine: Any = SimpleNamespace(limits=False)
    control = ClusterAdmission(jobs, machine, total, 900.0, workers_share_machine=False)
    for number in range(workers):
        labels = frozenset(("gpu",) if number % 2 else ())
        control.join(WorkerRoom(f"w{number}", f"h{number}", slots, slots, 2 * slots * GIB, labels, is_sized=True))
    waiting, running = deque(range(len(jobs))), dict[int, None]()

    def decide() -> int:
        number = max(0, min(len(waiting), total - len(running) + control.beyond))
        offered: list[Command] = [Launch(job, 1) for job in itertools.islice(waiting, number)]
        started = {command.job for command in control.admitted(offered, running, 0.0) if isinstance(command, Launch)}
        running.update(dict.fromkeys(started))
        passed = [waiting.popleft() for _ in offered]
        waiting.extendleft(reversed([job for job in passed if job not in started]))
        return len(started)

    began = time.process_time()
    first = decide()
    filling = (time.process_time() - began) / first
    while decide():
        pass
    took = []
    for _ in range(ENDS // 10):
        ended = next(iter(running))
        del running[ended]
        began = time.process_time()
        control.ended(ended)
        decide()
        took.append(time.process_time() - began)
    return {"fill": 1e6 * filling, "end": 1e6 * statistics.median(took)}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
