"""Run one program with a time limit and print, as JSON, how it ended and what it used.

    python -I -S launch.py SECONDS watch|'' OUTPUT PROGRAM [ARGUMENT...]

It is a process of its own because the kernel counts memory from before exec: a child of a large process seems large.
It imports little of the standard library, and nothing else.
"""

import json
import os
import select
import signal
import sys
import time

LOOK_EVERY = 0.05


def main() -> None:
    """Start the program in its own session, wait for it, and end it in any case."""
    seconds, watch, output, argv = float(sys.argv[1]), sys.argv[2] == "watch", sys.argv[3], sys.argv[4:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    files = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, output, flags, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    began = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, os.environb, file_actions=files, setsid=True)
    poll = select.poll()
    poll.register(os.pidfd_open(pid), select.POLLIN)
    seen = {"own": 0, "helper": 0}
    resident: list[int] = []
    ended = False
    try:
        while not ended and (left := began + seconds - time.perf_counter()) > 0:
            ended = bool(poll.poll(1000 * (min(left, LOOK_EVERY) if watch else left)))
            if watch and not ended:
                look(pid, seen, resident)
    finally:
        if not ended:
            # Jobs of pexec and of GNU parallel have process groups of their own; after TERM, the tool ends them.
            for number, patience in ((signal.SIGTERM, 5000), (signal.SIGKILL, None)):
                os.killpg(pid, number)
                if poll.poll(patience):
                    break
        _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - began
    usage = {
        "code": os.waitstatus_to_exitcode(status) if ended else None,
        "wall": wall,
        "cpu": used.ru_utime + used.ru_stime,
        "rss": used.ru_maxrss * 1024,
        **seen,
        "resident": sorted(resident)[len(resident) // 2] if resident else 0,
    }
    print(json.dumps(usage))


def look(pid: int, seen: dict[str, int], resident: list[int]) -> None:
    """Sample the peak memory of a process and of its first child, and the current memory of the process.

    A peak only grows, so the last sample has it. A child before exec is an exception: it still has its parent's.
    """
    try:
        seen["own"] = memory(pid, "VmHWM")
        resident.append(memory(pid, "VmRSS"))
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            children = file.read().split()
        if children:
            seen["helper"] = memory(int(children[0]), "VmHWM")
    except OSError:
        pass  # it has just ended


def memory(pid: int, field: str) -> int:
    """This field of the memory of a process, in bytes. OSError if the process has ended."""
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)  # it has ended, but was not reaped yet


if __name__ == "__main__":
    main()
