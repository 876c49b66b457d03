"""pexec's end of the warden: the process itself, and the channels on which attempts are asked for."""

from __future__ import annotations

import fcntl
import marshal
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from orchestrator.execute.attempt.environment import BaseEnvironment
from orchestrator.execute.attempt.output import Pipe
from orchestrator.execute.warden import processes, protocol
from orchestrator.execute.warden.scarcity import has_room_for

_PROGRAM = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "warden", "__main__.py")
# File actions that fill descriptors 0 to 3 must not overwrite what they copy from.
_LOWEST_SAFE_DESCRIPTOR = 10
# Longer than it takes to stop hundreds of jobs; a warden that does not listen at all must not hang pexec.
_TELL_SECONDS = 5.0
_SWEEP_SECONDS = 5.0
_SWEEP_AGAIN_SECONDS = 0.005
_LAST_WORDS = 4096


class ChannelClosedError(Exception):
    """The warden ended, or did not take the channel. `asked` says whether an attempt may have been started."""

    def __init__(self, asked: bool) -> None:
        super().__init__("the warden hung up")
        self.asked = asked


class Request(NamedTuple):
    """An attempt to start. Its output goes to the file `log`, unless a pump takes it. Seconds.

    If `argv` is a shell that would do no more than become a command of plain words, these are `words`.
    """

    serial: int
    argv: list[bytes]
    working_dir: bytes
    base: BaseEnvironment
    overlay: dict[bytes, bytes]
    log: bytes
    timeout: float | None
    grace: float
    limits: protocol.AttemptLimits | None = None
    words: tuple[bytes, ...] = ()
    sandbox: protocol.SandboxSpec | None = None


class WardenProcess:
    """One warden, started at once and not waited for."""

    def __init__(self) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.is_used = False
        self.control.settimeout(_TELL_SECONDS)
        self._stderr = _moved_up(os.memfd_create("warden's stderr"))
        with theirs:
            end = _moved_up(theirs.detach())
        actions = (
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, self._stderr, 2),
            (os.POSIX_SPAWN_DUP2, end, protocol.CONTROL_FD),
        )
        try:
            self.pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-S", _PROGRAM, str(os.getpid())],
                os.environ,
                file_actions=actions,
                setsid=True,
                setsigmask=(),
                setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
            )
        finally:
            os.close(end)
        self._ended = os.pidfd_open(self.pid)
        first = protocol.tag_base(self.pid)
        self._tags = range(first, first + (1 << protocol.SERIAL_BITS))

    def tell(self, message: protocol.Control, descriptor: int | None = None) -> None:
        """Send on the control socket; OSError if the warden is gone."""
        self.is_used = True
        protocol.send(self.control, tuple(message), descriptor)

    def hang_up(self) -> None:
        """Let it know that nobody needs it: it kills everything and leaves."""
        try:
            signal.pidfd_send_signal(self._ended, signal.SIGCONT)  # somebody may have stopped it
            self.control.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def ends_within(self, seconds: float) -> bool:
        """Wait for the end of the process."""
        poll = select.poll()
        poll.register(self._ended, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def bury(self) -> str:
        """Reap the process, end what it left behind; returns its last words: why it failed, if it could say."""
        signal.pidfd_send_signal(self._ended, signal.SIGKILL)
        try:
            os.waitpid(self.pid, 0)
        except ChildProcessError:
            # pexec was started with SIGCHLD ignored: the kernel reaps.
            self.ends_within(_SWEEP_SECONDS)
        sweep(self._is_of_a_job)
        self.control.close()
        os.close(self._ended)
        with open(self._stderr, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LAST_WORDS))
            lines = file.read().decode(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "")

    def _is_of_a_job(self, pid: int) -> bool:
        """Whether it was adopted by pexec when the warden died: pexec may have other children."""
        # A range looks for what is no number at each of its places: for None, ten seconds long.
        tag = processes.tag_of(pid)
        return tag is not None and tag in self._tags


def sweep(is_wanted: Callable[[int], bool]) -> None:
    """Kill and reap those of pexec's children that are wanted, with all below them, until there is none."""
    give_up_at = time.monotonic() + _SWEEP_SECONDS
    while time.monotonic() < give_up_at:
        roots = [pid for pid in processes.children(os.getpid()) if is_wanted(pid)]
        if not roots:
            return
        processes.signal_trees(roots, (processes.KILL,))
        for pid in roots:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                continue
        time.sleep(_SWEEP_AGAIN_SECONDS)


class Channel:
    """A way to one warden on which attempts are asked for: one at a time with `ask`, or several with `send`."""

    def __init__(self, warden: WardenProcess) -> None:
        self.warden = warden
        self._known: set[int] = set()  # numbers of the base environments that went this way
        self._end, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                warden.tell(protocol.Control(protocol.CHANNEL), theirs.fileno())
            except OSError:
                # The end of the pair, which now comes, says the same to whoever asks.
                return

    def leaves_room(self) -> bool:
        """Whether it did not take one of the last descriptors, which others need."""
        return has_room_for(self._end.fileno())

    def fileno(self) -> int:
        """The descriptor on which words come."""
        return self._end.fileno()

    def close(self) -> None:
        """Hang up; the warden kills what still runs for this channel."""
        self._end.close()

    def ask(self, request: Request, on_spawned: Callable[[int, int], None], pump: Pipe | None) -> protocol.Reply:
        """Have the attempt run and wait for its end: the warden's last word about it.

        `on_spawned(pid, start_ticks)` is called once before that, if a process was started.
        """
        self.send(request, pump)
        announced = False
        while True:
            if pump is not None:
                pump.run_until_readable(self.fileno())
            for reply in self.receive():
                if isinstance(reply, protocol.Started | protocol.Finished) and not announced:
                    announced = True
                    on_spawned(reply.pid, reply.start_ticks)
                if not isinstance(reply, protocol.Started):
                    return reply

    def send(self, request: Request, pump: Pipe | None = None) -> None:
        """Ask for an attempt. Raises ChannelClosedError."""
        try:
            protocol.send(self._end, self._packed(request, pump), pump.write_end if pump else None)
        except (BrokenPipeError, ConnectionResetError):
            raise ChannelClosedError(asked=False) from None
        self._known.add(request.base.number)

    def offer(self, request: Request) -> bool | None:
        """Ask for an attempt without waiting: None if the warden does not listen now, False if it is too large.

        Raises ChannelClosedError."""
        data = marshal.dumps(self._packed(request, None))
        if len(data) > protocol.LARGEST_INLINE:
            return False
        try:
            self._end.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except (BrokenPipeError, ConnectionResetError):
            raise ChannelClosedError(asked=False) from None
        self._known.add(request.base.number)
        return True

    def _packed(self, request: Request, pump: Pipe | None) -> tuple[Any, ...]:
        base = request.base
        start = protocol.StartRequest(
            serial=request.serial,
            argv=request.argv,
            working_dir=request.working_dir,
            base=base.number,
            base_variables=None if base.number in self._known else base.variables,
            overlay=request.overlay,
            log=b"" if pump else request.log,
            timeout=request.timeout,
            grace=request.grace,
            limits=request.limits,
            plain_words=request.words,
            sandbox=request.sandbox,
        )
        return protocol.pack_start(start)

    def receive(self) -> list[protocol.Reply]:
        """The next replies about attempts; waits for them. Raises ChannelClosedError."""
        try:
            reply = self._end.recv(protocol.REPLY)
        except ConnectionResetError:
            # Not just the end: the kernel says so when the request was never read, so that nothing was started.
            raise ChannelClosedError(asked=False) from None
        if not reply:
            raise ChannelClosedError(asked=True)
        return protocol.unpack_replies(reply)


def _moved_up(descriptor: int) -> int:
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _LOWEST_SAFE_DESCRIPTOR)
    os.close(descriptor)
    return moved
