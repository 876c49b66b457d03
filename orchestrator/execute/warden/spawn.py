"""Start one command: find it, open its log, spawn it; and say exactly what is wrong when that fails."""

from __future__ import annotations

import errno
import os
import resource
import stat
import time
from functools import lru_cache

from . import processes, protocol, spawn_plain
from .scarcity import SCARCITY, has_room_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .cgroup_moves import Groups, Wanted
    from .enclosure import Enclosure

    Argv = list[bytes] | tuple[bytes, ...]

_NOWHERE = -1
_LOG_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TICK_NANOSECONDS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_LONGEST_SHEBANG = 256
_LONGEST_DETAIL = 1000
_DEFAULT_PATH = os.fsencode(os.defpath)


class Fault(Exception):  # noqa: N818 - it is no error of the program
    """The command cannot be started. `kind` is one of protocol's faults; `detail` names what `kind` is about."""

    def __init__(self, kind: int, number: int, detail: bytes = b"") -> None:
        super().__init__(kind, number, detail)
        self.kind = kind
        self.number = number
        self.detail = detail[:_LONGEST_DETAIL]


class Command:
    """What is to be started, as the request on a channel says it; `descriptors` came along with it.

    `limits` are resources with soft and hard limit; `words` what to try before a shell, see `plain`; `walls` is what
    `spawn_isolated.Walls` is made of; `groups` are the control groups that are made for it."""

    __slots__ = (
        "argv",
        "descriptors",
        "enclosure",
        "env",
        "groups",
        "limits",
        "log",
        "logs",
        "walls",
        "wanted_groups",
        "words",
        "working_dir",
    )

    def __init__(
        self,
        argv: list[bytes],
        working_dir: bytes,
        env: dict[bytes, bytes],
        log: bytes,
        descriptors: list[int],
        limits: tuple[tuple[int, int, int], ...],
        words: tuple[bytes, ...] = (),
        walls: tuple[Any, ...] | None = None,
        groups: tuple[Wanted, ...] = (),
    ) -> None:
        self.argv = argv
        self.working_dir = working_dir
        self.env = env
        self.log = log
        self.descriptors = descriptors
        self.limits = limits
        self.words = words
        self.walls = walls
        self.logs: int | None = None  # the folder in which `log` counts, if it is a name
        self.wanted_groups = groups
        self.groups: Groups | None = None
        self.enclosure: Enclosure | None = None  # what stands around it once it is started

    @property
    def entrances(self) -> list[int]:
        """Where its process goes into its control groups."""
        return self.groups.entrances if self.groups is not None else []


def write_no_core_dumps() -> None:
    """Neither the caller nor what it starts does, unless it asks for it itself."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


class Spawner:
    """Starts commands, each with its tag."""

    def __init__(self) -> None:
        self._untagged, self._hard_limit = processes.tag_limits()
        self._can_tag = processes.can_tag()
        self._logs: int | None = None

    def put_logs_in(self, folder: list[int]) -> None:
        """Names of logs count in the folder of this one descriptor, which is the caller's no more: a job that puts
        something else in the folder's place leads no log astray. If it got lost on its way there are no logs."""
        self._logs = folder[0] if folder else _NOWHERE

    def start(self, command: Command, tag: int) -> tuple[int, int, int | None]:
        """Start it: (pid, start ticks, descriptor of its log). The descriptors that came along are closed.

        Raises Fault, or OSError for want of processes, memory or descriptors; then nothing is left of the trial.
        """
        try:
            if command.wanted_groups:
                return self._start_in_groups(command, tag)
            return self._start(command, tag)
        finally:
            for descriptor in command.descriptors:
                os.close(descriptor)

    def _start_in_groups(self, command: Command, tag: int) -> tuple[int, int, int | None]:
        from .cgroup_moves import Groups

        try:
            made = command.groups = Groups(command.wanted_groups, b"%d" % tag)
        except OSError as error:
            if error.errno in SCARCITY:
                raise
            raise Fault(protocol.NO_GROUP, error.errno or 0) from None
        try:
            return self._start(command, tag)
        except BaseException:
            made.remove()
            raise
        finally:
            made.close_entrances()

    def _start(self, command: Command, tag: int) -> tuple[int, int, int | None]:
        if command.log:
            return self._start_with_log(command, tag)
        if not command.descriptors:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return *self._spawn(command, command.descriptors[0], tag), None

    def _start_with_log(self, command: Command, tag: int) -> tuple[int, int, int]:
        command.logs = self._logs
        log = self._open_log(command.log)
        try:
            return *self._spawn(command, log, tag), log
        except Fault:
            os.close(log)
            raise
        except OSError:
            os.close(log)
            os.unlink(command.log, dir_fd=self._logs)
            raise

    def _open_log(self, path: bytes) -> int:
        try:
            log = os.open(path, _LOG_FLAGS, 0o600, dir_fd=self._logs)
        except OSError as error:
            if error.errno in SCARCITY:
                raise
            raise Fault(protocol.NO_LOG, error.errno or 0, path) from None
        if not has_room_for(log):
            os.close(log)
            os.unlink(path, dir_fd=self._logs)
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return log

    def _spawn(self, command: Command, output: int, tag: int) -> tuple[int, int]:
        """(pid, start ticks). The job gets the null device as stdin, its own session, no blocked and no ignored signal.

        What else it inherits is the warden's own: descriptors 0 to 2 only, umask, limits.
        """
        try:
            # Each time anew: a folder that was deleted and made again is another one.
            os.chdir(command.working_dir)
        except (OSError, ValueError) as error:
            raise Fault(protocol.NO_WORKING_DIR, getattr(error, "errno", 0), command.working_dir) from None
        try:
            path = command.argv[0]
            if self._can_tag:
                processes.set_tag((tag, self._hard_limit))
            before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            if command.walls is not None:
                pid = self._start_isolated(_find(path, command.env), command, output)
            else:
                started = _without_shell(command, output) if command.words else None
                if started is None:
                    path = _find(path, command.env)
                    started = _execute(command, path, command.argv, command.env, output)
                pid = started
            after = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        except OSError as error:
            if error.errno in SCARCITY:
                raise
            raise fault_of(path, error.errno or 0) from None
        except ValueError as error:  # a NUL byte, or a name with `=`
            raise Fault(protocol.BAD_TEXT, 0, str(error).encode()) from None
        finally:
            if self._can_tag:
                processes.set_tag((self._untagged, self._hard_limit))
            os.chdir(b"/")  # no folder of the user's is kept busy
        return pid, _start_ticks(pid, before, after)

    def _start_isolated(self, path: bytes, command: Command, output: int) -> int:
        from . import namespaces, spawn_isolated  # few jobs need them, and every run starts a warden

        try:
            pid, command.enclosure = spawn_isolated.start(
                path, command, spawn_isolated.Walls(*command.walls or ()), output
            )
        except namespaces.StepError as error:
            raise Fault(protocol.NO_ISOLATION, 0, str(error).encode(errors="surrogateescape")) from None
        return pid


def _execute(command: Command, path: bytes, argv: Argv, env: dict[bytes, bytes], output: int) -> int:
    """The pid. The caller has set the working folder and the tag."""
    if command.limits or command.groups is not None:
        from . import spawn_limited  # few jobs have limits, and every run starts a warden

        return spawn_limited.start(path, argv, env, output, command.limits, None, command.entrances)
    actions = ((os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2))
    return os.posix_spawn(path, argv, env, file_actions=actions, setsid=True, setsigmask=())


def _without_shell(command: Command, output: int) -> int | None:
    """The pid of what the shell would become; None if it must be started to find out, or to complain."""
    try:
        found = spawn_plain.instead_of(command.argv[0], command.words[0], command.env, _find)
        return None if found is None else _execute(command, found.path, command.words, found.env, output)
    except Fault:
        return None
    except OSError as error:
        if error.errno in SCARCITY:
            raise
        return None


def _start_ticks(pid: int, before: int, after: int) -> int:
    """When the process started, in ticks since boot: known from the clock unless a tick passed meanwhile."""
    ticks = before // _TICK_NANOSECONDS
    if ticks == after // _TICK_NANOSECONDS:
        return ticks
    try:
        process = processes.read_process(pid)
    except OSError:  # the system has no descriptor left: that must not undo a start
        return ticks
    return process.start_ticks if process else ticks


def _find(command: bytes, env: dict[bytes, bytes]) -> bytes:
    """The path of a command as a shell finds it, by the job's own PATH; relative entries are the working folder's."""
    if b"/" in command:
        return command
    for folder in (folders := _folders(env.get(b"PATH", _DEFAULT_PATH))):
        path = folder + command
        if os.access(path, os.X_OK) and _is_file(path):
            return path
    if any(_is_file(folder + command) for folder in folders):
        raise Fault(protocol.NOT_EXECUTABLE, errno.EACCES, command)
    raise Fault(protocol.NOT_FOUND, errno.ENOENT, command)


@lru_cache(maxsize=64)
def _folders(search: bytes) -> tuple[bytes, ...]:
    """What a PATH puts before a command."""
    return tuple(folder + b"/" if folder else b"./" for folder in search.split(b":"))


def _is_file(path: bytes) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def fault_of(path: bytes, number: int, folder: bytes = b"") -> Fault:
    """What an errno of exec means for this file; its path counts from `folder`, or from the caller's own."""
    place = os.path.join(folder, path)
    if number == errno.E2BIG:
        return Fault(protocol.TOO_LONG, number)
    if number == errno.ENOEXEC:
        return Fault(protocol.BAD_FORMAT, number, path)
    if number in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
        if os.path.isdir(place):
            return Fault(protocol.FOLDER, number, path)
        if os.access(place, os.X_OK):
            interpreter = _shebang(place)
            if interpreter:
                return Fault(protocol.NO_INTERPRETER, number, interpreter)
            return Fault(protocol.NO_LOADER, number, path)
        return Fault(protocol.NOT_FOUND if number != errno.EACCES else protocol.NOT_EXECUTABLE, number, path)
    return Fault(protocol.OTHER, number, path)


def _shebang(path: bytes) -> bytes:
    """The interpreter that a script names; b"" if it names none that can be read."""
    try:
        with open(path, "rb") as file:
            line = file.readline(_LONGEST_SHEBANG)
    except OSError:
        return b""
    return line[2:].strip(b" \t\n").partition(b" ")[0] if line.startswith(b"#!") else b""
