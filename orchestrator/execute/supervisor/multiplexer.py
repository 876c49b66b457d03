"""The driver's own channel to the warden: attempts whose output goes straight to their logs need no thread.

A thread that asks and waits costs 0.3 ms a job in wake-ups and in waiting for the interpreter's lock. So these are
asked for in the driver's thread, and the answers come to it through its inbox.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any, NamedTuple

from orchestrator.execute.attempt.spec import AttemptLostError
from orchestrator.execute.inbox import Inbox
from orchestrator.execute.supervisor.channel import Channel, ChannelClosedError, Request
from orchestrator.execute.supervisor.supervisor import Supervision
from orchestrator.execute.warden import protocol

# A thread may wait for room, or send what is too large for a packet; the driver's must not.
ELSEWHERE = protocol.Scarce(protocol.NO_SERIAL, 0)


class Asker(NamedTuple):
    """Who asked for an attempt: gets the warden's words about it, or why there will be none."""

    on_reply: Callable[[protocol.Reply], None]
    on_lost: Callable[[str], None]


class Line:
    """Asks for attempts without waiting. For the thread that waits on the inbox."""

    def __init__(self, supervision: Supervision, inbox: Inbox[Any]) -> None:
        self._supervision = supervision
        self._inbox = inbox
        self._channel: Channel | None = None
        self._askers: dict[int, Asker] = {}  # by the attempt's serial

    def start(self, request: Request, asker: Asker) -> None:
        """Have the attempt run. SCARCE as the last word about it means: not this way, or not now."""
        try:
            sent = self._send(request)
        except AttemptLostError as error:
            asker.on_lost(str(error))
            return
        if not sent:
            asker.on_reply(ELSEWHERE)
            return
        self._askers[request.serial] = asker
        self._supervision.attempt_begins()

    def close(self) -> None:
        """Hang up, which ends what still runs; its askers hear that it is lost."""
        if self._channel is not None:
            self._hang_up(self._channel)
        self._lose_all("pexec is ending")

    def _send(self, request: Request) -> bool:
        """Whether the warden that lives now was asked; raises AttemptLostError if none can live."""
        while (channel := self._open()) is not None:
            try:
                while (sent := channel.offer(request)) is None:
                    self._hear_until_there_is_room(channel)
            except ChannelClosedError as closed:
                if not self._broken(channel, closed):
                    return False
            else:
                return sent
        return False

    def _open(self) -> Channel | None:
        """The channel; None where the system has no room for one."""
        if self._channel is None:
            channel = self._supervision.take_channel()
            if channel is not None:
                self._inbox.listen(channel.fileno(), lambda: self._hear(channel))
            self._channel = channel
        return self._channel

    def _hear_until_there_is_room(self, channel: Channel) -> None:
        """The warden may be waiting for its words to be heard before it hears another: so read while waiting."""
        poll = select.poll()
        poll.register(channel.fileno(), select.POLLIN | select.POLLOUT)
        if any(event & ~select.POLLOUT for _, event in poll.poll()):
            self._read(channel)

    def _hear(self, channel: Channel) -> None:
        try:
            self._read(channel)
        except ChannelClosedError as closed:
            newest = next(reversed(self._askers), None)
            if newest is not None and not closed.asked:
                # What was not read is the last that was sent.
                self._tell(newest, ELSEWHERE)
            self._broken(channel, closed)

    def _read(self, channel: Channel) -> None:
        """One packet of words; there is one."""
        for reply in channel.receive():
            self._tell(reply.serial, reply)

    def _tell(self, serial: int, reply: protocol.Reply) -> None:
        if isinstance(reply, protocol.Started):
            self._askers[serial].on_reply(reply)
            return
        asker = self._askers.pop(serial)
        self._supervision.attempt_ends(heard_out=reply is not ELSEWHERE)
        asker.on_reply(reply)

    def _broken(self, channel: Channel, closed: ChannelClosedError) -> bool:
        """The warden hung up. Whether it has died; else it had no room for the channel, and has read nothing."""
        self._hang_up(channel)
        if self._supervision.has_died(channel.warden, closed) or closed.asked:
            self._lose_all(self._supervision.why_lost())
            return True
        for serial in list(self._askers):
            self._tell(serial, ELSEWHERE)
        return False

    def _hang_up(self, channel: Channel) -> None:
        self._inbox.forget(channel.fileno())
        self._supervision.give_back(channel, heard_out=False)
        self._channel = None

    def _lose_all(self, why: str) -> None:
        while self._askers:
            _, asker = self._askers.popitem()
            self._supervision.attempt_ends(heard_out=False)
            asker.on_lost(why)
