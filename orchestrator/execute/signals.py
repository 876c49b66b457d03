"""The signals of a run become messages in the driver's inbox; a handler does nothing else.

HUP and TSTP that were ignored when pexec started stay ignored, as nohup and shells without job control expect. QUIT
also prints the stack of the main thread, from C code, so that it works when pexec hangs. What signals do before and
after a run: `orchestrator/interrupts.py`.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from orchestrator import interrupts
from orchestrator.console.descriptors import unblocked_copy
from orchestrator.errors import EnvironmentFailedError
from orchestrator.execute.warden.processes import open_signal_fd

if TYPE_CHECKING:
    from orchestrator.execute.clock import RunClock
    from orchestrator.execute.executors.open_executor import Pausable
    from orchestrator.execute.inbox import Inbox
    from orchestrator.journal.rundir import RunDir

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_MAY_BE_IGNORED = (signal.SIGHUP, signal.SIGTSTP)
_STDERR = 2
_STACKS = "stacks.txt"
_TAKEN_BACK_SECONDS = 0.05

Handlers = dict[signal.Signals, Any]


class RunSignals:
    """The signals of one run, from before its directory exists until its last file is written. For the main thread.

    Outside of `delivered_to` they are held: those that come before it are delivered then.
    """

    def __init__(self, *, handles: bool = True) -> None:
        self.held: list[signal.Signals] = []
        self._handles = handles
        self._put: Callable[[signal.Signals], None] | None = None

    def receive(self, number: int) -> None:
        """Called by handlers; does nothing else to the process."""
        interrupts.note(number)
        if self._put is not None:
            self._put(signal.Signals(number))
        else:
            self.held.append(signal.Signals(number))

    @contextmanager
    def delivered_to(self, put: Callable[[signal.Signals], None], inbox: Inbox[Any]) -> Iterator[None]:
        """While the block runs, each of the signals above calls `put(signal)`.

        The signal itself also wakes the thread that waits on `inbox`, which must be this one: `put` is called only
        when that runs Python code. In any other thread than the main one, of a program that imports pexec, signals are
        left to that program.
        """
        if not self._handles:
            yield
            return
        other_bell = signal.set_wakeup_fd(inbox.bell, warn_on_full_buffer=False)
        stacks = unblocked_copy(_STDERR)  # a handler that waited for the reader of stderr would stop the driver
        if stacks is not None:
            # Not all threads: reading the frames of a thread while it runs can crash.
            faulthandler.register(signal.SIGQUIT, stacks, all_threads=False, chain=True)
        self._put = put
        while self.held:
            put(self.held.pop(0))
        try:
            with _suspension_delivered_to(put, inbox):
                yield
        finally:
            self._put = None
            if stacks is not None:
                faulthandler.unregister(signal.SIGQUIT)
                os.close(stacks)
            signal.set_wakeup_fd(other_bell)


@contextmanager
def _suspension_delivered_to(put: Callable[[signal.Signals], None], inbox: Inbox[Any]) -> Iterator[None]:
    """TSTP is blocked and stays pending, so that a CONT that comes next takes it back, as the kernel does it."""
    if signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN:
        yield
        return
    previous = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    pending = open_signal_fd(signal.SIGTSTP)
    inbox.listen(pending, lambda: put(signal.SIGTSTP))
    try:
        yield
    finally:
        inbox.forget(pending)
        os.close(pending)
        signal.signal(signal.SIGTSTP, previous)


_current: RunSignals | None = None  # of the main thread


@contextmanager
def run_signals() -> Iterator[RunSignals]:
    """The signals of the run that begins now; within another such block, those of that one.

    Afterwards the program `pexec` writes what is left, whatever comes. A program that imports pexec has its own
    handlers again, and gets what came too late for the run.
    """
    global _current
    if threading.current_thread() is not threading.main_thread():
        yield RunSignals(handles=False)
        return
    if _current is not None:
        yield _current
        return
    signals = _current = RunSignals()
    previous: Handlers = {}
    unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, _blocked())  # in threads that start from now on, too
    if interrupts.is_installed():
        interrupts.receive_with(signals.receive)
    else:
        previous = _handle((*STOP_SIGNALS, signal.SIGUSR1), lambda number, _frame: signals.receive(number))
    try:
        yield signals
    finally:
        _current = None
        if interrupts.is_installed():
            interrupts.note_only()
        for number, old in previous.items():
            signal.signal(number, old)
        signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
        if previous:
            interrupts.forget()
            for number in dict.fromkeys(signals.held):
                if number in STOP_SIGNALS:
                    signal.raise_signal(number)


def _blocked() -> set[signal.Signals]:
    """TSTP, unless it is ignored, and CONT: see `suspend`."""
    return set() if signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN else {signal.SIGTSTP, signal.SIGCONT}


def _handle(numbers: Iterable[signal.Signals], handler: Callable[[int, FrameType | None], None]) -> Handlers:
    """Install a handler; the previous ones. What may be ignored and is stays so."""
    return {
        number: signal.signal(number, handler)
        for number in numbers
        if number not in _MAY_BE_IGNORED or signal.getsignal(number) is not signal.SIG_IGN
    }


def keep_stacks(rundir: RunDir, show: Callable[[str], object]) -> None:
    """Print the stacks of all threads, and write them into the run directory. They hold no values of variables."""
    with open(os.memfd_create("stacks"), "r+b") as file:
        faulthandler.dump_traceback(file)  # called from Python, so the other threads do not run
        file.seek(0)
        stacks = file.read()
    show(stacks.decode(errors="replace"))
    with suppress(EnvironmentFailedError):
        rundir.replace(_STACKS, stacks)


def suspend(pausable: Pausable, clock: RunClock) -> None:
    """Stop all jobs, then this process, until it gets CONT; then continue both.

    Both signals are blocked. So the kernel keeps only the later one, and a TSTP that is still pending is carried out
    when it is unblocked: no CONT can come too early. The kernel ignores TSTP where no shell could continue the
    process; there SIGSTOP does the same, a moment later, since it would discard a CONT that comes just before.
    """
    if signal.SIGTSTP not in signal.sigpending():
        return
    pausable.pause()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTSTP])  # stops here
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTSTP])
    if signal.sigtimedwait([signal.SIGCONT], _TAKEN_BACK_SECONDS) is None:
        signal.raise_signal(signal.SIGSTOP)
        signal.sigtimedwait([signal.SIGCONT], 0)
    clock.skip(pausable.resume())
