"""Before a resume starts anything, the workers of the process that died must have ended what they ran for it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from orchestrator.app.run_place import is_copy
from orchestrator.console.streams import write_stderr
from orchestrator.console.text import count, duration, visible
from orchestrator.errors import RefusedError
from orchestrator.execute.leftovers import end_abandoned, end_tree
from orchestrator.journal.file_names import GATEWAY, PODS
from orchestrator.journal.history import History, PidSpace
from orchestrator.journal.queued_jobs import QueuedJobs
from orchestrator.journal.reader import JournalReader
from orchestrator.journal.rundir import RunDir

# The clock of the day may have been set, but hardly by as much.
_SURELY_GONE_SECONDS = 3600.0


def end_old_workers(history: History, here: PidSpace) -> list[int]:
    """End the workers that still live where pids mean the same as `here`, with all below them: their pids."""
    mine = [worker for worker in history.workers if worker.space.is_same(here)]
    return [worker.pid for worker in mine if end_tree(worker.pid, worker.start_ticks)]


def end_left_clusters(run_dir: str) -> None:
    """Of a run whose process left one in Kubernetes, or at a gateway. What cannot be ended has no effect on the run:
    jobs there end without pexec."""
    if os.path.lexists(os.path.join(run_dir, PODS)):
        from orchestrator.cluster.deployments.kubernetes_left import delete_left  # late: for runs that had pods

        if why := delete_left(run_dir):
            write_stderr(f"pexec: what an earlier process left in Kubernetes stays there: {visible(why)}\n")
    if os.path.lexists(os.path.join(run_dir, GATEWAY)):
        from orchestrator.cluster.deployments.gateway_left import delete_left as stop_left  # late: as above

        if why := stop_left(run_dir):
            write_stderr(f"pexec: what an earlier process left at a gateway stays there: {visible(why)}\n")


def cancel_queued(queued: Mapping[str, Sequence[str]]) -> None:
    """Cancel jobs of queueing systems that a process left that was killed: they wait to become its workers."""
    for queue, jobs in queued.items():
        if not jobs:
            continue
        from orchestrator.cluster.queues.by_name import SYSTEMS  # late: for runs with such workers
        from orchestrator.cluster.queues.cancelling import cancel
        from orchestrator.cluster.queues.queue_system import UnreadableError, run_program

        system = SYSTEMS[queue]
        with suppress(UnreadableError):  # what is not known is cancelled
            there = system.look(jobs, run_program)
            jobs = sorted(job for job in jobs if job in there)
        which = f"{count(len(jobs), 'job')} of {system.name}"
        if not jobs:
            continue
        if why := cancel(system, jobs, run_program):
            write_stderr(f"pexec: {which} could not be cancelled, which the run had left: {visible(why)}\n")
        else:
            write_stderr(f"pexec: {which} cancelled, which the run had left: {', '.join(jobs)}\n")


def end_what_is_left(run: RunDir) -> None:
    """Before the files of a run are removed, of which no other process is the writer: end, cancel and delete what a
    killed process left here and elsewhere. That of a copy belongs to the original, which may be driven right now."""
    jobs = QueuedJobs()
    try:
        for record in JournalReader(run):
            if record["event"] == "run.started" and is_copy(run, record["invocation"]):
                return
            jobs.add(record)
    except (RefusedError, KeyError, ValueError):
        return  # it is damaged
    end_abandoned(run.run_id)
    cancel_queued(jobs.left)
    end_left_clusters(run.path)


def wait_for_leases(history: History, last_ts: str, here: PidSpace) -> None:
    """Wait until nothing runs any more on workers elsewhere that had attempts: they may have heard of the old process
    until just now, or until the last event, at `last_ts`."""
    busy = history.busy_workers
    elsewhere = [worker for worker in history.workers if worker.name in busy and not worker.space.is_same(here)]
    if not elsewhere or _seconds_since(last_ts) >= _SURELY_GONE_SECONDS:
        return
    from orchestrator.cluster.lease import gone_after  # late: for runs with workers elsewhere

    seconds = max(gone_after(worker.lease) for worker in elsewhere)
    hosts = ", ".join(sorted({visible(worker.host) for worker in elsewhere}))
    write_stderr(f"pexec: waiting {duration(seconds)} until what ran on {hosts} has ended\n")
    time.sleep(seconds)


def _seconds_since(ts: str) -> float:
    return time.time() - datetime.fromisoformat(ts).timestamp()
