"""Attempts without a thread: asked for on the line, and their futures are done when the answer comes.

It is the short way for attempts whose output goes straight to their logs. What it cannot do, for want of room now or
for size, is done by a thread instead.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from orchestrator.execute.attempt.result import broken, lost
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec
from orchestrator.execute.attempt.worker import OnSpawned, request_for, result_of, take_folder
from orchestrator.execute.supervisor.multiplexer import Asker, Line
from orchestrator.execute.supervisor.supervisor import Supervision
from orchestrator.execute.warden import protocol

Attempts = Callable[[AttemptSpec], "Future[AttemptResult]"]


class InlineAttempts:
    """Runs attempts over a line; `elsewhere` runs those that cannot go this way. For the driver's thread."""

    def __init__(self, supervision: Supervision, line: Line, on_spawned: OnSpawned, elsewhere: Attempts) -> None:
        self._supervision = supervision
        self._line = line
        self._on_spawned = on_spawned
        self._elsewhere = elsewhere

    def submit(self, spec: AttemptSpec) -> Future[AttemptResult]:
        """Have the attempt run. The future never raises, and is done in this thread, by reading the line."""
        future: Future[AttemptResult] = Future()
        try:
            self._start(spec, future)
        except Exception as error:
            # Like the worker's: whatever breaks here is one lost attempt, never the run.
            future.set_result(broken(error))
        return future

    def close(self) -> None:
        """Lose what still runs."""
        self._line.close()

    def _start(self, spec: AttemptSpec, future: Future[AttemptResult]) -> None:
        folders = self._supervision.temp_folders
        folder = take_folder(spec, self._supervision)
        announced = False

        def on_reply(reply: protocol.Reply) -> None:
            nonlocal announced
            if isinstance(reply, protocol.Started | protocol.Finished) and not announced:
                announced = True
                self._on_spawned(spec, reply.pid, reply.start_ticks)
            if isinstance(reply, protocol.Started):
                return
            if isinstance(reply, protocol.Scarce):
                folders.give_back(folder)
                self._elsewhere(spec).add_done_callback(lambda done: future.set_result(done.result()))
                return
            result = result_of(reply, spec, folder.path, self._supervision)
            folders.give_back(folder)
            future.set_result(result)

        def on_lost(why: str) -> None:
            folders.give_back(folder)
            future.set_result(lost(why))

        try:
            request = request_for(spec, folder.path, self._supervision)
        except BaseException:
            folders.give_back(folder)
            raise
        self._line.start(request, Asker(on_reply, on_lost))
