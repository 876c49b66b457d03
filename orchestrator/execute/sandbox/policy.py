"""What stands around a job in isolation: which folders it sees, which it may write. Made anew for each attempt.

The mechanisms are tried in the order in which they stand here; see `isolation` for which of them this machine has.
"""

from __future__ import annotations

import enum
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from orchestrator.execute.attempt.spec import CannotStartError
from orchestrator.plan.model import Isolation

# Sockets of daemons, among them such as start programs for whoever asks, stand here: a sandbox does not see them.
_RUN = "/run"
# What is in it, programs may need: the name servers, and where systems keep their programs.
_SHOWN_OF_RUN = ("current-system", "booted-system", "opengl-driver", "wrappers")
_NAME_SERVERS = ("systemd/resolve/stub-resolv.conf", "systemd/resolve/resolv.conf", "resolvconf", "NetworkManager")
# Files here belong to root, and are settings of the machine: being root is enough to write them.
_SETTINGS = ("sys", "irq", "bus", "fs", "scsi", "acpi", "driver", "tty", "mtrr", "sysrq-trigger")
# Inside a sandbox `warden/pid1.py` is executed, so it must be visible there.
_PROGRAM = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Mechanism(enum.StrEnum):
    """How jobs are isolated; the value is what results tell."""

    BUBBLEWRAP = "bubblewrap"
    NAMESPACES = "namespaces"
    LANDLOCK = "namespaces, landlock"
    LANDLOCK_ALONE = "landlock, seccomp"


MECHANISMS = {
    Isolation.PROCESS: (Mechanism.NAMESPACES,),
    Isolation.SANDBOX: (Mechanism.BUBBLEWRAP, Mechanism.LANDLOCK, Mechanism.LANDLOCK_ALONE),
}


class Place(Struct, frozen=True):
    """Where an attempt runs, and what it may do there. Paths are absolute; `writes` as they are declared, from
    `base_dir` on; `run_dir` is never written by a job, but for its own `temp_dir`."""

    base_dir: str
    working_dir: str
    temp_dir: str
    run_dir: str
    writes: tuple[str, ...] = ()
    network: bool = False


def walls(mechanism: Mechanism, place: Place, bubblewrap: str) -> tuple[Any, ...]:
    """What the warden needs to know, see `warden.isolated.Walls`. Raises CannotStartError."""
    own_user = os.geteuid() != 0 or mechanism is not Mechanism.NAMESPACES
    if mechanism is Mechanism.NAMESPACES:
        return [], True, own_user, False, True, [], [], None, False
    writes = [_writable(path, place.base_dir) for path in place.writes]
    if mechanism is Mechanism.LANDLOCK_ALONE:
        writable = [os.fsencode(path) for path in (*writes, place.temp_dir)]
        return [], False, False, True, place.network, [], [], writable, not place.network
    if mechanism is Mechanism.BUBBLEWRAP:
        return [*_bubblewrap(place, writes, bubblewrap)], True, True, True, place.network, [], [], None, False
    hidden = [os.fsencode(path) for path in (_RUN, "/dev/shm") if os.path.isdir(path)]
    seen = _shown(place, writes)
    shown = [(os.fsencode(path), os.fsencode(path)) for path in seen if not _is_inside(path, "/tmp")]
    if len(shown) == len(seen):
        # Else what is in /tmp could be written with it: Landlock looks upwards also across mounts.
        shown.insert(0, (os.fsencode(place.temp_dir), b"/tmp"))
    writable = [os.fsencode(path) for path in (*writes, place.temp_dir, "/dev/shm") if os.path.exists(path)]
    return [], True, True, True, place.network, hidden, shown, writable, False


def _bubblewrap(place: Place, writes: list[str], program: str) -> Iterator[bytes]:
    """The command; what comes later lies over what came before."""
    words = [program, "--unshare-user", "--unshare-pid", "--as-pid-1", "--unshare-ipc", "--cap-drop", "ALL"]
    if not place.network:
        words.append("--unshare-net")
    words += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    for name in _SETTINGS:
        words += ["--ro-bind-try", f"/proc/{name}", f"/proc/{name}"]
    if os.path.isdir(_RUN):
        words += ["--tmpfs", _RUN]
    shown = _shown(place, writes)
    # What is shown in /tmp needs places there, and the attempt's own folder is empty when it starts.
    words += (
        ["--tmpfs", "/tmp"] if any(_is_inside(path, "/tmp") for path in shown) else ["--bind", place.temp_dir, "/tmp"]
    )
    for path in shown:
        words += ["--ro-bind", path, path]
    for path in writes:
        words += ["--bind", path, path]
    for path in _protected(place, writes):
        words += ["--ro-bind", path, path]
    words += ["--bind", place.temp_dir, place.temp_dir, "--"]
    return map(os.fsencode, words)


def _shown(place: Place, more: Iterable[str]) -> list[str]:
    """What must be seen although it stands in a folder that is hidden, or whose place another one takes."""
    paths = {os.path.realpath(path) for path in (place.base_dir, place.working_dir, sys.prefix, sys.base_prefix)}
    paths |= {_PROGRAM, place.temp_dir, *more}
    found = sorted(path for path in paths if path.startswith((f"{_RUN}/", "/tmp/")) and os.path.exists(path))
    names = (*_SHOWN_OF_RUN, *(_NAME_SERVERS if place.network else ()))
    return [*(path for path in (os.path.join(_RUN, name) for name in names) if os.path.exists(path)), *found]


def _protected(place: Place, writes: list[str]) -> list[str]:
    """The folders of runs, where what the job may write would take them in."""
    root = os.path.dirname(place.run_dir)
    return [path for path in (root, place.run_dir) if any(_is_inside(path, folder) for folder in writes)]


def _is_inside(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")


def _writable(path: str, base_dir: str) -> str:
    """The real path of what a job may write; a folder that does not exist is made.

    Below the manifest's folder, where jobs write, no link is followed: an earlier job could have made it.
    """
    base = os.path.realpath(base_dir)
    whole = os.path.normpath(os.path.join(base, path))
    real = os.path.realpath(whole)
    if real != whole and _is_inside(whole, base):
        raise CannotStartError(f"`{path}` in `writes` leads through a symbolic link, to `{real}`: name that")
    if real == "/":
        raise CannotStartError(f"`{path}` in `writes` is the whole file system")
    try:
        if not os.path.exists(real):
            os.makedirs(real, exist_ok=True)
    except OSError as error:
        raise CannotStartError(f"`{path}` in `writes`: {(error.strerror or '').lower()}") from None
    return real
