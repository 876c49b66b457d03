"""bounded-memory: pexec's memory does not grow with output, and only a little with each job of a run.

`test_log_fidelity.py` tests that memory stays flat with a gigabyte of output, together with the bytes themselves.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from support.attempts import the_warden_below
from support.cli import Pexec
from support.runs import last_run

KIB = 1024


def resident(pid: int) -> int:
    """KiB; 0 when the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def descriptors(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError):
        return 0


def test_a_long_run_of_many_jobs_at_once_keeps_memory_and_descriptors_flat(
    pexec: Pexec, full: bool, figure: Callable[[str, object], None]
) -> None:
    jobs = 10_000 if full else 600
    workflows = "".join(f"  j{number}: {{run: 'sleep 0.1; echo {number}'}}\n" for number in range(jobs))
    text = f"version: 1\npolicy: {{max_parallel_jobs: 50}}\ndefaults: {{shell: [sh, -eu]}}\nworkflows:\n{workflows}"
    process = pexec.file("pexec.yaml", text).start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    warden = the_warden_below(process.pid)
    seen: list[tuple[int, int, int, int]] = []
    while process.poll() is None:
        seen.append((resident(process.pid), descriptors(process.pid), resident(warden), descriptors(warden)))
        time.sleep(0.02)
    assert process.returncode == 0
    run = last_run(pexec.folder).check()
    assert (len(run.statuses), set(run.statuses.values())) == (jobs, {"succeeded"})
    working = [sample for sample in seen if all(sample)]
    half, last = working[len(working) // 4 : len(working) // 2], working[-len(working) // 4 :]
    assert half, seen
    before, after = ([max(column) for column in zip(*samples, strict=True)] for samples in (half, last))
    for place, name in ((0, "pexec"), (2, "its warden")):
        memory, files = f"{before[place]} to {after[place]} KiB", f"{before[place + 1]} to {after[place + 1]}"
        figure(f"{jobs} jobs, 50 at once: {name} from the second quarter to the last", f"{memory}, {files} descriptors")
    assert after[0] < before[0] + 12 * KIB + jobs, f"pexec's memory grew from {before[0]} to {after[0]} KiB"
    assert after[2] < before[2] + 4 * KIB, f"the warden's memory grew from {before[2]} to {after[2]} KiB"
    assert max(after[1], before[1]) < 60, "descriptors of pexec"
    assert max(after[3], before[3]) < 90, "descriptors of the warden: one log for each running job"


def test_an_endless_line_is_not_buffered_in_memory(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: 'head -c 60000000 /dev/zero | tr \"\\\\0\" x'}}\n")
    process = pexec.start("apply", "--output", "plain", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most = 0
    while process.poll() is None:
        most = max(most, resident(process.pid))
        time.sleep(0.01)
    assert process.returncode == 0
    assert last_run(pexec.folder).check().named("attempt.finished")[0]["log_bytes"] == 60_000_000
    assert most < 120 * KIB
