"""pexec's client of the warden: one for each run process, shared by all threads that run attempts.

The warden starts at once, while pexec still reads and plans. When it dies, pexec, which is a subreaper too, kills the
processes that it left, every attempt under way is lost, and the next attempt gets a new warden.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from orchestrator.errors import EnvironmentFailedError
from orchestrator.execute.attempt.output import Pipe
from orchestrator.execute.attempt.spec import AttemptLostError
from orchestrator.execute.preflight import check_descriptors
from orchestrator.execute.secrets.secret_values import forbid_core_dumps
from orchestrator.execute.supervisor.channel import Channel, ChannelClosedError
from orchestrator.execute.supervisor.shortages import Shortages
from orchestrator.execute.supervisor.warden_process import WardenProcess, sweep
from orchestrator.execute.warden import processes, protocol
from orchestrator.execute.warden.protocol import Control, Reply, Scarce, StartRequest
from orchestrator.execute.warden.scarcity import SCARCITY

Made = TypeVar("Made")

# With fewer, a lack could not even be reported once the warden has taken some.
_LEAST_DESCRIPTORS = 16
# A warden that closed a channel without reading the request has died, or had no room for the channel: soon told apart,
# and nothing is done twice if that goes wrong. One that read the request and closed the channel can only be dying.
_REFUSED_SECONDS = 0.05
_DYING_SECONDS = 2.0
_CLOSING_SECONDS = 7.0
# Of wardens that die one after the other without any result in between, one that never read a request counts as ten:
# pexec itself is broken. One that had read its request may have been killed by the job, which is not the others' fault.
_MOST_FAILURES = 30
_NEVER_READ = 10


class WardenClient:
    """Has the warden run attempts and end them. Safe to use from several threads.

    `alone`: nothing else in this process starts processes.
    """

    def __init__(self, *, alone: bool = False) -> None:
        self.logs: int | None = None  # the descriptor of the directory to which the names of logs are relative
        self._watched: int | None = None  # a pidfd
        self._lease: Control | None = None
        self.failures_in_a_row = 0
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self.shortages = Shortages(self._awake, self._closed)
        self._idle: list[Channel] = []
        self._last_words = ""
        self._alone = alone
        self._began = time.clock_gettime(time.CLOCK_BOOTTIME)
        self._adopts_orphans = False  # a warden died: strangers without a tag are pexec's children now
        self._paused_at = 0.0
        self._seconds_stopped = 0.0
        check_descriptors(_LEAST_DESCRIPTORS)
        try:
            self._warden: WardenProcess | None = WardenProcess()
            processes.become_subreaper()
        except OSError as error:
            missing = "" if os.path.exists(os.devnull) else f"`{os.devnull}`: "
            raise EnvironmentFailedError(
                f"the process that starts jobs cannot be started: {missing}{(error.strerror or str(error)).lower()}",
                code="PX301",
            ) from error

    @property
    def pid(self) -> int:
        """The warden's process id; 0 if it has died and no other was needed yet."""
        return self._warden.pid if self._warden else 0

    def run(
        self,
        request: StartRequest,
        on_spawned: Callable[[int, int], None] | None = None,
        pump: Pipe | None = None,
        *,
        gives_way: bool = False,
    ) -> Reply:
        """Run one attempt to its end: the warden's last word about it, see `warden.protocol`. Blocks the thread.

        `on_spawned(pid, start_ticks)` is called in this thread. Where the system has no room for a process the
        request is repeated until it has; if it `gives_way`, NoRoomError when another one waits already. Raises
        AttemptLostError.
        """
        with self.shortages.patience(gives_way=gives_way) as patience:

            def announce(pid: int, start_ticks: int) -> None:
                patience.found_room()
                if on_spawned is not None:
                    on_spawned(pid, start_ticks)

            while isinstance(reply := self._ask(request, announce, pump), Scarce):
                patience.pause(reply.errno)
            self.failures_in_a_row = 0
            return reply

    def when_there_is_room(self, make: Callable[[], Made], *, gives_way: bool = False) -> Made:
        """What `make` returns; while it finds no descriptors or memory, wait for others to end, as in `run`.

        Raises AttemptLostError or NoRoomError."""
        with self.shortages.patience(gives_way=gives_way) as patience:
            while True:
                try:
                    return make()
                except OSError as error:
                    if error.errno not in SCARCITY:
                        raise
                    number = error.errno
                patience.pause(number)
                if self._closed.is_set():
                    raise AttemptLostError(self.why_lost())

    def forbid_core_dumps(self) -> None:
        """From now on neither pexec nor the warden, nor what they start, leaves an image of its memory."""
        with self._lock:
            for process in (0, self.pid):
                forbid_core_dumps(process)

    def put_logs_in(self, directory: int) -> None:
        """From now on names of logs are relative to the directory with this descriptor, which stays the caller's."""
        self.logs = directory
        self._send(Control(protocol.LOGS), directory)

    def end_with(self, process: int) -> None:
        """From now on everything ends when the process of this pidfd, which stays the caller's, does."""
        self._watched = process
        self._send(Control(protocol.WATCH), process)

    def lease(self, clock: int, until: float) -> None:
        """Everything ends at this second of a clock, always the same one, unless another lease comes before."""
        self._lease = Control(protocol.LEASE, clock=clock, until=until)
        self._send(self._lease)

    def kill(self, serial: int, *, force: bool) -> None:
        """Stop the attempt: its stop signal, its grace, KILL; with `force` KILL at once.

        Ended or unknown ones are no error, and one that was not started yet never will be.
        """
        self._send(Control(protocol.KILL, serial, force))

    def pause(self) -> None:
        """Stop the processes of all attempts; from now on no time passes for them."""
        self._paused_at = time.monotonic()
        self._send(Control(protocol.PAUSE))

    def resume(self) -> float:
        """Let them continue; the seconds that do not count."""
        self._send(Control(protocol.RESUME))
        seconds = time.monotonic() - self._paused_at
        self._seconds_stopped += seconds
        return seconds

    def close(self) -> None:
        """End the warden and everything that still runs; attempts under way are lost."""
        self._closed.set()
        with self._lock:
            warden = self._warden
            if warden is not None:
                if warden.is_used:
                    warden.dismiss()
                    warden.ends_within(_CLOSING_SECONDS)
                self._reap(warden)
            while self._idle:
                self._idle.pop().close()
            if self._alone and self._adopts_orphans:
                sweep(self._came_later)

    def take_channel(self) -> Channel | None:
        """A channel to the warden that lives now, which is started if need be; None if there is no room for one.

        Raises AttemptLostError.
        """
        with self._lock:
            if self._closed.is_set() or self._lease_has_ended():
                raise AttemptLostError(self.why_lost())
            while self._idle:
                channel = self._idle.pop()
                if channel.warden is self._warden:
                    return channel
                channel.close()
            if self._warden is None and self.failures_in_a_row >= _MOST_FAILURES:
                raise AttemptLostError(self.why_lost())
            try:
                self._warden = self._warden or self._another_warden()
                channel = Channel(self._warden)
            except OSError as error:
                if error.errno in SCARCITY:
                    return None
                raise
            if channel.leaves_room():
                return channel
            channel.close()
            return None

    def release(self, channel: Channel, *, completed: bool) -> None:
        """Keep it for the next attempt; or close it, which ends processes that no thread waits for any more."""
        with self._lock:
            if completed and not self._closed.is_set():
                self._idle.append(channel)
            else:
                channel.close()

    def has_died(self, warden: WardenProcess, closed: ChannelClosedError) -> bool:
        """Whether the warden that closed a channel so has died; then it is reaped, and nothing that it started lives.

        Else it had no room for the channel."""
        with self._lock:
            if self._warden is not warden:
                return True
            if not warden.ends_within(_DYING_SECONDS if closed.asked else _REFUSED_SECONDS):
                return False
            self.failures_in_a_row += 1 if closed.asked else _NEVER_READ
            self._adopts_orphans = True
            self._reap(warden)
            return True

    def why_lost(self) -> str:
        """Why attempts under way have no verdict."""
        if self._closed.is_set():
            return "pexec is ending"
        if self._lease_has_ended():
            return "its worker heard nothing of pexec for as long as the lease"
        said = f": {self._last_words}" if self._last_words else ""
        return f"the process that starts jobs died{said}"

    def _lease_has_ended(self) -> bool:
        lease = self._lease
        return lease is not None and time.clock_gettime(lease.clock) >= lease.until

    def _another_warden(self) -> WardenProcess:
        warden = WardenProcess()
        if self.logs is not None:
            warden.send(Control(protocol.LOGS), self.logs)
        if self._watched is not None:
            warden.send(Control(protocol.WATCH), self._watched)
        if self._lease is not None:
            warden.send(self._lease)
        return warden

    def _awake(self) -> float:
        """Monotonic seconds, without those in which pexec itself was stopped."""
        return time.monotonic() - self._seconds_stopped

    def _send(self, message: Control, descriptor: int | None = None) -> None:
        with self._lock:
            if self._warden is None:
                return
            try:
                self._warden.send(message, descriptor)
            except OSError:
                # It is dead. Each thread that waits for an attempt notices that on its channel.
                return

    def _ask(self, request: StartRequest, on_spawned: Callable[[int, int], None], pump: Pipe | None) -> Reply:
        """Ask, again if the warden was gone before it read the request; SCARCE too if it is pexec that has no room."""
        while True:
            channel = self.take_channel()
            if channel is None:
                return Scarce(request.serial, errno.EMFILE)
            completed = False
            try:
                reply = channel.ask(request, on_spawned, pump)
                completed = True
            except ChannelClosedError as closed:
                died = self.has_died(channel.warden, closed)
                if closed.asked:
                    raise AttemptLostError(self.why_lost()) from None
                if not died:
                    return Scarce(request.serial, errno.EMFILE)
            else:
                return reply
            finally:
                self.release(channel, completed=completed)

    def _came_later(self, pid: int) -> bool:
        """Whether a child came after pexec: children that it had before, as a shell that became pexec may, stay."""
        process = processes.read_process(pid)
        return process is not None and process.start_ticks / os.sysconf("SC_CLK_TCK") > self._began

    def _reap(self, warden: WardenProcess) -> None:
        self._warden = None
        self._last_words = warden.reap()
