"""Start a command in isolation: below two processes of ours (see `enclosure`), or, where there are no namespaces, as
a confined process of its own.

`start` runs in the warden's loop; `_be_wrapper` and `_be_pid1` run in children of the warden, forked from it.
"""

from __future__ import annotations

import errno
import marshal
import os
import signal
import sys

from . import namespaces, pid1, spawn_limited
from .confinement import Confinement
from .isolation_wrapper import Enclosure
from .scarcity import SCARCITY, has_room_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from .protocol import SandboxSpec
    from .spawn_task import SpawnTask

_OPTIONS = (b"-I", b"-S", b"-X", b"utf8")
_PROGRAM = os.fsencode(os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py"))


def start(path: bytes, task: SpawnTask, output: int) -> int:
    """The pid of the outermost process; sets `task.enclosure` if that is not the job itself. The caller's working
    directory is the job's. Raises OSError, ValueError, or StepError if it cannot be isolated."""
    request, sandbox = task.request, _sandbox(task)
    if not sandbox.bubblewrap and not sandbox.new_pids:
        made = _confinement(sandbox, output)
        try:
            return spawn_limited.start(path, request.argv, task.env, output, task.rlimits, made, task.entrances)
        finally:
            if made is not None:
                made.close()
    spawn_limited.check_texts(request.argv, task.env)
    kept: list[int] = []
    try:
        report_r, report_w = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        kept.append(report_r)
        try:
            stderr_fd = os.memfd_create("stderr of an enclosure", os.MFD_CLOEXEC)
            kept.append(stderr_fd)
            if not has_room_for(max(kept)):
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            start_wrapper = _in_bubblewrap if sandbox.bubblewrap else _in_namespaces
            pid = start_wrapper(path, task, output, report_w, stderr_fd)
        finally:
            os.close(report_w)
    except BaseException:
        for descriptor in kept:
            os.close(descriptor)
        raise
    task.enclosure = Enclosure(pid, report_r, stderr_fd, path, request, task.log_directory)
    return pid


def _sandbox(task: SpawnTask) -> SandboxSpec:
    assert task.request.sandbox is not None
    return task.request.sandbox


def _confinement(sandbox: SandboxSpec, output: int) -> Confinement | None:
    if sandbox.writable is None and not sandbox.no_sockets:
        return None
    try:
        return Confinement(sandbox.writable, sandbox.no_sockets, output)
    except OSError as error:
        name = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        raise namespaces.StepError(f"{name}{error.strerror}") from None


def _in_bubblewrap(path: bytes, task: SpawnTask, output: int, report_w: int, stderr_fd: int) -> int:
    """bubblewrap makes the sandbox and runs `pid1` as the first process inside."""
    request, sandbox = task.request, _sandbox(task)
    plan = pid1.Pid1Task(
        path=path,
        argv=request.argv,
        env=task.env,
        working_dir=request.working_dir,
        rlimits=task.rlimits,
        entrances=len(task.entrances),
        shares_network=not sandbox.new_network,
    )
    task_fd = os.memfd_create("task", os.MFD_CLOEXEC)
    with open(task_fd, "wb") as file:
        marshal.dump(pid1.pack(plan), file)
        file.flush()
        # The warden opens enough for itself that none of these has such a number yet.
        actions = [
            (os.POSIX_SPAWN_DUP2, report_w, pid1.REPORT_FD),
            (os.POSIX_SPAWN_DUP2, output, pid1.OUTPUT_FD),
            (os.POSIX_SPAWN_DUP2, task_fd, pid1.TASK_FD),
            (os.POSIX_SPAWN_DUP2, stderr_fd, 1),
            (os.POSIX_SPAWN_DUP2, stderr_fd, 2),
        ]
        for number, entrance in enumerate(task.entrances, start=pid1.TASK_FD + 1):
            actions.append((os.POSIX_SPAWN_DUP2, entrance, number))
        argv = [*sandbox.bubblewrap, os.fsencode(sys.executable), *_OPTIONS, _PROGRAM, pid1.ARGUMENT]
        return os.posix_spawn(argv[0], argv, {}, file_actions=actions, setsid=True, setsigmask=())


def _in_namespaces(path: bytes, task: SpawnTask, output: int, report_w: int, stderr_fd: int) -> int:
    """Two forks of the warden are the two processes."""
    pid = os.fork()
    if pid == 0:
        _be_wrapper(path, task, output, report_w, stderr_fd)
    return pid


def _fail(error: Exception) -> None:
    """Report why nothing could be started: a lack of something, which may pass, or what the system does not allow."""
    if isinstance(error, OSError) and error.errno in SCARCITY:
        os.write(pid1.REPORT_FD, pid1.encode(pid1.FAILED, error.errno))
    else:
        os.write(2, str(error).encode(errors="surrogateescape"))


def _be_wrapper(path: bytes, task: SpawnTask, output: int, report_w: int, stderr_fd: int) -> NoReturn:
    """In the outer process: make the namespaces, fork their first process, and exit as that does."""
    code = 1
    try:
        os.dup2(stderr_fd, 2)
        os.setsid()
        pid1.keep_only(report_w, output, *task.entrances)
        sandbox = _sandbox(task)
        namespaces.unshare(users=sandbox.new_users, ipc=sandbox.new_ipc, network=sandbox.new_network)
        pid = os.fork()
        if pid == 0:
            _be_pid1(path, task)
        os.closerange(pid1.REPORT_FD, pid1.OUTPUT_FD + 1 + len(task.entrances))
        # A signal from elsewhere that ends it ends the job, as with bubblewrap.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except (OSError, namespaces.StepError) as error:
        _fail(error)
    finally:
        os._exit(code if code >= 0 else 1)


def _be_pid1(path: bytes, task: SpawnTask) -> NoReturn:
    """In the first process of the new namespaces: mount what the job sees, start it, and wait for it."""
    try:
        sandbox = _sandbox(task)
        namespaces.set_up_mounts(sandbox.hidden, sandbox.mounts)
        if sandbox.new_network:
            namespaces.switch_loopback_on()
        confinement = _confinement(sandbox, pid1.OUTPUT_FD)

        entrances = range(pid1.OUTPUT_FD + 1, pid1.OUTPUT_FD + 1 + len(task.entrances))
        last = confinement.descriptor if confinement is not None else entrances.stop

        def start() -> int:
            argv, output = task.request.argv, pid1.OUTPUT_FD
            pid = spawn_limited.start(path, argv, task.env, output, task.rlimits, confinement, entrances)
            os.closerange(pid1.OUTPUT_FD, last + 1)
            return pid

        pid1.start_and_wait(pid1.REPORT_FD, start)
    except (OSError, ValueError, namespaces.StepError) as error:
        _fail(error)
    finally:
        os._exit(1)
