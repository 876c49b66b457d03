"""A driver without processes or a disk: an executor and a journal that note, in one list, what was done when."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any

from orchestrator.engine.commands import Launch
from orchestrator.engine.facts import RunStarted
from orchestrator.engine.scheduler import Scheduler
from orchestrator.engine.states import Verdict
from orchestrator.errors import EnvironmentFailedError
from orchestrator.execute.attempt.spec import HERE, AttemptResult, AttemptSpec, Place
from orchestrator.execute.attempt.worker import run_attempt
from orchestrator.execute.clock import RunClock
from orchestrator.execute.driver import Driver
from orchestrator.execute.executors.open_executor import OpenExecutor
from orchestrator.execute.inbox import Inbox
from orchestrator.execute.job_cache import JobCache
from orchestrator.execute.messages import Message
from orchestrator.journal.events import EVENTS, OPTIONAL
from orchestrator.plan.model import Plan

Record = Mapping[str, Any]
LEAST_WAIT = 1e-6  # what the clock can tell apart
STARTED = dict.fromkeys(EVENTS["run.started"], "")

SUCCESS = AttemptResult(Verdict.SUCCEEDED, exit_code=0)
FAILURE = AttemptResult(Verdict.FAILED, "exit code 1", exit_code=1)
KILLED = AttemptResult(Verdict.KILLED, "stopped on request", signal="SIGTERM")


def told(record: Record) -> str:
    """A record in a few words: `attempt.started a 1`."""
    fields = (record.get(name) for name in ("job", "attempt", "verdict", "status", "result"))
    return " ".join([record["event"], *(str(value) for value in fields if value is not None)])


@dataclass
class FakeJournal:
    """`done` gets `write: <records>` for each flush; the flushes with the numbers in `fails` (from 1) find no room."""

    done: list[str]
    fails: frozenset[int] = frozenset()
    flushes: int = 0
    written: list[dict[str, Any]] = field(default_factory=list)
    _waiting: list[dict[str, Any]] = field(default_factory=list)

    def emit(self, event: str, at: float, **fields: Any) -> Record:
        assert EVENTS[event].keys() - OPTIONAL <= fields.keys() <= EVENTS[event].keys()
        record = {"seq": len(self.written) + len(self._waiting), "at": at, "event": event, **fields}
        self._waiting.append(record)
        return record

    def flush(self) -> None:
        self.flushes += 1
        if self.flushes in self.fails:
            raise EnvironmentFailedError("no space left on device")
        self.done.append("write: " + ", ".join(map(told, self._waiting)))
        self.written += self._waiting
        self._waiting.clear()


class FakeExecutor(Executor):
    """`act(spec)` says how an attempt ends at once; None lets it run until it is killed, or for ever if `deaf`."""

    def __init__(self, done: list[str], act: Callable[[AttemptSpec], AttemptResult | None], *, deaf: bool) -> None:
        self.done = done
        self.running: dict[int, tuple[AttemptSpec, Future[AttemptResult]]] = {}
        self._act = act
        self._deaf = deaf
        self.at_close = AttemptResult(Verdict.LOST, "pexec is ending")

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        (spec,) = args
        assert fn is run_attempt
        assert not kwargs
        self.done.append(f"submit {spec.job_id} {spec.attempt}")
        future: Future[AttemptResult] = Future()
        result = self._act(spec)
        if result is None:
            self.running[spec.serial] = spec, future
        else:
            future.set_result(result)
        return future

    def kill(self, serial: int, *, force: bool) -> None:
        spec, _ = self.running[serial]
        self.done.append(f"{'kill' if force else 'term'} {spec.job_id} {spec.attempt}")
        if not self._deaf:
            self.end(serial, KILLED)

    def end(self, serial: int, result: AttemptResult) -> None:
        """The attempt ends now."""
        _, future = self.running.pop(serial)
        future.set_result(result)

    def close(self) -> None:
        self.done.append("close")
        for serial in list(self.running):
            self.end(serial, self.at_close)


class HandClock(RunClock):
    """Stands where the test puts it, and where the driver has waited for. However long a busy machine takes, no time
    passes."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = 0.0

    def now(self) -> float:
        return round(self.ahead, 6)


class ImpatientInbox(Inbox[Message]):
    """Where nothing has come that the driver would wait for, the time of the wait is over at once."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, seconds: float | None = None) -> list[Message]:
        if seconds is None:
            return super().wait()
        came = super().wait(0)
        if not came and seconds > 0:
            self._clock.ahead += max(seconds, LEAST_WAIT)
        return came


@dataclass
class Script:
    """An observer by which a test acts: `when(words, action)` does it once, after a record with these words."""

    actions: list[tuple[str, Callable[[], None]]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def when(self, words: str, action: Callable[[], None]) -> Script:
        self.actions.append((words, action))
        return self

    def on_event(self, record: Record) -> None:
        self.seen.append(told(record))
        for entry in [entry for entry in self.actions if entry[0] == self.seen[-1]]:
            self.actions.remove(entry)
            entry[1]()


class Stage:
    """A driver of `plan` between fakes; `done` lists in order what was written, started and stopped."""

    def __init__(
        self,
        plan: Plan,
        act: Callable[[AttemptSpec], AttemptResult | None] = lambda spec: SUCCESS,
        *,
        fails: frozenset[int] = frozenset(),
        deaf: bool = False,
        last_grace: float = 10.0,
        scheduler: Scheduler | None = None,
        cache: JobCache | None = None,
    ) -> None:
        self.plan = plan
        self.done: list[str] = []
        self.scheduler = scheduler or Scheduler(plan, last_grace=last_grace)
        self.journal = FakeJournal(self.done, fails)
        self.executor = FakeExecutor(self.done, act, deaf=deaf)
        self.clock = HandClock()
        self.inbox = ImpatientInbox(self.clock)
        self.look_for_room: Callable[[], None] = lambda: self.done.append("look for room")
        self.script = Script()
        self.places: dict[int, Place] = defaultdict(lambda: HERE)  # by the index of a job
        observers = (self.script,)
        self.driver = Driver(
            plan,
            self.scheduler,
            OpenExecutor(
                self.executor, self._kill, self.executor.close, lambda: self.look_for_room(), self.places.__getitem__
            ),
            self.journal,
            observers,
            self._spec,
            self.clock,
            self.inbox,
            cache=cache,
        )

    def _kill(self, serial: int, *, force: bool) -> None:
        """Look `kill` up each time: tests replace it."""
        self.executor.kill(serial, force=force)

    def run(self) -> Stage:
        """From the first event to the end; it must come within seconds."""
        self.driver.record(RunStarted(0.0), **STARTED)
        began = time.monotonic()
        self.driver.run()
        assert time.monotonic() - began < 60
        return self

    @property
    def told(self) -> list[str]:
        """The journal in words."""
        return [told(record) for record in self.journal.written]

    @property
    def states(self) -> dict[str, str]:
        return {job.id: self.scheduler.table.states[job.index].value for job in self.plan.jobs}

    def _spec(self, launch: Launch, serial: int, place: Place) -> AttemptSpec:
        job = self.plan.jobs[launch.job]
        return AttemptSpec(
            job=job.index,
            job_id=job.id,
            attempt=launch.attempt,
            serial=serial,
            spec=job.spec,
            env={},
            base_dir="/",
            run_dir="/run",
            log="/log",
            log_name="log",
            temp_dir="/tmp",
            timeout=None,
            grace=job.spec.grace,
            place=place,
        )
