"""The warden as a process: how pexec starts it, sends to its control socket, and reaps it with all that it left."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable

from orchestrator.execute.warden import processes, protocol
from orchestrator.inherited import umask_of_jobs

_PROGRAM = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "warden", "__main__.py")
_OPTIONS = ("-I", "-S", "-X", "utf8")
# File actions that fill descriptors 0 to 3 must not overwrite what they copy from.
_LOWEST_SAFE_DESCRIPTOR = 10
# Longer than it takes to stop hundreds of jobs; a warden that reads nothing at all must not block pexec for ever.
_SEND_SECONDS = 5.0
_SWEEP_SECONDS = 5.0
_SWEEP_AGAIN_SECONDS = 0.005
_LAST_WORDS = 4096


class WardenProcess:
    """One warden, started at once and not waited for."""

    def __init__(self) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.is_used = False
        self.control.settimeout(_SEND_SECONDS)
        self._stderr = _moved_up(os.memfd_create("warden's stderr"))
        with theirs:
            end = _moved_up(theirs.detach())
        actions = (
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, self._stderr, 2),
            (os.POSIX_SPAWN_DUP2, end, protocol.CONTROL_FD),
        )
        umask = umask_of_jobs()
        try:
            self.pid = os.posix_spawn(
                sys.executable,
                [sys.executable, *_OPTIONS, _PROGRAM, str(os.getpid()), *([] if umask is None else [str(umask)])],
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

    def send(self, message: protocol.Control, descriptor: int | None = None) -> None:
        """Send on the control socket; OSError if the warden is gone."""
        self.is_used = True
        protocol.send(self.control, tuple(message), descriptor)

    def dismiss(self) -> None:
        """Close the conversation, upon which the warden kills everything and exits."""
        try:
            signal.pidfd_send_signal(self._ended, signal.SIGCONT)  # it may have been stopped
            self.control.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def ends_within(self, seconds: float) -> bool:
        """Wait for the end of the process."""
        poll = select.poll()
        poll.register(self._ended, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def reap(self) -> str:
        """Kill and reap the process and what it left behind; the last line of its stderr: why it failed, if known."""
        processes.send(self._ended, processes.KILL)
        try:
            os.waitpid(self.pid, 0)
        except ChildProcessError:
            # A program that imports pexec ignores SIGCHLD: the kernel reaps.
            self.ends_within(_SWEEP_SECONDS)
        sweep(self._is_of_a_job)
        self.control.close()
        os.close(self._ended)
        with open(self._stderr, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LAST_WORDS))
            lines = file.read().decode(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "")

    def _is_of_a_job(self, pid: int) -> bool:
        """Whether pexec adopted it when the warden died: pexec may have other children."""
        tag = processes.tag_of(pid)
        # Without the first test, `None in range` would compare with every number of the range: ten seconds.
        return tag is not None and tag in self._tags


def sweep(is_wanted: Callable[[int], bool]) -> None:
    """Kill and reap those of pexec's children that are wanted, with all below them, until none is left."""
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


def _moved_up(descriptor: int) -> int:
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _LOWEST_SAFE_DESCRIPTOR)
    os.close(descriptor)
    return moved
