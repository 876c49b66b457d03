"""Leaves its job in every way there is: double fork, own session, no environment, all signals ignored.

With `hold` it keeps the output open, else it closes that too. The first process ends when the daemon runs.
"""

import os
import signal
import sys
import time

LIFETIME = 20

if os.environ:
    ready, told = os.pipe()
    os.set_inheritable(told, True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            argv = [sys.executable, "-I", "-S", os.path.abspath(__file__), *sys.argv[1:-1], str(told), sys.argv[-1]]
            os.execve(sys.executable, argv, {})
        os._exit(0)
    os.close(told)
    os.read(ready, 1)
    os._exit(0)

for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
    signal.signal(number, signal.SIG_IGN)
if "hold" not in sys.argv:
    for descriptor in (0, 1, 2):
        os.close(descriptor)
os.write(int(sys.argv[-2]), b"x")
os.close(int(sys.argv[-2]))
end = time.monotonic() + LIFETIME
while time.monotonic() < end:
    time.sleep(0.05)
