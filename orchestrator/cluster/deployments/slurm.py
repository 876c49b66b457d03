"""The deployment whose workers are jobs of Slurm, which dask-jobqueue submits and cancels."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from orchestrator.cluster.dask_settings import use_own_settings
from orchestrator.cluster.deployments.bring import Bringer
from orchestrator.cluster.deployments.deployment import Events, no_workers
from orchestrator.cluster.deployments.existing import ExistingDeployment
from orchestrator.cluster.deployments.run_certificates import remove_certificates, write_certificates
from orchestrator.cluster.hello import WorkerHello
from orchestrator.plan.policy_parts import SlurmPolicy

_PROGRAM = "orchestrator.cluster.worker.queue_worker"
_WORKER_FILES = {"tls_ca_file": "ca", "tls_worker_cert": "cert", "tls_worker_key": "key"}
_JOIN_SECONDS = 60  # in which a worker that has started must find its scheduler
_LOOK_SECONDS = 2.0
_CALL_SECONDS = 20.0
_MOST_FAILED_STARTS = 3
_SUBMIT_SECONDS = 15.0  # for a job that is being submitted when the run ends
_BYTES_IF_NONE = 1 << 30  # jobqueue asks for some; without `memory` the line is left out


class SlurmDeployment(ExistingDeployment):
    """`count` workers, of which each is a job with these settings."""

    def __init__(self, settings: SlurmPolicy, cores: int, count: int, run_dir: str, bringer: Bringer) -> None:
        super().__init__("", {}, bringer)
        self._settings = settings
        self._cores = cores
        self._count = count
        self._run_dir = run_dir
        self._name_of: dict[str, str] = {}  # name of a worker here -> its name in the cluster of Dask
        self._retired: dict[str, str] = {}  # name -> why
        self._failed_starts = 0

    async def open(self, events: Events) -> Any:
        """As `Deployment.open`."""
        use_own_settings()
        from distributed import Client, Security
        from distributed.diagnostics.plugin import SchedulerPlugin

        from orchestrator.cluster.deployments.queued_jobs import QueuedCluster, QueuedSlurmJob
        from orchestrator.cluster.quiet_nodes import QuietScheduler

        came, left = self._came, self._left

        class Comings(SchedulerPlugin):  # type: ignore[misc]  # Dask has no types
            def add_worker(self, scheduler: Any, worker: str) -> None:
                came(worker)

            def remove_worker(self, scheduler: Any, worker: str, **more: Any) -> None:
                left(worker)

        self._events = events
        remove_certificates(self._run_dir)
        security = Security.temporary()
        texts = {"ca": security.tls_ca_file, "cert": security.tls_worker_cert, "key": security.tls_worker_key}
        paths = write_certificates(self._run_dir, texts)
        for_workers = Security(require_encryption=True, **{field: paths[it] for field, it in _WORKER_FILES.items()})
        options = {
            "protocol": "tls",
            "dashboard": False,
            "security": security,
            "interface": self._settings.interface,
            "plugins": [Comings()],
        }
        job = {**self._job_options(), "security": for_workers, "on_refused": self._on_refused}
        self._cluster = QueuedCluster(
            workers={},
            scheduler={"cls": QuietScheduler, "options": options},
            worker={"cls": QueuedSlurmJob, "options": job},
            asynchronous=True,
            security=security,
            silence_logs=False,
        )
        await self._cluster
        self._address = self._cluster.scheduler.address
        self._client = await Client(self._address, security=security, asynchronous=True, set_as_default=False)
        loop = asyncio.get_running_loop()
        self._watching = loop.create_task(self._watch())
        self._looking = loop.create_task(self._look_at_queue())
        self._cluster.scale(self._count)
        return self._client

    def _job_options(self) -> dict[str, Any]:
        settings, logs = self._settings, os.path.join(self._run_dir, "workers")
        os.makedirs(logs, 0o700, exist_ok=True)
        return {
            "queue": settings.queue,
            "account": settings.account,
            "cores": self._cores,
            "processes": 1,
            "memory": f"{settings.memory or _BYTES_IF_NONE}B",
            "job_directives_skip": [] if settings.memory else ["--mem="],
            "walltime": None if settings.walltime is None else _walltime(settings.walltime),
            "job_extra_directives": list(settings.extra),
            "interface": settings.interface,
            "protocol": "tls://",
            "worker_command": _PROGRAM,
            "worker_extra_args": [],
            "job_script_prologue": [],
            "death_timeout": _JOIN_SECONDS,
            "log_directory": logs,
            "job_name": "pexec-worker",
        }

    async def greet(self, client: Any, address: str) -> WorkerHello | None:
        """As `Deployment.greet`."""
        there = self._cluster.scheduler.workers.get(address)
        hello = await super().greet(client, address)
        if hello is not None and there is not None:
            self._failed_starts = 0
            self._name_of[hello.name] = there.name
        return hello

    async def replace(self, name: str, hello: WorkerHello | None) -> None:
        """As `Deployment.replace`."""
        job = self._forget(self._name_of.pop(name, ""))
        self._retired.pop(name, None)
        self._cluster.scale(self._count + len(self._retired))
        await _cancel(job)

    def scale(self, count: int) -> None:
        """As `Deployment.scale`."""
        self._count = count
        self._cluster.scale(count + len(self._retired))

    async def retire(self, name: str, why: str) -> None:
        """As `Deployment.retire`."""
        hello = next((hello for hello in self._hellos.values() if hello.name == name), None)
        if hello is not None:
            self._retired[name] = why
            self._count -= 1
            with suppress(Exception):
                await self._bringer.finish(self._client, hello)
            self._lose(hello, why)

    async def end_workers(self) -> Sequence[WorkerHello]:
        """As `Deployment.end_workers`."""
        if not hasattr(self, "_cluster"):
            remove_certificates(self._run_dir)
            return ()
        if hasattr(self, "_looking"):
            self._looking.cancel()
        silent = await super().end_workers()
        self._count = 0
        self._retired.clear()
        self._cluster.worker_spec.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._cluster.settled(), _SUBMIT_SECONDS)
        jobs = self._jobs()
        self._cluster.workers.clear()
        await _cancel(*jobs)
        remove_certificates(self._run_dir)
        return silent

    async def close(self) -> None:
        """As `Deployment.close`."""
        if hasattr(self, "_cluster"):
            await self._cluster.close()

    def _jobs(self) -> list[str]:
        """The ids of the jobs that were submitted and not taken back."""
        return [str(job) for worker in self._cluster.workers.values() if (job := getattr(worker, "job_id", None))]

    def _forget(self, spec: str) -> str:
        """Have no such worker any more; the id of its job, which may be empty."""
        self._cluster.worker_spec.pop(spec, None)
        worker = self._cluster.workers.pop(spec, None)
        return str(getattr(worker, "job_id", None) or "")

    def _on_refused(self, why: str) -> None:
        self._events.starts_nothing(no_workers(f"Slurm takes no job: {why}"))

    async def _look_at_queue(self) -> None:
        """Notice jobs that end before their worker has joined, and learn why others wait."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            joined = set(self._name_of.values())
            waiting = {
                str(worker.job_id): name
                for name, worker in self._cluster.workers.items()
                if name not in joined and getattr(worker, "job_id", None)
            }
            if not waiting:
                continue
            said = await asyncio.to_thread(_said, "squeue", "-h", "-j", ",".join(waiting), "-o", "%i %T %r")
            if said is None:
                continue  # of the jobs nothing is known
            states = _states(said)
            self.why_none = "; ".join(f"job {job} is {state}" for job, state in states.items())
            for job, name in waiting.items():
                if job not in states and name not in set(self._name_of.values()) and not self._seen:
                    await self._on_ended_early(job, name)

    async def _on_ended_early(self, job: str, name: str) -> None:
        self._failed_starts += 1
        await _cancel(self._forget(name))
        if self._failed_starts >= _MOST_FAILED_STARTS:
            words = _last_line(os.path.join(self._run_dir, "workers", f"pexec-worker-{job}.err"))
            self._events.starts_nothing(no_workers(f"workers end before they join{f': {words}' if words else ''}"))
            return
        self._cluster.scale(self._count + len(self._retired))


async def _cancel(*jobs: str) -> None:
    if any(jobs):
        await asyncio.to_thread(_said, "scancel", *filter(None, jobs))


def _states(text: str) -> dict[str, str]:
    """Job -> its state and the reason for it, from lines of `squeue`."""
    found = {}
    for line in text.splitlines():
        job, state, reason = line.split(maxsplit=2)
        found[job] = state if reason == "None" else f"{state} ({reason.strip('()')})"
    return found


def _walltime(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _said(*command: str) -> str | None:
    """What a program of Slurm prints; None if it fails, unless because Slurm does not know a job any more."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_CALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 or "Invalid job id" in done.stderr else None


def _last_line(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            lines: Sequence[str] = file.read()[-4096:].splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
