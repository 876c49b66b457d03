"""The thread in which Dask runs: its event loop, the scheduler, the client, and what becomes of workers and attempts.

Methods without an underscore are for other threads; none of them waits for a worker, but `pause`, `resume`, `close`.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import pickle
import signal
import time
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from msgspec import Struct

from orchestrator.cluster.dask_settings import use_own_settings
from orchestrator.cluster.proof_of_death import end_what_is_left
from orchestrator.execute.attempt.result import lost
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec
from orchestrator.helper_threads import start_thread

_WORD_SECONDS = 5.0  # for a word to a worker, which may be stopped
_GREET_SECONDS = 60.0
_MOST_FAILED_STARTS = 3
_CLOSE_SECONDS = 30.0
_ENDING = "pexec is ending"


class Reports(Struct, frozen=True):
    """What is called in the loop's thread: a worker joined (its hello), left (its name, why); `starts_nothing(why)`
    when no worker can be started; `of_attempt(spec, what)` with what a worker reports about an attempt."""

    joined: Callable[[Any], None]
    left: Callable[[Any, str], None]
    starts_nothing: Callable[[str], None]
    of_attempt: Callable[[AttemptSpec, tuple[Any, ...]], None]
    short: Callable[[str], None]


class Submitted(Struct):
    """An attempt that a worker has, or gets in a moment."""

    spec: AttemptSpec
    future: Future[AttemptResult]
    task: Any = None  # the future of Dask


class ClusterThread:
    """A cluster of `count` workers, from its start to `close`."""

    def __init__(self, count: int, setup: Callable[[dict[str, str]], Any], topic: str, reports: Reports) -> None:
        """`setup(tls)` is what each worker gets. Raises NoThreadError."""
        self._count = count
        self._setup = setup
        self._topic = topic
        self._reports = reports
        self._loop = asyncio.new_event_loop()
        self._workers: dict[str, Any] = {}  # name -> hello, of those that have joined and not left
        self._processes: dict[str, Any] = {}  # name -> ProcessWorker, of those that live
        self._attempts: dict[int, Submitted] = {}
        self._queue: deque[Callable[[], None]] = deque()
        self._numbers = itertools.count()
        self._failed_starts = 0
        self._is_closing = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._paused_at = 0.0
        self._is_up = asyncio.Event()
        self._thread = start_thread("pexec-cluster", self._work)

    def submit(self, spec: AttemptSpec) -> Future[AttemptResult]:
        """Have the worker of its place run it. The future never raises."""
        future: Future[AttemptResult] = Future()
        future.set_running_or_notify_cancel()
        self._post(lambda: self._submit(Submitted(spec, future)))
        return future

    def call(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Future[Any]:
        """Have any worker call it."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        self._post(lambda: self._spawn(self._call(fn, args, kwargs, future)))
        return future

    def kill(self, serial: int, *, force: bool) -> None:
        """As `WardenClient.kill`."""
        self._post(lambda: self._kill(serial, force))

    def pause(self) -> None:
        """Stop the processes of all attempts, on every worker that answers."""
        self._paused_at = time.monotonic()
        self._tell_all("pause")

    def resume(self) -> float:
        """Let them continue; the seconds that do not count."""
        self._tell_all("resume")
        return time.monotonic() - self._paused_at

    def close(self) -> None:
        """End everything that runs, the workers and Dask; complete all futures. A second time does nothing."""
        if not self._thread.is_alive():
            return
        with suppress(Exception):
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_CLOSE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        for attempt in list(self._attempts.values()):
            self._complete(attempt, lost(_ENDING))

    # The thread.

    def _work(self) -> None:
        # Signals are for the main thread, and workers, which inherit this mask, unblock them in their own session.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        asyncio.set_event_loop(self._loop)
        self._spawn(self._start())
        try:
            self._loop.run_forever()
        finally:
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()

    def _post(self, act: Callable[[], None]) -> None:
        """Have the loop's thread do it; several that come close together wake it once."""
        self._queue.append(act)
        self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        while self._queue:
            self._queue.popleft()()

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self) -> None:
        try:
            await self._open()
        except Exception as error:
            self._reports.starts_nothing(f"{type(error).__name__}: {error}")
        else:
            self._is_up.set()

    async def _open(self) -> None:
        use_own_settings()
        from distributed import Client, Security
        from distributed.diagnostics.plugin import SchedulerPlugin

        from orchestrator.cluster.process_worker import ProcessCluster, ProcessWorker
        from orchestrator.cluster.quiet_nodes import QuietScheduler

        security = Security.temporary()
        roles = ("ca_file", "client_key", "client_cert", "scheduler_key", "scheduler_cert", "worker_key", "worker_cert")
        tls = {f"tls_{role}": getattr(security, f"tls_{role}") for role in roles}
        thread = self

        class Joins(SchedulerPlugin):  # type: ignore[misc]  # Dask has no types
            def add_worker(self, scheduler: Any, worker: str) -> None:
                thread._spawn(thread._greet(worker))

        worker = {"cls": ProcessWorker, "options": {"setup": self._setup(tls), "on_exit": self._on_exit}}
        scheduler = {
            "cls": QuietScheduler,
            "options": {
                "host": "127.0.0.1",
                "protocol": "tls",
                "dashboard": False,
                "security": security,
                "plugins": [Joins()],
            },
        }
        self._cluster = ProcessCluster(
            workers={}, scheduler=scheduler, worker=worker, asynchronous=True, security=security, silence_logs=False
        )
        await self._cluster
        self._client = await Client(
            self._cluster.scheduler.address, security=security, asynchronous=True, set_as_default=False
        )
        self._client.subscribe_topic(self._topic, self._on_event)
        self._cluster.scale(self._count)

    # Workers.

    async def _greet(self, address: str) -> None:
        """A worker is known to Dask: learn who it is."""
        from orchestrator.cluster.worker_service import greet

        await self._is_up.wait()
        try:
            answers = await asyncio.wait_for(self._client.run(greet, workers=[address]), _GREET_SECONDS)
            hello = answers[address]
        except Exception:
            return  # it died, or is silent: its process tells, or the one who waits gives up
        process = self._processes_by_name().get(hello.name)
        if process is None or process.exited.is_set() or self._is_closing:
            return
        self._failed_starts = 0
        self._workers[hello.name] = hello
        self._reports.joined(hello)

    def _processes_by_name(self) -> dict[str, Any]:
        return {worker.name: worker for worker in self._cluster.workers.values()}

    def _on_exit(self, process: Any) -> None:
        """The process of a worker has ended."""
        hello = self._workers.pop(process.name, None)
        if hello is None:
            self._failed_starts += 1
        elif not self._is_closing:
            self._reports.left(hello, "its process ended")
        self._spawn(self._bury(process, hello))

    async def _bury(self, process: Any, hello: Any) -> None:
        """Prove that nothing of it lives, lose its attempts, and start another worker in its place."""
        await asyncio.to_thread(end_what_is_left, process.pid)
        why = _ENDING if self._is_closing else f"the worker on {hello.host} is gone" if hello else ""
        for attempt in list(self._attempts.values()):
            if attempt.spec.place.worker == process.name:
                if attempt.task is not None:
                    self._spawn(_quietly(attempt.task.cancel()))
                self._complete(attempt, lost(why))
        if self._is_closing:
            return
        if hello is not None:
            await _quietly(
                self._cluster.scheduler.remove_worker(hello.address, stimulus_id="pexec", close=False, expected=True)
            )
        if self._failed_starts >= _MOST_FAILED_STARTS:
            said = process.last_words
            self._reports.starts_nothing(f"workers end before they join{f': {said}' if said else ''}")
            return
        self._cluster.worker_spec.pop(process.name, None)
        self._cluster.workers.pop(process.name, None)
        self._cluster.scale(self._count)

    # Attempts.

    def _submit(self, attempt: Submitted) -> None:
        spec = attempt.spec
        hello = self._workers.get(spec.place.worker or "")
        if hello is None or self._is_closing:
            gone = f"the worker on {spec.place.host} is gone"
            attempt.future.set_result(lost(_ENDING if self._is_closing else gone))
            return
        from orchestrator.cluster.worker_service import perform

        self._attempts[spec.serial] = attempt
        attempt.task = self._client.submit(
            perform,
            pickle.dumps(spec),
            hello.identity,
            key=f"{self._topic}-{spec.serial}",
            workers=[hello.address],
            allow_other_workers=False,
            pure=False,
            retries=0,
        )
        self._spawn(self._wait(attempt, hello))

    async def _wait(self, attempt: Submitted, hello: Any) -> None:
        try:
            result = await attempt.task
        except (Exception, asyncio.CancelledError):
            # Dask lost the worker, so no result of it will come any more: its end is what completes the future.
            process = self._processes_by_name().get(hello.name)
            if process is not None and not self._is_closing and not attempt.future.done():
                process.kill()
        else:
            self._complete(attempt, result)
        finally:
            attempt.task.release()

    def _complete(self, attempt: Submitted, result: AttemptResult) -> None:
        self._attempts.pop(attempt.spec.serial, None)
        if not attempt.future.done():
            attempt.future.set_result(result)

    def _on_event(self, event: tuple[float, Any]) -> None:
        kind, *what = event[1]
        if kind == "short":
            self._reports.short(*what)
        elif kind == "nothing starts":
            self._reports.starts_nothing(*what)
        elif (attempt := self._attempts.get(what[0])) is not None:
            self._reports.of_attempt(attempt.spec, (kind, *what[1:]))

    def _kill(self, serial: int, force: bool) -> None:
        attempt = self._attempts.get(serial)
        hello = attempt and self._workers.get(attempt.spec.place.worker or "")
        if hello:
            self._spawn(self._tell(hello.address, "kill_attempt", serial, force))

    async def _call(self, fn: Callable[..., Any], args: Any, kwargs: Any, future: Future[Any]) -> None:
        await self._is_up.wait()
        task = self._client.submit(fn, *args, **kwargs, pure=False, retries=0)
        try:
            future.set_result(await task)
        except Exception as error:
            future.set_exception(error)
        finally:
            task.release()

    # Words to workers: each is asked alone, for one that is stopped never answers.

    async def _tell(self, address: str, function: str, *arguments: Any) -> None:
        from orchestrator.cluster import worker_service

        with suppress(Exception):
            called = self._client.run(getattr(worker_service, function), *arguments, workers=[address])
            await asyncio.wait_for(called, _WORD_SECONDS)

    def _tell_all(self, function: str) -> None:
        async def tell_all() -> None:
            await asyncio.gather(*(self._tell(hello.address, function) for hello in self._workers.values()))

        with suppress(Exception):
            asyncio.run_coroutine_threadsafe(tell_all(), self._loop).result(_WORD_SECONDS + 1)

    # The end.

    async def _close(self) -> None:
        self._is_closing = True
        if not hasattr(self, "_cluster"):
            return
        processes = list(self._cluster.workers.values())
        await asyncio.gather(*(process.close() for process in processes), return_exceptions=True)
        while any(not task.done() and task.get_coro().__name__ == "_bury" for task in self._tasks):  # type: ignore[union-attr]
            await asyncio.sleep(0.005)
        for attempt in list(self._attempts.values()):
            self._complete(attempt, lost(_ENDING))
        if hasattr(self, "_client"):
            await _quietly(self._client.close())
        self._cluster.worker_spec.clear()
        self._cluster.workers.clear()
        await _quietly(self._cluster.close())


async def _quietly(work: Any) -> None:
    """What Dask does about a worker that is gone, or at the end, must neither fail nor last."""
    with suppress(Exception):
        await asyncio.wait_for(work, _WORD_SECONDS)


def epoch() -> str:
    """A new one for each process that drives a run: a task of another process is never taken for one of this."""
    return os.urandom(6).hex()
