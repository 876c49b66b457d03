"""What runs in each worker, for each run one supervisor with its warden; how it comes to workers that exist already."""

from __future__ import annotations

import asyncio
import os
import pickle
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from distributed import Worker as DaskWorker
from distributed import WorkerPlugin
from msgspec.structs import replace

from orchestrator import inherited
from orchestrator.cluster.deployments.shared_files import answer, has_project
from orchestrator.cluster.hello import Refusal, Setup, WorkerHello
from orchestrator.cluster.lease import WorkerLease, gone_after
from orchestrator.cluster.portable_environment import on_worker
from orchestrator.cluster.required_confinement import lacking
from orchestrator.cluster.script_content import difference
from orchestrator.cluster.worker.run_on_worker import open_run_on_worker
from orchestrator.cluster.worker.termination import evict_on_term, leave_term_alone, seconds_to_doubt
from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.environment import Environments
from orchestrator.execute.attempt.result import evicted, lost
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec
from orchestrator.execute.attempt.worker import Worker, install, run_attempt, uninstall
from orchestrator.execute.leftovers import end_abandoned
from orchestrator.execute.secrets.secret_values import Secrets, SecretValue
from orchestrator.execute.supervisor.supervisor import Supervisor
from orchestrator.execute.this_machine import boot_id, host_name, pid_namespace
from orchestrator.execute.warden.processes import read_process

BEGIN = "pexec_begin"  # the handler that brings the service to a worker which pexec did not start
SECRETS = "pexec_secrets"
READ = "pexec_read"
_GROWTH_SECONDS = 0.1
_MOST_RESULTS = 1000
_EVICTION_SECONDS = 4.0  # for jobs to end; who has sent TERM sends KILL soon
_TELL_SECONDS = 0.5
_PULL_SECONDS = 0.5  # for output, in addition
_LOOK_SECONDS = 0.02
_GIVEN_UP_LEASES = 2  # by any clock
_LONGEST_SLEEP = 10.0  # a lease may get shorter
_RELEASED = ("cancelled", "released", "forgotten")
_OF_ITSELF = (Verdict.SUCCEEDED, Verdict.TIMED_OUT)  # also while its worker ends: the first cause of an end stays


class AttemptService(WorkerPlugin):  # type: ignore[misc]  # Dask has no types
    """Runs attempts of one run in this worker."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._grown: dict[int, float] = {}  # serial -> when its growth was last reported
        # A lease is for where the end of pexec is not seen; where it is, suspension of the machine stops both.
        self._clock = time.CLOCK_MONOTONIC if setup.pexec else time.CLOCK_BOOTTIME
        self._lease = WorkerLease()
        self._until = 0.0
        self.tasks: list[asyncio.Task[None]] = []
        self._running: set[int] = set()  # by serial
        self._is_evicted = threading.Event()
        self._eviction = threading.Lock()
        self._closing = threading.Lock()
        self._known_warden = 0

    def setup(self, worker: DaskWorker) -> None:
        """Called by Dask before the worker takes tasks."""
        told = self._setup
        self.worker = worker
        self.files = open_run_on_worker(told)
        self.supervisor = Supervisor(alone=told.environ is None)
        if told.environ is not None:
            self.supervisor.environments = Environments(on_worker(told.environ, os.environb))
        self.take_secrets(told.secrets)
        self.supervisor.environments.hide([os.fsencode(name) for name in told.variables])
        warden = self.supervisor.warden
        warden.put_logs_in(self.files.logs)
        if told.pexec:
            warden.end_with(_parent(told.pexec))
        warden.shortages.on_shortage = lambda why: self._report("short", why)
        warden.shortages.on_nothing_starts = lambda why: self._report("nothing starts", why)
        install(self.files.path, Worker(self.supervisor, self._on_spawned, self._on_output))
        _services[told.topic] = self

    async def teardown(self, worker: DaskWorker) -> None:
        """Called by Dask when the worker ends. One that still has its scheduler was told to, and can say so."""
        if _services.get(self._setup.topic) is self and _hears(worker):
            await asyncio.to_thread(self.evict)
        await asyncio.to_thread(self.close)

    def transition(self, key: str, start: str, finish: str, **more: Any) -> None:
        """Called by Dask: no client wants a running attempt any more, which is how the end of a client shows."""
        topic, _, serial = key.rpartition("-")
        if topic == self._setup.topic and start == "executing" and finish in _RELEASED:
            self.supervisor.warden.kill(int(serial), force=True)

    def close(self) -> None:
        """End everything that runs here."""
        with self._closing:  # Dask may end this worker at the same moment as pexec
            self.supervisor.close()
            self.files.remove_temporary()

    def forget(self) -> None:
        """Nothing of this run comes here any more. Returns when nothing of it runs."""
        with _forgetting:
            if _services.get(self._setup.topic) is self:
                del _services[self._setup.topic]
                self.close()
                uninstall(self.files.path)
                self.files.close()

    @property
    def name(self) -> str:
        """That of this worker in the run."""
        return self._setup.name

    @property
    def topic(self) -> str:
        """Where it reports."""
        return self._setup.topic

    @property
    def run_dir(self) -> str:
        """The directory of the run, which two processes cannot drive at once."""
        return self._setup.run_dir

    def take_secrets(self, values: Mapping[str, bytes]) -> None:
        """Give these, and no others, to the jobs that name them, and mask them in what jobs print from now on."""
        self.supervisor.keep(Secrets({name: SecretValue(value) for name, value in values.items()}, ()))

    def evict(self) -> None:
        """This worker was told to end: end what runs here, and report it as evicted. Returns when that is done."""
        with self._eviction:
            if not self._is_evicted.is_set():
                self._is_evicted.set()
                self._evict()

    def _evict(self) -> None:
        self._report("evicted", self._setup.name)
        began = time.monotonic()
        for serial in list(self._running):
            self.supervisor.warden.kill(serial, force=False)
        while self._running and time.monotonic() < began + _EVICTION_SECONDS:
            time.sleep(0.01)
        for serial in list(self._running):
            self.supervisor.warden.kill(serial, force=True)
        until = time.monotonic() + _TELL_SECONDS
        while time.monotonic() < until or (self._has_output() and time.monotonic() < until + _PULL_SECONDS):
            time.sleep(_LOOK_SECONDS)

    def _has_output(self) -> bool:
        """Whether there is output that pexec does not have yet."""
        return self.files.spool is not None and not self.files.spool.is_drained

    async def tell_of_output(self) -> None:
        """Have pexec pull what is spooled, until nothing comes here any more."""
        spool = self.files.spool
        while spool is not None and _services.get(self._setup.topic) is self:
            for serial in spool.grown(list(self._running)):
                self._report("grown", serial)
            await asyncio.sleep(_GROWTH_SECONDS)

    def run(self, spec: AttemptSpec) -> AttemptResult:
        """Run the attempt; it is evicted if this worker is."""
        if self._is_evicted.is_set():
            return evicted(spec.place.host)
        spec = self.files.local(spec)
        if why := difference(spec, spec.place.host):
            return lost(why)
        self._running.add(spec.serial)
        try:
            result = run_attempt(spec)
        finally:
            self._running.discard(spec.serial)
        if result.verdict is Verdict.FAILED:
            self._is_evicted.wait(seconds_to_doubt(result, is_child=bool(self._setup.pexec)))
        if self._is_evicted.is_set() and result.verdict not in _OF_ITSELF:
            return evicted(spec.place.host, result, self._setup.walltime)
        return result

    def hello(self) -> WorkerHello:
        """Who this is."""
        from orchestrator.execute.admission import look

        machine, process, warden = look(), read_process(os.getpid()), read_process(self.supervisor.warden.pid)
        self._known_warden = self.supervisor.warden.pid
        return WorkerHello(
            self._setup.name,
            self.worker.id,
            self.worker.address,
            host_name(),
            os.getpid(),
            process.start_ticks if process else 0,
            boot_id(),
            pid_namespace(),
            self._setup.slots or self.worker.state.nthreads,
            machine.cpus,
            machine.memory,
            self.renew(0, self.now(), self._setup.lease),
            bool(self._setup.pexec),
            self.supervisor.warden.pid,
            warden.start_ticks if warden else 0,
            tuple((serial, result) for topic, serial, result in _results if topic == self._setup.topic),
            lacking(self._setup.confinements, self.supervisor),
        )

    def now(self) -> float:
        """A token: a moment of this worker's clock."""
        return time.clock_gettime(self._clock)

    def renew(self, order: int, token: float, seconds: float) -> float:
        """A beat of pexec: what runs here may run until this many seconds after that token. A new token."""
        until = self._lease.until(order, token, seconds)
        if until is not None:
            self._until = until
            self.supervisor.warden.lease(self._clock, until)
        return self.now()

    def seconds_to_keep(self) -> float:
        """Until nothing of this run is expected here any more: pexec has then given this worker up, if it lives."""
        return self._until + _GIVEN_UP_LEASES * gone_after(self._setup.lease) - self.now()

    def is_too_late(self, token: float) -> bool:
        """Whether what was sent after this token may not begin any more: pexec may have given it to another worker."""
        return self.now() >= token + self._setup.lease

    def end(self, serial: int, result: AttemptResult) -> None:
        """Report how an attempt has ended."""
        self._grown.pop(serial, None)
        if result.verdict is not Verdict.LOST:
            kept = replace(result, outputs={}, undeclared_outputs=(), enforced_by={})
            _results.append((self._setup.topic, serial, kept))
        self.worker.log_event(self._setup.topic, ("ended", serial, pickle.dumps(result)))

    def _report(self, *what: Any) -> None:
        with suppress(Exception):  # while the worker ends, no one receives it
            self.worker.log_event(self._setup.topic, what)

    def _on_spawned(self, spec: AttemptSpec, pid: int, start_ticks: int) -> None:
        if (warden := self.supervisor.warden.pid) != self._known_warden:  # the one before has died
            self._known_warden = warden
            self._report("warden", self._setup.name, warden)
        self._report("spawned", spec.serial, pid, start_ticks)

    def _on_output(self, spec: AttemptSpec, chunk: bytes) -> None:
        """The output is in the log: only tell that there is more."""
        if self.files.spool is not None:
            return  # what is spooled is looked at, for not all of it comes through here
        now = time.monotonic()
        if now - self._grown.get(spec.serial, 0.0) >= _GROWTH_SECONDS:
            self._grown[spec.serial] = now
            self._report("grown", spec.serial)


def _hears(worker: DaskWorker) -> bool:
    """Whether the worker has a connection to its scheduler."""
    stream = worker.batched_stream
    return stream is not None and stream.comm is not None and not stream.comm.closed()


def _parent(pid: int) -> int:
    """A pidfd of the parent, which has this pid. Raises ProcessLookupError if it has ended."""
    handle = os.pidfd_open(pid)
    if os.getppid() != pid:
        raise ProcessLookupError(f"the parent of this worker, process {pid}, has ended")
    return handle


_services: dict[str, AttemptService] = {}  # topic -> that of the run
# Topic, serial and result of the latest attempts: pexec may have called them lost without hearing how they ended.
_results: deque[tuple[str, int, AttemptResult]] = deque(maxlen=_MOST_RESULTS)
_forgetting = threading.Lock()


def service(topic: str) -> AttemptService:
    """That of the run with this topic."""
    return _services[topic]


def has_runs() -> bool:
    """Whether any run is expected to use this worker again."""
    return bool(_services)


def named(topic: str, name: str) -> AttemptService | None:
    """The same, if that is the name of this worker. Another process may have the address of a worker by now, or the
    same one another name: neither its attempts nor its lease are those of the first."""
    here = _services.get(topic)
    return here if here is not None and here.name == name else None


def close_all() -> None:
    """The worker ends."""
    for here in list(_services.values()):
        here.close()


def evict_all() -> None:
    """The worker was told to end by someone else."""
    for here in list(_services.values()):
        here.evict()


# Workers that pexec did not start.


def listen(dask_worker: DaskWorker) -> None:
    """Let this worker accept `BEGIN`, `SECRETS` and `READ`: what comes by them is no task, and in no log of Dask."""

    async def begin(payload: bytes) -> bytes:
        try:
            return pickle.dumps(await _begin(pickle.loads(payload), dask_worker))
        except Exception as error:
            return pickle.dumps(Refusal(f"{type(error).__name__}: {error}", "PX311", "see the log of the worker"))

    def take_secrets(payload: bytes) -> bool:
        topic, name, values = pickle.loads(payload)
        here = named(topic, name)
        if here is not None:
            here.take_secrets(values)
        return here is not None

    async def read(payload: bytes) -> bytes | None:
        topic, name, serial, offset, most, had = pickle.loads(payload)
        here = named(topic, name)
        if here is None or here.files.spool is None:
            return None
        here.files.spool.drop(had)
        return await asyncio.to_thread(here.files.spool.read, serial, offset, most)

    dask_worker.handlers[READ] = read
    dask_worker.handlers[BEGIN] = begin
    dask_worker.handlers[SECRETS] = take_secrets


async def _begin(setup: Setup, worker: DaskWorker) -> WorkerHello | Refusal:
    if setup.files is not None and (refusal := answer(setup.files, setup.run_dir)) is not None:
        return refusal
    if setup.project is not None and (refusal := has_project(setup.project)) is not None:
        return refusal
    for earlier in [here for here in _services.values() if here.run_dir == setup.run_dir]:
        await _forget(earlier, worker)  # of a process that does not drive the run any more, or gave it up here
    await asyncio.to_thread(end_abandoned, os.path.basename(setup.run_dir))
    inherited.use_umask_for_jobs(setup.umask)
    here = AttemptService(setup)
    await worker.plugin_add(here, name=setup.topic, catch_errors=False)
    evict_on_term(evict_all)
    hello = here.hello()
    here.tasks = [asyncio.create_task(_forget_in_time(here, setup.topic, worker))]
    if here.files.spool is not None:
        here.tasks.append(asyncio.create_task(here.tell_of_output()))
    return hello


async def _forget_in_time(here: AttemptService, topic: str, worker: DaskWorker) -> None:
    """A pexec that was killed does not say that its run has ended: its lease does."""
    while _services.get(topic) is here:
        left = here.seconds_to_keep()
        if left <= 0:
            await _forget(here, worker)
            return
        await asyncio.sleep(min(left, _LONGEST_SLEEP))


async def _forget(here: AttemptService, worker: DaskWorker) -> None:
    await asyncio.to_thread(here.forget)
    if worker.plugins.get(here.topic) is here:
        del worker.plugins[here.topic]
    if not _services:
        leave_term_alone()


def _wait_until_forgotten() -> None:
    """What is being forgotten."""
    with _forgetting:
        return


async def finish(topic: str, name: str, dask_worker: DaskWorker) -> str:
    """End everything that runs here for the run, and forget it, unless it is under another name here by now. The
    identity of this worker, which is not the one that was meant if another process has its address."""
    if (here := named(topic, name)) is not None:
        await _forget(here, dask_worker)
    await asyncio.to_thread(_wait_until_forgotten)
    identity: str = dask_worker.id
    return identity
