"""Attempts without a thread: requested on a channel of the driver's thread, which also reads the answers.

A thread that asks and waits costs 0.3 ms a job in wake-ups and in waiting for the interpreter's lock. So an attempt
whose output goes straight to its log is only requested here, and its future is completed when the answer comes to the
inbox at which the driver waits. What cannot be done without waiting, for lack of room now or for size, is done by a
thread instead, with `run_attempt`.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

from msgspec import Struct

from orchestrator.execute.attempt.request import kept_name, request_for
from orchestrator.execute.attempt.result import NEVER_BEGAN, broken, lost
from orchestrator.execute.attempt.spec import AttemptLostError, AttemptResult, AttemptSpec
from orchestrator.execute.attempt.tempdirs import TempDir
from orchestrator.execute.attempt.worker import Worker, result_of
from orchestrator.execute.inbox import Inbox
from orchestrator.execute.supervisor.channel import Channel, ChannelClosedError
from orchestrator.execute.warden.protocol import NO_SERIAL, Finished, Reply, Scarce, Started, StartRequest


class Requested(Struct):
    """A requested attempt whose end the warden has not reported yet."""

    spec: AttemptSpec
    future: Future[AttemptResult]
    temp_dir: TempDir
    is_announced: bool = False


class Multiplexer:
    """Completes futures of attempts in the thread that waits on the inbox. Everything here runs in that thread.

    `in_thread(spec)` runs an attempt that cannot go this way.
    """

    def __init__(
        self, worker: Worker, inbox: Inbox[Any], in_thread: Callable[[AttemptSpec], Future[AttemptResult]]
    ) -> None:
        self._supervisor = worker.supervisor
        self._warden = worker.supervisor.warden
        self._on_spawned = worker.on_spawned
        self._inbox = inbox
        self._in_thread = in_thread
        self._channel: Channel | None = None
        self._requested: dict[int, Requested] = {}  # by serial, oldest first
        self._warden.shortages.multiplexed = self._requested

    def submit(self, spec: AttemptSpec) -> Future[AttemptResult]:
        """Request the attempt. The future is running at once and never raises."""
        future: Future[AttemptResult] = Future()
        future.set_running_or_notify_cancel()
        try:
            name = kept_name(spec) if spec.keep_temp else None
            temp_dir = self._supervisor.temp_dirs.take(spec.temp_dir, keep_as=name)
            try:
                request = request_for(spec, temp_dir.path, self._supervisor)
                try:
                    sent = self._channel is not None and self._channel.send(request)
                except ChannelClosedError:
                    sent = False  # `_send` finds out why
                sent = sent or self._send(request)
            except BaseException:
                self._supervisor.temp_dirs.release(temp_dir)
                raise
            requested = Requested(spec, future, temp_dir)
            if sent:
                self._requested[spec.serial] = requested
            else:
                self._move_to_thread(requested)
        except AttemptLostError as error:
            future.set_result(lost(str(error)))
        except Exception as error:
            # Like that of `run_attempt`: whatever breaks here is one lost attempt, never the run.
            future.set_result(broken(error))
        return future

    def drain(self) -> None:
        """Wait until every attempt has ended, or the warden has; then let others use the channel."""
        while self._requested and self._channel is not None:
            self._on_readable()
        if self._channel is not None:
            self._close_channel(self._channel, completed=True)

    @property
    def futures(self) -> list[Future[AttemptResult]]:
        """Those that are not completed yet."""
        return [requested.future for requested in list(self._requested.values())]

    # Sending.

    def _send(self, request: StartRequest) -> bool:
        """Open the channel, or make room on it: whether the warden that lives now has the request. If not, a thread has
        to send it. Raises AttemptLostError."""
        while (channel := self._channel or self._open_channel()) is not None:
            try:
                while (sent := channel.send(request)) is None:
                    self._read_until_there_is_room(channel)
            except ChannelClosedError as closed:
                if not self._on_closed(channel, closed):
                    return False
            else:
                return sent
        return False

    def _open_channel(self) -> Channel | None:
        """None where the system has no room for one."""
        channel = self._channel = self._warden.take_channel()
        if channel is not None:
            self._inbox.listen(channel.fileno(), self._on_readable)
        return channel

    def _read_until_there_is_room(self, channel: Channel) -> None:
        """The warden may wait for its replies to be read before it reads another request: so read while waiting."""
        poll = select.poll()
        poll.register(channel.fileno(), select.POLLIN | select.POLLOUT)
        if any(event & ~select.POLLOUT for _, event in poll.poll()):
            for reply in channel.receive():
                self._on_reply(reply)

    # Receiving.

    def _on_readable(self) -> None:
        """Read one packet of replies; there is one."""
        channel = self._channel
        assert channel is not None
        try:
            for reply in channel.receive():
                self._on_reply(reply)
        except ChannelClosedError as closed:
            if self._requested and not closed.asked:
                # What was not read is the last that was sent.
                self._move_to_thread(self._requested.popitem()[1])
            self._on_closed(channel, closed)

    def _on_reply(self, reply: Reply) -> None:
        if isinstance(reply, Scarce) and reply.serial == NO_SERIAL:
            self._warden.shortages.report(reply.errno)  # about no request of this channel: those fit into packets
            return
        requested = self._requested[reply.serial]
        if isinstance(reply, (Started, Finished)) and not requested.is_announced:
            requested.is_announced = True
            self._on_spawned(requested.spec, reply.pid, reply.start_ticks)
        if isinstance(reply, Started):
            return
        del self._requested[reply.serial]
        self._warden.failures_in_a_row = 0
        if isinstance(reply, Scarce):
            self._warden.shortages.report(reply.errno)
            self._move_to_thread(requested)
            return
        try:
            result = result_of(reply, requested.spec, requested.temp_dir.path, self._supervisor)
        except Exception as error:  # as in `submit`
            result = broken(error)
        self._supervisor.temp_dirs.release(requested.temp_dir)
        requested.future.set_result(result)

    # What goes another way.

    def _move_to_thread(self, requested: Requested) -> None:
        """Nothing was started: have a thread run the attempt, which may wait for room, and complete the future."""

        def copy(done: Future[AttemptResult]) -> None:
            try:
                requested.future.set_result(done.result())
            except CancelledError:
                requested.future.set_result(lost(NEVER_BEGAN))

        self._supervisor.temp_dirs.discard(requested.temp_dir)
        try:
            self._in_thread(requested.spec).add_done_callback(copy)
        except RuntimeError:  # it is shut down
            requested.future.set_result(lost(NEVER_BEGAN))

    def _on_closed(self, channel: Channel, closed: ChannelClosedError) -> bool:
        """The warden closed the channel. Whether it has died; else it had no room for it, and has read nothing."""
        self._close_channel(channel)
        if self._warden.has_died(channel.warden, closed) or closed.asked:
            self._lose_all(self._warden.why_lost())
            return True
        while self._requested:
            self._move_to_thread(self._requested.popitem()[1])
        return False

    def _close_channel(self, channel: Channel, *, completed: bool = False) -> None:
        self._inbox.forget(channel.fileno())
        self._warden.release(channel, completed=completed)
        self._channel = None

    def _lose_all(self, why: str) -> None:
        while self._requested:
            _, requested = self._requested.popitem()
            self._supervisor.temp_dirs.release(requested.temp_dir)
            requested.future.set_result(lost(why))
