"""Plays a pexec that is about to be killed: runs hostile jobs in the given directory, prints `ready`, and waits.

Arguments: the directory, and the mark of all processes that the jobs start.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from support.attempts import Desk, evil, marked, wait_until


def main(folder: str, mark: str) -> None:
    desk = Desk(Path(folder))
    daemon = " ".join(evil("daemon.py"))
    jobs = [
        evil("ignore_term.py", mark),
        evil("ignore_term.py", mark),
        ("sh", "-c", f"{daemon} {mark}; sleep 100; :", mark),
        ("sh", "-c", f"{daemon} hold {mark}; sleep 100; :", mark),
        evil("daemon.py", "limit=12345", mark),
        evil("fork_bomb.py", mark),
        ("sh", "-c", "kill -STOP $$", mark),
        ("sh", "-c", f"setsid sh -c 'sleep 100; :' {mark} & sleep 100; :", mark),
        ("sh", "-c", "trap '' TERM; while :; do sleep 1; done", mark),
    ]
    attempts = [desk.start(argv=argv, grace=20.0, pump=number % 2 == 1) for number, argv in enumerate(jobs)]
    assert wait_until(lambda: all(attempt.spawned for attempt in attempts) and len(marked(mark)) > 30)
    print("ready", flush=True)
    threading.Event().wait(100)


main(*sys.argv[1:])
