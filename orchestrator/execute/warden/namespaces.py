"""Namespaces of a job's own: its processes, and in a sandbox its network and its view of some folders.

All in children of the warden; nothing here changes the warden itself.
"""

from __future__ import annotations

import ctypes
import os
import stat

from .cgroup_moves import write

_NEW_MOUNTS, _NEW_IPC, _NEW_USER, _NEW_PROCESSES, _NEW_NETWORK = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
_NOSUID, _NODEV, _NOEXEC, _BIND, _RECURSIVE, _PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000
_SET_INTERFACE_FLAGS = 0x8914
_UP = 1


class StepError(Exception):
    """A step that this system does not allow, with the reason."""


def leave(*, own_user: bool, sandbox: bool, network: bool) -> None:
    """Leave the caller's namespaces; its next child is the first process of its own. Raises StepError."""
    uid, gid = os.getuid(), os.getgid()
    flags = _NEW_PROCESSES | _NEW_MOUNTS | (_NEW_USER if own_user else 0) | (_NEW_IPC if sandbox else 0)
    _do("leaving the namespaces", "unshare", flags | (_NEW_NETWORK if sandbox and not network else 0))
    if own_user:
        try:
            write("/proc/self/uid_map", b"%d %d 1" % (uid, uid))
            write("/proc/self/setgroups", b"deny")
            write("/proc/self/gid_map", b"%d %d 1" % (gid, gid))
        except OSError as error:
            raise StepError(f"a user namespace: {error.strerror}") from None


def furnish(hidden: list[bytes], shown: list[tuple[bytes, bytes]], *, network: bool) -> None:
    """Called by the first process: its own /proc, and with `hidden` folders empty, some of them `shown` again or other
    ones in their place. Without a `network` there is still the machine itself. Raises StepError."""
    _do("private mounts", "mount", None, b"/", None, _RECURSIVE | _PRIVATE, None)
    try:
        held = [(os.open(source, os.O_PATH | os.O_CLOEXEC), place) for source, place in shown]
    except OSError as error:
        raise StepError(f"{os.fsdecode(error.filename)}: {error.strerror}") from None
    for folder in hidden:
        _do(f"hiding {os.fsdecode(folder)}", "mount", b"tmpfs", folder, b"tmpfs", _NOSUID | _NODEV, b"mode=0755")
    for descriptor, place in held:
        _make_place_for(descriptor, place)
        source = b"/proc/self/fd/%d" % descriptor
        _do(f"showing {os.fsdecode(place)}", "mount", source, place, None, _BIND | _RECURSIVE, None)
        os.close(descriptor)
    _do("an own /proc", "mount", b"proc", b"/proc", b"proc", _NOSUID | _NODEV | _NOEXEC, None)
    if not network:
        _switch_loopback_on()


def _make_place_for(descriptor: int, place: bytes) -> None:
    if os.path.lexists(place):
        return
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.makedirs(place)
    else:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _switch_loopback_on() -> None:
    import fcntl
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as end:
        fcntl.ioctl(end, _SET_INTERFACE_FLAGS, b"lo".ljust(16, b"\0") + _UP.to_bytes(2, "little") + bytes(22))


def _do(what: str, function: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        raise StepError(f"{what}: {os.strerror(ctypes.get_errno())}")
