"""Where control groups with limits can be made for jobs: found by making one, writing its limit, and entering it.

A directory of the run is made for them, if this process may: next to the group that it is in, if the parent of that
enables the controllers for its children; or below its own group, if no other process is in it. Linux calls this
delegation.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress

from msgspec import Struct

from orchestrator.execute.warden.cgroup_moves import write
from orchestrator.own_cgroups import own_groups

_PROCS, _SUBTREE_CONTROL = "cgroup.procs", "cgroup.subtree_control"
_MOST_TRIES = 100
_AGAIN_SECONDS = 0.01


class CgroupParents(Struct, frozen=True):
    """Directories in which a group with this limit can be made, both may be the same; empty where none can.

    `own_leaf` is the group into which this process had to move for that, out of its parent."""

    memory: str = ""
    pids: str = ""
    own_leaf: str = ""

    def close(self) -> None:
        """Remove them, and what attempts have left in them. The warden has ended."""
        for parent in {self.memory, self.pids} - {""}:
            _remove(parent)
        if self.own_leaf:
            _move_back(self.own_leaf)


def find(warden_pid: int) -> CgroupParents:
    """What this process can use on this machine; the warden may have to be moved together with it."""
    name = f"pexec-{os.getpid()}"
    memory = pids = ""
    for parent in _cgroup_v2(warden_pid):
        made = _made(os.path.join(parent, name))
        if not made:
            continue
        memory = made if not memory and _works(made, "memory.max", "max") else memory
        pids = made if not pids and _works(made, "pids.max", "max") else pids
        if made not in (memory, pids):
            _remove(made)
        if memory and pids:
            break
    if not pids:
        pids = next((made for parent in _cgroup_v1("pids") if (made := _pids_in(parent, name))), "")
    own_leaf = os.path.join(os.path.dirname(memory or pids), f"{name}-itself")
    return CgroupParents(memory, pids, own_leaf if os.path.isdir(own_leaf) else "")


def _pids_in(parent: str, name: str) -> str:
    made = _made(os.path.join(parent, name))
    if made and not _works(made, "pids.max", "max"):
        _remove(made)
        return ""
    return made


def _cgroup_v2(warden_pid: int) -> Iterator[str]:
    """Directories of cgroup v2 that enable the memory or pids controller for groups in them."""
    for own, _ in own_groups("cgroup2", ""):
        for parent in (os.path.dirname(own), own):
            if {"memory", "pids"} & set(_words(os.path.join(parent, _SUBTREE_CONTROL))):
                yield parent
        if _can_delegate(own, warden_pid):
            yield own


def _can_delegate(own: str, warden_pid: int) -> bool:
    """Whether the own group could be made to enable them: it must be empty then, so its two members move."""
    members = {str(os.getpid()), str(warden_pid)}
    controllers = [name for name in _words(os.path.join(own, "cgroup.controllers")) if name in ("memory", "pids")]
    if not controllers or not set(_words(os.path.join(own, _PROCS))) <= members:
        return False
    leaf = _made(os.path.join(own, f"pexec-{os.getpid()}-itself"))
    try:
        for member in members:
            write(os.path.join(leaf, _PROCS), member.encode())
        write(os.path.join(own, _SUBTREE_CONTROL), " ".join(f"+{name}" for name in controllers).encode())
    except OSError:
        return False
    return bool(leaf)


def _move_back(leaf: str) -> None:
    """Leave the parent as it was found, so that another pexec may use it."""
    own = os.path.dirname(leaf)
    enabled = [name for name in _words(os.path.join(own, _SUBTREE_CONTROL)) if name in ("memory", "pids")]
    with suppress(OSError):  # another program has made groups there meanwhile
        write(os.path.join(own, _SUBTREE_CONTROL), " ".join(f"-{name}" for name in enabled).encode())
        write(os.path.join(own, _PROCS), b"%d" % os.getpid())
        os.rmdir(leaf)


def _cgroup_v1(controller: str) -> Iterator[str]:
    yield from (own for own, _ in own_groups("cgroup", controller))


def _made(directory: str) -> str:
    """The directory, made; empty if it cannot be."""
    try:
        os.mkdir(directory, 0o755)
    except OSError:
        return ""
    return directory


def _works(parent: str, limit: str, value: str) -> bool:
    """Whether a group in it has this limit, and a process can enter it."""
    if limit.startswith("memory") and "memory" not in _words(os.path.join(parent, "cgroup.controllers")):
        return False
    try:
        subtree_control = os.path.join(parent, _SUBTREE_CONTROL)
        if os.path.exists(subtree_control):
            write(subtree_control, f"+{limit.partition('.')[0]}".encode())
        trial = os.path.join(parent, "trial")
        os.mkdir(trial)
        try:
            write(os.path.join(trial, limit), value.encode())
            return _can_enter(trial)
        finally:
            _remove(trial)
    except OSError:
        return False


def _can_enter(group: str) -> bool:
    entrance = os.open(os.path.join(group, _PROCS), os.O_WRONLY | os.O_CLOEXEC)
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


def _remove(directory: str) -> None:
    """Remove the group and those in it; the kernel may take a moment to release them from their last processes."""
    for _ in range(_MOST_TRIES):
        try:
            for entry in os.scandir(directory):
                if entry.is_dir(follow_symlinks=False):
                    os.rmdir(entry.path)
            os.rmdir(directory)
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
