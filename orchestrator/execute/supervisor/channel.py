"""A channel to the warden, on which pexec requests attempts and receives what became of them."""

from __future__ import annotations

import marshal
import socket
from collections.abc import Callable

from orchestrator.execute.attempt.output import Pipe
from orchestrator.execute.supervisor.warden_process import WardenProcess
from orchestrator.execute.warden import protocol
from orchestrator.execute.warden.protocol import Finished, Reply, Started, StartRequest
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
                warden.send(protocol.Control(protocol.CHANNEL), theirs.fileno())
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

    def ask(self, request: StartRequest, on_spawned: Callable[[int, int], None], pump: Pipe | None) -> Reply:
        """Request the attempt and wait for its end: the warden's last word about it.

        `on_spawned(pid, start_ticks)` is called once before that, in this thread, if a process was started.
        Raises ChannelClosedError.
        """
        variables = None if request.base in self._known else request.base_variables
        request = request._replace(log=b"" if pump else request.log, base_variables=variables)
        try:
            protocol.send(self._end, protocol.pack_start(request), pump.write_end if pump else None)
        except (BrokenPipeError, ConnectionResetError):
            raise ChannelClosedError(asked=False) from None
        self._known.add(request.base)
        announced = False
        while True:
            if pump is not None:
                pump.run_until_readable(self.fileno())
            for reply in self.receive():
                if isinstance(reply, (Started, Finished)) and not announced:
                    announced = True
                    on_spawned(reply.pid, reply.start_ticks)
                if not isinstance(reply, Started):
                    return reply

    def send(self, request: StartRequest) -> bool | None:
        """Request the attempt without waiting: None if the socket is full now, False if the request is too large for
        one packet.

        Raises ChannelClosedError."""
        packed = protocol.pack_start(request)  # `_replace` would take three times as long
        if request.base in self._known:
            packed = (*packed[:4], None, *packed[5:])
        data = marshal.dumps(packed)
        if len(data) > protocol.LARGEST_INLINE:
            return False
        try:
            self._end.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except (BrokenPipeError, ConnectionResetError):
            raise ChannelClosedError(asked=False) from None
        self._known.add(request.base)
        return True

    def receive(self) -> list[Reply]:
        """The next replies about attempts; waits for them. Raises ChannelClosedError."""
        try:
            data = self._end.recv(protocol.REPLY)
        except ConnectionResetError:
            # Not just the end: the kernel says so when the request was never read, so that nothing was started.
            raise ChannelClosedError(asked=False) from None
        if not data:
            raise ChannelClosedError(asked=True)
        return protocol.unpack_replies(data)
