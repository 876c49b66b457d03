"""Count Python-level calls: `python -m benchmarks.calls` shows how deep the way to a job is, and what a job costs.

    nesting   frames of the product on the stack when pexec sends the request to start a job (from `main` on), and when
              the warden spawns its process (from `serve` on); the most frequent stack of the run counts
    calls     calls of Python functions for one no-op job in steady state, in each of the two processes: the loops of
              a run of N jobs and of one of 2N are traced with `sys.setprofile`, and their difference is divided by N.
              Resuming a generator counts as a call. pexec's helper threads are counted separately.

Both runs are `apply --output quiet -j 4` with plans that an untraced run has put into the cache. The figures do not
depend on the machine or its load, but for waking up: a busy machine handles more ends of jobs per wake-up.
`--python` names the interpreter of another installation, so that two versions can be compared; `--functions` lists
what is called most.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

_TRACER = Path(__file__).with_name("call_tracer.py")
_SECONDS = 600.0


class Traced(NamedTuple):
    """One process of a traced run: calls by function in the thread of its loop, and in others; the most frequent
    stack, outermost first."""

    loop: Counter[str]
    beside: Counter[str]
    stack: list[str]


class Figures(NamedTuple):
    """What a job costs in one process: calls for each job by function, and the stack at its send or its spawn."""

    loop: dict[str, float]
    beside: dict[str, float]
    stack: list[str]


def measure(python: str, jobs: int) -> dict[str, Figures]:
    """Trace a run of `jobs` no-op jobs and one of twice as many; the figures of `pexec` and `warden`."""
    few, many = (_traced(python, count) for count in (jobs, 2 * jobs))
    return {
        name: Figures(
            _per_job(few[name].loop, many[name].loop, jobs),
            _per_job(few[name].beside, many[name].beside, jobs),
            many[name].stack,
        )
        for name in ("pexec", "warden")
    }


def _per_job(few: Counter[str], many: Counter[str], jobs: int) -> dict[str, float]:
    return {call: (many[call] - few[call]) / jobs for call in many}


def _traced(python: str, jobs: int) -> dict[str, Traced]:
    with tempfile.TemporaryDirectory(prefix="pexec-calls-") as name:
        folder = Path(name)
        lines = ["version: 1", "workflows:", *(f'  j{job}: {{run: "true"}}' for job in range(jobs))]
        (folder / "pexec.yaml").write_text("\n".join(lines) + "\n")
        env = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "PEXEC_CALLS": str(folder)}
        apply = ["apply", "--output", "quiet", "-j", "4", "pexec.yaml"]
        for program in (["-m", "orchestrator"], [str(_TRACER)]):
            subprocess.run(
                [python, "-P", *program, *apply], cwd=folder, env=env, check=True, timeout=_SECONDS, capture_output=True
            )
        return {process: _read(folder / f"{process}.json") for process in ("pexec", "warden")}


def _read(path: Path) -> Traced:
    found = json.loads(path.read_text())
    return Traced(Counter(found["calls"]), Counter(found["beside"]), found["stack"])


def main() -> int:
    """Print the figures of one installation."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--python", default=sys.executable, help="the interpreter of the installation to measure")
    parser.add_argument("--jobs", type=int, default=300, metavar="N", help="run N and 2N jobs (default: 300)")
    parser.add_argument("--functions", type=int, default=0, metavar="K", help="list the K functions called most")
    arguments = parser.parse_args()
    for process, figures in measure(arguments.python, arguments.jobs).items():
        print(f"{process}: {len(figures.stack)} nested calls, {sum(figures.loop.values()):.1f} calls a job")
        print(f"  {' > '.join(figures.stack)}")
        if figures.beside:
            print(f"  and {sum(figures.beside.values()):.1f} in helper threads, which also do work by the second")
        for calls in (figures.loop, figures.beside):
            for call, count in sorted(calls.items(), key=lambda item: -item[1])[: arguments.functions]:
                print(f"  {count:7.2f}  {call}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
