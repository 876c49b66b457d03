"""The two processes of ours around an isolated job, as the warden sees them.

The outer one, the wrapper, makes the namespaces; the inner one, `pid1`, is the first process inside, and reports on a
pipe what becomes of the job. Runs in the warden's loop.
"""

from __future__ import annotations

import os

from . import pid1, processes, protocol
from .scarcity import OUT_OF_NAMESPACES, SCARCITY
from .spawn_errors import exec_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .pid1 import Report
    from .protocol import StartRequest

_READ = pid1.REPORT_BYTES * 16
_LONGEST_MESSAGE = 1000
# How bubblewrap and `namespaces` begin to say that they cannot make new ones, and how they say why.
_NO_NAMESPACES = (b"reating new namespace", b"new namespaces:")
_NO_MORE = (os.strerror(OUT_OF_NAMESPACES).encode(), b"(ENOSPC)")
_KINDS = ("user", "pid", "mnt", "net", "ipc")


class Enclosure:
    """`wrapper` is the pid of the outer process; `report` the warden's end of the pipe, which does not block;
    `stderr` the file with what the two print. `command` is the path of what they execute;
    `logs` the directory that names of logs are relative to."""

    def __init__(
        self, wrapper: int, report: int, stderr: int, command: bytes, request: StartRequest, logs: int | None
    ) -> None:
        self.report = report
        self.started = False
        self.silent = False  # no report can come any more
        self._wrapper = wrapper
        self._wrapper_pids = {wrapper}
        self._stderr = stderr
        self._command = command
        self._request = request
        self._logs = logs
        self._main: int | None = None
        self._error: int | None = None  # the errno with which the job could not be executed

    def read(self) -> tuple[float | None, Report | None]:
        """Read what has come: when the job began, and the report of its end."""
        try:
            data = os.read(self.report, _READ)
        except BlockingIOError:
            return None, None
        self.silent = not data
        began, ended = None, None
        for report in pid1.decode(data):
            if report.kind == pid1.STARTED:
                self.started, began = True, report.at
            elif report.kind == pid1.FAILED:
                self._error = report.number
            else:
                ended = report
        return began, ended

    def wrapper_pids(self) -> set[int]:
        """The two processes; not those of the job. The inner one outlives the other for a moment."""
        self._wrapper_pids.update(processes.children(self._wrapper)[:1])
        return self._wrapper_pids

    def main_pid(self, *, lives: bool) -> int | None:
        """The pid of the job's main process, if this was called while that lived: the oldest child of pid1."""
        if lives and self._main is None and (inside := self.inside()):
            self._main = inside[0]
        return self._main

    def inside(self) -> list[int]:
        """The main process of the job, and its orphans."""
        parents = self.wrapper_pids()
        return [pid for parent in parents for pid in processes.children(parent) if pid not in parents]

    def why_never_begun(self, serial: int) -> protocol.Refused | protocol.Scarce:
        """The reply where the job was never executed; its log is removed unless this reply ends the attempt."""
        message = self._message()
        error = _scarcity_in(message) if self._error is None else self._error
        if error is None:
            return protocol.Refused(serial, protocol.NO_ISOLATION, 0, message)
        request = self._request
        if error in SCARCITY or error == OUT_OF_NAMESPACES:
            if request.log:
                os.unlink(request.log, dir_fd=self._logs)
            return protocol.Scarce(serial, error)
        problem = exec_error(self._command, error, request.working_dir)
        return protocol.Refused(serial, problem.problem, problem.number, problem.detail)

    def close(self) -> None:
        """Close the descriptors."""
        os.close(self.report)
        os.close(self._stderr)

    def _message(self) -> bytes:
        """Why the job could not be isolated."""
        os.lseek(self._stderr, 0, os.SEEK_SET)
        lines = os.read(self._stderr, _LONGEST_MESSAGE).split(b"\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), b"it ended without a message")


def _scarcity_in(message: bytes) -> int | None:
    """The errno of a lack that may pass, where that is what a message is about. It is in English, whatever the user's
    language: the environment of the two is empty."""
    if any(text in message for text in _NO_NAMESPACES) and any(text in message for text in _NO_MORE):
        return None if _allows_no_namespaces() else OUT_OF_NAMESPACES
    return next((number for number in SCARCITY if os.strerror(number).encode() in message), None)


def _allows_no_namespaces() -> bool:
    """Whether this system allows none at all, of some kind: that will not pass."""
    for kind in _KINDS:
        try:
            with open(f"/proc/sys/user/max_{kind}_namespaces", "rb") as file:
                if file.read().strip() == b"0":
                    return True
        except OSError:
            continue
    return False
