"""Start a command in isolation. Everything here ends in two processes above the job (see `enclosure`), or where there
are no namespaces in the job itself, confined.
"""

from __future__ import annotations

import errno
import marshal
import os
import signal
import sys

from . import namespaces, pid1, spawn_limited
from .confinement import Confinement
from .enclosure import Enclosure
from .scarcity import SCARCITY, has_room_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from .spawn import Command

_PROGRAM = os.fsencode(os.path.join(os.path.dirname(os.path.abspath(__file__)), "pid1.py"))


class Walls:
    """What isolates a job, as pexec asks for it; see `execute.isolation`, which makes it.

    `prefix` is the command of bubblewrap, empty without it. `own_processes`: a process namespace of its own, in a
    user namespace if `own_user`. `sandbox`: also a network of its own unless `network`, with folders `hidden`, and
    others `shown` at a place. `writable`: what may be written, by Landlock; None for what the user may.
    """

    __slots__ = (
        "hidden",
        "network",
        "no_sockets",
        "own_processes",
        "own_user",
        "prefix",
        "sandbox",
        "shown",
        "writable",
    )

    def __init__(
        self,
        prefix: list[bytes],
        own_processes: bool,
        own_user: bool,
        sandbox: bool,
        network: bool,
        hidden: list[bytes],
        shown: list[tuple[bytes, bytes]],
        writable: list[bytes] | None,
        no_sockets: bool,
    ) -> None:
        self.prefix = prefix
        self.own_processes = own_processes
        self.own_user = own_user
        self.sandbox = sandbox
        self.network = network
        self.hidden = hidden
        self.shown = shown
        self.writable = writable
        self.no_sockets = no_sockets


def start(path: bytes, command: Command, walls: Walls, output: int) -> tuple[int, Enclosure | None]:
    """The pid of the outermost process, and what is around the job, if it is not that itself. The caller's working
    folder is the job's. Raises OSError, ValueError, or StepError if it cannot be isolated."""
    if not walls.prefix and not walls.own_processes:
        made = _confinement(walls, output)
        try:
            argv, env, limits = command.argv, command.env, command.limits
            return spawn_limited.start(path, argv, env, output, limits, made, command.entrances), None
        finally:
            if made is not None:
                made.close()
    spawn_limited.check_texts(command.argv, command.env)
    kept: list[int] = []
    try:
        told, tell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        kept.append(told)
        try:
            said = os.memfd_create("complaints", os.MFD_CLOEXEC)
            kept.append(said)
            if not has_room_for(max(kept)):
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            begin = _in_bubblewrap if walls.prefix else _in_namespaces
            pid = begin(path, command, walls, output, tell, said)
        finally:
            os.close(tell)
    except BaseException:
        for descriptor in kept:
            os.close(descriptor)
        raise
    return pid, Enclosure(pid, told, said, path, command.working_dir, command.log, command.logs)


def _confinement(walls: Walls, output: int) -> Confinement | None:
    if walls.writable is None and not walls.no_sockets:
        return None
    try:
        return Confinement(walls.writable, walls.no_sockets, output)
    except OSError as error:
        name = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        raise namespaces.StepError(f"{name}{error.strerror}") from None


def _in_bubblewrap(path: bytes, command: Command, walls: Walls, output: int, tell: int, said: int) -> int:
    """bubblewrap makes the walls and runs `inner` as the first process inside."""
    task = os.memfd_create("task", os.MFD_CLOEXEC)
    with open(task, "wb") as file:
        groups, place = len(command.entrances), command.working_dir
        marshal.dump((path, command.argv, command.env, place, command.limits, groups, walls.network), file)
        file.flush()
        # The warden opens enough for itself that none of these has such a number yet.
        actions = [
            (os.POSIX_SPAWN_DUP2, tell, pid1.REPORT_FD),
            (os.POSIX_SPAWN_DUP2, output, pid1.OUTPUT_FD),
            (os.POSIX_SPAWN_DUP2, task, pid1.TASK_FD),
            (os.POSIX_SPAWN_DUP2, said, 1),
            (os.POSIX_SPAWN_DUP2, said, 2),
        ]
        for number, entrance in enumerate(command.entrances, start=pid1.TASK_FD + 1):
            actions.append((os.POSIX_SPAWN_DUP2, entrance, number))
        argv = [*walls.prefix, os.fsencode(sys.executable), b"-I", b"-S", _PROGRAM]
        return os.posix_spawn(walls.prefix[0], argv, {}, file_actions=actions, setsid=True, setsigmask=())


def _in_namespaces(path: bytes, command: Command, walls: Walls, output: int, tell: int, said: int) -> int:
    """The warden's own copies are the two processes."""
    pid = os.fork()
    if pid == 0:
        _stand_above(path, command, walls, output, tell, said)
    return pid


def _fail(error: Exception) -> None:
    """Say why nothing could be started: want of something, which may pass, or what the system does not allow."""
    if isinstance(error, OSError) and error.errno in SCARCITY:
        os.write(pid1.REPORT_FD, pid1.record(pid1.FAILED, error.errno))
    else:
        os.write(2, str(error).encode(errors="surrogateescape"))


def _stand_above(path: bytes, command: Command, walls: Walls, output: int, tell: int, said: int) -> NoReturn:
    code = 1
    try:
        os.dup2(said, 2)
        os.setsid()
        pid1.keep_only(tell, output, *command.entrances)
        namespaces.leave(own_user=walls.own_user, sandbox=walls.sandbox, network=walls.network)
        pid = os.fork()
        if pid == 0:
            _be_first(path, command, walls)
        os.closerange(pid1.REPORT_FD, pid1.OUTPUT_FD + 1 + len(command.entrances))
        # Whoever ends it from elsewhere ends the job, as with bubblewrap.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except (OSError, namespaces.StepError) as error:
        _fail(error)
    finally:
        os._exit(code if code >= 0 else 1)


def _be_first(path: bytes, command: Command, walls: Walls) -> NoReturn:
    try:
        namespaces.furnish(walls.hidden, walls.shown, network=walls.network or not walls.sandbox)
        confinement = _confinement(walls, pid1.OUTPUT_FD)

        entrances = range(pid1.OUTPUT_FD + 1, pid1.OUTPUT_FD + 1 + len(command.entrances))
        last = confinement.descriptor if confinement is not None else entrances.stop

        def start() -> int:
            output, limits = pid1.OUTPUT_FD, command.limits
            pid = spawn_limited.start(path, command.argv, command.env, output, limits, confinement, entrances)
            os.closerange(pid1.OUTPUT_FD, last + 1)
            return pid

        pid1.keep(pid1.REPORT_FD, start)
    except (OSError, ValueError, namespaces.StepError) as error:
        _fail(error)
    finally:
        os._exit(1)
