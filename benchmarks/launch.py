"""Run one program with a time limit and print, as JSON, how it ended and what it used.

    python -I -S launch.py SECONDS watch|'' OUTPUT PROGRAM [ARGUMENT...]

A process of its own, because the kernel counts memory from before exec: what is started from a large process seems to
be large. Standard library only, and as little of it as will do.
"""

import json
import os
import select
import signal
import sys
import time

LOOK_EVERY = 0.05


def main() -> None:
    """Start the program in its own session, wait for it, and never leave it behind."""
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
            # The jobs of pexec and of GNU parallel have groups of their own: TERM lets the tool end them.
            for number, patience in ((signal.SIGTERM, 5000), (signal.SIGKILL, None)):
                os.killpg(pid, number)
                if poll.poll(patience):
                    break
        _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - began
    told = {
        "code": os.waitstatus_to_exitcode(status) if ended else None,
        "wall": wall,
        "cpu": used.ru_utime + used.ru_stime,
        "rss": used.ru_maxrss * 1024,
        **seen,
        "resident": sorted(resident)[len(resident) // 2] if resident else 0,
    }
    print(json.dumps(told))


def look(pid: int, seen: dict[str, int], resident: list[int]) -> None:
    """Note the most that a process and its first child have held so far, and what the process holds now.

    A peak only grows, so the last look knows it (but for a child that has not called exec yet: it still has its
    parent's)."""
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
    """Bytes, by this field of a process's account. OSError if it is gone."""
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)  # it has ended and was not waited for yet


if __name__ == "__main__":
    main()
