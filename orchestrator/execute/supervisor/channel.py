"""A channel to the warden, on which pexec requests attempts and receives what became of them."""

from __future__ import annotations

import marshal
import socket
from collections.abc import Callable
from typing import Any

from orchestrator.execute.attempt.output import Pipe
from orchestrator.execute.attempt.request import Reply, Request
from orchestrator.execute.supervisor.warden_process import WardenProcess
from orchestrator.execute.warden import protocol
from orchestrator.execute.warden.scarcity import has_room_for


class ChannelClosedError(Exception):
    """The warden ended, or did not accept the channel. `asked`: an attempt may have been started."""

    def __init__(self, asked: bool) -> None:
        super().__init__("the warden closed the channel")
        self.asked = asked


class Channel:
    """A socket to one warden. A thread uses it for one attempt at a time (`ask`), the driver for several (`send`).

    Not safe to use from two threads at once.
    """

    def __init__(self, warden: WardenProcess) -> None:
        self.warden = warden
        self._known: set[int] = set()  # numbers of the base environments that the warden has
        self._end, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                warden.send(protocol.CHANNEL, descriptor=theirs.fileno())
            except OSError:
                # The first use of this end finds it closed.
                return

    def leaves_room(self) -> bool:
        """Whether it did not take one of the last descriptors, which others need."""
        return has_room_for(self._end.fileno())

    def fileno(self) -> int:
        """The descriptor that becomes readable when a reply comes."""
        return self._end.fileno()

    def close(self) -> None:
        """Close it; the warden kills what still runs for this channel."""
        self._end.close()

    def ask(self, request: Request, on_spawned: Callable[[int, int], None], pump: Pipe | None) -> Reply:
        """Request the attempt and wait for its end: the warden's last word about it.

        `on_spawned(pid, start_ticks)` is called once before that, in this thread, if a process was started.
        Raises ChannelClosedError.
        """
        message = self.message(request, pump)
        try:
            protocol.send(self._end, message, pump.write_end if pump else None)
        except (BrokenPipeError, ConnectionResetError):
            raise ChannelClosedError(asked=False) from None
        self._known.add(request.base.number)
        announced = False
        while True:
            if pump is not None:
                pump.run_until_readable(self.fileno())
            for _, *reply in self.receive():
                kind = reply[0]
                if kind in (protocol.SPAWNED, protocol.FINISHED) and not announced:
                    announced = True
                    on_spawned(reply[1], reply[2])
                if kind != protocol.SPAWNED:
                    return tuple(reply)

    def send(self, request: Request) -> bool | None:
        """Request the attempt without waiting: None if the socket is full now, False if the request is too large for
        one packet.

        Raises ChannelClosedError."""
        data = marshal.dumps(self.message(request, None))
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

    def message(self, request: Request, pump: Pipe | None) -> tuple[Any, ...]:
        """The request as it goes over the wire; a base environment that the warden has is left out."""
        base = request.base
        return (
            request.serial,
            request.argv,
            request.working_dir,
            base.number,
            None if base.number in self._known else base.variables,
            request.overlay,
            b"" if pump else request.log,
            request.timeout,
            request.grace,
            request.limits,
            request.words,
            request.walls,
        )

    def receive(self) -> tuple[tuple[Any, ...], ...]:
        """The next words about attempts, each behind its serial; waits for them. Raises ChannelClosedError."""
        try:
            reply = self._end.recv(protocol.REPLY)
        except ConnectionResetError:
            # Not just the end: the kernel says so when the request was never read, so that nothing was started.
            raise ChannelClosedError(asked=False) from None
        if not reply:
            raise ChannelClosedError(asked=True)
        words: tuple[tuple[Any, ...], ...] = marshal.loads(reply)
        return words
