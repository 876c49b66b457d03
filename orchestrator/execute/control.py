"""How another process controls a live run: a private named pipe in the run directory.

A request is one line, `cancel` for the whole run or `cancel <index>` for a job of the plan. It is far shorter than
what a pipe writes atomically, so lines of several writers do not mix. The journal shows that a request was accepted.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from orchestrator.errors import EnvironmentFailedError
from orchestrator.helper_threads import start_thread
from orchestrator.journal.file_names import CONTROL
from orchestrator.journal.rundir import RunDir

_SAFE = os.O_NOFOLLOW | os.O_CLOEXEC
_VERB = b"cancel"


class ControlPipe:
    """Listens in a thread of its own, which calls `on_cancel(job)` with a job's index, or None for the whole run.

    If no pipe can be created, `degraded` holds what is missing and why.
    """

    def __init__(self, rundir: RunDir, on_cancel: Callable[[int | None], None]) -> None:
        self.degraded: tuple[tuple[str, str], ...] = ()
        self._rundir = rundir
        self._on_cancel = on_cancel
        self._closed = False
        try:
            self._pipe = _make_pipe(rundir)
        except (OSError, EnvironmentFailedError) as error:
            self._closed = True
            self.degraded = (("`pexec cancel`", f"a pipe cannot be created in the run directory: {error}"),)
            return
        self._thread = start_thread("pexec-control", self._work)

    def close(self) -> None:
        """Stop listening; further calls do nothing."""
        if self._closed:
            return
        self._closed = True
        os.write(self._pipe, b"\n")
        self._thread.join()
        os.close(self._pipe)
        self._rundir.remove(CONTROL)

    def _work(self) -> None:
        rest = b""
        while True:
            *lines, rest = (rest + os.read(self._pipe, 4096)).split(b"\n")
            if self._closed:
                return
            for line in lines:
                verb, _, job = line.partition(b" ")
                if verb == _VERB and len(job) < 10 and (not job or job.isdigit()):
                    self._on_cancel(int(job) if job else None)


def _make_pipe(rundir: RunDir) -> int:
    """Opened for writing too, so that it does not reach its end whenever a writer closes it."""
    rundir.remove(CONTROL)  # left by a pexec that was killed
    os.mkfifo(CONTROL, 0o600, dir_fd=rundir.folder())
    os.chmod(CONTROL, 0o600, dir_fd=rundir.folder())  # whatever the umask
    return os.open(CONTROL, os.O_RDWR | _SAFE, dir_fd=rundir.folder())


def request_cancel(rundir: RunDir, job: int | None) -> bool:
    """Send the request; whether a process that drives the run listens."""
    try:
        pipe = os.open(CONTROL, os.O_WRONLY | os.O_NONBLOCK | _SAFE, dir_fd=rundir.folder())
    except OSError:  # it does not exist, or no process listens
        return False
    try:
        if not stat.S_ISFIFO(os.fstat(pipe).st_mode):
            return False
        os.write(pipe, _VERB + (b"\n" if job is None else b" %d\n" % job))
    except (BlockingIOError, BrokenPipeError):
        return False
    else:
        return True
    finally:
        os.close(pipe)
