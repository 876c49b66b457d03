"""The thread in which Dask runs: its event loop, the scheduler, the client, and what becomes of workers and attempts.

Methods without an underscore are for other threads; none of them waits for a worker, but `pause`, `resume`, `close`.
"""

from __future__ import annotations

import asyncio
import pickle
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from orchestrator.cluster.attempt_files import AttemptFiles
from orchestrator.cluster.deployments.deployment import Deployment, Events, no_workers
from orchestrator.cluster.heartbeats import Heartbeats, Silent
from orchestrator.cluster.hello import WorkerHello
from orchestrator.cluster.lease import gone_after
from orchestrator.cluster.loop_thread import LoopThread
from orchestrator.cluster.reports import Reports
from orchestrator.cluster.submitted import Submitted, task_of
from orchestrator.cluster.worker_calls import CALL_SECONDS, WorkerCalls
from orchestrator.execute.attempt.result import lost
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec

_GREET_SECONDS = 60.0
_LONGEST_WAIT = 60.0  # at the end, for a lease
_MORE_SECONDS = 5.0
_CLOSE_SECONDS = 30.0  # for the rest
_ENDING = "pexec is ending"


class ClusterThread:
    """The workers of a deployment, from its start to `close`."""

    def __init__(self, deployment: Deployment, topic: str, lease: float, reports: Reports, files: AttemptFiles) -> None:
        """`topic` is where workers report, `lease` how long a worker may be silent. Raises NoThreadError."""
        self._files = files
        self._deployment = deployment
        self._calls = WorkerCalls(topic)
        self._heartbeats = Heartbeats(lease, self._calls.call, Silent(self._on_doubtful, self._on_silent))
        self._why_gone: dict[str, str] = {}
        self._topic = topic
        self._reports = reports
        self._workers: dict[str, WorkerHello] = {}  # name -> hello, of those that have joined and not left
        self._attempts: dict[int, Submitted] = {}
        self._lost: dict[int, AttemptSpec] = {}  # by serial: called lost with their worker
        self._lease = lease
        self._burials: list[WorkerHello | None] = []  # under way
        self._unconfirmed: dict[str, str] = {}  # identity of a worker that should have ended something -> its host
        self._is_closing = False
        self._paused_at = 0.0
        self._is_up = asyncio.Event()
        self._thread = LoopThread()
        self._loop = self._thread.loop
        self._thread.start("pexec-cluster", self._begin)

    def submit(self, spec: AttemptSpec) -> Future[AttemptResult]:
        """Have the worker of its place run it. The future never raises."""
        future: Future[AttemptResult] = Future()
        future.set_running_or_notify_cancel()
        self._thread.post(lambda: self._submit(Submitted(spec, future)))
        return future

    def call(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Future[Any]:
        """Have any worker call it."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        self._thread.post(lambda: self._thread.spawn(self._call(fn, args, kwargs, future)))
        return future

    def kill(self, serial: int, *, force: bool) -> None:
        """As `WardenClient.kill`."""
        self._thread.post(lambda: self._kill(serial, force))

    def ask(self, hello: WorkerHello, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Have this worker call a function, with the topic as its first argument. A worker that is stopped never
        answers."""

        return self._thread.run(self._calls.call_function(hello, function, *arguments))

    def token(self, name: str) -> float:
        """The newest that was seen of this worker, which has joined."""
        return self._heartbeats.token(name)

    def pause(self) -> None:
        """Stop the processes of all attempts, on every worker that answers."""
        self._paused_at = time.monotonic()
        self._wait_for(self._heartbeats.hold())

    def resume(self) -> float:
        """Let them continue; the seconds that do not count."""
        self._wait_for(self._heartbeats.release())
        return time.monotonic() - self._paused_at

    def scale(self, count: int) -> None:
        """Have so many workers, which is more than before."""
        self._thread.post(lambda: self._thread.spawn(self._when_up(lambda: self._deployment.scale(count))))

    def retire(self, name: str, why: str) -> None:
        """End a worker that runs nothing."""
        self._thread.post(lambda: self._thread.spawn(self._deployment.retire(name, why)))

    def close(self) -> list[str]:
        """End everything that runs, the workers and Dask; complete all futures. The hosts that have not confirmed that
        nothing runs there any more: of them only the lease says so. A second time does nothing."""
        if not self._thread.is_alive():
            return []
        with suppress(Exception):
            seconds = min(self._lease, _LONGEST_WAIT) + _CLOSE_SECONDS
            self._thread.run(self._close()).result(seconds)
        self._thread.stop()
        for attempt in list(self._attempts.values()):
            self._cut(attempt, _ENDING)
        self._files.close()
        return sorted(set(self._unconfirmed.values()))

    # The thread.

    def _begin(self) -> None:
        self._opening = self._thread.spawn(self._start())

    async def _start(self) -> None:
        try:
            await self._open()
        except Exception as error:
            refusal = getattr(error, "refusal", None) or no_workers(f"{type(error).__name__}: {error}")
            self._reports.starts_nothing(refusal)
        else:
            self._is_up.set()

    async def _open(self) -> None:
        reports = self._reports
        told = reports.starts_nothing, reports.degraded, reports.refused
        events = Events(self._on_appeared, self._on_gone, *told, self._listen_to, reports.noted)
        self._listen_to(await self._deployment.open(events))
        self._thread.spawn(self._heartbeats.keep())

    def _listen_to(self, client: Any) -> None:
        self._client = self._calls.client = client
        self._files.connect(self._topic, client, self._reports)
        client.subscribe_topic(self._topic, self._on_event)

    async def _when_up(self, act: Callable[[], None]) -> None:
        await self._is_up.wait()
        if not self._is_closing:
            act()

    # Workers.

    def _on_appeared(self, address: str) -> None:
        self._reports.appeared(address)
        self._thread.spawn(self._greet(address))

    async def _greet(self, address: str) -> None:
        """A worker is known to Dask: learn who it is."""
        await self._is_up.wait()
        try:
            async with asyncio.timeout(_GREET_SECONDS):  # no moment passes between the answer and what follows
                hello = await self._deployment.greet(self._client, address)
        except Exception:  # it died, or is silent: its end is noticed elsewhere, or the one who waits gives up
            self._reports.silent(address)
            return
        if hello is None or self._is_closing:
            return
        self._unconfirmed.pop(hello.identity, None)  # when it was greeted again, it ended what it ran before
        self._workers[hello.name] = hello
        self._heartbeats.begin(hello)
        self._reports.joined(hello)
        for serial, result in hello.ended:
            if (spec := self._lost.pop(serial, None)) is not None:
                self._reports.of_attempt(spec, ("late", result))

    def _on_doubtful(self, hello: WorkerHello, is_so: bool) -> None:
        if is_so or hello.name not in self._why_gone:
            self._reports.doubtful(hello, is_so)
        if is_so and any(one.is_told_to_end for one in self._attempts_on(hello.name)):
            self._reports.waits(hello.host, gone_after(self._lease) - self._lease / 2)

    def _on_silent(self, hello: WorkerHello, why: str) -> None:
        self._why_gone[hello.name] = why
        self._deployment.give_up(hello)

    def _on_gone(self, name: str, why: str) -> None:
        hello = self._workers.pop(name, None)
        self._heartbeats.end(name)
        if hello is not None and not self._is_closing:
            self._reports.left(hello, self._why_gone.pop(name, why))
        self._burials.append(hello)
        self._thread.spawn(self._bury(name, hello))

    async def _bury(self, name: str, hello: WorkerHello | None) -> None:
        """Wait until nothing of it lives, lose its attempts, and have another worker take its place."""
        try:
            is_seen = await self._nothing_lives(name, hello)
            self._note_end(name, hello, is_seen)
            why = _ENDING if self._is_closing else f"the worker on {hello.host} is gone" if hello else ""
            for attempt in self._attempts_on(name):
                if attempt.task is not None:
                    self._thread.spawn(_quietly(attempt.task.cancel()))
                if attempt.is_open:
                    self._lost[attempt.spec.serial] = attempt.spec
                self._cut(attempt, why)
        finally:
            self._burials.remove(hello)
        if not self._is_closing:
            await _quietly(self._deployment.replace(name, hello))

    def _note_end(self, name: str, hello: WorkerHello | None, is_seen: bool) -> None:
        """Nothing of the worker lives any more, which was seen, or is so since its lease has ended."""
        told = any(one.is_told_to_end for one in self._attempts_on(name))
        if hello is not None and is_seen:
            self._unconfirmed.pop(hello.identity, None)
        elif hello is not None and (told or (self._is_closing and self._attempts_on(name))):
            self._unconfirmed[hello.identity] = hello.host

    async def _nothing_lives(self, name: str, hello: WorkerHello | None) -> bool:
        """Return when nothing of a worker that is gone lives any more: by proof, or with False by its lease."""
        proof = self._loop.create_task(self._deployment.wait_for_end(name, hello))
        if hello is None or hello.watches:
            await proof
            return True
        lease = self._loop.create_task(self._heartbeats.wait_until_gone(name))
        await asyncio.wait({proof, lease}, return_when=asyncio.FIRST_COMPLETED)
        is_seen = proof.done() and proof.exception() is None and proof.result()
        if not is_seen:
            await lease
        lease.cancel()
        proof.cancel()
        return is_seen

    # Attempts.

    def _submit(self, attempt: Submitted) -> None:
        spec = attempt.spec
        hello = self._workers.get(spec.place.worker or "")
        if hello is None or self._is_closing:
            gone = f"the worker on {spec.place.host} is gone"
            attempt.future.set_result(lost(_ENDING if self._is_closing else gone))
            return
        self._attempts[spec.serial] = attempt
        self._thread.spawn(self._run(attempt, hello))

    async def _run(self, attempt: Submitted, hello: WorkerHello) -> None:
        spec = attempt.spec
        attempt.spec = spec = await self._files.prepared(spec)
        if attempt.future.done():
            return
        if (end := self._files.begin(spec, hello)) is not None:
            self._complete(attempt, end)
            return
        if spec.spec.secrets:
            try:
                await self._deployment.give_secrets(hello, spec.spec.secrets)
            except Exception:
                self._cut(attempt, f"the worker on {hello.host} did not get its secrets")
        if attempt.future.done():
            return
        try:
            token = self._heartbeats.token(hello.name)
            attempt.task = task_of(attempt, self._client, self._topic, hello, token)
        except Exception:  # the worker has just gone, or the scheduler has, and so do its attempts
            self._deployment.give_up(hello)
        else:
            await self._wait(attempt, hello)

    async def _wait(self, attempt: Submitted, hello: WorkerHello) -> None:
        with suppress(Exception, asyncio.CancelledError):
            await attempt.task.exception()  # waits, and asks nobody for a result, which was reported before
            if attempt.is_open and attempt.task.status == "finished":
                self._end(attempt, await attempt.task)
        # Else Dask lost the worker, and no result comes: its end is what completes the future.
        if not self._is_closing and attempt.is_open:
            self._deployment.give_up(hello)
        attempt.task.release()

    def _attempts_on(self, worker: str) -> list[Submitted]:
        return [attempt for attempt in self._attempts.values() if attempt.spec.place.worker == worker]

    def _end(self, attempt: Submitted, result: AttemptResult) -> None:
        """Complete it once its log is here."""
        if not self._files.is_pulled:
            self._complete(attempt, result)
        elif attempt.is_open:
            attempt.end = result
            self._thread.spawn(self._end_after_log(attempt, result))

    async def _end_after_log(self, attempt: Submitted, result: AttemptResult) -> None:
        self._complete(attempt, await self._files.finish(attempt.spec.serial, result))

    def _cut(self, attempt: Submitted, why: str) -> None:
        """Nothing more comes of it."""
        self._complete(attempt, self._files.cut(attempt.spec.serial, attempt.end or lost(why)))

    def _complete(self, attempt: Submitted, result: AttemptResult) -> None:
        self._attempts.pop(attempt.spec.serial, None)
        if not attempt.future.done():
            attempt.future.set_result(result)

    def _on_event(self, event: tuple[float, Any]) -> None:
        kind, *what = event[1]
        if kind == "short":
            self._reports.short(*what)
        elif kind == "nothing starts":
            self._reports.starts_nothing(no_workers(*what))
        elif kind == "evicted":
            self._on_evicted(*what)
        elif kind == "warden":
            self._deployment.has_warden(*what)
        elif (attempt := self._attempts.get(what[0])) is None:
            if kind == "ended" and (spec := self._lost.pop(what[0], None)) is not None:
                self._reports.of_attempt(spec, ("late", pickle.loads(what[1])))
        elif kind == "ended":
            self._end(attempt, pickle.loads(what[1]))
        elif kind == "grown" and self._files.is_pulled:
            self._files.grown(what[0])
        else:
            self._reports.of_attempt(attempt.spec, (kind, *what[1:]))

    def _on_evicted(self, name: str) -> None:
        """The worker was told to end, and ends what it runs: it gets nothing new."""
        if (hello := self._workers.get(name)) is not None:
            self._why_gone[name] = "it was told to end"
            self._reports.doubtful(hello, True)

    def _kill(self, serial: int, force: bool) -> None:
        self._files.hurry(serial)
        attempt = self._attempts.get(serial)
        hello = attempt and self._workers.get(attempt.spec.place.worker or "")
        if attempt is not None and hello:
            if not attempt.is_told_to_end and hello.name in self._heartbeats.doubtful:
                self._reports.waits(hello.host, gone_after(self._lease))
            attempt.is_told_to_end = True
            self._thread.spawn(self._calls.try_call(hello, "kill_attempt", serial, force))

    async def _call(self, fn: Callable[..., Any], args: Any, kwargs: Any, future: Future[Any]) -> None:
        await self._is_up.wait()
        try:
            future.set_result(await self._calls.run_anywhere(fn, args, kwargs))
        except Exception as error:
            future.set_exception(error)

    def _wait_for(self, work: Coroutine[Any, Any, None]) -> None:
        with suppress(Exception):
            self._thread.run(work).result(CALL_SECONDS + 1)

    # The end.

    async def _close(self) -> None:
        self._is_closing = True
        self._opening.cancel()
        until = self._loop.time() + min(self._lease, _LONGEST_WAIT) + _MORE_SECONDS
        for hello in await self._deployment.end_workers() or ():
            if self._attempts_on(hello.name):
                self._on_gone(hello.name, _ENDING)
        while self._burials and self._loop.time() < until:
            await asyncio.sleep(0.005)
        for hello in filter(None, self._burials):
            self._note_end(hello.name, hello, is_seen=False)
        for attempt in list(self._attempts.values()):
            self._cut(attempt, _ENDING)
        if hasattr(self, "_client"):
            await _quietly(self._client.close())
        await _quietly(self._deployment.close())


async def _quietly(work: Any) -> None:
    """What Dask does about a worker that is gone, or at the end, must neither fail nor last."""
    with suppress(Exception):
        await asyncio.wait_for(work, CALL_SECONDS)
