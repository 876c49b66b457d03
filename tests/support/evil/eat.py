"""Uses `argv[1]` bytes of memory and `argv[2]` seconds of CPU time, half of each in a child."""

import os
import sys
import time

size, seconds = int(sys.argv[1]), float(sys.argv[2])


def burn(amount: float) -> None:
    while time.process_time() < amount:
        pass


if os.fork() == 0:
    burn(seconds / 2)
    os._exit(0)
block = bytearray(size)
for position in range(0, size, 4096):
    block[position] = 1
burn(seconds / 2)
os.wait()
