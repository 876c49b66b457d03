"""no-orphans-on-crash: after `kill -9` of pexec or of its warden no process of a job lives 2 s later."""

from __future__ import annotations

import functools
import os
import random
import signal
import time

from support.attempts import evil, marked, new_mark, survivors, wait_until, wardens_below
from support.cli import Pexec
from support.runs import last_run


def evil_manifest(mark: str) -> str:
    """Jobs that ignore TERM, leave daemons, or simply wait; each has the mark in its arguments."""
    ignore_term = " ".join(evil("ignore_term.py", mark))
    daemon = " ".join(evil("daemon.py", mark))
    return (
        "version: 1\npolicy: {max_parallel_jobs: 8}\ndefaults: {shell: [sh, -eu], grace: 30s}\nworkflows:\n"
        f"  stubborn: {{run: '{ignore_term}'}}\n"
        f"  daemon: {{run: '{daemon}; sh -c \"sleep 30; : {mark}\"'}}\n"
        f"  waits: {{run: 'sh -c \"sleep 30; : {mark}\"'}}\n"
        f"  nohup: {{run: 'nohup setsid sh -c \"sleep 30; : {mark}\" >/dev/null 2>&1 & sleep 30; : {mark}'}}\n"
    )


def test_nothing_lives_on_after_pexec_is_killed_at_any_moment(pexec: Pexec, full: bool) -> None:
    chance = random.Random(7)
    for _ in range(100 if full else 6):
        mark = new_mark()
        process = pexec.file("pexec.yaml", evil_manifest(mark)).start("apply", "--output", "quiet")
        try:
            assert wait_until(functools.partial(marked, mark))
            time.sleep(chance.uniform(0, 0.4))  # the moment is what the test draws
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert survivors(mark) == set()


def test_a_killed_warden_loses_its_attempts_and_the_run_goes_on(pexec: Pexec) -> None:
    mark = new_mark()
    pexec.file(
        "pexec.yaml",
        f"version: 1\ndefaults: {{shell: [sh, -eu]}}\nworkflows:\n"
        f"  a: {{run: 'if [ $PEXEC_ATTEMPT = 1 ]; then sh -c \"sleep 30; : {mark}\"; fi'}}\n",
    )
    process = pexec.start("apply", "--output", "quiet")
    assert wait_until(lambda: marked(mark))
    (warden,) = wardens_below(process.pid)
    os.kill(warden, signal.SIGKILL)
    assert process.wait(30) == 0
    assert survivors(mark) == set()
    run = last_run(pexec.folder).check()
    assert [event["verdict"] for event in run.named("attempt.finished")] == ["lost", "succeeded"]
