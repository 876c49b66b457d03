"""Ignores every signal that can be ignored, and stays."""

import signal
import time

LIFETIME = 100

for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
    signal.signal(number, signal.SIG_IGN)
print("ready", flush=True)
end = time.monotonic() + LIFETIME
while time.monotonic() < end:
    time.sleep(0.05)
