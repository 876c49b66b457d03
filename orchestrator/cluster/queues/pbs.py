"""PBS, in the form that OpenPBS and PBS Professional have."""

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
    walltime,
    with_reason,
)
from orchestrator.plan.policy_parts import QueuePolicy

_HEAD = re.compile(r"Job Id: *(?P<job>\S+)")
_ATTRIBUTE = re.compile(r" +(?P<key>[\w.]+) = (?P<value>.*)")
_HAS_ENDED = ("F", "C", "X")
_IS_GONE = ("Unknown Job", "has finished")


class Pbs:
    """As `QueueSystem`."""

    key = "pbs"
    name = "PBS"
    programs = ("qsub", "qstat", "qdel")
    job = ("pbs", "PBSJob")
    seconds_unknown = 0.0

    def options(self, asked: QueuePolicy, cores: int, logs: str) -> dict[str, Any]:
        """As `QueueSystem.options`."""
        memory = f":mem={-(-asked.memory // 1024)}kb" if asked.memory else ""
        return {
            "account": asked.account,
            "walltime": None if asked.walltime is None else walltime(asked.walltime),
            "resource_spec": f"select=1:ncpus={cores}{memory}",
            "job_extra_directives": [*log_options(f"{logs}/"), *asked.extra],
        }

    def look(self, jobs: Collection[str], run: Run) -> Mapping[str, str]:
        """As `QueueSystem.look`."""
        said = run("qstat", "-f", *jobs)
        known: dict[str, dict[str, str]] = {}
        attributes: dict[str, str] = {}
        key = ""
        for line in said.out.splitlines():
            if head := _HEAD.match(line):
                attributes = known.setdefault(number_of(head["job"]), {})
            elif attribute := _ATTRIBUTE.match(line):
                key = attribute["key"]
                attributes[key] = attribute["value"]
            elif line.startswith("\t"):
                attributes[key] = attributes.get(key, "") + line[1:]
            elif line.strip():
                raise odd_line("qstat", line)
        # Of a job that is not listed, the reason must be said: `qstat` also fails if the server does not answer.
        gone = {
            job
            for line in said.err.splitlines()
            if any(words in line for words in _IS_GONE)
            for job in re.findall(r"\d+", line)
        }
        if any(job not in known and job not in gone for job in jobs):
            raise unreadable("qstat", said)
        found = {}
        for job, its in known.items():
            if job in jobs and (state := its.get("job_state", "")) not in _HAS_ENDED:
                found[job] = with_reason(state, its.get("comment", ""))
        return found

    def cancel(self, jobs: Collection[str]) -> tuple[str, ...]:
        """As `QueueSystem.cancel`."""
        return ("qdel", *jobs)
