"""What pexec and the warden send each other: marshalled packets over SOCK_SEQPACKET socket pairs.

Both ends run the same Python, so `marshal` is safe, and the fastest. It takes plain tuples only: a named packet is
sent as `tuple(packet)` and received with `Packet._make`. Texts are bytes; times are seconds.

- The control socket, from pexec to the warden, carries one `Control` a packet. Its end means that pexec is gone.
- A channel carries one `StartRequest` a packet from pexec to the warden, and back one or several replies a packet:
  `Started` if the process lives for a while, and then exactly one of `Finished`, `Refused`, `Scarce`, `NeverStarted`.
  The end of a channel ends the attempts that were requested on it.
"""

from __future__ import annotations

import array
import errno
import marshal
import os
import signal
import socket

from .named_tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

CONTROL_FD = 3

# Kinds of `Control`.
CHANNEL, KILL, PAUSE, RESUME, LOGS, WATCH, LEASE = range(7)

# Causes in `Finished`: why a process ended, as far as the warden had a hand in it.
BY_ITSELF, BY_TIMEOUT, BY_REQUEST, BY_MEMORY, BY_CPU_TIME = range(5)

# Problems in `Refused`: why a command cannot be started.
NOT_FOUND, NO_INTERPRETER, NO_LOADER, IS_DIRECTORY, NOT_EXECUTABLE, BAD_FORMAT = range(6)
TOO_LONG, BAD_TEXT, NO_WORKING_DIR, NO_LOG, OTHER, NO_ISOLATION, NO_CGROUP = range(6, 13)

# A tag is the soft RLIMIT_RTTIME of an attempt's processes: 2**50 + the warden's pid * 2**28 + the attempt's serial.
# The warden's pid keeps two runs on one machine, or a run inside a job of another, apart.
TAG_FLOOR = 1 << 50
SERIAL_BITS = 28
_SERIAL = (1 << SERIAL_BITS) - 1
NO_SERIAL = -1

PACKET = 1 << 16
REPLIES_PER_PACKET = 8
REPLY = 1 << 14
# A packet must fit the socket's buffer, which is as small as 208 KiB; what is larger goes through a memory file.
LARGEST_INLINE = PACKET - 1024
_IN_A_FILE = b"@"
_MOST_DESCRIPTORS = 2
_ANCILLARY_SPACE = socket.CMSG_SPACE(_MOST_DESCRIPTORS * 4)


class Control(NamedTuple):
    """One message on the control socket.

    CHANNEL comes with the warden's end of a new channel, LOGS with a descriptor of the directory that names of logs
    are relative to, WATCH with a pidfd: the end of that process is the end of pexec too. KILL ends the attempt
    `serial`: its stop signal, its grace period, then SIGKILL; with `force` SIGKILL at once. LEASE: from `until` on,
    seconds of `clock`, pexec counts as gone, unless another LEASE comes before.
    """

    kind: int
    serial: int = NO_SERIAL
    force: bool = False
    clock: int = 0
    until: float = 0.0


class AttemptLimits(NamedTuple):
    """What an attempt may use.

    `rlimits` are triples of resource, soft and hard limit, as `setrlimit` takes them, for each process. The warden
    itself watches `memory_bytes` and `cpu_seconds`, what all processes of the attempt use together; 0 for no limit.
    `cgroups` are pairs of a parent directory, in which a control group is made, and the (file, value) pairs to write
    in that group.
    """

    rlimits: Sequence[tuple[int, int, int]] = ()
    memory_bytes: int = 0
    cpu_seconds: float = 0.0
    cgroups: Sequence[tuple[bytes, Sequence[tuple[bytes, bytes]]]] = ()


class SandboxSpec(NamedTuple):
    """What isolates an attempt; `execute.sandbox.policy` makes it.

    - `bubblewrap`: the command that makes the sandbox, to which the program inside is appended; empty without it.
    - `new_pids`, `new_users`, `new_ipc`, `new_network`: the namespaces that the attempt gets for itself.
    - `hidden`: directories covered by empty ones.
    - `mounts`: pairs of a path outside and the path at which it is visible inside.
    - `writable`: the only paths that Landlock lets it write; None for all that the user may write.
    - `no_sockets`: a filter of system calls allows UNIX sockets only.
    """

    bubblewrap: Sequence[bytes] = ()
    new_pids: bool = False
    new_users: bool = False
    new_ipc: bool = False
    new_network: bool = False
    hidden: Sequence[bytes] = ()
    mounts: Sequence[tuple[bytes, bytes]] = ()
    writable: Sequence[bytes] | None = None
    no_sockets: bool = False


class StartRequest(NamedTuple):
    """An attempt to start.

    - `serial`: unique in the run, from 1, below `1 << SERIAL_BITS`.
    - `base`: the number of a base environment; `base_variables` are its variables, None if they were sent on this
      channel before. `overlay` are the attempt's own variables, which win.
    - `log`: a name in the directory of the logs, or a path; b"" if a descriptor to write the output to comes along.
    - `timeout`: seconds after which it is terminated, None for no timeout. `grace`: seconds from its stop signal
      to SIGKILL.
    - `stop_signal`: the number of the signal that terminates it.
    - `plain_words`: the words of the command that the shell in `argv` would become, or none; see `spawn_plain`.
    """

    serial: int
    argv: list[bytes]
    working_dir: bytes
    base: int
    base_variables: dict[bytes, bytes] | None
    overlay: dict[bytes, bytes]
    log: bytes
    timeout: float | None
    grace: float
    limits: AttemptLimits | None = None
    plain_words: tuple[bytes, ...] = ()
    sandbox: SandboxSpec | None = None
    stop_signal: int = signal.SIGTERM.value


class Started(NamedTuple):
    """The process was started and still lives. `start_ticks`: clock ticks from boot to its start."""

    serial: int
    pid: int
    start_ticks: int


class Finished(NamedTuple):
    """The attempt is over.

    - `start_ticks`: clock ticks from boot to the start of the process.
    - `cause`: BY_ITSELF, BY_TIMEOUT, BY_REQUEST, BY_MEMORY or BY_CPU_TIME.
    - `status`: the wait status of the main process; None if it outlived SIGKILL.
    - `duration`, `cpu_seconds`: seconds; `max_rss_kib`: KiB of the largest process; `log_bytes`: the size of its log.
    - `killed_descendants`: how many processes were killed other than the main one.
    - `has_survivors`: whether some process outlived SIGKILL.
    """

    serial: int
    pid: int
    start_ticks: int
    cause: int
    status: int | None
    duration: float
    cpu_seconds: float
    max_rss_kib: int
    log_bytes: int
    killed_descendants: int
    has_survivors: bool


class Refused(NamedTuple):
    """The command cannot be started. `problem`: NOT_FOUND and so on; `errno`: 0 if there is none; `detail`: the path
    or the text that the problem is about."""

    serial: int
    problem: int
    errno: int
    detail: bytes


class Scarce(NamedTuple):
    """Nothing was started, for lack of processes, memory or descriptors, with this errno: send the request again.

    The serial is NO_SERIAL if the request itself was lost; only one that is too large for a packet can be.
    """

    serial: int
    errno: int


class NeverStarted(NamedTuple):
    """Nothing was started: the request to kill the attempt came first."""

    serial: int


Reply = Started | Finished | Refused | Scarce | NeverStarted
_REPLIES = (Started, Finished, Refused, Scarce, NeverStarted)
_NUMBERS = {reply: number for number, reply in enumerate(_REPLIES)}


def pack_start(request: StartRequest) -> tuple[Any, ...]:
    """The request as the plain tuple that `marshal` takes."""
    if request.limits is None and request.sandbox is None:
        return tuple(request)
    limits, sandbox = (None if part is None else tuple(part) for part in (request.limits, request.sandbox))
    return tuple(request._replace(limits=limits, sandbox=sandbox))  # type: ignore[arg-type]


def unpack_start(fields: tuple[Any, ...]) -> StartRequest:
    """The request that `pack_start` was given."""
    request = StartRequest._make(fields)
    if request.limits is None and request.sandbox is None:
        return request
    return request._replace(
        limits=None if request.limits is None else AttemptLimits._make(request.limits),
        sandbox=None if request.sandbox is None else SandboxSpec._make(request.sandbox),
    )


def pack_replies(replies: Iterable[Reply]) -> tuple[tuple[int, tuple[Any, ...]], ...]:
    """Replies as the plain tuples that `marshal` takes: pairs of the reply's kind and its fields."""
    return tuple([(_NUMBERS[type(reply)], tuple(reply)) for reply in replies])


def unpack_replies(data: bytes) -> list[Reply]:
    """The replies in one packet."""
    return [_REPLIES[number]._make(fields) for number, fields in marshal.loads(data)]


def tag_base(warden_pid: int) -> int:
    """The tag of serial 0 under this warden; its tags are the `1 << SERIAL_BITS` numbers from here on."""
    return TAG_FLOOR | warden_pid << SERIAL_BITS


def is_tag(limit: int) -> bool:
    """Whether a limit is the tag of any warden."""
    return TAG_FLOOR <= limit < 2 * TAG_FLOOR


def serial_of(tag: int) -> int:
    """The serial of the attempt that has this tag."""
    return tag & _SERIAL


def warden_of(tag: int) -> int:
    """The pid of the warden with this tag, in its own PID namespace."""
    return (tag & ~TAG_FLOOR) >> SERIAL_BITS


def run_of(tag: int) -> int:
    """What all tags of one warden have in common."""
    return tag >> SERIAL_BITS


def send(end: socket.socket, message: tuple[Any, ...], descriptor: int | None = None) -> None:
    """Send one message, a plain tuple, with at most one descriptor. Errors of the socket pass."""
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


class MessageLostError(OSError):
    """A message was read whose content was in a descriptor that found no room in this process."""


def receive(end: socket.socket) -> tuple[tuple[Any, ...], list[int]] | None:
    """The next message, a plain tuple, and its descriptors, close-on-exec; None at the end of the stream.

    A descriptor that found no room in this process is missing from the list; MessageLostError if it was to bring the
    message. After any other OSError the message can be received again.
    """
    data, ancillary = end.recvmsg(PACKET, _ANCILLARY_SPACE, socket.MSG_CMSG_CLOEXEC)[:2]
    if not data:
        return None
    if not ancillary and data != _IN_A_FILE:
        return marshal.loads(data), []
    descriptors = array.array("i")
    for _, _, numbers in ancillary:
        descriptors.frombytes(numbers[: len(numbers) - len(numbers) % descriptors.itemsize])
    found = descriptors.tolist()
    if data == _IN_A_FILE:
        if not found:
            raise MessageLostError(errno.EMFILE, os.strerror(errno.EMFILE))
        with open(found.pop(0), "rb") as file:
            file.seek(0)
            data = file.read()
    return marshal.loads(data), found
