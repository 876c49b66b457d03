"""A runner in plain Python without any guarantees: N jobs, M at once, each `sh -e -c true` with a log file.

    python bare_runner.py JOBS SLOTS

A yardstick for what a job costs pexec: it changes with the machine and the Python, and not with pexec.
"""

import os
import select
import sys

ENVIRONMENT = dict(os.environb)
FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def main() -> None:
    """Run them all; each must succeed."""
    jobs, slots = int(sys.argv[1]), int(sys.argv[2])
    poll = select.poll()
    running: dict[int, int] = {}
    os.mkdir("logs")
    for job in range(jobs + slots):
        if len(running) == slots or job >= jobs:
            for pidfd, _ in poll.poll()[:1]:
                poll.unregister(pidfd)
                os.close(pidfd)
                if os.waitpid(running.pop(pidfd), 0)[1]:
                    sys.exit("a job failed")
        if job < jobs:
            files = [
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, f"logs/{job}.log", FLAGS, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ]
            argv = ["sh", "-e", "-c", "true"]
            pidfd = os.pidfd_open(pid := os.posix_spawn("/bin/sh", argv, ENVIRONMENT, file_actions=files, setsid=True))
            poll.register(pidfd, select.POLLIN)
            running[pidfd] = pid


if __name__ == "__main__":
    main()
