"""The deployment whose workers are jobs of a queueing system, which dask-jobqueue submits."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from orchestrator.cluster.dask_settings import use_own_settings
from orchestrator.cluster.deployments.bring import Bringer
from orchestrator.cluster.deployments.deployment import Events, no_workers
from orchestrator.cluster.deployments.existing import ExistingDeployment
from orchestrator.cluster.deployments.run_certificates import remove_certificates, write_certificates
from orchestrator.cluster.hello import Refusal, WorkerHello
from orchestrator.cluster.queues.cancelling import cancel
from orchestrator.cluster.queues.queue_system import QueueSystem, UnreadableError, run_program
from orchestrator.plan.policy_parts import QueuePolicy

_PROGRAM = "orchestrator.cluster.worker.queue_worker"
_WORKER_FILES = {"tls_ca_file": "ca", "tls_worker_cert": "cert", "tls_worker_key": "key"}
_JOIN_SECONDS = 60  # in which a worker that has started must find its scheduler
_LOOK_SECONDS = 2.0
_AGAIN_SECONDS = 60.0  # until workers that could not be had are asked for again
_MOST_FAILED_STARTS = 3
_MOST_UNREADABLE = 3
_SUBMIT_SECONDS = 10.0  # for a job that is being submitted when the run ends
_BYTES_IF_NONE = 1 << 30  # jobqueue asks for some; without `memory` the line is left out


class QueueDeployment(ExistingDeployment):
    """`count` workers, of which each is a job with these settings."""

    def __init__(
        self, system: QueueSystem, settings: QueuePolicy, cores: int, count: int, run_dir: str, bringer: Bringer
    ) -> None:
        super().__init__("", {}, bringer)
        self._system = system
        self._settings = settings
        self._cores = cores
        self._count = count
        self._run_dir = run_dir
        self._name_of: dict[str, str] = {}  # name of a worker here -> its name in the cluster of Dask
        self._retired: dict[str, str] = {}  # name -> why
        self._jobs: set[str] = set()  # ids of those that were submitted and not taken back
        self._failed_starts = 0
        self._has_joined = False
        self._unreadable = 0  # looks at the queue in a row
        self._missing_since: dict[str, float] = {}  # job -> when the queue did not know it for the first time
        self._asked_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, events: Events) -> Any:
        """As `Deployment.open`."""
        use_own_settings()
        from distributed import Client, Security

        from orchestrator.cluster.deployments.jobqueue import QueuedCluster, job_class
        from orchestrator.cluster.own_scheduler import scheduler_options
        from orchestrator.cluster.quiet_nodes import QuietScheduler

        self._events = events
        remove_certificates(self._run_dir)
        security = Security.temporary()
        texts = {"ca": security.tls_ca_file, "cert": security.tls_worker_cert, "key": security.tls_worker_key}
        paths = write_certificates(self._run_dir, texts)
        # Only words of a command line are made of these.
        quoted = {field: shlex.quote(paths[it]) for field, it in _WORKER_FILES.items()}
        options = {"interface": self._settings.interface, **scheduler_options(security, self._came, self._left)}
        job = {**self._job_options(), "security": Security(require_encryption=True, **quoted)}
        self._cluster = QueuedCluster(
            workers={},
            scheduler={"cls": QuietScheduler, "options": options},
            worker={"cls": job_class(self._system), "options": job},
            asynchronous=True,
            security=security,
            silence_logs=False,
        )
        await self._cluster
        self._address = self._cluster.scheduler.address
        self._client = await Client(self._address, security=security, asynchronous=True, set_as_default=False)
        loop = asyncio.get_running_loop()
        self._watching = loop.create_task(self._watch())
        self._looking = loop.create_task(self._keep_looking())
        self._ask_for_workers()
        return self._client

    def _job_options(self) -> dict[str, Any]:
        settings, logs = self._settings, self._logs()
        os.makedirs(logs, 0o700, exist_ok=True)
        return {
            "queue": settings.queue,
            "cores": self._cores,
            "processes": 1,
            "memory": f"{settings.memory or _BYTES_IF_NONE}B",
            "interface": settings.interface,
            "protocol": "tls://",
            # The worker takes the place of the shell, so that what the system sends the job reaches it.
            "python": f"exec {shlex.quote(sys.executable)}",
            "worker_command": _PROGRAM,
            "worker_extra_args": [],
            "job_script_prologue": [],
            "death_timeout": _JOIN_SECONDS,
            "job_name": "pexec-worker",
            "on_submitted": self._on_submitted,
            "on_refused": self._on_refused,
            **self._system.options(settings, self._cores, logs),
        }

    async def greet(self, client: Any, address: str) -> WorkerHello | None:
        """As `Deployment.greet`."""
        there = self._cluster.scheduler.workers.get(address)
        hello = await super().greet(client, address)
        if hello is not None and there is not None:
            self._failed_starts, self._has_joined = 0, True
            self._name_of[hello.name] = there.name
        return hello

    async def replace(self, name: str, hello: WorkerHello | None) -> None:
        """As `Deployment.replace`."""
        job = self._forget(self._name_of.pop(name, ""))
        self._retired.pop(name, None)
        self._ask_for_workers()
        await self._cancel(job)

    def scale(self, count: int) -> None:
        """As `Deployment.scale`."""
        self._count = count
        self._ask_for_workers()

    async def retire(self, name: str, why: str) -> None:
        """As `Deployment.retire`."""
        if name not in self._name_of:
            return  # another one has taken its place, and is retired in its turn
        self._retired[name] = why
        self._count -= 1
        hello = next((hello for hello in self._hellos.values() if hello.name == name), None)
        if hello is not None:
            with suppress(Exception):
                await self._bringer.finish(self._client, hello)
            self._lose(hello, why)

    async def end_workers(self) -> Sequence[WorkerHello]:
        """As `Deployment.end_workers`."""
        if not hasattr(self, "_cluster"):
            remove_certificates(self._run_dir)
            return ()
        for task in (getattr(self, "_looking", None), *self._tasks):
            if task is not None:
                task.cancel()
        silent = await super().end_workers()
        self._count = 0
        self._retired.clear()
        self._cluster.worker_spec.clear()
        await self._cluster.settle(_SUBMIT_SECONDS)
        self._cluster.workers.clear()
        await self._cancel(*sorted(self._jobs))
        remove_certificates(self._run_dir)
        return silent

    async def close(self) -> None:
        """As `Deployment.close`."""
        if hasattr(self, "_cluster"):
            await self._cluster.close()

    def _ask_for_workers(self) -> None:
        self._asked_at = asyncio.get_running_loop().time()
        self._cluster.scale(self._count + len(self._retired))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _forget(self, spec: str) -> str:
        """Have no such worker any more; the id of its job, which may be empty."""
        self._cluster.worker_spec.pop(spec, None)
        worker = self._cluster.workers.pop(spec, None)
        return str(getattr(worker, "job_id", None) or "")

    async def _cancel(self, *jobs: str) -> None:
        """Cancel these jobs; ids that are empty are of none."""
        known = [job for job in jobs if job]
        if known and (why := await asyncio.to_thread(cancel, self._system, known, run_program)):
            self._events.degraded(f"jobs of {self._system.name} that were not cancelled", why)
            return
        for job in known:
            self._drop(job)

    # What cannot be had.

    def _others_may_come(self) -> bool:
        """Whether a worker takes attempts, or is being greeted, or awaited from the queue."""
        joined = set(self._name_of.values())
        queued = any(getattr(it, "job_id", None) for name, it in self._cluster.workers.items() if name not in joined)
        return bool(self._hellos or self._seen - set(self._refused)) or queued

    def _cannot_have(self, what: str, refusal: Refusal) -> None:
        """One worker less: that ends the run only if it was the last hope, and there never was a worker. What has been
        possible may be so again: it is asked for later, and the run waits for workers no longer than it says."""
        self.why_none = refusal.why
        if self._has_joined or self._others_may_come():
            self._events.degraded(what, refusal.why)
        else:
            self._events.starts_nothing(refusal)

    def _on_submitted(self, job: str) -> None:
        self._jobs.add(job)
        self._events.noted("worker.queued", {"queue": self._system.key, "queue_job": job})

    def _drop(self, job: str) -> None:
        if job in self._jobs:
            self._jobs.remove(job)
            self._events.noted("worker.dequeued", {"queue": self._system.key, "queue_job": job})

    def _on_refused(self, name: str, why: str) -> None:
        """Others may be on the way to the queue at the same moment."""

        async def when_settled() -> None:
            await self._cluster.settled()
            self._forget(name)
            refusal = no_workers(f"{self._system.name} rejected the job: {why}")
            self._cannot_have("a worker that was not submitted", refusal)

        self._spawn(when_settled())

    def _refuse(self, address: str, refusal: Refusal) -> None:
        """It takes no attempts, and its job gives its place in the queue back."""
        self._refused[address] = refusal
        self._events.refused(address, refusal)
        there = self._cluster.scheduler.workers.get(address)
        if there is not None:
            self._spawn(self._cancel(self._forget(there.name)))
        self._cannot_have("a worker that is not used", refusal)

    # The queue.

    async def _keep_looking(self) -> None:
        """Whatever the queue says: one look that fails must not be the last."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self._look_at_queue()
                self._unreadable = 0
            except Exception as error:
                self._unreadable += 1
                words = str(error) if isinstance(error, UnreadableError) else f"{type(error).__name__}: {error}"
                self.why_none = f"what {self._system.name} does is not known: {words}"
                if self._unreadable == _MOST_UNREADABLE:
                    self._events.degraded(f"the queue of {self._system.name}", words)

    async def _look_at_queue(self) -> None:
        """Notice jobs that end before their worker has joined, and learn why others wait."""
        now = asyncio.get_running_loop().time()
        if self._has_joined and len(self._cluster.worker_spec) < self._count and now >= self._asked_at + _AGAIN_SECONDS:
            self._ask_for_workers()
        joined = set(self._name_of.values())
        waiting = {
            str(worker.job_id): name
            for name, worker in self._cluster.workers.items()
            if name not in joined and getattr(worker, "job_id", None)
        }
        if not waiting:
            return
        states = await asyncio.to_thread(self._system.look, list(waiting), run_program)
        self.why_none = "; ".join(f"job {job} is {state}" for job, state in states.items())
        for job, name in waiting.items():
            if job in states:
                self._missing_since.pop(job, None)
            elif now - self._missing_since.setdefault(job, now) >= self._system.seconds_unknown:
                del self._missing_since[job]
                if name in self._cluster.workers and name not in set(self._name_of.values()):
                    await self._on_ended_early(job, name)

    async def _on_ended_early(self, job: str, name: str) -> None:
        self._failed_starts += 1
        self._drop(self._forget(name))
        if self._failed_starts < _MOST_FAILED_STARTS:
            self._ask_for_workers()
            return
        words = _last_line(self._logs(), job)
        why = f"workers end before they join{f': {words}' if words else ''}"
        self._cannot_have("a worker that did not start", no_workers(why))

    def _logs(self) -> str:
        return os.path.join(self._run_dir, "workers")


def _last_line(logs: str, job: str) -> str:
    """Of what a job printed. Each system names these files in its own way, with the number of the job."""
    of_job = re.compile(rf"(?<!\d){re.escape(job)}(?!\d)")
    # Errors first: `x-1.err` before `x-1.out`, `1.ER` before `1.OU`, `x.e1` before `x.o1`.
    for name in sorted(name for name in os.listdir(logs) if of_job.search(name)):
        with suppress(OSError), open(os.path.join(logs, name), errors="replace") as file:
            for line in reversed(file.read()[-4096:].splitlines()):
                if line.strip():
                    return line.strip()
    return ""
