"""Control groups of one attempt: made before it starts, entered before its first instruction, removed after it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# Where, and what is to be written into which of its files.
Wanted = tuple[bytes, tuple[tuple[bytes, bytes], ...]]


class Groups:
    """The groups of one attempt; `entrances` are where a process writes itself in."""

    def __init__(self, wanted: Sequence[Wanted], name: bytes) -> None:
        self.entrances: list[int] = []
        self._folders: list[bytes] = []
        try:
            for parent, settings in wanted:
                self._make(os.path.join(parent, name), settings)
        except OSError:
            self.remove()
            raise

    def _make(self, folder: bytes, settings: tuple[tuple[bytes, bytes], ...]) -> None:
        os.mkdir(folder, 0o755)
        self._folders.append(folder)
        for name, value in settings:
            try:
                write(os.path.join(folder, name), value)
            except FileNotFoundError:
                if name != b"memory.swap.max":  # a machine may have none
                    raise
        self.entrances.append(os.open(os.path.join(folder, b"cgroup.procs"), os.O_WRONLY | os.O_CLOEXEC))

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel has killed in one of them for want of memory."""
        return any(_number(os.path.join(folder, b"memory.events"), b"oom_kill") for folder in self._folders)

    def close_entrances(self) -> None:
        """Whoever was to go in has done so."""
        while self.entrances:
            os.close(self.entrances.pop())

    def remove(self) -> None:
        """Nothing of the attempt is left; what the kernel does not give back yet, pexec removes when it ends."""
        self.close_entrances()
        while self._folders:
            try:
                os.rmdir(self._folders.pop())
            except OSError:
                continue


def enter(entrances: Sequence[int]) -> None:
    """Go into the groups, with all that the caller will start."""
    for entrance in entrances:
        os.write(entrance, b"0")


def write(path: str | bytes, value: bytes) -> None:
    """Write into a file of the kernel's, in one call."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, value)
    finally:
        os.close(descriptor)


def _number(path: bytes, name: bytes) -> int:
    """What stands behind a name in a file of lines; 0 if it does not stand there."""
    try:
        with open(path, "rb") as file:
            return next((int(line.split()[1]) for line in file if line.split()[:1] == [name]), 0)
    except FileNotFoundError:
        return 0
