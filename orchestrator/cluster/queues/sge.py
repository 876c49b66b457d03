"""Grid Engine."""

from __future__ import annotations

import os
import pwd
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

_HEADS = ("job-ID", "---")
_REASONS = ("error reason", "scheduling info")


class Sge:
    """As `QueueSystem`."""

    key = "sge"
    name = "Grid Engine"
    programs = ("qsub", "qstat", "qdel")
    job = ("sge", "SGEJob")
    seconds_unknown = 0.0

    def options(self, asked: QueuePolicy, cores: int, logs: str) -> dict[str, Any]:
        """As `QueueSystem.options`."""
        # `-notify`: a job that is to be killed gets SIGUSR2 first. Memory is that of a slot.
        memory = [f"-l h_vmem={-(-asked.memory // (cores * 1024))}K"] if asked.memory else []
        return {
            "project": asked.account,
            "walltime": None if asked.walltime is None else walltime(asked.walltime),
            "job_extra_directives": ["-notify", "-S /bin/sh", *log_options(f"{logs}/"), *memory, *asked.extra],
        }

    def look(self, jobs: Collection[str], run: Run) -> Mapping[str, str]:
        """As `QueueSystem.look`."""
        said = run("qstat", "-u", pwd.getpwuid(os.getuid()).pw_name)
        if said.code != 0:
            raise unreadable("qstat", said)
        found = {}
        for line in said.out.splitlines():
            words = line.split()
            if not words or line.startswith(_HEADS):
                continue
            if len(words) < 5 or not number_of(words[0]):
                raise odd_line("qstat", line)
            if (job := number_of(words[0])) in jobs:
                found[job] = words[4]
        waits = next((job for job, state in found.items() if "w" in state), None)
        if waits is not None:
            found[waits] = with_reason(found[waits], _reason(run("qstat", "-j", waits).out))
        return found

    def cancel(self, jobs: Collection[str]) -> tuple[str, ...]:
        """As `QueueSystem.cancel`."""
        return ("qdel", *jobs)


def _reason(text: str) -> str:
    """Why a job waits, if `qstat -j` says so, which depends on the configuration."""
    lines = (line.partition(":") for line in text.splitlines() if line.startswith(_REASONS))
    return next((value.strip() for _, _, value in lines if value.strip()), "")
