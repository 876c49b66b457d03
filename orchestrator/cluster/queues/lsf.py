"""LSF."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from orchestrator.cluster.queues.queue_system import (
    Run,
    log_options,
    number_of,
    odd_line,
    unreadable,
    with_reason,
)
from orchestrator.plan.policy_parts import QueuePolicy

_HAS_ENDED = ("DONE", "EXIT", "ZOMBI")
_NOT_FOUND = re.compile(r"Job <(?P<job>\d+)[^>]*> is not found")


class Lsf:
    """As `QueueSystem`."""

    key = "lsf"
    name = "LSF"
    programs = ("bsub", "bjobs", "bkill")
    job = ("lsf", "LSFJob")
    seconds_unknown = 20.0  # `bjobs` is answered from a copy, which is made anew now and then

    def options(self, asked: QueuePolicy, cores: int, logs: str) -> dict[str, Any]:
        """As `QueueSystem.options`."""
        return {
            "project": asked.account,
            "walltime": None if asked.walltime is None else _minutes(asked.walltime),
            "job_directives_skip": () if asked.memory else ("#BSUB -M ",),
            "job_extra_directives": [*log_options(f"{logs}/pexec-worker-%J", (".err", ".out")), *asked.extra],
        }

    def look(self, jobs: Collection[str], run: Run) -> Mapping[str, str]:
        """As `QueueSystem.look`."""
        said = run("bjobs", "-noheader", "-o", "jobid stat pend_reason delimiter='^'", *jobs)
        found, known = {}, set()
        for line in said.out.splitlines():
            job, state, reason = (*line.split("^", 2), "", "", "")[:3]
            if not state or number_of(job) not in jobs:
                raise odd_line("bjobs", line)
            known.add(number_of(job))
            if state.strip() not in _HAS_ENDED:
                found[number_of(job)] = with_reason(state.strip(), "" if reason.strip() == "-" else reason)
        gone = {matched["job"] for matched in _NOT_FOUND.finditer(said.err)}
        if any(job not in known and job not in gone for job in jobs):
            raise unreadable("bjobs", said)
        return found

    def cancel(self, jobs: Collection[str]) -> tuple[str, ...]:
        """As `QueueSystem.cancel`."""
        return ("bkill", *jobs)


def _minutes(seconds: float) -> str:
    hours, minutes = divmod(max(1, -(-round(seconds) // 60)), 60)
    return f"{hours}:{minutes:02}"
