"""Leaves its job in every possible way: double fork, own session, no environment, all signals ignored.

With `hold` it keeps the output open, else it closes that too; with `limit=N` it changes the limit that is its tag. The
first process exits when the daemon is ready.
"""

import os
import resource
import signal
import sys
import time

LIFETIME = 100


def leave() -> None:
    """Become a process without a known parent, by fork, setsid, fork and exec."""
    ready_r, ready_w = os.pipe()
    os.set_inheritable(ready_w, True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            program = os.path.abspath(__file__)
            os.execve(sys.executable, [sys.executable, "-I", "-S", program, f"ready_w={ready_w}", *sys.argv[1:]], {})
        os._exit(0)
    os.close(ready_w)
    os.read(ready_r, 1)


def stay(ready_w: int) -> None:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        signal.signal(number, signal.SIG_IGN)
    if "hold" not in sys.argv:
        for descriptor in (0, 1, 2):
            os.close(descriptor)
    for argument in sys.argv:
        if argument.startswith("limit="):
            limit = int(argument.removeprefix("limit="))
            resource.setrlimit(resource.RLIMIT_RTTIME, (limit, resource.getrlimit(resource.RLIMIT_RTTIME)[1]))
    os.write(ready_w, b"x")
    os.close(ready_w)
    end = time.monotonic() + LIFETIME
    while time.monotonic() < end:
        time.sleep(0.05)


if sys.argv[1].startswith("ready_w="):
    stay(int(sys.argv[1].removeprefix("ready_w=")))
else:
    leave()
