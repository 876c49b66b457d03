"""The program on a host that pexec reaches by SSH. Standard input has an order first, then frames of the relay, and
ends when pexec or the connection does."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import Future
from typing import Any

import msgspec

from orchestrator.cluster.dask_settings import use_own_settings
from orchestrator.cluster.relay import LOOPBACK, Relay, stream_reader, stream_writer
from orchestrator.cluster.scratch import make_scratch
from orchestrator.cluster.ssh_orders import Begun, EndEarlier, Ended, Work, read_order
from orchestrator.cluster.worker.end_earlier import end_earlier
from orchestrator.cluster.worker.worker_end import end, evict_and_end, run_to_the_end
from orchestrator.usable_cpus import usable_cpus

_JOIN_SECONDS = 90
_LOOK_SECONDS = 0.5


def main() -> None:
    """Do what pexec wants, until that is done or pexec is gone."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    words = os.dup(1)
    os.dup2(2, 1)  # nothing else speaks to pexec
    try:
        order = read_order(0)
    except EOFError:
        return
    if isinstance(order, EndEarlier):
        _say(words, Ended(end_earlier(order)))
    else:
        _work(order, words)


def _say(words: int, answer: msgspec.Struct) -> None:
    os.write(words, msgspec.json.encode(answer) + b"\n")


def _work(order: Work, words: int) -> None:
    scratch = make_scratch()
    try:
        _work_in(scratch, order, words)
    finally:
        end(scratch)


def _work_in(scratch: str, order: Work, words: int) -> None:
    """Raises OSError if pexec is gone already."""
    signal.signal(signal.SIGTERM, lambda number, frame: evict_and_end(scratch))
    tempfile.tempdir = scratch  # what is left of a worker that was killed is in one place
    slots = order.slots or usable_cpus()
    _say(words, Begun(slots, scratch))
    worker = _Worker(order, slots, scratch)
    port: Future[int] = Future()
    for work in (lambda: _carry(words, worker, port, scratch), lambda: _end_in_time(scratch)):
        threading.Thread(target=work, daemon=True).start()
    run_to_the_end(worker.serve(port.result()), scratch)


class _Worker:
    """That of Dask; `scratch` is its directory."""

    def __init__(self, order: Work, slots: int, scratch: str) -> None:
        self._order = order
        self._slots = slots
        self._scratch = scratch
        self._worker: Any = None

    def port(self) -> int:
        """At which it listens. Raises OSError while it does not."""
        if self._worker is None or self._worker.listener is None:
            raise ConnectionRefusedError
        port: int = self._worker.listener.get_host_port()[1]
        return port

    async def serve(self, scheduler: int) -> None:
        """Until the scheduler, which is reached at this port, ends it."""
        use_own_settings()
        from orchestrator.cluster.quiet_nodes import quiet_worker

        own = {"host": LOOPBACK, "contact_address": f"tls://{LOOPBACK}:{self._order.port}"}
        self._worker = quiet_worker(
            f"tls://{LOOPBACK}:{scheduler}", self._slots, self._scratch, _JOIN_SECONDS, self._order.tls, **own
        )
        await self._worker
        await self._worker.run_until_it_closes()


def _carry(words: int, worker: _Worker, port: Future[int], scratch: str) -> None:
    """In a thread, which sees the end of the connection whatever the worker does: relay until then."""

    async def carry() -> None:
        reader, writer = await stream_reader(os.fdopen(0, "rb", 0)), await stream_writer(os.fdopen(words, "wb", 0))
        relay = Relay(reader, writer, worker.port, first=1)
        port.set_result(await relay.listen())
        await relay.carry()

    try:
        asyncio.run(carry())
    finally:
        end(scratch)


def _end_in_time(scratch: str) -> None:
    """In a thread: nothing is heard from pexec for so long that it has given this worker up, or it never came."""
    began = time.monotonic()
    module: Any = None
    while module is None or not module.has_runs():
        if time.monotonic() >= began + _JOIN_SECONDS:
            end(scratch)
        time.sleep(_LOOK_SECONDS)
        module = sys.modules.get("orchestrator.cluster.worker.worker_service")
    while module.has_runs():
        time.sleep(_LOOK_SECONDS)
    end(scratch)
