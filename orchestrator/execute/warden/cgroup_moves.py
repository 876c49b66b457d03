"""Control groups of one attempt: made before it starts, entered before its first instruction, removed after its end.

Runs in the warden's loop, but for `enter`, which the child calls that becomes the job. `execute.sandbox.cgroups` finds
the directories in which they can be made.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class AttemptCgroups:
    """The groups of one attempt, each called `name`. A process enters them through their `entrances`, descriptors.

    `specs` are pairs of the parent directory and the (file, value) pairs to write in the group.
    """

    def __init__(self, specs: Sequence[tuple[bytes, Sequence[tuple[bytes, bytes]]]], name: bytes) -> None:
        self.entrances: list[int] = []
        self._directories: list[bytes] = []
        try:
            for parent, settings in specs:
                self._make(os.path.join(parent, name), settings)
        except OSError:
            self.remove()
            raise

    def _make(self, directory: bytes, settings: Sequence[tuple[bytes, bytes]]) -> None:
        os.mkdir(directory, 0o755)
        self._directories.append(directory)
        for name, value in settings:
            try:
                write(os.path.join(directory, name), value)
            except FileNotFoundError:
                if name != b"memory.swap.max":  # a machine may have none
                    raise
        self.entrances.append(os.open(os.path.join(directory, b"cgroup.procs"), os.O_WRONLY | os.O_CLOEXEC))

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel has killed a process in one of them because memory ran out."""
        return any(_number(os.path.join(directory, b"memory.events"), b"oom_kill") for directory in self._directories)

    def close_entrances(self) -> None:
        """Close the entrances: the process that was to enter has done so."""
        while self.entrances:
            os.close(self.entrances.pop())

    def remove(self) -> None:
        """No process of the attempt is left. What the kernel does not release yet, pexec removes when it ends."""
        self.close_entrances()
        while self._directories:
            try:
                os.rmdir(self._directories.pop())
            except OSError:
                continue


def enter(entrances: Sequence[int]) -> None:
    """Enter the groups, with all that the caller will start."""
    for entrance in entrances:
        os.write(entrance, b"0")


def write(path: str | bytes, value: bytes) -> None:
    """Write to a file of the kernel, in one call."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, value)
    finally:
        os.close(descriptor)


def _number(path: bytes, name: bytes) -> int:
    """The number after a name in a file of lines; 0 if it is not there."""
    try:
        with open(path, "rb") as file:
            return next((int(line.split()[1]) for line in file if line.split()[:1] == [name]), 0)
    except FileNotFoundError:
        return 0
