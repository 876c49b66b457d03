"""Start one command: find it, open its log, spawn it; and say exactly what is wrong when that fails.

Runs in the warden's loop. The warden's own working directory and tag are changed for the moment of the spawn, since
the process inherits them: that is cheaper than a fork that sets them in the child.
"""

from __future__ import annotations

import errno
import os
import resource
import stat
import time
from functools import lru_cache

from . import processes, protocol, spawn_without_shell
from .scarcity import SCARCITY, has_room_for
from .spawn_errors import SpawnError, exec_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .spawn_task import SpawnTask

    Argv = list[bytes] | tuple[bytes, ...]

_LOST = -1  # a descriptor that found no room in this process
_LOG_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TICK_NANOSECONDS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_DEFAULT_PATH = os.fsencode(os.defpath)


def write_no_core_dumps() -> None:
    """Neither the caller nor what it starts does, unless it asks for it itself."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


class Spawner:
    """Starts commands, each with its tag."""

    def __init__(self) -> None:
        self._untagged, self._hard_limit = processes.tag_limits()
        self._can_tag = processes.can_tag()
        self._log_directory: int | None = None
        umask = os.umask(0)
        os.umask(umask)
        self._umask_hides = bool(umask & 0o600)  # else logs have the right mode without another call for each

    def set_log_directory(self, passed: list[int]) -> None:
        """Names of logs are relative to the directory of this one descriptor, which is the caller's no more.

        So a job that replaces the directory redirects no log. If the descriptor was lost on its way there are no logs.
        """
        self._log_directory = passed[0] if passed else _LOST

    def start(self, task: SpawnTask, tag: int) -> tuple[int, int]:
        """Start it: (pid, start ticks). The descriptors that came with the request are closed.

        The job gets the null device as stdin, its own session, and no blocked or ignored signal. What else it inherits
        is the warden's own: descriptors 0 to 2 only, umask, limits. Raises SpawnError, or OSError for lack of
        processes, memory or descriptors; then nothing is left of the task but, after a SpawnError, its log.
        """
        path = b""  # what is being executed
        try:
            output = self._prepare(task, tag)
            path = task.request.argv[0]
            ticks = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // _TICK_NANOSECONDS
            pid = None
            if task.request.sandbox is not None:
                pid = _start_isolated(_find(path, task.env), task, output)
            elif task.request.plain_words:
                try:
                    plain = spawn_without_shell.instead_of(path, task.request.plain_words[0], task.env, _find)
                    if plain is not None:
                        pid = _execute(task, plain[0], task.request.plain_words, plain[1], output)
                except (SpawnError, OSError) as error:  # then the shell is started, to find out or to report it
                    if isinstance(error, OSError) and error.errno in SCARCITY:
                        raise
            if pid is None:
                path = _find(path, task.env)
                pid = _execute(task, path, task.request.argv, task.env, output)
            if ticks != time.clock_gettime_ns(time.CLOCK_BOOTTIME) // _TICK_NANOSECONDS:
                ticks = _start_ticks(pid, ticks)  # a tick passed meanwhile: the kernel knows which one it is
        except SpawnError:
            task.discard(with_log=False)
            raise
        except MemoryError:
            task.discard(with_log=True)
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)) from None
        except OSError as error:
            is_scarce = error.errno in SCARCITY
            task.discard(with_log=is_scarce)
            if is_scarce:
                raise
            raise exec_error(path, error.errno or 0) from None
        except ValueError as error:  # a NUL byte, or a name with `=`
            task.discard(with_log=False)
            raise SpawnError(protocol.BAD_TEXT, 0, str(error).encode()) from None
        finally:
            if self._can_tag:
                processes.set_tag((self._untagged, self._hard_limit))
            os.chdir(b"/")  # keeps none of the user's directories busy
            for descriptor in task.passed:
                os.close(descriptor)
            if task.cgroups is not None:
                task.cgroups.close_entrances()
        return pid, ticks

    def _prepare(self, task: SpawnTask, tag: int) -> int:
        """Make and open what the process inherits; the descriptor of its output."""
        request = task.request
        if request.limits is not None and request.limits.cgroups:
            _make_cgroups(task, b"%d" % tag)
        if request.log:
            task.log_directory = self._log_directory
            try:
                output = task.log = os.open(request.log, _LOG_FLAGS, 0o600, dir_fd=self._log_directory)
            except OSError as error:
                if error.errno in SCARCITY:
                    raise
                raise SpawnError(protocol.NO_LOG, error.errno or 0, request.log) from None
            if self._umask_hides:
                os.fchmod(output, 0o600)
            has_room = has_room_for(output)
        else:
            output = task.passed[0] if task.passed else _LOST
            has_room = output != _LOST
        if not has_room:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        try:
            # Each time anew: a directory that was deleted and made again is another one.
            os.chdir(request.working_dir)
        except (OSError, ValueError) as error:
            raise SpawnError(protocol.NO_WORKING_DIR, getattr(error, "errno", 0), request.working_dir) from None
        if self._can_tag:
            processes.set_tag((tag, self._hard_limit))
        return output


def _make_cgroups(task: SpawnTask, name: bytes) -> None:
    from .cgroup_moves import AttemptCgroups  # few jobs need them, and every run starts a warden

    assert task.request.limits is not None
    try:
        task.cgroups = AttemptCgroups(task.request.limits.cgroups, name)
    except OSError as error:
        if error.errno in SCARCITY:
            raise
        raise SpawnError(protocol.NO_CGROUP, error.errno or 0) from None


def _start_isolated(path: bytes, task: SpawnTask, output: int) -> int:
    from . import namespaces, spawn_isolated  # few jobs need them, and every run starts a warden

    try:
        return spawn_isolated.start(path, task, output)
    except namespaces.StepError as error:
        raise SpawnError(protocol.NO_ISOLATION, 0, str(error).encode(errors="surrogateescape")) from None


def _execute(task: SpawnTask, path: bytes, argv: Argv, env: dict[bytes, bytes], output: int) -> int:
    """The pid. The caller has set the working directory and the tag."""
    if task.request.limits is not None:
        from . import spawn_limited  # few jobs have limits, and every run starts a warden

        return spawn_limited.start(path, argv, env, output, task.rlimits, None, task.entrances)
    actions = ((os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2))
    return os.posix_spawn(path, argv, env, file_actions=actions, setsid=True, setsigmask=())


def _start_ticks(pid: int, default: int) -> int:
    """When the process started, in ticks since boot."""
    try:
        process = processes.read_process(pid)
    except OSError:  # the system has no descriptor left: that must not undo a start
        return default
    return process.start_ticks if process else default


def _find(command: bytes, env: dict[bytes, bytes]) -> bytes:
    """The path of a command as a shell finds it, by the job's PATH; relative entries start at the working directory."""
    if b"/" in command:
        return command
    for directory in (directories := _directories(env.get(b"PATH", _DEFAULT_PATH))):
        path = directory + command
        if os.access(path, os.X_OK) and _is_file(path):
            return path
    if any(_is_file(directory + command) for directory in directories):
        raise SpawnError(protocol.NOT_EXECUTABLE, errno.EACCES, command)
    raise SpawnError(protocol.NOT_FOUND, errno.ENOENT, command)


@lru_cache(maxsize=64)
def _directories(search: bytes) -> tuple[bytes, ...]:
    """What a PATH puts before a command."""
    return tuple(directory + b"/" if directory else b"./" for directory in search.split(b":"))


def _is_file(path: bytes) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False
