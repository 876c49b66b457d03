"""Slurm."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from orchestrator.cluster.queues.queue_system import (
    Run,
    log_options,
    number_of,
    odd_line,
    unreadable,
    walltime,
    with_reason,
)
from orchestrator.plan.policy_parts import QueuePolicy


class Slurm:
    """As `QueueSystem`."""

    key = "slurm"
    name = "Slurm"
    programs = ("sbatch", "squeue", "scancel")
    job = ("slurm", "SLURMJob")
    seconds_unknown = 0.0

    def options(self, asked: QueuePolicy, cores: int, logs: str) -> dict[str, Any]:
        """As `QueueSystem.options`."""
        path = logs.replace("%", "%%")  # Slurm takes `%j` in it for the number of the job
        written = log_options(f"{path}/pexec-worker-%J", (".err", ".out"))
        return {
            "account": asked.account,
            "walltime": None if asked.walltime is None else walltime(asked.walltime),
            "job_directives_skip": () if asked.memory else ("--mem=",),
            "job_extra_directives": [*written, *asked.extra],
        }

    def look(self, jobs: Collection[str], run: Run) -> Mapping[str, str]:
        """As `QueueSystem.look`."""
        said = run("squeue", "-h", "-j", ",".join(jobs), "-o", "%i %T %r")
        if said.code != 0 and "Invalid job id" not in said.err:
            raise unreadable("squeue", said)
        found = {}
        for line in said.out.splitlines():
            job, state, reason = (*line.split(maxsplit=2), "", "", "")[:3]
            if not state or number_of(job) not in jobs:
                raise odd_line("squeue", line)
            found[number_of(job)] = with_reason(state, "" if reason == "None" else reason)
        return found

    def cancel(self, jobs: Collection[str]) -> tuple[str, ...]:
        """As `QueueSystem.cancel`."""
        return ("scancel", *jobs)
