"""Leaves its job in every way there is: double fork, own session, no environment, all signals ignored.

With `hold` it keeps the output open, else it closes that too; with `limit=N` it changes the limit by which its
job is known. The first process ends when the daemon is ready.
"""

import os
import resource
import signal
import sys
import time

LIFETIME = 20


def leave() -> None:
    """Become a process that nobody knows, by fork, setsid, fork and exec."""
    ready, told = os.pipe()
    os.set_inheritable(told, True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            program = os.path.abspath(__file__)
            os.execve(sys.executable, [sys.executable, "-I", "-S", program, f"told={told}", *sys.argv[1:]], {})
        os._exit(0)
    os.close(told)
    os.read(ready, 1)


def stay(told: int) -> None:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        signal.signal(number, signal.SIG_IGN)
    if "hold" not in sys.argv:
        for descriptor in (0, 1, 2):
            os.close(descriptor)
    for argument in sys.argv:
        if argument.startswith("limit="):
            limit = int(argument.removeprefix("limit="))
            resource.setrlimit(resource.RLIMIT_RTTIME, (limit, resource.getrlimit(resource.RLIMIT_RTTIME)[1]))
    os.write(told, b"x")
    os.close(told)
    end = time.monotonic() + LIFETIME
    while time.monotonic() < end:
        time.sleep(0.05)


if sys.argv[1].startswith("told="):
    stay(int(sys.argv[1].removeprefix("told=")))
else:
    leave()
