"""Signals become messages in the driver's inbox; a handler does nothing else.

Installed before the first job and restored afterwards. HUP and TSTP that were ignored when pexec started stay ignored,
as nohup and shells without job control expect. QUIT also prints the stack of the main thread, from C code, so that it
works when pexec hangs.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from orchestrator.console.descriptors import unblocked_copy
from orchestrator.errors import EnvironmentFailedError

if TYPE_CHECKING:
    from orchestrator.execute.clock import RunClock
    from orchestrator.execute.supervisor.warden_client import WardenClient
    from orchestrator.journal.rundir import RunDir

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_OTHERS = (signal.SIGTSTP, signal.SIGUSR1)
_MAY_BE_IGNORED = (signal.SIGHUP, signal.SIGTSTP)
_STDERR = 2
_STACKS = "stacks.txt"


class _Early:
    """Exits at once until a run has begun; after that, raises KeyboardInterrupt as Python does by itself."""

    def __init__(self) -> None:
        self.has_begun = False

    def __call__(self, number: int, frame: FrameType | None) -> NoReturn:
        if not self.has_begun:
            os._exit(128 + number)
        raise KeyboardInterrupt


def leave_on_interrupt() -> None:
    """Until a run begins, an interrupt ends the program at once: there is nothing yet to clean up.

    A KeyboardInterrupt could come in the middle of an import, where some code only prints it and continues.
    """
    if threading.current_thread() is threading.main_thread():
        now = signal.getsignal(signal.SIGINT)
        if now is signal.default_int_handler or isinstance(now, _Early):
            signal.signal(signal.SIGINT, _Early())


@contextmanager
def signals_to(put: Callable[[signal.Signals], None], bell: int) -> Iterator[None]:
    """While the block runs, each of the signals above calls `put(signal)` and does nothing else to the process.

    The signal also writes to `bell`, which must wake the main thread: `put` is called only when that runs Python code.
    In any other thread than the main one, of a program that imports pexec, signals are left to that program.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handler(number: int, _frame: FrameType | None) -> None:
        put(signal.Signals(number))

    previous = {}
    for number in (*STOP_SIGNALS, *_OTHERS):
        if number in _MAY_BE_IGNORED and signal.getsignal(number) is signal.SIG_IGN:
            continue
        previous[number] = signal.signal(number, handler)
    early = previous[signal.SIGINT]
    if isinstance(early, _Early):
        early.has_begun = True
    other_bell = signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
    stacks = unblocked_copy(_STDERR)  # a handler that waited for the reader of stderr would stop the driver
    if stacks is not None:
        # Not all threads: reading the frames of a thread while it runs can crash.
        faulthandler.register(signal.SIGQUIT, stacks, all_threads=False, chain=True)
    try:
        yield
    finally:
        if stacks is not None:
            faulthandler.unregister(signal.SIGQUIT)
            os.close(stacks)
        signal.set_wakeup_fd(other_bell)
        for number, old in previous.items():
            signal.signal(number, old)


def keep_stacks(rundir: RunDir, show: Callable[[str], object]) -> None:
    """Print the stacks of all threads, and write them into the run directory. They hold no values of variables."""
    with open(os.memfd_create("stacks"), "r+b") as file:
        faulthandler.dump_traceback(file)  # called from Python, so the other threads do not run
        file.seek(0)
        stacks = file.read()
    show(stacks.decode(errors="replace"))
    with suppress(EnvironmentFailedError):
        rundir.replace(_STACKS, stacks)


def suspend(warden: WardenClient, clock: RunClock) -> None:
    """Stop all jobs, then this process, until it gets CONT; then continue both.

    By SIGSTOP: the kernel ignores TSTP where no shell could continue the process.
    """
    warden.pause()
    signal.raise_signal(signal.SIGSTOP)
    clock.skip(warden.resume())
