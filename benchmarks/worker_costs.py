"""What each worker, and each job on a worker, costs pexec's own process: CPU time, memory, and what is written.

Differences between runs with few and with many workers of this machine: their processes take turns on its CPUs, so the
figures are CPU times, not durations.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clusters import installed
from benchmarks.process import FailedError
from benchmarks.subject import Subject
from benchmarks.tables import table

_LOOK_SECONDS = 0.05
_TICKS = os.sysconf("SC_CLK_TCK")
_OWN_FILES = ("events.jsonl", "results_summary.json", "plan.json")


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one run: CPU seconds of pexec's process until all workers had joined, a second while they did nothing, and to
    the end; its peak memory in bytes, and the run directory."""

    joined: float
    idle: float
    whole: float
    memory: int
    run_dir: Path


def measure(subject: Subject) -> str:
    """Rows as on the page about large clusters."""
    program = installed(subject.scratch / "clusters")
    few, many, jobs, seconds = (1, 2, 50, 2) if subject.quick else (10, 40, 2_000, 10)
    rows: list[list[str]] = []

    def run(workers: int, lease: int, more: dict[str, object], row: Callable[[Costs], None]) -> None:
        with subject.directory() as directory:
            try:
                row(_run(subject, directory, program, workers, lease, more))
            except FailedError as error:
                rows.append([f"{workers} workers", subject.failed("pexec", f"{workers} workers", error), ""])

    asleep: dict[str, object] = {"argv": ["sleep", str(seconds + 1)]}
    found: list[Costs] = []
    for workers, lease in ((few, 20), (many, 20), (many, 2)):
        run(workers, lease, asleep, found.append)
    if len(found) == 3:
        each = many - few
        memory, joined = (found[1].memory - found[0].memory) / each, (found[1].joined - found[0].joined) / each
        how = f"{many} workers, compared with {few}"
        rows += [
            ["one worker: memory of pexec", how, f"{memory / (1 << 20):.2f} MiB"],
            ["one worker: CPU time of pexec until it has joined", how, f"{joined * 1000:.0f} ms"],
        ]
        for workers, lease, one in ((few, 20, found[0]), (many, 20, found[1]), (many, 2, found[2])):
            name = f"{workers} workers that do nothing, lease {lease} s: CPU time of pexec"
            rows.append([name, f"{seconds} s of one job that sleeps", f"{one.idle * 1000:.0f} ms each second"])

    def of_jobs(costs: Costs) -> None:
        how = f"{jobs:,} jobs that do nothing on two workers"
        each = (costs.whole - costs.joined) * 1000 / jobs
        rows.append(["one job: CPU time of pexec's own process", how, f"{each:.1f} ms"])
        for name in _OWN_FILES:
            size = (costs.run_dir / name).stat().st_size / jobs
            rows.append([f"one job: `{name}`", how, f"{size / 1000:.2f} KB"])

    run(2, 20, {"argv": ["true"], "matrix": {"n": list(range(jobs))}}, of_jobs)
    return table(["what", "how measured", "cost"], rows, texts=2)


def _run(
    subject: Subject, directory: Path, program: Path, workers: int, lease: int, workflow: dict[str, object]
) -> Costs:
    manifest = {
        "version": 1,
        "policy": {"cluster": "many", "max_parallel_jobs": 16},
        "clusters": {"many": {"processes": {"count": workers, "slots": 8}, "lease": lease}},
        "defaults": {"timeout": "none"},
        "workflows": {"all": {"argv": ["true"]}, "job": {"needs": ["all"], **workflow}},
    }
    (directory / "pexec.json").write_text(json.dumps(manifest))
    command = [str(program), "apply", "pexec.json", "--output", "quiet", "--summary", "short"]
    with (directory / "printed").open("wb") as printed:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=subject.installed.env,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
        try:
            return _watched(process, directory, workers, subject.limit)
        finally:
            process.terminate()  # if it has not ended
            process.wait()


def _watched(process: subprocess.Popen[bytes], directory: Path, workers: int, limit: float) -> Costs:
    until = time.monotonic() + limit
    memory, joined = 0, None
    first = last = (0.0, 0.0)  # when, and CPU seconds, while all workers are there and the job runs
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        if time.monotonic() > until:
            raise FailedError(f"took longer than {limit:.0f} s")
        text = _journal(directory)
        memory, spent = max(memory, _peak(process.pid)), _cpu(process.pid)
        if joined is None and text.count(b'"worker.joined"') >= workers:
            joined = spent
        if joined is not None and text.count(b'"attempt.spawned"') >= 2 and b'"run.finished"' not in text:
            is_asleep = text.count(b'"attempt.finished"') == 1
            first = first if first[0] else (time.monotonic(), spent)
            last = (time.monotonic(), spent) if is_asleep else last
        time.sleep(_LOOK_SECONDS)
    whole = _cpu(process.pid)  # of a process that has ended and was not waited for
    if code := process.wait():
        raise FailedError(f"exit code {code}: {(directory / 'printed').read_text(errors='replace')[-150:]}")
    idle = (last[1] - first[1]) / (last[0] - first[0]) if last[0] > first[0] else 0.0
    (run_dir,) = (directory / ".pexec/runs").glob("*/")
    return Costs(whole if joined is None else joined, idle, whole, memory, run_dir)


def _journal(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in (directory / ".pexec/runs").glob("*/events.jsonl"))


def _cpu(pid: int) -> float:
    """Of this process alone, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
