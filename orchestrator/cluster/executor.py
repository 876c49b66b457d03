"""The executor that has workers of a Dask cluster run attempts."""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

from msgspec.structs import replace

from orchestrator import inherited
from orchestrator.cluster.attempt_files import AttemptFiles
from orchestrator.cluster.cluster_admission import ClusterAdmission
from orchestrator.cluster.cluster_thread import ClusterThread
from orchestrator.cluster.deployments.by_kind import deployment_of, project_on
from orchestrator.cluster.hello import Setup, WorkerHello
from orchestrator.cluster.last_words import tell_who_is_waited_for, unconfirmed
from orchestrator.cluster.local_jobs import PausesBoth, open_for_local_jobs, room_of_this_machine
from orchestrator.cluster.placement import WorkerRoom
from orchestrator.cluster.reports import Reports
from orchestrator.cluster.required_confinement import Confinements, Lack
from orchestrator.cluster.scaling import Scaling
from orchestrator.cluster.worker_calls import epoch
from orchestrator.execute.admission import AdmissionControl
from orchestrator.execute.attempt.ends import late_fields
from orchestrator.execute.attempt.spec import AttemptSpec
from orchestrator.execute.attempt.worker import Worker, run_attempt
from orchestrator.execute.executors.open_executor import OpenExecutor
from orchestrator.execute.inbox import Inbox
from orchestrator.execute.messages import Noted, NothingStarts
from orchestrator.manifest.scalars import format_duration
from orchestrator.plan.model import Plan, PlannedJob
from orchestrator.plan.policy_parts import AdmissionPolicy, ClusterPolicy

NO_ADMISSION = {
    "what": "`policy.admission` on workers of other machines",
    "why": "it holds on pexec's own machine only; `cpus` and `memory` of jobs count on every worker",
}
P = ParamSpec("P")
T = TypeVar("T")


class DaskExecutor(Executor):
    """Submits attempts to workers, and those that are placed at home to `home`; what else it is given, any worker
    calls."""

    def __init__(self, thread: ClusterThread, home: Executor | None = None) -> None:
        self._thread = thread
        self._home = home
        self._pending: set[Future[Any]] = set()
        self._is_shut_down = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Raises RuntimeError after `shutdown`."""
        if self._is_shut_down:
            raise RuntimeError("cannot schedule new futures after shutdown")
        spec: Any = args[0] if args else None
        future: Any
        if fn is not run_attempt:
            future = self._thread.call(fn, args, kwargs)
        elif spec.place.worker is None and self._home is not None:
            run: Any = run_attempt
            future = self._home.submit(run, spec)
        else:
            future = self._thread.submit(spec)
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
    cluster: ClusterPolicy,
    run_dir: str,
    worker: Worker,
    inbox: Inbox[Any],
) -> OpenExecutor:
    """A cluster for the run in this directory.

    `jobs` are those of the plan, and later those that have taken the place of a placeholder. Returns at once: workers
    join later, and jobs wait for them. `worker` is what gets reports; its supervisor starts the
    attempts that stay at home. To be called in the driver's thread. Raises NoThreadError.
    """
    secrets = worker.supervisor.secrets
    topic = f"pexec-{os.path.basename(run_dir)}-{epoch()}"
    machine = AdmissionControl(plan, jobs=jobs)
    confinements = Confinements(() if cluster.is_here else jobs)  # what is here was tried before the run
    admission = ClusterAdmission(
        jobs,
        machine,
        plan.policy.max_parallel_jobs,
        cluster.start,
        workers_share_machine=cluster.is_here,
        confinements=confinements,
    )
    home = open_for_local_jobs(jobs, run_dir, worker, inbox)
    if home is not None:
        admission.join(room_of_this_machine())
    labels = frozenset(cluster.labels)
    least = cluster.processes if cluster.least is None else cluster.least

    rooms: dict[str, WorkerRoom] = {}
    setup = Setup(
        scheduler="",
        name="",
        run_dir=run_dir,
        topic=topic,
        slots=cluster.slots,
        tls={},
        umask=inherited.umask_of_jobs(),
        secrets=secrets.revealed(),
        variables=tuple(os.fsdecode(name) for name in secrets.variables),
        lease=cluster.lease,
        project=project_on(cluster, plan),
        confinements=confinements.all,
    )

    if not cluster.is_here and plan.policy.admission != AdmissionPolicy():
        inbox.put(Noted("degraded", NO_ADMISSION, lambda: None))
    lacks: dict[tuple[str, str], Lack] = {}  # by host, and what it is

    def note_lack(host: str, lack: Lack) -> None:
        if (host, lack.what) not in lacks:
            lacks[host, lack.what] = lack
            inbox.put(Noted("degraded", {"what": f"{lack.what}, on {host}", "why": lack.why}, lambda: None))

    def joined(hello: WorkerHello) -> None:
        known = WorkerRoom(hello.name, hello.host, hello.slots, hello.cpus, hello.memory, labels)
        known = replace(known, confines=confinements.met(hello.lacks))
        for lack in hello.lacks:
            note_lack(hello.host, lack)
        asked = cluster.kubernetes or (cluster.queue and cluster.queue[1])
        if asked is not None:
            memory = asked.memory or hello.memory
            known = replace(known, cpus=cluster.slots, memory=memory, is_sized=True)
        rooms[hello.name] = known
        fields = {
            "worker": hello.name,
            "host": hello.host,
            # What a resume may end: a worker that is not pexec's stays.
            "pid": hello.pid if hello.watches else hello.warden,
            "start_ticks": hello.start_ticks if hello.watches else hello.warden_start_ticks,
            "boot_id": hello.boot_id,
            "pid_namespace": hello.pid_namespace,
            "slots": hello.slots,
            "lease_seconds": cluster.lease,
        }

        def admit() -> None:
            admission.join(known)
            if admission.scaling is not None and not cluster.slots:  # only now is it known how large they are
                admission.scaling.new = replace(admission.scaling.new, slots=known.slots)

        inbox.put(Noted("worker.joined", fields, admit))

    def left(hello: WorkerHello, why: str) -> None:
        fields = {"worker": hello.name, "host": hello.host, "why": why}
        inbox.put(Noted("worker.left", fields, lambda: admission.leave(hello.name)))

    def doubtful(hello: WorkerHello, is_so: bool) -> None:
        room = rooms[hello.name]
        inbox.put(Noted(None, {}, lambda: admission.leave(hello.name) if is_so else admission.join(room)))

    def of_attempt(spec: AttemptSpec, what: tuple[Any, ...]) -> None:
        if what[0] == "spawned":
            worker.on_spawned(spec, *what[1:])
        elif what[0] == "late":
            if fields := late_fields(spec, what[1]):
                inbox.put(Noted("attempt.late", fields, lambda: None))
        else:
            worker.on_output(spec, b"")

    reports = Reports(
        joined,
        left,
        lambda refusal: inbox.put(NothingStarts(refusal.why, refusal.help, refusal.code)),
        lambda what, why: inbox.put(Noted("degraded", {"what": what, "why": why}, lambda: None)),
        of_attempt,
        lambda why: worker.supervisor.warden.shortages.report(why),
        doubtful,
        waits=tell_who_is_waited_for,
        noted=lambda event, fields: inbox.put(Noted(event, fields, lambda: None)),
    )
    deployment = deployment_of(cluster, least, setup, plan)
    admission.why_none = lambda: deployment.why_none
    admission.why_not_confined = lambda job: confinements.why_not_confined(
        job, [(host, lack) for (host, _), lack in lacks.items()]
    )
    thread = ClusterThread(deployment, topic, cluster.lease, reports, AttemptFiles(cluster, run_dir))
    executor = DaskExecutor(thread, home and home.executor)
    if least < cluster.processes:
        new = WorkerRoom("", "", cluster.slots or 1, 0, 0, labels, confines=confinements.met())
        admission.scaling = Scaling(least, cluster.processes, cluster.idle, new)
        admission.scale = thread.scale
        admission.retire = lambda name: thread.retire(name, f"it ran nothing for {format_duration(cluster.idle)}")

    def kill(serial: int, *, force: bool) -> None:
        thread.kill(serial, force=force)
        if home is not None:
            home.kill(serial, force=force)

    def close() -> None:
        executor.shutdown(wait=False)
        if hosts := thread.close():
            inbox.put(Noted("degraded", unconfirmed(hosts, cluster.lease), lambda: None))
        worker.supervisor.close()
        if home is not None:
            home.close()

    def look_for_room() -> None:
        if home is not None:
            home.look_for_room()

    pausable = PausesBoth(worker.supervisor.warden, thread) if home is not None else thread
    return OpenExecutor(
        executor, kill, close, look_for_room, admission.place_of, pausable, admission, admission.why_none
    )
