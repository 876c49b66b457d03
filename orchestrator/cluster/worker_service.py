"""What runs in each worker: one supervisor with its warden, and the functions that the client has called here."""

from __future__ import annotations

import os
import pickle
import time
from contextlib import suppress
from typing import Any

from distributed import Worker as DaskWorker
from distributed import WorkerPlugin

from orchestrator.cluster.hello import Setup, WorkerHello
from orchestrator.cluster.lease import WorkerLease
from orchestrator.execute.attempt.result import broken, lost
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec
from orchestrator.execute.attempt.worker import Worker, install, run_attempt
from orchestrator.execute.secrets.store import Secrets, SecretValue
from orchestrator.execute.supervisor.supervisor import Supervisor
from orchestrator.execute.this_machine import boot_id, host_name, pid_namespace
from orchestrator.execute.warden.processes import read_process
from orchestrator.journal.file_names import LOGS
from orchestrator.journal.rundir import RunDir, open_run

_GROWTH_SECONDS = 0.1


class AttemptService(WorkerPlugin):  # type: ignore[misc]  # Dask has no types
    """Runs attempts of one run in this worker."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._grown: dict[int, float] = {}  # serial -> when its growth was last reported
        # A lease is for where the end of pexec is not seen; where it is, suspension of the machine stops both.
        self._clock = time.CLOCK_MONOTONIC if setup.pexec else time.CLOCK_BOOTTIME
        self._lease = WorkerLease()

    def setup(self, worker: DaskWorker) -> None:
        """Called by Dask before the worker takes tasks."""
        global _service
        _service = self
        told = self._setup
        self.worker = worker
        self._run: RunDir = open_run(os.path.dirname(told.run_dir), os.path.basename(told.run_dir))
        self.supervisor = Supervisor(alone=True)
        self.supervisor.keep(Secrets({name: SecretValue(value) for name, value in told.secrets.items()}, ()))
        self.supervisor.environments.hide([os.fsencode(name) for name in told.variables])
        warden = self.supervisor.warden
        warden.put_logs_in(self._run.folder(LOGS))
        if told.pexec:
            warden.end_with(_parent(told.pexec))
        warden.shortages.on_shortage = lambda why: self._report("short", why)
        warden.shortages.on_nothing_starts = lambda why: self._report("nothing starts", why)
        install(told.run_dir, Worker(self.supervisor, self._on_spawned, self._on_output))

    def teardown(self, worker: DaskWorker) -> None:
        """Called by Dask when the worker ends."""
        self.close()

    def close(self) -> None:
        """End everything that runs here."""
        self.supervisor.close()

    def hello(self) -> WorkerHello:
        """Who this is."""
        from orchestrator.execute.admission import look

        machine, process = look(), read_process(os.getpid())
        return WorkerHello(
            self._setup.name,
            self.worker.id,
            self.worker.address,
            host_name(),
            os.getpid(),
            process.start_ticks if process else 0,
            boot_id(),
            pid_namespace(),
            self._setup.slots,
            machine.cpus,
            machine.memory,
            self.renew(0, self.now(), self._setup.lease),
            bool(self._setup.pexec),
        )

    def now(self) -> float:
        """A token: a moment of this worker's clock."""
        return time.clock_gettime(self._clock)

    def renew(self, order: int, token: float, seconds: float) -> float:
        """A beat of pexec: what runs here may run until so many seconds after that token. A new token."""
        until = self._lease.until(order, token, seconds)
        if until is not None:
            self.supervisor.warden.lease(self._clock, until)
        return self.now()

    def is_too_late(self, token: float) -> bool:
        """Whether what was sent after this token may not begin any more: pexec may have given it to another worker."""
        return self.now() >= token + self._setup.lease

    def _report(self, *what: Any) -> None:
        with suppress(Exception):  # while the worker ends there is nobody to tell
            self.worker.log_event(self._setup.topic, what)

    def _on_spawned(self, spec: AttemptSpec, pid: int, start_ticks: int) -> None:
        self._report("spawned", spec.serial, pid, start_ticks)

    def _on_output(self, spec: AttemptSpec, chunk: bytes) -> None:
        """The output is in the log, where the client reads it: only tell that there is more."""
        now = time.monotonic()
        if now - self._grown.get(spec.serial, 0.0) >= _GROWTH_SECONDS:
            self._grown[spec.serial] = now
            self._report("grown", spec.serial)


def _parent(pid: int) -> int:
    """A pidfd of the parent, which has this pid. Raises ProcessLookupError if it has ended."""
    handle = os.pidfd_open(pid)
    if os.getppid() != pid:
        raise ProcessLookupError(f"the parent of this worker, process {pid}, has ended")
    return handle


_service: AttemptService | None = None


def service() -> AttemptService:
    """That of this process."""
    assert _service is not None
    return _service


# Called by the client. The worker imports this module by name, so they cost no transfer.


def perform(packed: bytes, identity: str, token: float) -> AttemptResult:
    """Run the attempt, unless it was meant for another worker that had this one's address, or comes later than a lease
    after the token. Never raises."""
    try:
        here = service()
        if here.worker.id != identity:
            return lost("its worker was replaced before it began")
        if here.is_too_late(token):
            return lost("it reached its worker later than the lease allows")
        spec: AttemptSpec = pickle.loads(packed)
        result = run_attempt(spec)
        here._grown.pop(spec.serial, None)
    except Exception as error:
        return broken(error)
    else:
        return result


def greet() -> WorkerHello:
    """Who the worker is."""
    return service().hello()


def kill_attempt(serial: int, force: bool) -> None:
    """As `WardenClient.kill`."""
    service().supervisor.warden.kill(serial, force=force)


def beat(order: int, token: float, seconds: float) -> float:
    """As `AttemptService.renew`."""
    return service().renew(order, token, seconds)


def hold(order: int, token: float, seconds: float) -> float:
    """The same, and stop the processes of all attempts of this worker."""
    service().supervisor.warden.pause()
    return beat(order, token, seconds)


def release(order: int, token: float, seconds: float) -> float:
    """The same, and let them continue."""
    now = beat(order, token, seconds)
    service().supervisor.warden.resume()
    return now
