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
from orchestrator.errors import EnvironmentFailedError

if TYPE_CHECKING:
    from orchestrator.execute.clock import RunClock
    from orchestrator.execute.inbox import Inbox
    from orchestrator.execute.supervisor.warden_client import WardenClient
    from orchestrator.journal.rundir import RunDir

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_MAY_BE_IGNORED = (signal.SIGHUP, signal.SIGTSTP)
_RINGS = 1 << 12
_STDERR = 2
_STACKS = "stacks.txt"

Handlers = dict[signal.Signals, Any]


class RunSignals:
    """The signals of one run, from before its directory exists until its last file is written. For the main thread.

    Outside of `delivered_to` they are held: those that come before it are delivered then.
    """

    def __init__(self, *, handles: bool = True) -> None:
        self.held: list[signal.Signals] = []
        self.bell = -1  # a byte comes here for each signal, in their order; its value is the number of the signal
        self._handles = handles
        self._put: Callable[[signal.Signals], None] | None = None
        self._heard = -1
        self._last_of_two = 0

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
        self.bell, ring = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        inbox.listen(self.bell, self._read_bell)
        other_bell = signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
        previous = _handle((signal.SIGTSTP,), lambda number, _frame: self.receive(number))
        if previous:
            previous |= _handle((signal.SIGCONT,), _only_ring)
        # Not all threads: reading the frames of a thread while it runs can crash.
        faulthandler.register(signal.SIGQUIT, _STDERR, all_threads=False, chain=True)
        self._put = put
        while self.held:
            put(self.held.pop(0))
        try:
            yield
        finally:
            self._put = None
            faulthandler.unregister(signal.SIGQUIT)
            for number, old in previous.items():
                signal.signal(number, old)
            signal.set_wakeup_fd(other_bell)
            inbox.forget(self.bell)
            os.close(self.bell)
            os.close(ring)

    def stop_is_wanted(self) -> bool:
        """Whether the last TSTP came after the last CONT: their handlers may run in another order than they came, and
        that of a CONT in a thread that has yet to wake up."""
        if _is_pending(signal.SIGCONT):
            return False
        self._read_bell()
        return self._last_of_two == signal.SIGTSTP

    def _read_bell(self) -> None:
        with suppress(BlockingIOError):
            for number in os.read(self.bell, _RINGS):
                if number in (signal.SIGTSTP, signal.SIGCONT):
                    self._last_of_two = number


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
        if previous:
            interrupts.forget()
            for number in dict.fromkeys(signals.held):
                if number in STOP_SIGNALS:
                    signal.raise_signal(number)


def _handle(numbers: Iterable[signal.Signals], handler: Callable[[int, FrameType | None], None]) -> Handlers:
    """Install a handler; the previous ones. What may be ignored and is stays so."""
    return {
        number: signal.signal(number, handler)
        for number in numbers
        if number not in _MAY_BE_IGNORED or signal.getsignal(number) is not signal.SIG_IGN
    }


def _is_pending(number: signal.Signals) -> bool:
    """Whether this process got the signal and no thread has handled it yet."""
    try:
        with open("/proc/self/status", "rb") as file:
            mask = file.read().partition(b"ShdPnd:")[2].split(maxsplit=1)[0]
    except (OSError, IndexError):
        return False
    return bool(int(mask, 16) >> (number - 1) & 1)


def _only_ring(number: int, frame: FrameType | None) -> None:
    """The signal has written to the bell."""


def keep_stacks(rundir: RunDir, show: Callable[[str], object]) -> None:
    """Print the stacks of all threads, and write them into the run directory. They hold no values of variables."""
    with open(os.memfd_create("stacks"), "r+b") as file:
        faulthandler.dump_traceback(file)  # called from Python, so the other threads do not run
        file.seek(0)
        stacks = file.read()
    show(stacks.decode(errors="replace"))
    with suppress(EnvironmentFailedError):
        rundir.replace(_STACKS, stacks)


def suspend(warden: WardenClient, clock: RunClock, signals: RunSignals) -> None:
    """Stop all jobs, then this process, until it gets CONT; then continue both. Nothing stops if CONT came already.

    By SIGSTOP: the kernel ignores TSTP where no shell could continue the process. The warden, which does not stop,
    continues this process if a CONT came between the last look and the stop.
    """
    if not signals.stop_is_wanted():
        return
    warden.pause(signals.bell)
    if signals.stop_is_wanted():
        signal.raise_signal(signal.SIGSTOP)
    clock.skip(warden.resume())
