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
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from msgspec.structs import replace
from support.pythons import PYTHON

from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec
from orchestrator.execute.attempt.worker import Worker, install, run_attempt, uninstall
from orchestrator.execute.executors.open_executor import OpenExecutor, open_executor
from orchestrator.execute.inbox import Inbox
from orchestrator.execute.messages import Noted
from orchestrator.execute.supervisor.supervisor import Supervisor
from orchestrator.execute.warden.processes import children
from orchestrator.plan.model import JobSpec

EVIL = Path(__file__).parent / "evil"
PLAY_PEXEC = Path(__file__).parent / "play_pexec.py"
LONGEST_WAIT = 60.0  # for what happens at once, also on a busy machine

T = TypeVar("T")


def evil(program: str, *arguments: str) -> tuple[str, ...]:
    """The argument vector of a program in `evil/`."""
    return (PYTHON, "-I", "-S", str(EVIL / program), *arguments)


def evil_in(folder: Path, program: str, *arguments: str) -> tuple[str, ...]:
    """The same with a copy in `folder`: a sandbox hides this project if it is below a temporary directory."""
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
    """The one warden that this process has started; a moment passes before its arguments identify it."""
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


def cpu_ticks(pid: int) -> int:
    """The CPU time of a living process until now, in ticks of the system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def stands_still_for_a_second(pid: int) -> bool:
    """Whether it waits for something in this second. Where it is only kept from the CPU it does not wait."""
    before = cpu_ticks(pid)
    return not wait_until(lambda: state_of(pid) != "S", 1.0) and cpu_ticks(pid) == before


def wait_until(is_so: Callable[[], object], seconds: float = LONGEST_WAIT) -> bool:
    """Whether it comes true within the time."""
    give_up_at = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.005)
    return True


def survivors(mark: str, seconds: float = 10.0) -> set[int]:
    """Who still has the mark after the time in which all must have ended, also on a busy machine. Nobody would end by
    itself: whoever has a mark stays for longer."""
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
        return self.future.result(timeout=LONGEST_WAIT)

    @property
    def log(self) -> bytes:
        return Path(self.spec.log).read_bytes()

    def wait_for_output(self, text: bytes = b"ready") -> None:
        """Until the job has written this."""
        assert wait_until(lambda: os.path.exists(self.spec.log) and text in self.log), "the job does not get ready"


class Attempts:
    """The attempts of a test by serial: what a worker reports goes to the one that it is about."""

    def __init__(self) -> None:
        self._by_serial: dict[int, Attempt] = {}

    def add(self, attempt: Attempt) -> None:
        """Reports about this attempt may come from now on."""
        self._by_serial[attempt.spec.serial] = attempt

    def worker(self, supervisor: Supervisor) -> Worker:
        """A worker that reports to these attempts."""
        return Worker(
            supervisor,
            lambda spec, pid, start_ticks: self._by_serial[spec.serial].on_spawned(spec, pid, start_ticks),
            lambda spec, chunk: self._by_serial[spec.serial].on_output(spec, chunk),
        )


Opener = Callable[[str, Worker, int, Inbox[Any]], OpenExecutor]
open_local: Opener = partial(open_executor, "local")


class DriverThread:
    """A thread in the driver's place: it opens the executor of a run, waits on an inbox, and submits."""

    def __init__(self, opener: Opener, run_dir: str, worker: Worker) -> None:
        self._inbox: Inbox[Callable[[], object] | Noted] = Inbox()
        self._is_open = True
        self._thread = threading.Thread(target=self._work, args=(opener, run_dir, worker))
        self._thread.start()

    def do(self, act: Callable[[OpenExecutor], T]) -> T:
        """Have the thread do this with the executor, and return or raise what that does."""
        answer: Future[T] = Future()

        def answered() -> None:
            try:
                answer.set_result(act(self._opened))
            except Exception as error:
                answer.set_exception(error)

        self._inbox.put(answered)
        return answer.result(timeout=LONGEST_WAIT)

    def submit(self, spec: AttemptSpec) -> Future[AttemptResult]:
        """Submit an attempt; any thread may wait for the future."""
        return self.do(lambda opened: opened.executor.submit(run_attempt, replace(spec, place=opened.place_of(0))))

    def close(self) -> None:
        """End what still runs."""
        self._inbox.put(self._leave)
        self._thread.join()
        self._inbox.close()

    def _leave(self) -> None:
        self._is_open = False
        self._opened.close()

    def _work(self, opener: Opener, run_dir: str, worker: Worker) -> None:
        self._opened = opener(run_dir, worker, 64, self._inbox)
        while self._is_open:
            for message in self._inbox.wait():
                if isinstance(message, Noted):
                    message.then()
                else:
                    message()


class Desk:
    """Runs attempts in `folder`: their logs in `logs`, temporary directories in `tmp`, working directory `work`.

    Each in a thread of its own, or, if `direct`, as a run does, by the executor of `opener`.
    """

    def __init__(self, folder: Path, *, direct: bool = False, opener: Opener = open_local) -> None:
        self.folder = folder
        self.work = folder / "work"
        for path in (folder / "logs", folder / "tmp", self.work):
            path.mkdir()
        self.supervisor = Supervisor()
        self.always: dict[str, Any] = {}  # fields of JobSpec that all jobs have
        self._attempts = Attempts()
        worker = self._attempts.worker(self.supervisor)
        install(str(folder), worker)
        self._threads = ThreadPoolExecutor(64)
        self.driver_thread = DriverThread(opener, str(folder), worker) if direct else None
        self._serial = 0

    def __enter__(self) -> Desk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.driver_thread is not None:
            self.driver_thread.close()
        self.supervisor.close()
        self._threads.shutdown()
        uninstall(str(self.folder))

    def prepare(
        self,
        *,
        timeout: float | None = 120.0,
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
            run_dir=str(self.folder),
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
        self._attempts.add(attempt)
        if self.driver_thread is not None:
            attempt.future = self.driver_thread.submit(attempt.spec)
        else:
            attempt.future = self._threads.submit(run_attempt, attempt.spec)
        return attempt

    def start(self, **job: Any) -> Attempt:
        """Start an attempt."""
        return self.submit(self.prepare(**job))

    def run(self, **job: Any) -> Attempt:
        """Run an attempt to its end."""
        attempt = self.start(**job)
        assert attempt.result is not None
        return attempt
