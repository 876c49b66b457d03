"""What an isolated job can see and write. A pure function of the attempt, but for what exists on disk.

The mechanisms are tried in the order in which they are listed here; see `isolation` for which of them this machine has.
"""

from __future__ import annotations

import enum
import os
import sys
from collections.abc import Iterable, Iterator

from msgspec import Struct

from orchestrator.execute.attempt.spec import CannotStartError, Readable
from orchestrator.execute.warden.protocol import SandboxSpec
from orchestrator.plan.model import Isolation

# Sockets of daemons are here, also of those that start programs for any client: a sandbox does not see them.
_RUN = "/run"
# What programs may need of it: the name servers, and where systems keep their programs.
_VISIBLE_IN_RUN = ("current-system", "booted-system", "opengl-driver", "wrappers")
_NAME_SERVERS = ("systemd/resolve/stub-resolv.conf", "systemd/resolve/resolv.conf", "resolvconf", "NetworkManager")
# Files below these belong to root, and are settings of the machine: being root is enough to write them.
_SETTINGS = ("sys", "irq", "bus", "fs", "scsi", "acpi", "driver", "tty", "mtrr", "sysrq-trigger")
# The warden's program is executed inside a sandbox, so it must be visible there.
_PROGRAM = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Mechanism(enum.StrEnum):
    """How jobs are isolated; the value is what results contain."""

    BUBBLEWRAP = "bubblewrap"
    NAMESPACES = "namespaces"
    LANDLOCK = "namespaces, landlock"
    LANDLOCK_ALONE = "landlock, seccomp"


MECHANISMS = {
    Isolation.PROCESS: (Mechanism.NAMESPACES,),
    Isolation.SANDBOX: (Mechanism.BUBBLEWRAP, Mechanism.LANDLOCK, Mechanism.LANDLOCK_ALONE),
}


class AttemptAccess(Struct, frozen=True):
    """Where an attempt runs, and what it may write. Paths are absolute; `writes` as they are declared, relative to
    `base_dir`; no job may write in `run_dir`, the directory of the run, but in its own `temp_dir`. Only bubblewrap can
    hide what is not `readable`."""

    base_dir: str
    working_dir: str
    temp_dir: str
    run_dir: str
    writes: tuple[str, ...] = ()
    network: bool = False
    readable: Readable | None = None


def sandbox_spec(mechanism: Mechanism, access: AttemptAccess, bubblewrap: str) -> SandboxSpec:
    """What the warden needs to know; `bubblewrap` is the path of that program. Raises CannotStartError."""
    if mechanism is Mechanism.NAMESPACES:
        return SandboxSpec(new_pids=True, new_users=os.geteuid() != 0)
    writes = [_writable(path, access.base_dir) for path in access.writes]
    new_network = not access.network
    if mechanism is Mechanism.LANDLOCK_ALONE:
        writable = [os.fsencode(path) for path in (*writes, access.temp_dir)]
        return SandboxSpec(writable=writable, no_sockets=new_network)
    if mechanism is Mechanism.BUBBLEWRAP:
        return SandboxSpec([*_bubblewrap(access, writes, bubblewrap)], new_network=new_network)
    hidden = [os.fsencode(path) for path in (_RUN, "/dev/shm") if os.path.isdir(path)]
    visible = _visible(access, writes)
    mounts = [(os.fsencode(path), os.fsencode(path)) for path in visible if not _is_inside(path, "/tmp")]
    if len(mounts) == len(visible):
        # Else what is in /tmp could be written with it: Landlock looks upwards also across mounts.
        mounts.insert(0, (os.fsencode(access.temp_dir), b"/tmp"))
    writable = [os.fsencode(path) for path in (*writes, access.temp_dir, "/dev/shm") if os.path.exists(path)]
    return SandboxSpec(
        new_pids=True,
        new_users=True,
        new_ipc=True,
        new_network=new_network,
        hidden=hidden,
        mounts=mounts,
        writable=writable,
    )


def _bubblewrap(access: AttemptAccess, writes: list[str], program: str) -> Iterator[bytes]:
    """The command; later mounts cover earlier ones."""
    words = [program, "--unshare-user", "--unshare-pid", "--as-pid-1", "--unshare-ipc", "--cap-drop", "ALL"]
    if not access.network:
        words.append("--unshare-net")
    words += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    for name in _SETTINGS:
        words += ["--ro-bind-try", f"/proc/{name}", f"/proc/{name}"]
    if os.path.isdir(_RUN):
        words += ["--tmpfs", _RUN]
    visible = _visible(access, writes)
    root = "" if access.readable is None else access.readable.root
    # What is visible in /tmp needs mount points there, and the attempt's own directory is empty when it starts.
    in_tmp = any(_is_inside(path, "/tmp") for path in (*visible, root))
    words += ["--tmpfs", "/tmp"] if in_tmp else ["--bind", access.temp_dir, "/tmp"]
    for path in visible:
        words += ["--ro-bind", path, path]
    if access.readable is not None:
        words += _hidden_project(access, access.readable)
    for path in writes:
        words += ["--bind", path, path]
    for path in _protected(access, writes):
        words += ["--ro-bind", path, path]
    words += ["--bind", access.temp_dir, access.temp_dir]
    if root:
        words += ["--remount-ro", root]
    return map(os.fsencode, [*words, "--"])


def _hidden_project(access: AttemptAccess, readable: Readable) -> Iterator[str]:
    """An empty directory in the place of the project, in which only some files are visible; and what runs pexec, which
    may be installed there."""
    yield from ("--tmpfs", readable.root)
    for path in dict.fromkeys((os.path.realpath(access.base_dir), os.path.realpath(access.working_dir))):
        if _is_inside(path, readable.root):
            yield from ("--dir", path)
    own = {os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, _PROGRAM)}
    for path in (*sorted(path for path in own if _is_inside(path, readable.root)), *readable.paths):
        if os.path.islink(path) and os.path.isdir(path):
            yield from ("--symlink", os.readlink(path), path)  # not all that is behind it
        else:
            yield from ("--ro-bind", path, path)


def _visible(access: AttemptAccess, more: Iterable[str]) -> list[str]:
    """What must be visible although the directory that it is in is covered."""
    project = (access.base_dir, access.working_dir) if access.readable is None else ()
    paths = {os.path.realpath(path) for path in (*project, sys.prefix, sys.base_prefix)}
    paths |= {_PROGRAM, access.temp_dir, *more}
    found = sorted(path for path in paths if path.startswith((f"{_RUN}/", "/tmp/")) and os.path.exists(path))
    names = (*_VISIBLE_IN_RUN, *(_NAME_SERVERS if access.network else ()))
    return [*(path for path in (os.path.join(_RUN, name) for name in names) if os.path.exists(path)), *found]


def _protected(access: AttemptAccess, writes: list[str]) -> list[str]:
    """The directories of runs, if what the job may write includes them."""
    root = os.path.dirname(access.run_dir)
    return [path for path in (root, access.run_dir) if any(_is_inside(path, directory) for directory in writes)]


def _is_inside(path: str, directory: str) -> bool:
    return path.startswith(directory.rstrip("/") + "/")


def _writable(path: str, base_dir: str) -> str:
    """The real path of what a job may write; a directory that does not exist is made.

    Below the manifest's directory, where jobs write, no link is followed: an earlier job could have made it.
    """
    base = os.path.realpath(base_dir)
    whole = os.path.normpath(os.path.join(base, path))
    real = os.path.realpath(whole)
    if real != whole and _is_inside(whole, base):
        raise CannotStartError(f"`{path}` in `writes` is reached through a symbolic link: name its target, `{real}`")
    if real == "/":
        raise CannotStartError(f"`{path}` in `writes` is the whole file system")
    try:
        if not os.path.exists(real):
            os.makedirs(real, exist_ok=True)
    except OSError as error:
        raise CannotStartError(f"`{path}` in `writes`: {(error.strerror or '').lower()}") from None
    return real
