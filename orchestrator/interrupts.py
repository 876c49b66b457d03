"""What a signal does to the program `pexec`, from its first instruction to its exit: INT, TERM, HUP and QUIT always
lead to the exit codes 130, 143, 129 and 131.

Handlers are installed once and never taken down. Until a command has something to clean up they exit at once. In a
command that has, they raise Interrupted. During a run they are the run's (`execute.signals`), and after it they are
only noted: the closing table, the archive and the exit code still follow. USR1, which prints the progress of a run,
does nothing outside of one.

A program that imports pexec keeps its own handlers: nothing here is installed for it. Handlers run in the main thread.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # `signal` takes as long to import as `--version` may
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_FATAL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
HANDLED = (*_FATAL, signal.SIGUSR1)
# After the end of a run, a signal this long after the first one ends the process, whatever is left to write.
_PATIENCE_SECONDS = 5.0
_REPEATED_SECONDS = 0.3


class Interrupted(KeyboardInterrupt):
    """A signal came while a command ran that may have to clean up."""


class _SignalState:
    """The state of this process. `receive` is what its handlers call now."""

    def __init__(self) -> None:
        self.is_installed = False
        self.receive: Callable[[int], None] = exit_at_once
        self.first: int | None = None
        self.first_at = 0.0


def exit_at_once(number: int) -> None:
    """There is nothing to clean up."""
    if number != signal.SIGUSR1:
        os._exit(128 + number)


def note(number: int) -> None:
    """Keep the first signal that ends a program, for the exit code."""
    if number in _FATAL and _program.first is None:
        _program.first, _program.first_at = number, time.monotonic()


def forget() -> None:
    """The process is not the program: its exit code is its own."""
    _program.first = None


def _raise(number: int) -> None:
    if number == signal.SIGUSR1:
        return
    if number == signal.SIGQUIT:
        exit_at_once(number)
    is_repeated = _program.first is not None and time.monotonic() - _program.first_at < _REPEATED_SECONDS
    note(number)  # some code that libraries run only prints an exception, and continues
    if not is_repeated:  # else it would interrupt what the first one made the command do
        _program.first_at = time.monotonic()
        raise Interrupted


def _after_run(number: int) -> None:
    note(number)
    if number == signal.SIGQUIT:
        exit_at_once(number)
    if number in _FATAL and time.monotonic() - _program.first_at > _PATIENCE_SECONDS:
        os._exit(exit_code(0))


_program = _SignalState()


def _handle(number: int, _frame: FrameType | None) -> None:
    _program.receive(number)


def install() -> None:
    """Install the handlers; a HUP that is ignored, as under nohup, stays so. To be called first, by the program."""
    for number in HANDLED:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _handle)
    _program.is_installed = True


def is_installed() -> bool:
    """Whether this process is the program, and its handlers call `receive_with`'s receiver."""
    return _program.is_installed


def raise_in_command() -> None:
    """From now on a signal raises Interrupted: the command may have something to clean up."""
    _program.receive = _raise


def exit_until_run() -> None:
    """Until a run begins, exit at once: an exception in the middle of an import may only be printed there."""
    _program.receive = exit_at_once


def receive_with(receiver: Callable[[int], None]) -> None:
    """From now on signals are this receiver's: a run has begun."""
    _program.receive = receiver


def note_only() -> None:
    """From now on a signal changes only the exit code: the run has ended, and its last files are being written."""
    _program.receive = _after_run


def exit_code(code: int) -> int:
    """The exit code of the process: `code`, unless a signal came that `code` does not show."""
    return code if _program.first is None or code > 128 else 128 + _program.first


def exit_code_of_signal() -> int:
    """The exit code after a KeyboardInterrupt, which may be that of another signal: see Interrupted."""
    return 128 + (_program.first or signal.SIGINT)
