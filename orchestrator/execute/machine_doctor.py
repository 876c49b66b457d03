"""Which promises this machine supports, found by experiment: each check tries what it reports."""

from __future__ import annotations

import fcntl
import os
import platform
import resource
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from orchestrator.execute.sandbox.policy import Mechanism
from orchestrator.execute.trial_directory import make_trial_directory, nearest_directory
from orchestrator.plan.model import DEFAULT_SHELL, Isolation

if TYPE_CHECKING:
    from orchestrator.execute.supervisor.supervisor import Supervisor

_FEW_DESCRIPTORS = 256
_DELEGATE = "run pexec in a control group of its own: `systemd-run --user --scope -p Delegate=yes pexec apply`"
_NAMESPACES = (
    "allow users to create namespaces: sysctl `user.max_user_namespaces`, `kernel.unprivileged_userns_clone`, \
`kernel.apparmor_restrict_unprivileged_userns`; in a container, its security profile must allow it too"
)


class Check(Struct, frozen=True):
    """One thing that was tried. `promise` names the promise in docs/promises.md that depends on it; `help` says what to
    do about it, if anything. `code` is that of its diagnostic, if without it nothing can be run; `seconds` is how long
    it took, where that matters."""

    name: str
    promise: str
    ok: bool
    detail: str
    help: str = ""
    code: str = ""
    seconds: float | None = None


def examine(supervisor: Supervisor, run_root: str) -> Iterator[Check]:
    """All checks, each made when it is consumed. `run_root` is the directory that would contain runs."""
    yield from examine_machine(supervisor)
    yield from _run_root(run_root)


def examine_machine(supervisor: Supervisor) -> Iterator[Check]:
    """The checks of what runs jobs, without those of where runs are stored."""
    yield _system()
    yield _shell()
    yield _descriptors()
    yield _tags(supervisor)
    yield _process_trees(supervisor)
    yield _sandbox(supervisor)
    yield _memory(supervisor)
    yield _processes(supervisor)


def _system() -> Check:
    name = f"{platform.system()} {platform.release()}"
    try:
        os.close(os.pidfd_open(os.getpid()))
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            file.read()
    except (OSError, AttributeError) as error:
        what = getattr(error, "filename", None) or "pidfd_open"
        return Check("system", "no-orphans", False, f"{name}: {what} is missing", "use Linux 5.4 or later")
    return Check("system", "no-orphans", True, name)


def _shell() -> Check:
    found = shutil.which(DEFAULT_SHELL[0])
    if found:
        return Check("shell", "true-status", True, found)
    return Check(
        "shell", "true-status", False, f"`{DEFAULT_SHELL[0]}` is not on PATH", "install it, or set `defaults.shell`"
    )


def _descriptors() -> Check:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= _FEW_DESCRIPTORS:
        return Check("descriptors", "scarcity", True, f"{soft} open files")
    return Check(
        "descriptors",
        "scarcity",
        False,
        f"{soft} open files: fewer jobs can run at once",
        f"raise the limit: `ulimit -n {hard}`",
    )


def _tags(supervisor: Supervisor) -> Check:
    missing = supervisor.degraded()
    if not missing:
        return Check("tags", "no-orphans", True, "processes that leave their job's process tree are recognized")
    what, why = missing[0]
    return Check("tags", "no-orphans", False, f"{what}: {why}", "remove that limit")


def _process_trees(supervisor: Supervisor) -> Check:
    why_not = supervisor.isolations.why_not(Mechanism.NAMESPACES)
    if why_not is None:
        return Check("isolation: process", "no-orphans", True, Mechanism.NAMESPACES.value)
    return Check("isolation: process", "no-orphans", False, why_not, _NAMESPACES)


def _sandbox(supervisor: Supervisor) -> Check:
    mechanism = supervisor.isolations.mechanism(Isolation.SANDBOX)
    install = "install bubblewrap: `apt-get install bubblewrap`, `dnf install bubblewrap`"
    if mechanism in (Mechanism.BUBBLEWRAP, Mechanism.LANDLOCK):
        from orchestrator.execute.warden.confinement import has_scopes

        but = "" if has_scopes() else "; with `network`, jobs can reach sockets without files before Linux 6.12"
        return Check("isolation: sandbox", "sandbox", True, mechanism.value + but)
    why = supervisor.isolations.why_less_than_best(Isolation.SANDBOX)
    found = f"{mechanism.value}: jobs see other processes" if mechanism is not None else "not available"
    advice = install if not shutil.which("bwrap") else _NAMESPACES
    return Check("isolation: sandbox", "sandbox", False, f"{found} ({why})", advice)


def _memory(supervisor: Supervisor) -> Check:
    if supervisor.enforcement.groups.memory:
        return Check("limits: memory", "limits-from-start", True, "cgroup")
    detail = "rlimit, watchdog: checked ten times a second"
    return Check("limits: memory", "limits-from-start", True, detail, f"to have the kernel enforce it, {_DELEGATE}")


def _processes(supervisor: Supervisor) -> Check:
    name, promise = "limits: processes", "limits-from-start"
    if supervisor.enforcement.groups.pids:
        return Check(name, promise, True, "cgroup")
    if os.geteuid() and supervisor.isolations.mechanism(Isolation.PROCESS) is not None:
        return Check(name, promise, True, "rlimit, for jobs with `isolation`", f"to have it for all jobs, {_DELEGATE}")
    return Check(name, promise, False, "no control group can be created here", _DELEGATE)


def _run_root(run_root: str) -> Iterator[Check]:
    """What a run needs of the file system, tried in the nearest directory above it that exists."""
    parent = nearest_directory(run_root)
    try:
        scratch = make_trial_directory(parent)
    except OSError as error:
        yield Check(
            "run directory", "private-files", False, f"{parent}: {error.strerror}", "use another one: `--run-root DIR`"
        )
        return
    try:
        for name, promise, attempt in _FILE_SYSTEM:
            yield _tried(name, promise, attempt, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _tried(name: str, promise: str, attempt: Callable[[str], None], scratch: str) -> Check:
    try:
        attempt(scratch)
    except OSError as error:
        return Check(name, promise, False, f"{scratch}: {error.strerror}", "store runs elsewhere: `--run-root DIR`")
    return Check(name, promise, True, os.path.dirname(scratch))


def _lock(scratch: str) -> None:
    first, second = (os.open(os.path.join(scratch, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC) for _ in range(2))
    try:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        raise OSError(0, "a file can be locked twice")
    finally:
        os.close(first)
        os.close(second)


def _pipe(scratch: str) -> None:
    os.mkfifo(os.path.join(scratch, "pipe"), 0o600)


def _sync(scratch: str) -> None:
    descriptor = os.open(os.path.join(scratch, "file"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, b"x")
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def _modes(scratch: str) -> None:
    path = os.path.join(scratch, "private")
    os.mkdir(path, 0o700)
    os.chmod(path, 0o700)
    if os.stat(path).st_mode & 0o777 != 0o700:
        raise OSError(0, "a directory cannot be made private")


_FILE_SYSTEM = (
    ("run directory: private", "private-files", _modes),
    ("run directory: locks", "one-writer", _lock),
    ("run directory: synced to disk", "durable-success", _sync),
    ("run directory: named pipes", "signals", _pipe),
)
