"""The warden's process from start to exit: reset the inherited state, then serve pexec."""

from __future__ import annotations

import gc
import os
import signal
import socket

from . import processes, protocol, spawn
from .loop import Warden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main(pexec: int, umask: int | None = None) -> NoReturn:
    """Be the warden of the process `pexec`, which must be the parent, until it is gone. Jobs start with `umask`, by
    default that of the process."""
    if umask is not None:
        os.umask(umask)
    gc.disable()  # nothing here makes cycles
    _reset_inherited_state()
    control = socket.socket(fileno=protocol.CONTROL_FD)
    control.set_inheritable(False)
    processes.become_subreaper()
    if os.getppid() == pexec:
        Warden(control, pexec).serve()
    # Without the interpreter's own cleanup: pexec waits for this.
    os._exit(0)


def _reset_inherited_state() -> None:
    # Jobs inherit dispositions: Python ignores two signals and catches one. Nothing but KILL interrupts the warden.
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    spawn.write_no_core_dumps()
    processes.let_die_first()
    # pexec's own caller may have left descriptors open; neither the warden nor a job may hold them.
    os.closerange(protocol.CONTROL_FD + 1, max(map(int, os.listdir("/proc/self/fd"))) + 1)
    os.chdir("/")
