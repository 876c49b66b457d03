"""no-orphans-on-crash: after `kill -9` of pexec or of its warden no process of a job lives 2 s later."""

from __future__ import annotations

import os
import random
import signal
import time

from support.attempts import evil, marked, new_mark, survivors, wait_until, wardens_below
from support.cli import Pexec
from support.runs import last_run


def evil_manifest(mark: str) -> str:
    """Eight jobs, each bad in its own way; all their processes have the mark in their arguments."""
    daemon = " ".join(evil("daemon.py"))
    wait = f"sh -c 'sleep 30; : {mark}'"
    return f"""\
version: 1
policy: {{max_parallel_jobs: 8}}
defaults: {{shell: [sh, -eu], grace: 30s}}
workflows:
  stubborn: {{argv: [{", ".join(evil("ignore_term.py", mark))}]}}
  daemon: {{run: "{daemon} {mark}; {wait}"}}
  holds: {{run: "{daemon} hold {mark}; {wait}"}}
  changes: {{run: "{daemon} limit=12345 {mark}; {wait}"}}
  bomb: {{argv: [{", ".join(evil("fork_bomb.py", mark))}]}}
  stopped: {{run: "kill -STOP $$; : {mark}"}}
  nohup: {{run: "nohup setsid {wait} >/dev/null 2>&1 & {wait}"}}
  detached: {{run: "trap '' TERM HUP INT; (setsid {wait} &) ; {wait}"}}
"""


def test_nothing_lives_on_after_pexec_is_killed_at_any_moment(pexec: Pexec, full: bool) -> None:
    chance = random.Random(7)
    for _ in range(100 if full else 6):
        mark = new_mark()
        process = pexec.file("pexec.yaml", evil_manifest(mark)).start("apply", "--output", "quiet")
        try:
            assert wait_until(lambda mark=mark: len(marked(mark)) > 9)
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
