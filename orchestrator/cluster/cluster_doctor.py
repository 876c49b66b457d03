"""Whether a cluster can be used, found by experiment: its workers are started or reached as for a run, and each does
what a run needs of it.

    for worker in ClusterDoctor(plan, cluster, run, waits).examine(): ...

Every check says how long it took. What a worker is asked it answers in time, or it counts as failed: a worker that is
stopped never answers.
"""

from __future__ import annotations

import os
import queue
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from msgspec import Struct

from orchestrator import inherited
from orchestrator.cluster.attempt_files import AttemptFiles
from orchestrator.cluster.cluster_thread import ClusterThread
from orchestrator.cluster.deployments.by_kind import deployment_of, project_on
from orchestrator.cluster.hello import Refusal, Setup, WorkerHello
from orchestrator.cluster.last_words import why_unconfirmed
from orchestrator.cluster.reports import Reports
from orchestrator.cluster.side_by_side import SideBySide
from orchestrator.cluster.worker_calls import epoch
from orchestrator.cluster.worker_trial import SECRET, WorkerTrial
from orchestrator.console.text import count, duration
from orchestrator.execute.attempt.spec import AttemptSpec
from orchestrator.execute.machine_doctor import Check
from orchestrator.journal.rundir import RunDir
from orchestrator.plan.model import Plan
from orchestrator.plan.policy_parts import ClusterPolicy

_LOOK_SECONDS = 0.5
_MOST_AT_ONCE = 8
_SILENT = "see the log of the worker; is the process stopped?"
_CHECK_OF = {"PX312": "versions", "PX313": "files"}


class ExaminedWorker(Struct, frozen=True):
    """What was found of one worker. `name` and `host` are empty for one that did not join."""

    name: str
    host: str
    address: str
    pid: int
    checks: list[Check]

    @property
    def is_usable(self) -> bool:
        """Whether it can run jobs."""
        return not any(check.code for check in self.checks)


class Waiting(Struct, frozen=True):
    """While workers are waited for: since when, how many have come, of how many (None: unknown), and why no more."""

    seconds: float
    there: int
    expected: int | None
    why: str


class ClusterDoctor:
    """Examines the cluster of a plan. `run` is a private directory where those of runs would be; `own_secrets` are
    those that the cluster itself needs; `waits` is called now and then while there is no worker to examine. To be
    closed, also after a failure."""

    def __init__(
        self,
        plan: Plan,
        cluster: ClusterPolicy,
        run: RunDir,
        own_secrets: Mapping[str, bytes],
        waits: Callable[[Waiting], None],
    ) -> None:
        self._plan = plan
        self._cluster = cluster
        self._run = run
        self._waits = waits
        self._news: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._spawned: dict[int, int] = {}  # serial -> pid
        self._unsettled: set[str] = set()  # addresses
        self._is_over = False
        self.checks: list[Check] = []
        """What was found of the cluster as a whole: complete when it is closed."""
        self.secret = secrets.token_hex(8)
        least = cluster.processes if cluster.least is None else cluster.least
        self.expected = max(1, least) if cluster.processes else None
        self._began = time.monotonic()
        topic = f"pexec-{os.path.basename(run.path)}-{epoch()}"
        setup = Setup(
            scheduler="",
            name="",
            run_dir=run.path,
            topic=topic,
            slots=cluster.slots,
            tls={},
            umask=inherited.umask_of_jobs(),
            secrets={**own_secrets, SECRET: self.secret.encode()},
            variables=(),
            lease=cluster.lease,
            project=project_on(cluster, plan),
        )
        self._deployment = deployment_of(cluster, self.expected or 0, setup, plan)
        self._thread = ClusterThread(
            self._deployment, topic, cluster.lease, self._reports(), AttemptFiles(cluster, run.path)
        )

    def _reports(self) -> Reports:
        """All that happens comes to the thread that examines, in order."""

        def tell(what: str) -> Callable[..., None]:
            return lambda *more: self._news.put((what, more))

        def of_attempt(spec: AttemptSpec, what: tuple[Any, ...]) -> None:
            if what[0] == "spawned":
                self._spawned[spec.serial] = what[1]

        return Reports(
            lambda hello: self._news.put(("joined", (hello, time.monotonic() - self._began))),
            lambda hello, why: None,
            tell("starts nothing"),
            tell("degraded"),
            of_attempt,
            lambda why: None,
            lambda hello, is_so: None,
            tell("appeared"),
            tell("refused"),
            tell("silent"),
        )

    def examine(self) -> Iterator[ExaminedWorker]:
        """Each worker, in the order in which they came; several are tried at once."""
        until = self._began + self._cluster.start
        joined: list[float] = []
        examined = 0
        silent: set[str] = set()
        trials = SideBySide[ExaminedWorker](_MOST_AT_ONCE, lambda: self._news.put(("tried", ())))
        refusal: Refusal | None = None
        while not (self._is_over and trials.is_empty):
            try:
                what, more = self._news.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                if not trials.is_empty:
                    continue
                if self._is_complete(examined):
                    break
                waited = time.monotonic()
                if waited >= until:
                    break
                self._waits(Waiting(waited - self._began, examined, self.expected, self._deployment.why_none))
                continue
            match what:
                case "appeared":
                    self._unsettled.update({more[0]} - silent)
                case "joined":
                    hello, after = more
                    self._unsettled.discard(hello.address)
                    joined.append(after)
                    examined += 1
                    trials.begin(partial(self._tried, hello, after))
                case "tried":
                    yield from trials.ready()
                case "refused":
                    address, why = more
                    self._unsettled.discard(address)
                    examined += 1
                    trials.begin(partial(_not_used, address, why))
                case "silent":
                    if more[0] not in silent:  # it is greeted again and again
                        silent.add(more[0])
                        self._unsettled.discard(more[0])
                        examined += 1
                        why = self._deployment.why_none or f"the worker at {more[0]} does not answer"
                        trials.begin(partial(_not_used, more[0], Refusal(why, "PX311", _SILENT)))
                case "degraded":
                    self._note(*more)
                case "starts nothing":
                    refusal = more[0]
                    self._is_over = True
        self._sum_up(joined, examined, refusal)

    def _is_complete(self, examined: int) -> bool:
        if self._unsettled:
            return False
        return examined >= (self.expected or 1)

    def _note(self, what: str, why: str) -> None:
        if what != "a worker that is not used":
            self.checks.append(Check(what, "secrets" if what == "encryption" else "", False, why))

    def _sum_up(self, joined: list[float], examined: int, refusal: Refusal | None) -> None:
        waited = duration(time.monotonic() - self._began)
        if joined:
            number = count(len(joined), "worker")
            of = f" of {self.expected}" if self.expected and len(joined) < self.expected else ""
            first, last = duration(min(joined)), duration(max(joined))
            when = f"after {first}" if first == last else f"the first after {first}, the last after {last}"
            why = self._deployment.why_none
            missing = f"; no more joined within {waited}{f': {why}' if why else ''}" if of else ""
            self.checks.append(Check("workers", "", not of, f"{number}{of} joined, {when}{missing}"))
        elif refusal is not None:
            self.checks.append(Check("workers", "", False, refusal.why, refusal.help, refusal.code))
        elif not examined:
            why = self._deployment.why_none
            detail = f"there has been no worker for {waited}{f': {why}' if why else ''}"
            self.checks.append(Check("workers", "", False, detail, "", "PX311"))
        else:
            self.checks.append(Check("workers", "", False, "none has joined", "", "PX311"))

    def _tried(self, hello: WorkerHello, after: float) -> ExaminedWorker:
        trial = WorkerTrial(self._thread, hello, self._plan, self._run, self._spawned, self.secret)
        joined = Check("joined", "", True, f"after {duration(after)}", seconds=after)
        checks = [joined, *trial.checks(encrypted=self._cluster.is_encrypted, lease=self._cluster.lease)]
        return ExaminedWorker(hello.name, hello.host, hello.address, hello.pid, checks)

    def close(self) -> None:
        """End the workers, and what they run; which of them did not confirm it joins `checks`."""
        if hosts := self._thread.close():
            why = why_unconfirmed(hosts, self._cluster.lease)
            self.checks.append(Check("end", "no-orphans", False, why, "is a worker there stopped?"))


def _not_used(address: str, refusal: Refusal) -> ExaminedWorker:
    name = _CHECK_OF.get(refusal.code, "joined")
    return ExaminedWorker("", "", address, 0, [Check(name, "", False, refusal.why, refusal.help, refusal.code)])
