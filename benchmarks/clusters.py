"""What running jobs on two workers of this machine costs, next to running them at home in the same minutes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.install import ROOT
from benchmarks.process import Used
from benchmarks.subject import Subject, ratio, take_turns
from benchmarks.tables import table

ROUNDS = 5
AT_ONCE = 16
_PATIENCE = 300


@dataclass(frozen=True, slots=True)
class Load:
    """A number of jobs that are alike."""

    name: str
    jobs: int
    argv: tuple[str, ...]
    rounds: int = ROUNDS


LOADS = (
    Load("1,000 that do nothing", 1_000, ("true",)),
    Load("1,000 of 0.1 s", 1_000, ("sleep", "0.1")),
    Load("10,000 that do nothing", 10_000, ("true",), 1),
)
QUICK = (Load("50 that do nothing", 50, ("true",), 1),)


def measure(subject: Subject) -> str:
    """One row for each load, `AT_ONCE` jobs at a time; memory is that of pexec itself."""
    program = installed(subject.scratch / "clusters")
    rows = []
    for load in QUICK if subject.quick else LOADS:
        with subject.directory() as directory:
            _write(directory, load)
            work = {
                f"pexec, {where}": partial(_apply, subject, directory, program, where) for where in ("local", "pair")
            }
            used, failures = take_turns(subject, subject.share, load.rounds, work)
        rows.append(_row(load, used, failures))
    return table([f"jobs, {AT_ONCE} at once", "s at home", "s on workers", "ratio", "CPU ms a job", "MiB more"], rows)


def installed(directory: Path) -> Path:
    """pexec with what clusters need, in an environment of its own: it must not slow the others."""
    program = directory / "bin/pexec"
    quiet = partial(subprocess.run, check=True, capture_output=True, timeout=_PATIENCE)
    if not program.exists():
        quiet([sys.executable, "-m", "venv", str(directory)])
    quiet([str(directory / "bin/pip"), "install", "-q", f"{ROOT}[dask]"])
    return program


def _write(directory: Path, load: Load) -> None:
    manifest = {
        "version": 1,
        "policy": {"max_parallel_jobs": AT_ONCE},
        "clusters": {"pair": {"processes": {"count": 2, "slots": AT_ONCE // 2}}},
        "defaults": {"timeout": "none"},
        "workflows": {"job": {"argv": list(load.argv), "matrix": {"n": list(range(load.jobs))}}},
    }
    (directory / "pexec.json").write_text(json.dumps(manifest))


def _apply(subject: Subject, directory: Path, program: Path, where: str) -> Used:
    command = [str(program), "apply", "pexec.json", "--output", "quiet", "--summary", "short", "--cluster", where]
    used = subject.run(command, directory, watch=True)
    return replace(used, wall=_seconds_of_jobs(directory))


def _seconds_of_jobs(directory: Path) -> float:
    """From the first start of an attempt to the last end, in the newest run: without the start of the workers."""
    journal = max((directory / ".pexec/runs").glob("*/events.jsonl"))
    times = [
        event["at"]
        for event in map(json.loads, journal.read_text().splitlines())
        if event["event"] in ("attempt.started", "attempt.finished")
    ]
    return float(max(times) - min(times))


def _row(load: Load, used: dict[str, list[Used]], failures: dict[str, str]) -> list[str]:
    if failures:
        return [load.name, *failures.values(), *[""] * (5 - len(failures))]
    home, workers = used["pexec, local"], used["pexec, pair"]
    cpu = [statistics.median(one.cpu for one in times) * 1000 / load.jobs for times in (home, workers)]
    more = statistics.median(one.own for one in workers) - statistics.median(one.own for one in home)
    walls = [f"{statistics.median(one.wall for one in times):.2f}" for times in (home, workers)]
    memory = f"{more / (1 << 20):.0f}"
    return [load.name, *walls, f"{ratio(workers, home):.2f}", f"{cpu[0]:.1f} and {cpu[1]:.1f}", memory]
