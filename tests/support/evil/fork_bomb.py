"""A live fork bomb: whenever a process of its tree is killed, the parent makes a new one, with a tree below it.

A budget of forks, taken from a pipe, bounds it, and so does its lifetime. Prints `ready` when the tree is complete.
"""

import os
import signal
import sys
import time

LIFETIME = 100
BUDGET = 200
WIDTH, DEPTH = 2, 5

end = time.monotonic() + LIFETIME
budget, fill = os.pipe()
os.write(fill, b"x" * BUDGET)
os.set_blocking(budget, False)


def may_fork() -> bool:
    try:
        return len(os.read(budget, 1)) == 1
    except BlockingIOError:
        return False


def grow(depth: int) -> None:
    """Keep WIDTH children alive, as long as there is budget."""
    alive = 0
    while time.monotonic() < end:
        while depth and alive < WIDTH and may_fork():
            try:
                child = os.fork()
            except BlockingIOError:  # the user's limit; it tries again
                break
            if child == 0:
                os.setpgid(0, 0)
                grow(depth - 1)
                os._exit(0)
            alive += 1
        try:
            while alive and os.waitpid(-1, os.WNOHANG)[0]:
                alive -= 1
        except ChildProcessError:
            alive = 0
        if depth == DEPTH and alive == WIDTH and "ready" not in sys.argv:
            sys.argv.append("ready")
            print("ready", flush=True)
        time.sleep(0.001)


for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
grow(DEPTH)
