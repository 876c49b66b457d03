"""Runs some work in a process that is killed at its n-th system call that changes files."""

from __future__ import annotations

import os
import signal
import traceback
import warnings
from collections.abc import Callable
from itertools import count
from typing import Any

CALLS = (
    "open", "mkdir", "rename", "unlink", "rmdir", "symlink", "link", "write", "pwrite", "copy_file_range", "fchmod",
    "utime", "ftruncate",
)  # fmt: skip
DONE = 0


def is_killed_at(number: int, work: Callable[[], object]) -> bool:
    """Whether a child process, which does the work, was killed before such a call; else it did all of the work."""

    def counted() -> None:
        _kill_at(number)
        work()

    child = forked(counted)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(status) == DONE, "the work failed"
    return False


def forked(work: Callable[[], object]) -> int:
    """The process ID of a child that does the work, and exits with 0, or 1 if it fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads: none of ours holds a lock now
        child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(DONE)


def _kill_at(number: int) -> None:
    numbers = count()

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if next(numbers) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return call

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))
