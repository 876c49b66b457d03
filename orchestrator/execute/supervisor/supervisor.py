"""pexec's side of the warden: one for each run process, shared by all threads that run attempts.

The warden starts at once, while pexec still reads and plans. When it dies, pexec, which is a subreaper too, ends the
processes that it left, every attempt under way is lost, and the next attempt gets a new warden.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from orchestrator.errors import EnvironmentFailedError
from orchestrator.execute.attempt.environment import Environments
from orchestrator.execute.attempt.output import Pipe
from orchestrator.execute.attempt.spec import AttemptLostError
from orchestrator.execute.attempt.tempdirs import TempFolders
from orchestrator.execute.secrets.store import NO_SECRETS, Secrets, forbid_core_dumps
from orchestrator.execute.supervisor.channel import Channel, ChannelClosedError, Request, WardenProcess, sweep
from orchestrator.execute.warden import processes, protocol
from orchestrator.execute.warden.scarcity import SCARCITY

if TYPE_CHECKING:
    from orchestrator.execute.sandbox.isolation import Isolations
    from orchestrator.execute.sandbox.limits import Enforcement
    from orchestrator.plan.model import JobSpec

Made = TypeVar("Made")
OnSpawned = Callable[[int, int], None]

_ASK_AGAIN_SECONDS = 0.05
# With nothing of ours running there is nothing whose end could make room.
_LONGEST_WAIT_ALONE_SECONDS = 10.0
# A warden that hung up without hearing the request has died, or had no room for the channel: soon told apart, and
# nothing is done twice if that goes wrong. One that heard the request and hung up can only be dying.
_REFUSED_SECONDS = 0.05
_DYING_SECONDS = 2.0
_CLOSING_SECONDS = 7.0
# Of wardens that die one after the other without any result in between, one that was never heard of counts as ten:
# pexec itself is broken. One that had read its request may have been killed by the job, which is not the others' fault.
_MOST_FRUITLESS = 30
_NEVER_HEARD_OF = 10


class Supervision:
    """Runs attempts and ends them. Also holds what all attempts of a process share: environments, temporary folders.

    `alone` if nothing else in this process starts processes.
    """

    def __init__(self, *, alone: bool = False) -> None:
        self.environments = Environments(os.environb)
        self.temp_folders = TempFolders()
        self.secrets = NO_SECRETS
        self.logs: int | None = None  # the descriptor of the folder in which the names of logs count
        self._isolations: Isolations | None = None
        self._enforcement: Enforcement | None = None
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._idle: list[Channel] = []
        self._asking = 0
        self._without_room = 0
        self._fruitless = 0
        self._last_words = ""
        self._alone = alone
        self._began = time.clock_gettime(time.CLOCK_BOOTTIME)
        self._is_heir = False  # of a warden that died: strangers without a tag are pexec's children now
        self._paused_at = 0.0
        self._stood_still = 0.0
        try:
            self._warden: WardenProcess | None = WardenProcess()
            processes.become_subreaper()
        except OSError as error:
            raise EnvironmentFailedError(
                f"the process that starts jobs cannot be started: {error}", code="PX301"
            ) from error

    def run(self, request: Request, on_spawned: OnSpawned, pump: Pipe | None = None) -> protocol.Reply:
        """Run one attempt to its end: the warden's last word about it, see `warden.protocol`. Blocks the thread.

        Where the system has no room for a process it waits for it. Raises AttemptLostError.
        """
        self.attempt_begins()
        heard_out = False
        try:
            reply = self._ask(request, on_spawned, pump)
            if isinstance(reply, protocol.Scarce):
                reply = self._ask_until_there_is_room(request, on_spawned, pump, reply.errno)
            heard_out = True
            return reply
        finally:
            self.attempt_ends(heard_out=heard_out)

    def run_quietly(self, request: Request) -> protocol.Reply:
        """Like `run`, for a program of pexec's own: its start is not announced."""
        return self.run(request, lambda pid, start_ticks: None)

    def attempt_begins(self) -> None:
        """One more attempt is asked for."""
        with self._lock:
            self._asking += 1

    def attempt_ends(self, *, heard_out: bool) -> None:
        """One attempt less is asked for; `heard_out` if the warden had the last word."""
        with self._lock:
            self._asking -= 1
            if heard_out:
                self._fruitless = 0

    def when_there_is_room(self, make: Callable[[], Made]) -> Made:
        """What `make` gives; while it finds no descriptors or memory it waits for others to end. AttemptLostError."""
        give_up_at = self._awake() + _LONGEST_WAIT_ALONE_SECONDS
        while True:
            try:
                return make()
            except OSError as error:
                if error.errno not in SCARCITY:
                    raise
                if self._asking > self._without_room:
                    give_up_at = self._awake() + _LONGEST_WAIT_ALONE_SECONDS
                if self._closed.wait(_ASK_AGAIN_SECONDS) or self._awake() >= give_up_at:
                    raise AttemptLostError(f"it cannot be started: {os.strerror(error.errno).lower()}") from None

    def keep(self, secrets: Secrets) -> None:
        """Give these to the jobs that name them, and take them out of all output. To be called before any attempt."""
        self.secrets = secrets
        self.environments.hide(secrets.variables)
        if secrets:
            with self._lock:
                for process in (0, self._warden.pid if self._warden else 0):
                    forbid_core_dumps(process)

    @property
    def isolations(self) -> Isolations:
        """How jobs are isolated on this machine, for those that ask for it."""
        if self._isolations is None:
            from orchestrator.execute.sandbox.isolation import Isolations

            self._isolations = Isolations(self.run_quietly, self.environments)
        return self._isolations

    @isolations.setter
    def isolations(self, isolations: Isolations) -> None:
        self._isolations = isolations

    @property
    def enforcement(self) -> Enforcement:
        """Who enforces limits on this machine, for jobs that have some."""
        with self._lock:
            if self._enforcement is None:
                from orchestrator.execute.sandbox.limits import Enforcement

                self._enforcement = Enforcement(self.isolations, self._warden.pid if self._warden else 0)
            return self._enforcement

    def enforcers(self, spec: JobSpec) -> dict[str, str]:
        """Limit, or isolation, -> who enforces it, for those that the job has and that somebody does enforce."""
        found = self.enforcement.enforced_by(spec)
        mechanism = self.isolations.mechanism(spec.isolation)
        return found if mechanism is None else {**found, "isolation": mechanism.value}

    def put_logs_in(self, folder: int) -> None:
        """From now on names of logs count in the folder with this descriptor, which stays the caller's."""
        self.logs = folder
        self._tell(protocol.Control(protocol.LOGS), folder)

    def degraded(self) -> tuple[tuple[str, str], ...]:
        """What of the promises this host does not let pexec keep: each with the reason."""
        if processes.can_tag():
            return ()
        why = "a hard limit on real-time CPU use (RLIMIT_RTTIME) is set"
        return (("processes that leave their job's process tree end with the run, not with their job", why),)

    def kill(self, serial: int, *, force: bool) -> None:
        """Stop the attempt: TERM, its grace, KILL; with `force` KILL at once. Ended or unknown ones are no error.

        One that was not started yet never will be.
        """
        self._tell(protocol.Control(protocol.KILL, serial, force))

    def pause(self) -> None:
        """Stop the processes of all attempts; from now on no time passes for them."""
        self._paused_at = time.monotonic()
        self._tell(protocol.Control(protocol.PAUSE))

    def resume(self) -> float:
        """Let them go on; how many seconds do not count."""
        self._tell(protocol.Control(protocol.RESUME))
        seconds = time.monotonic() - self._paused_at
        self._stood_still += seconds
        return seconds

    def _awake(self) -> float:
        """Monotonic seconds, without those in which pexec itself was stopped."""
        return time.monotonic() - self._stood_still

    def close(self) -> None:
        """End the warden and everything that still runs; attempts under way are lost."""
        self._closed.set()
        with self._lock:
            warden = self._warden
            if warden is not None:
                if warden.is_used:
                    warden.hang_up()
                    warden.ends_within(_CLOSING_SECONDS)
                self._bury(warden)
            while self._idle:
                self._idle.pop().close()
            if self._alone and self._is_heir:
                sweep(self._came_later)
        self.temp_folders.remove()
        if self._enforcement is not None:
            self._enforcement.close()

    def _tell(self, message: protocol.Control, descriptor: int | None = None) -> None:
        with self._lock:
            if self._warden is None:
                return
            try:
                self._warden.tell(message, descriptor)
            except OSError:
                # It is dead. Whoever waits for an attempt notices that on his channel.
                return

    def _ask_until_there_is_room(
        self, request: Request, on_spawned: OnSpawned, pump: Pipe | None, number: int
    ) -> protocol.Reply:
        with self._lock:
            self._without_room += 1
        try:
            give_up_at = self._awake() + _LONGEST_WAIT_ALONE_SECONDS
            while True:
                if self._asking > self._without_room:
                    give_up_at = self._awake() + _LONGEST_WAIT_ALONE_SECONDS
                if self._awake() >= give_up_at:
                    raise AttemptLostError(f"no process can be started: {os.strerror(number).lower()}")
                self._closed.wait(_ASK_AGAIN_SECONDS)
                reply = self._ask(request, on_spawned, pump)
                if not isinstance(reply, protocol.Scarce):
                    return reply
                number = reply.errno
        finally:
            with self._lock:
                self._without_room -= 1

    def _ask(self, request: Request, on_spawned: OnSpawned, pump: Pipe | None) -> protocol.Reply:
        """Ask, again if the warden was gone before it could hear; SCARCE too if it is pexec that has no room."""
        while True:
            channel = self.take_channel()
            if channel is None:
                return protocol.Scarce(request.serial, errno.EMFILE)
            heard_out = False
            try:
                reply = channel.ask(request, on_spawned, pump)
                heard_out = True
            except ChannelClosedError as closed:
                died = self.has_died(channel.warden, closed)
                if closed.asked:
                    raise AttemptLostError(self.why_lost()) from None
                if not died:
                    return protocol.Scarce(request.serial, errno.EMFILE)
            else:
                return reply
            finally:
                self.give_back(channel, heard_out=heard_out)

    def take_channel(self) -> Channel | None:
        """A channel to the warden that lives now, which is started if need be; None if there is no room for one.

        Raises AttemptLostError.
        """
        with self._lock:
            if self._closed.is_set():
                raise AttemptLostError(self.why_lost())
            while self._idle:
                channel = self._idle.pop()
                if channel.warden is self._warden:
                    return channel
                channel.close()
            if self._warden is None and self._fruitless >= _MOST_FRUITLESS:
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

    def _another_warden(self) -> WardenProcess:
        warden = WardenProcess()
        if self.logs is not None:
            warden.tell(protocol.Control(protocol.LOGS), self.logs)
        return warden

    def give_back(self, channel: Channel, *, heard_out: bool) -> None:
        """Keep it for the next attempt; or hang up, which ends processes that nobody waits for any more."""
        with self._lock:
            if heard_out and not self._closed.is_set():
                self._idle.append(channel)
            else:
                channel.close()

    def has_died(self, warden: WardenProcess, closed: ChannelClosedError) -> bool:
        """Whether the warden that hung up so has died; then it is buried, and nothing that it started lives."""
        with self._lock:
            if self._warden is not warden:
                return True
            if not warden.ends_within(_DYING_SECONDS if closed.asked else _REFUSED_SECONDS):
                return False
            self._fruitless += 1 if closed.asked else _NEVER_HEARD_OF
            self._is_heir = True
            self._bury(warden)
            return True

    def why_lost(self) -> str:
        """Why attempts under way have no verdict."""
        if self._closed.is_set():
            return "pexec is ending"
        said = f": {self._last_words}" if self._last_words else ""
        return f"the process that starts jobs died{said}"

    def _came_later(self, pid: int) -> bool:
        """Who was a child of this process before, as of a shell that became pexec, is none of its jobs'."""
        process = processes.read_process(pid)
        return process is not None and process.start_ticks / os.sysconf("SC_CLK_TCK") > self._began

    def _bury(self, warden: WardenProcess) -> None:
        self._warden = None
        self._last_words = warden.bury()
