"""What pexec and the warden say to each other: one marshalled tuple a packet, over SOCK_SEQPACKET socket pairs.

Both ends are the same Python, so `marshal` is safe and the fastest. Texts are bytes, times are seconds.

On the control socket, pexec to warden: `(CHANNEL,)` with a descriptor, `(LOGS,)` with that of the folder in which the
names of logs count, `(KILL, serial, force)`, `(PAUSE,)`, `(RESUME,)`; its end means that pexec is gone. On a channel,
pexec to warden, an attempt:

    (serial, argv, working folder, number of the base environment, its variables or None when already sent,
     variables over it, name or path of the log or b"" when a descriptor to write to comes along, timeout or None,
     grace, limits or None: resources with soft and hard limit, and what all processes of the attempt may use
     together, bytes and CPU seconds, 0 for no limit, and control groups: where, and what is written into which of
     its files;
     the words of the command that a shell in `argv` would become, or none;
     what isolates it: None, or what `isolated.Walls` is made of)

and back, one or several in a packet, each behind the attempt's serial: `SPAWNED, pid, start ticks` if it lives for a
while, and then one of

    (FINISHED, pid, start ticks, cause, wait status or None, duration, cpu seconds, max RSS in KiB, log bytes,
     processes killed beside the main one, whether some process outlived its KILL)
    (REFUSED, fault, errno, detail)     the command cannot be started; `fault` is one of the numbers below
    (SCARCE, errno)                     nothing was started, for want of processes, memory or descriptors: ask again
    (CONDEMNED,)                        nothing was started: its kill came first

The serial is NOBODY for a request that found no room, and so could not be read.
"""

from __future__ import annotations

import array
import errno
import marshal
import os
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CONTROL_FD = 3

CHANNEL, KILL, PAUSE, RESUME, LOGS = range(5)
SPAWNED, FINISHED, REFUSED, SCARCE, CONDEMNED = range(5)

# Why a process ended, as far as the warden had a hand in it.
BY_ITSELF, BY_TIMEOUT, BY_REQUEST, BY_MEMORY, BY_CPU_TIME = range(5)

# Why a command cannot be started.
NOT_FOUND, NO_INTERPRETER, NO_LOADER, FOLDER, NOT_EXECUTABLE, BAD_FORMAT = range(6)
TOO_LONG, BAD_TEXT, NO_WORKING_DIR, NO_LOG, OTHER, NO_ISOLATION, NO_GROUP = range(6, 13)

# A tag is the soft RLIMIT_RTTIME of an attempt's processes: 2**50 + the warden's pid * 2**28 + the attempt's serial.
# The warden's pid keeps two runs on one machine, or a run inside a job of another, apart.
TAG_FLOOR = 1 << 50
SERIAL_BITS = 28
_SERIAL = (1 << SERIAL_BITS) - 1
NOBODY = -1

PACKET = 1 << 16
WORDS = 8  # in a packet, at most
REPLY = 1 << 14
# A packet must fit the socket's buffer, which is as small as 208 KiB; what is larger goes through a memory file.
LARGEST_INLINE = PACKET - 1024
_IN_A_FILE = b"@"
_MOST_DESCRIPTORS = 2
_ANCILLARY_SPACE = socket.CMSG_SPACE(_MOST_DESCRIPTORS * 4)


def tag_base(warden_pid: int) -> int:
    """The tag of serial 0 under this warden; its tags are the `1 << SERIAL_BITS` numbers from here on."""
    return TAG_FLOOR | warden_pid << SERIAL_BITS


def is_tag(limit: int) -> bool:
    """Whether a limit is some warden's tag."""
    return TAG_FLOOR <= limit < 2 * TAG_FLOOR


def serial_of(tag: int) -> int:
    """The serial of the attempt that has this tag."""
    return tag & _SERIAL


def run_of(tag: int) -> int:
    """What all tags of one warden have in common."""
    return tag >> SERIAL_BITS


def send(end: socket.socket, message: tuple[Any, ...], descriptor: int | None = None) -> None:
    """Send one message, with at most one descriptor. Errors of the socket pass."""
    data = marshal.dumps(message)
    if descriptor is None and len(data) <= LARGEST_INLINE:
        end.send(data)
        return
    descriptors = [] if descriptor is None else [descriptor]
    if len(data) <= LARGEST_INLINE:
        socket.send_fds(end, [data], descriptors)
        return
    with open(os.memfd_create("pexec"), "wb") as file:
        file.write(data)
        file.flush()
        socket.send_fds(end, [_IN_A_FILE], [file.fileno(), *descriptors])


def receive(end: socket.socket) -> tuple[tuple[Any, ...], list[int]] | None:
    """The next message and its descriptors, close-on-exec; None at the end of the conversation.

    A descriptor that found no room in this process is missing from the list; EMFILE if it was to bring the message.
    """
    data, ancillary, _, _ = end.recvmsg(PACKET, _ANCILLARY_SPACE, socket.MSG_CMSG_CLOEXEC)
    if not data:
        return None
    if not ancillary:
        return marshal.loads(data), []
    descriptors = array.array("i")
    for _, _, numbers in ancillary:
        descriptors.frombytes(numbers[: len(numbers) - len(numbers) % descriptors.itemsize])
    found = descriptors.tolist()
    if data == _IN_A_FILE:
        if not found:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        with open(found.pop(0), "rb") as file:
            file.seek(0)
            data = file.read()
    return marshal.loads(data), found
