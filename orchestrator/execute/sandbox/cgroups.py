"""Control groups in which jobs can be given limits here: found by making one, writing its limit, and going in.

A folder of the run is made for them, where this process may: beside the group that it is in, if that is handed out by a
folder which hands out what is wanted; or below its own, when nobody else is in there. Linux calls this delegation.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress

from msgspec import Struct

from orchestrator.execute.warden.cgroup_moves import write

_PROCS, _HANDED_OUT = "cgroup.procs", "cgroup.subtree_control"
_MOST_TRIALS = 100
_AGAIN_SECONDS = 0.01


class Groups(Struct, frozen=True):
    """Folders in which a group with this limit can be made; empty where none can. Both may be the same.

    `itself` is the one into which this process had to move for that, out of the one above."""

    memory: str = ""
    pids: str = ""
    itself: str = ""

    def close(self) -> None:
        """Remove them, and what attempts have left in them. The companion has ended."""
        for folder in {self.memory, self.pids} - {""}:
            _remove(folder)
        if self.itself:
            _move_back(self.itself)


def find(companion: int) -> Groups:
    """What this machine gives this process; `companion` is the other process that may have to be moved along."""
    name = f"pexec-{os.getpid()}"
    memory = pids = ""
    for parent in _second_version(companion):
        folder = _made(os.path.join(parent, name))
        if not folder:
            continue
        memory = folder if not memory and _works(folder, "memory.max", "max") else memory
        pids = folder if not pids and _works(folder, "pids.max", "max") else pids
        if folder not in (memory, pids):
            _remove(folder)
        if memory and pids:
            break
    if not pids:
        pids = next((folder for parent in _first_version("pids") if (folder := _pids_of(parent, name))), "")
    itself = os.path.join(os.path.dirname(memory or pids), f"{name}-itself")
    return Groups(memory, pids, itself if os.path.isdir(itself) else "")


def _pids_of(parent: str, name: str) -> str:
    folder = _made(os.path.join(parent, name))
    if folder and not _works(folder, "pids.max", "max"):
        _remove(folder)
        return ""
    return folder


def _second_version(companion: int) -> Iterator[str]:
    """Folders that hand out memory and process counts to groups in them."""
    for own in _places("cgroup2", ""):
        for folder in (os.path.dirname(own), own):
            if {"memory", "pids"} & set(_words(os.path.join(folder, _HANDED_OUT))):
                yield folder
        if _hands_out(own, companion):
            yield own


def _hands_out(own: str, companion: int) -> bool:
    """Whether the own group can be made to hand out: then nobody may be in it itself, so its two members move."""
    members = {str(os.getpid()), str(companion)}
    controllers = [name for name in _words(os.path.join(own, "cgroup.controllers")) if name in ("memory", "pids")]
    if not controllers or not set(_words(os.path.join(own, _PROCS))) <= members:
        return False
    inner = _made(os.path.join(own, f"pexec-{os.getpid()}-itself"))
    try:
        for member in members:
            write(os.path.join(inner, _PROCS), member.encode())
        write(os.path.join(own, _HANDED_OUT), " ".join(f"+{name}" for name in controllers).encode())
    except OSError:
        return False
    return bool(inner)


def _move_back(inner: str) -> None:
    """Leave the group above as it was found, so that another pexec may use it."""
    own = os.path.dirname(inner)
    handed_out = [name for name in _words(os.path.join(own, _HANDED_OUT)) if name in ("memory", "pids")]
    with suppress(OSError):  # somebody else has made groups there meanwhile
        write(os.path.join(own, _HANDED_OUT), " ".join(f"-{name}" for name in handed_out).encode())
        write(os.path.join(own, _PROCS), b"%d" % os.getpid())
        os.rmdir(inner)


def _first_version(controller: str) -> Iterator[str]:
    yield from _places("cgroup", controller)


def _places(kind: str, controller: str) -> Iterator[str]:
    """The folder of the group that this process is in, for each mount of this kind that has the controller."""
    try:
        with open("/proc/self/cgroup") as file:
            paths = {names: path for _, names, path in (line.rstrip("\n").split(":", 2) for line in file)}
        with open("/proc/self/mountinfo") as file:
            mounts = [line.split() for line in file]
    except OSError:
        return
    for names, path in paths.items():
        if controller not in names.split(","):
            continue
        for fields in mounts:
            found, options = fields[fields.index("-") + 1], fields[-1].split(",")
            if found == kind and (not controller or controller in options) and _is_inside(path, fields[3]):
                yield os.path.join(fields[4], os.path.relpath(path, fields[3])).removesuffix("/.")


def _is_inside(path: str, root: str) -> bool:
    return root == "/" or path == root or path.startswith(root + "/")


def _made(folder: str) -> str:
    try:
        os.mkdir(folder, 0o755)
    except OSError:
        return ""
    return folder


def _works(folder: str, limit: str, value: str) -> bool:
    """Whether a group in it has this limit, and a process may go in."""
    if limit.startswith("memory") and "memory" not in _words(os.path.join(folder, "cgroup.controllers")):
        return False
    try:
        hands_out = os.path.join(folder, _HANDED_OUT)
        if os.path.exists(hands_out):
            write(hands_out, f"+{limit.partition('.')[0]}".encode())
        trial = os.path.join(folder, "trial")
        os.mkdir(trial)
        try:
            write(os.path.join(trial, limit), value.encode())
            return _can_enter(trial)
        finally:
            _remove(trial)
    except OSError:
        return False


def _can_enter(folder: str) -> bool:
    entrance = os.open(os.path.join(folder, _PROCS), os.O_WRONLY | os.O_CLOEXEC)
    try:
        pid = os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", "echo 0 >&3"],
            {},
            file_actions=[(os.POSIX_SPAWN_DUP2, entrance, 3), (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)],
        )
        return os.waitpid(pid, 0)[1] == 0
    finally:
        os.close(entrance)


def _remove(folder: str) -> None:
    """The folder and those in it; the kernel may take a moment to let go of the last processes."""
    for _ in range(_MOST_TRIALS):
        try:
            for entry in os.scandir(folder):
                if entry.is_dir(follow_symlinks=False):
                    os.rmdir(entry.path)
            os.rmdir(folder)
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(_AGAIN_SECONDS)
        else:
            return


def _words(path: str) -> list[str]:
    try:
        with open(path) as file:
            return file.read().split()
    except OSError:
        return []
