"""Run real attempts in a test, and look for what they leave behind."""

from __future__ import annotations

import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from support.pythons import PYTHON

from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec
from orchestrator.execute.attempt.worker import run_attempt
from orchestrator.execute.executors.local import LocalBackend
from orchestrator.execute.inbox import Inbox
from orchestrator.execute.supervisor.supervisor import Supervision
from orchestrator.execute.warden.processes import children
from orchestrator.plan.model import JobSpec

EVIL = Path(__file__).parent / "evil"
PLAY_PEXEC = Path(__file__).parent / "play_pexec.py"
LONGEST_WAIT = 20.0


def evil(program: str, *arguments: str) -> tuple[str, ...]:
    """The argument vector of a program in `evil/`."""
    return (PYTHON, "-I", "-S", str(EVIL / program), *arguments)


def evil_in(folder: Path, program: str, *arguments: str) -> tuple[str, ...]:
    """The same with a copy in `folder`: a sandbox does not show this project if it lies below a temporary folder."""
    shutil.copy(EVIL / program, folder)
    return (PYTHON, "-I", "-S", str(folder / program), *arguments)


def new_mark() -> str:
    """A text that no other process has in its arguments."""
    return f"mark-{uuid.uuid4().hex}"


def marked(mark: str) -> set[int]:
    """The processes on this machine that have the mark in their arguments and have not ended."""
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit() and mark.encode() in _arguments(int(name)):
            found.add(int(name))
    return found - {os.getpid()}


def _arguments(pid: int) -> bytes:
    """The argument vector of a process, NUL between; b"" when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


def wardens_below(pid: int) -> list[int]:
    """The wardens that this process has started and that live."""
    return [child for child in children(pid) if b"warden/__main__.py" in _arguments(child)]


def the_warden_below(pid: int) -> int:
    """The one warden that this process has started; a moment passes before it can be told by its arguments."""
    assert wait_until(lambda: len(wardens_below(pid)) == 1)
    return wardens_below(pid)[0]


def state_of(pid: int) -> str:
    """One letter: R, S, T (stopped) and so on; Z for a process that has ended, also when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def stands_still(pids: Iterable[int]) -> bool:
    """Whether each of these was stopped, and there are some.

    Who was just starting a command, by vfork, waits in the kernel for a child that stands still: `D`, not `T`.
    """
    states = {pid: state_of(pid) for pid in pids}
    waits = {pid for pid, state in states.items() if state == "D" and "T" in map(state_of, children(pid))}
    return bool(states) and all(state == "T" or pid in waits for pid, state in states.items())


def wait_until(is_so: Callable[[], object], seconds: float = LONGEST_WAIT) -> bool:
    """Whether it comes true within the time."""
    give_up_at = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.005)
    return True


def survivors(mark: str, seconds: float = 2.0) -> set[int]:
    """Who still has the mark after the time in which all must have ended."""
    wait_until(lambda: not marked(mark), seconds)
    return marked(mark)


@dataclass
class Attempt:
    """One attempt under way or ended."""

    spec: AttemptSpec
    mark: str
    future: Future[AttemptResult] | None = None
    spawned: list[tuple[int, int]] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)

    def on_spawned(self, spec: AttemptSpec, pid: int, start_ticks: int) -> None:
        self.spawned.append((pid, start_ticks))

    def on_output(self, spec: AttemptSpec, chunk: bytes) -> None:
        self.chunks.append(chunk)

    @property
    def result(self) -> AttemptResult:
        """Its result, waited for."""
        assert self.future is not None
        return self.future.result(timeout=LONGEST_WAIT * 2)

    @property
    def log(self) -> bytes:
        return Path(self.spec.log).read_bytes()

    def wait_for_output(self, text: bytes = b"ready") -> None:
        """Until the job has written this."""
        assert wait_until(lambda: os.path.exists(self.spec.log) and text in self.log), "the job does not get ready"


class Office:
    """A thread that stands for the driver's: it waits on an inbox, and submits to the backend of a run."""

    def __init__(self, supervision: Supervision) -> None:
        self._inbox: Inbox[Callable[[], None]] = Inbox()
        self._attempts: dict[int, Attempt] = {}
        self._backend = LocalBackend(
            supervision,
            64,
            self._inbox,
            lambda spec, pid, start_ticks: self._attempts[spec.serial].on_spawned(spec, pid, start_ticks),
            lambda spec, chunk: self._attempts[spec.serial].on_output(spec, chunk),
        )
        self._is_open = True
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def submit(self, attempt: Attempt) -> Future[AttemptResult]:
        """The future may be waited for by any other thread."""
        self._attempts[attempt.spec.serial] = attempt
        future: Future[AttemptResult] = Future()

        def submit() -> None:
            self._backend.submit(attempt.spec).add_done_callback(lambda done: future.set_result(done.result()))

        self._inbox.put(submit)
        return future

    def close(self) -> None:
        """End what still runs."""
        self._inbox.put(self._leave)
        self._thread.join()
        self._inbox.close()

    def _leave(self) -> None:
        self._is_open = False
        self._backend.close()

    def _work(self) -> None:
        while self._is_open:
            for act in self._inbox.wait():
                act()


class Desk:
    """Runs attempts in `folder`: their logs in `logs`, temporary folders in `tmp`, working folder `work`.

    Each in a thread of its own, or, if `direct`, as a run does.
    """

    def __init__(self, folder: Path, *, direct: bool = False) -> None:
        self.folder = folder
        self.work = folder / "work"
        for path in (folder / "logs", folder / "tmp", self.work):
            path.mkdir()
        self.supervision = Supervision()
        self.always: dict[str, Any] = {}  # fields of JobSpec that all jobs have
        self._threads = ThreadPoolExecutor(64)
        self._office = Office(self.supervision) if direct else None
        self._serial = 0

    def __enter__(self) -> Desk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._office is not None:
            self._office.close()
        self.supervision.close()
        self._threads.shutdown()

    def prepare(
        self,
        *,
        timeout: float | None = 30.0,
        grace: float = 10.0,
        pump: bool = False,
        keep_temp: bool = False,
        **job: Any,
    ) -> Attempt:
        """An attempt of a job with these fields of JobSpec; `{mark}` in its texts becomes its mark."""
        self._serial += 1
        mark = new_mark()
        job = {**self.always, **job}
        job.setdefault("shell", ("sh", "-e"))
        if "run" in job:
            job["run"] = job["run"].replace("{mark}", mark)
        if "argv" in job:
            job["argv"] = tuple(word.replace("{mark}", mark) for word in job["argv"])
        spec = AttemptSpec(
            job=0,
            job_id="job",
            attempt=1,
            serial=self._serial,
            spec=JobSpec(**job),
            env={"PEXEC_JOB": "job"},
            base_dir=str(self.work),
            log=str(self.folder / "logs" / f"job.{self._serial}.log"),
            log_name=f"logs/job.{self._serial}.log",
            temp_dir=str(self.folder / "tmp"),
            timeout=timeout,
            grace=grace,
            pump=pump,
            keep_temp=keep_temp,
        )
        return Attempt(spec, mark)

    def submit(self, attempt: Attempt) -> Attempt:
        """Start a prepared attempt."""
        if self._office is not None:
            attempt.future = self._office.submit(attempt)
        else:
            attempt.future = self._threads.submit(
                run_attempt, attempt.spec, self.supervision, attempt.on_spawned, attempt.on_output
            )
        return attempt

    def start(self, **job: Any) -> Attempt:
        """Start an attempt."""
        return self.submit(self.prepare(**job))

    def run(self, **job: Any) -> Attempt:
        """Run an attempt to its end."""
        attempt = self.start(**job)
        assert attempt.result is not None
        return attempt
