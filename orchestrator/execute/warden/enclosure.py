"""What stands around an isolated job: two processes of ours above each other, of which the lower one is the first of
the job's own namespace and tells on a pipe what becomes of the job. See `inner`.
"""

from __future__ import annotations

import os

from . import pid1, processes, protocol, spawn
from .scarcity import SCARCITY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .pid1 import Usage

_READ = pid1.RECORD * 16
_LONGEST_COMPLAINT = 1000


class Enclosure:
    """`report` is the end of the pipe that does not block; what the two have to complain about is in the file `said`.

    `command` is the path of what they were to execute, from `folder` on; `log` that of the job's log in the folder
    `logs`, empty if it is not the warden's.
    """

    def __init__(
        self, root: int, report: int, said: int, command: bytes, folder: bytes, log: bytes, logs: int | None
    ) -> None:
        self.root = root
        self.report = report
        self._command = command
        self._folder = folder
        self._log = log
        self._logs = logs
        self._ours = {root}
        self._main: int | None = None
        self.started = False
        self.silent = False  # nobody can tell anything any more
        self.error: int | None = None  # the errno with which the job could not be executed
        self._said = said

    def take_in(self) -> tuple[float | None, tuple[float, int, Usage] | None]:
        """Read what has come: when the job began, and when and how its main process ended, if that was told."""
        try:
            data = os.read(self.report, _READ)
        except BlockingIOError:
            return None, None
        self.silent = not data
        began, ended = None, None
        for kind, when, number, usage in pid1.records(data):
            if kind == pid1.STARTED:
                self.started, began = True, when
            elif kind == pid1.FAILED:
                self.error = number
            else:
                ended = when, number, usage
        return began, ended

    def ours(self) -> set[int]:
        """The two processes; not those of the job. The lower one outlives the other for a moment."""
        self._ours.update(processes.children(self.root)[:1])
        return self._ours

    def main(self, *, lives: bool) -> int | None:
        """The pid of the job's main process, if it was asked for while that lived: the oldest child of the namespace's
        first process."""
        if lives and self._main is None and (inside := self.inside()):
            self._main = inside[0]
        return self._main

    def inside(self) -> list[int]:
        """The main process of the job, and the processes without a parent beside it."""
        return [pid for ours in self.ours() for pid in processes.children(ours) if pid not in self._ours]

    def why_never_begun(self) -> tuple[Any, ...]:
        """What to answer where the job was never executed; then its log is none, unless the answer ends the attempt."""
        complaint = self._complaint()
        error = _want_in(complaint) if self.error is None else self.error
        if error is None:
            return protocol.REFUSED, protocol.NO_ISOLATION, 0, complaint
        if error in SCARCITY:
            if self._log:
                os.unlink(self._log, dir_fd=self._logs)
            return protocol.SCARCE, error
        fault = spawn.fault_of(self._command, error, self._folder)
        return protocol.REFUSED, fault.kind, fault.number, fault.detail

    def close(self) -> None:
        """Give the descriptors back."""
        os.close(self.report)
        os.close(self._said)

    def _complaint(self) -> bytes:
        """Why the isolation could not be had."""
        os.lseek(self._said, 0, os.SEEK_SET)
        lines = os.read(self._said, _LONGEST_COMPLAINT).split(b"\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), b"it ended without a word")


def _want_in(complaint: bytes) -> int | None:
    """The errno of a want that may pass, where that is what a complaint is about. None of them speaks another language:
    their environment is empty."""
    return next((number for number in SCARCITY if os.strerror(number).encode() in complaint), None)
