"""The warden's end of one channel: requests come in, replies are collected and sent once a turn of the loop."""

from __future__ import annotations

from . import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket


class ReplySocket:
    """One channel. pexec has one for each thread that waits for an attempt, and one for all that need no thread."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self.tags: set[int] = set()  # of the attempts that were requested here and are not over
        self.replies: list[protocol.Reply] = []  # to be sent by the next `flush`

    def flush(self) -> None:
        """Send the replies."""
        replies, self.replies = self.replies, []
        try:
            for start in range(0, len(replies), protocol.REPLIES_PER_PACKET):
                part = replies[start : start + protocol.REPLIES_PER_PACKET]
                protocol.send(self.end, protocol.pack_replies(part))
        except OSError:
            # No thread waits for the answer any more: the end of the channel will be seen, and ends its jobs.
            return
