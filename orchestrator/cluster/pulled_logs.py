"""The logs of attempts on workers that do not see the run directory: pulled in chunks while the jobs run.

One chunk of a log is on its way at a time, and few of all logs, but for those of slow workers: memory does not grow
with the output. A chunk that is lost on its way is asked for again by its offset. All of it is for the loop's thread.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.cluster.hello import WorkerHello
from orchestrator.cluster.pulled_file import PulledFile
from orchestrator.console.text import size
from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.result import with_output, without_log
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec

CHUNK = 1 << 20
# What else a worker says must not wait long behind its logs, however slow the network is: else it seems to be silent.
_LEAST_CHUNK = 1 << 15
_QUICK_SECONDS = 0.3
_SLOW_SECONDS = 1.0
_AT_ONCE = 4
_READ_SECONDS = 20.0
_AGAIN_SECONDS = 0.2
# What was killed must end in time, however much it has printed.
_SECONDS_AFTER_KILL = 5.0

# Of this worker: the log of an attempt, by serial, from an offset, at most this many bytes; None if it is not there any
# more. The logs of the other serials are not needed any more.
Read = Callable[[WorkerHello, int, int, int, list[int]], Awaitable[bytes | None]]


class _Log(Struct):
    """A log on its way. `end` is its whole size, once that is known, and `limit` how long it is waited for."""

    spec: AttemptSpec
    hello: WorkerHello
    file: PulledFile
    pulls: asyncio.Task[None] | None = None
    has_more: bool = False
    offset: int = 0
    end: int | None = None
    limit: asyncio.Timeout | None = None
    is_closed: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class PulledLogs:
    """The logs of one run, in the directory with this descriptor, which belongs to this object. `on_output(spec)` is
    called when there is more of one that is shown."""

    def __init__(self, directory: int, read: Read, on_output: Callable[[AttemptSpec], None]) -> None:
        self._directory = directory
        self._read = read
        self._on_output = on_output
        self._logs: dict[int, _Log] = {}  # by serial
        self._had: dict[str, list[int]] = defaultdict(list)  # name of a worker -> serials that it may forget
        self._chunks: dict[str, int] = defaultdict(lambda: _LEAST_CHUNK)  # name of a worker -> bytes of the next one
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._room_of: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(_AT_ONCE))  # by worker
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, spec: AttemptSpec, hello: WorkerHello) -> AttemptResult | None:
        """The attempt is about to run there. Its end, if it can have no log here."""
        try:
            file = PulledFile(os.path.basename(spec.log_name), self._directory)
        except OSError as error:
            return without_log(spec.log, error.errno or 0)
        self._logs[spec.serial] = _Log(spec, hello, file)
        return None

    def grown(self, serial: int) -> None:
        """There is more of this log."""
        log = self._logs.get(serial)
        if log is None:
            return
        log.has_more = True
        if log.pulls is None or log.pulls.done():
            log.pulls = self._spawn(self._follow(log))

    async def finish(self, serial: int, result: AttemptResult) -> AttemptResult:
        """The attempt has ended so: return when its log is here, with what is to be said of that. Endless while the
        worker is silent: then `cut` ends it."""
        log = self._logs.get(serial)
        if log is None:
            return result
        is_lost = result.verdict is Verdict.LOST  # then its size is not known
        log.end = None if is_lost else result.log_bytes
        seconds = _SECONDS_AFTER_KILL if is_lost or result.verdict is Verdict.KILLED else None
        try:
            async with asyncio.timeout(seconds) as log.limit:
                is_whole = await self._pull_to_end(log)
        except TimeoutError:
            is_whole = False
        if log.is_closed:
            return result
        result = self._closed(log, result, is_whole=is_whole)
        if log.offset > CHUNK:  # of small ones the worker forgets several at once
            self._spawn(self._forget(log))
        return result

    def hurry(self, serial: int) -> None:
        """The attempt is to end now: if only its log is waited for, not much longer."""
        log = self._logs.get(serial)
        if log is not None and log.limit is not None and log.limit.when() is None:
            log.limit.reschedule(asyncio.get_running_loop().time() + _SECONDS_AFTER_KILL)

    def cut(self, serial: int, result: AttemptResult) -> AttemptResult:
        """Nothing more comes of this log: the result, with what is here of it."""
        log = self._logs.get(serial)
        return result if log is None else self._closed(log, result, is_whole=log.offset == log.end)

    def close(self) -> None:
        """Nothing more comes of any."""
        for log in list(self._logs.values()):
            self._close(log)
        os.close(self._directory)

    def _closed(self, log: _Log, result: AttemptResult, *, is_whole: bool) -> AttemptResult:
        self._close(log)
        self._had[log.hello.name].append(log.spec.serial)
        if not is_whole and log.file.error is None:
            why = f"its log is cut after {size(log.offset)}"
            result = replace(result, reason="; ".join(filter(None, (result.reason, why))))
        missing = max(0, result.log_bytes - log.file.written)
        return with_output(result, log.file.written, result.dropped_bytes + missing, log.file.error)

    async def _forget(self, log: _Log) -> None:
        with suppress(Exception):
            await self._asked(log, 0)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _close(self, log: _Log) -> None:
        self._logs.pop(log.spec.serial, None)
        if not log.is_closed:
            log.is_closed = True

    async def _follow(self, log: _Log) -> None:
        while log.has_more and not log.is_closed:
            log.has_more = False
            try:
                while await self._pull(log):
                    pass
            except Exception:  # what has not come is asked for again
                log.has_more = True
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _pull_to_end(self, log: _Log) -> bool:
        """Whether all of it is here."""
        while log.offset != log.end:
            try:
                if not await self._pull(log):
                    return log.end in (None, log.offset)
            except Exception:
                await asyncio.sleep(_AGAIN_SECONDS)
        return True

    async def _pull(self, log: _Log) -> bool:
        """Get the next chunk; whether there may be another one."""
        async with log.lock, self._room_of[log.hello.name], self._some_room():
            room = self._chunks[log.hello.name]
            most = room if log.end is None else min(room, log.end - log.offset)
            if log.is_closed or log.file.error is not None or most <= 0:
                return False
            chunk = await self._asked(log, most)
            if not chunk or log.is_closed:
                return False
            log.file.write(chunk)
            log.offset += len(chunk)
            if log.spec.pump:
                self._on_output(log.spec)
            return len(chunk) == most

    @asynccontextmanager
    async def _some_room(self) -> AsyncIterator[None]:
        """For a chunk that is on its way, unless that takes long: a worker that is silent must not hold up others."""
        await self._room.acquire()
        taken = [self._room]

        def give_back() -> None:
            while taken:
                taken.pop().release()

        late = asyncio.get_running_loop().call_later(_SLOW_SECONDS, give_back)
        try:
            yield
        finally:
            late.cancel()
            give_back()

    async def _asked(self, log: _Log, most: int) -> bytes | None:
        had = self._had.pop(log.hello.name, [])
        try:
            async with asyncio.timeout(_READ_SECONDS):  # `wait_for` loses a cancellation now and then, in Python 3.11
                began = time.monotonic()
                chunk = await self._read(log.hello, log.spec.serial, log.offset, most, had)
        except BaseException:
            self._had[log.hello.name] += had
            self._resize(log.hello.name, most, _READ_SECONDS)
            raise
        self._resize(log.hello.name, len(chunk or b""), time.monotonic() - began)
        return chunk

    def _resize(self, worker: str, count: int, seconds: float) -> None:
        """A chunk of this size took this long."""
        room = self._chunks[worker]
        if seconds > _SLOW_SECONDS:
            self._chunks[worker] = max(_LEAST_CHUNK, min(room, count // 2))
        elif seconds < _QUICK_SECONDS:
            self._chunks[worker] = min(CHUNK, max(room, count * 2))
