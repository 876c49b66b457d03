"""A job's own namespaces: of processes, and in a sandbox of the network and of what is mounted.

Runs in children of the warden; nothing here changes the warden itself.
"""

from __future__ import annotations

import ctypes
import os
import stat

from .cgroup_moves import write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# Flags of unshare(2).
_NEW_MOUNTS = 0x20000
_NEW_IPC = 0x8000000
_NEW_USER = 0x10000000
_NEW_PROCESSES = 0x20000000
_NEW_NETWORK = 0x40000000
# Flags of mount(2).
_NOSUID = 2
_NODEV = 4
_NOEXEC = 8
_BIND = 0x1000
_RECURSIVE = 0x4000
_PRIVATE = 0x40000
# Of the loopback interface.
_SET_INTERFACE_FLAGS = 0x8914
_UP = 1


class StepError(Exception):
    """This system does not allow a step; the text names it and the reason."""


def unshare(*, users: bool, ipc: bool, network: bool) -> None:
    """New namespaces of mounts and processes, and of these; the next child is their first process. Raises StepError."""
    uid, gid = os.getuid(), os.getgid()
    flags = _NEW_PROCESSES | _NEW_MOUNTS | (_NEW_USER if users else 0) | (_NEW_IPC if ipc else 0)
    _do("new namespaces", "unshare", flags | (_NEW_NETWORK if network else 0))
    if users:
        try:
            write("/proc/self/uid_map", b"%d %d 1" % (uid, uid))
            write("/proc/self/setgroups", b"deny")
            write("/proc/self/gid_map", b"%d %d 1" % (gid, gid))
        except OSError as error:
            raise StepError(f"a user namespace: {error.strerror}") from None


def set_up_mounts(hidden: Sequence[bytes], mounts: Sequence[tuple[bytes, bytes]]) -> None:
    """Called by the first process: an own /proc, `hidden` directories covered by empty ones, and `mounts`, pairs of a
    path as it was before and the path at which it is visible from now on. Raises StepError."""
    _do("private mounts", "mount", None, b"/", None, _RECURSIVE | _PRIVATE, None)
    try:
        held = [(os.open(source, os.O_PATH | os.O_CLOEXEC), place) for source, place in mounts]
    except OSError as error:
        raise StepError(f"{os.fsdecode(error.filename)}: {error.strerror}") from None
    for directory in hidden:
        _do(f"hiding {os.fsdecode(directory)}", "mount", b"tmpfs", directory, b"tmpfs", _NOSUID | _NODEV, b"mode=0755")
    umask = os.umask(0o022)
    for descriptor, place in held:
        _make_mount_point(descriptor, place)
        source = b"/proc/self/fd/%d" % descriptor
        _do(f"mounting {os.fsdecode(place)}", "mount", source, place, None, _BIND | _RECURSIVE, None)
        os.close(descriptor)
    os.umask(umask)
    _do("an own /proc", "mount", b"proc", b"/proc", b"proc", _NOSUID | _NODEV | _NOEXEC, None)


def _make_mount_point(descriptor: int, place: bytes) -> None:
    if os.path.lexists(place):
        return
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.makedirs(place)
    else:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def switch_loopback_on() -> None:
    """A network namespace of one's own reaches the machine itself, at 127.0.0.1."""
    import fcntl
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as end:
        fcntl.ioctl(end, _SET_INTERFACE_FLAGS, b"lo".ljust(16, b"\0") + _UP.to_bytes(2, "little") + bytes(22))


def _do(what: str, function: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        raise StepError(f"{what}: {os.strerror(ctypes.get_errno())}")
