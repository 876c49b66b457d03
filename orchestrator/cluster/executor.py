"""The executor that has workers of a Dask cluster run attempts."""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

from orchestrator import inherited
from orchestrator.cluster.admission import ClusterAdmission
from orchestrator.cluster.cluster_thread import ClusterThread, Reports, epoch
from orchestrator.cluster.hello import Setup, WorkerHello
from orchestrator.cluster.placement import WorkerRoom
from orchestrator.cluster.processes import ProcessDeployment
from orchestrator.execute.admission import AdmissionControl
from orchestrator.execute.attempt.spec import AttemptSpec
from orchestrator.execute.attempt.worker import Worker, run_attempt
from orchestrator.execute.executors.open_executor import OpenExecutor
from orchestrator.execute.inbox import Inbox
from orchestrator.execute.messages import Noted, NothingStarts
from orchestrator.plan.model import Plan, PlannedJob

P = ParamSpec("P")
T = TypeVar("T")

_NO_WORKERS = "without `--cluster`, or with `--cluster local`, jobs run below pexec itself"


class DaskExecutor(Executor):
    """Submits attempts to workers; what else it is given, any worker calls."""

    def __init__(self, thread: ClusterThread) -> None:
        self._thread = thread
        self._pending: set[Future[Any]] = set()
        self._is_shut_down = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Raises RuntimeError after `shutdown`."""
        if self._is_shut_down:
            raise RuntimeError("cannot schedule new futures after shutdown")
        spec: Any = args[0] if args else None
        future: Any = self._thread.submit(spec) if fn is run_attempt else self._thread.call(fn, args, kwargs)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return future  # type: ignore[no-any-return]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept nothing more; what runs continues to its end."""
        self._is_shut_down = True
        if wait:
            concurrent.futures.wait(list(self._pending))


def open_dask(
    plan: Plan,
    jobs: Sequence[PlannedJob],
    count: int,
    slots: int,
    run_dir: str,
    worker: Worker,
    inbox: Inbox[Any],
) -> OpenExecutor:
    """A cluster of `count` workers of this machine, of `slots` attempts each, for the run in this directory.

    `jobs` are those of the plan, and later those that have taken the place of a placeholder. Returns at once: workers
    join later, and jobs wait for them. `worker` is what gets reports; its supervisor starts no
    attempts. Raises NoThreadError.
    """
    secrets = worker.supervisor.secrets
    topic = f"pexec-{os.path.basename(run_dir)}-{epoch()}"
    admission = ClusterAdmission(jobs, AdmissionControl(plan, jobs=jobs))

    def setup(tls: Mapping[str, str]) -> Setup:
        return Setup(
            scheduler="",
            name="",
            run_dir=run_dir,
            topic=topic,
            slots=slots,
            tls=tls,
            umask=inherited.umask_of_jobs(),
            secrets=secrets.revealed(),
            variables=tuple(os.fsdecode(name) for name in secrets.variables),
        )

    def joined(hello: WorkerHello) -> None:
        known = WorkerRoom(hello.name, hello.host, hello.slots, hello.cpus, hello.memory)
        fields = {
            "worker": hello.name,
            "host": hello.host,
            "pid": hello.pid,
            "start_ticks": hello.start_ticks,
            "boot_id": hello.boot_id,
            "pid_namespace": hello.pid_namespace,
            "slots": hello.slots,
        }
        inbox.put(Noted("worker.joined", fields, lambda: admission.join(known)))

    def left(hello: WorkerHello, why: str) -> None:
        fields = {"worker": hello.name, "host": hello.host, "why": why}
        inbox.put(Noted("worker.left", fields, lambda: admission.leave(hello.name)))

    def of_attempt(spec: AttemptSpec, what: tuple[Any, ...]) -> None:
        if what[0] == "spawned":
            worker.on_spawned(spec, *what[1:])
        else:
            worker.on_output(spec, b"")

    reports = Reports(
        joined,
        left,
        lambda why: inbox.put(NothingStarts(why, _NO_WORKERS, "PX311")),
        of_attempt,
        lambda why: worker.supervisor.warden.shortages.report(why),
    )
    thread = ClusterThread(ProcessDeployment(count, setup), topic, reports)
    executor = DaskExecutor(thread)

    def close() -> None:
        executor.shutdown(wait=False)
        thread.close()
        worker.supervisor.close()

    return OpenExecutor(executor, thread.kill, close, lambda: None, admission.place_of, thread, admission)
