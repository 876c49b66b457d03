"""no-orphans-on-crash: after `kill -9` of pexec or of its warden no process of a job is alive 2 s later."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from support.attempts import evil, marked, new_mark, survivors, wait_until, wardens_below
from support.cli import Pexec
from support.runs import last_run

UNTAGGED = 12345


def evil_manifest(mark: str, but: str = "") -> str:
    """Eight jobs, each hostile in its own way; their shells do `but` first, and all their processes have the mark."""
    daemon = " ".join(evil("daemon.py"))
    wait = f"sh -c 'sleep 600; : {mark}'"
    return f"""\
version: 1
policy: {{max_parallel_jobs: 8}}
defaults: {{shell: [sh, -eu], grace: 30s}}
workflows:
  stubborn: {{run: "{but}exec {" ".join(evil("ignore_term.py", mark))}"}}
  daemon: {{run: "{but}{daemon} {mark}; {wait}"}}
  holds: {{run: "{but}{daemon} hold {mark}; {wait}"}}
  changes: {{run: "{but}{daemon} limit={UNTAGGED} {mark}; {wait}"}}
  bomb: {{run: "{but}exec {" ".join(evil("fork_bomb.py", mark))}"}}
  stopped: {{run: "{but}kill -STOP $$; : {mark}"}}
  nohup: {{run: "{but}nohup setsid {wait} >/dev/null 2>&1 & {wait}"}}
  detached: {{run: "{but}trap '' TERM HUP INT; (setsid {wait} &) ; {wait}"}}
"""


def of_proc(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def has_no_tag(pid: int) -> bool:
    return re.search(rb"Max realtime timeout +%d " % UNTAGGED, of_proc(pid, "limits")) is not None


def all_have_begun(mark: str) -> bool:
    """Whether each of the jobs has started a process."""
    return len(marked(mark)) > 9


def all_are_evil(mark: str) -> bool:
    """Whether the tree of the bomb is complete, and a process has removed its tag, which it does once it escaped."""
    return len(marked(mark)) > 60 and any(map(has_no_tag, marked(mark)))


def lives_on(mark: str) -> bool:
    """Whether a process survived its warden: one that has a tag, and is not of a second attempt."""
    return any(not has_no_tag(pid) and b"PEXEC_ATTEMPT=2" not in of_proc(pid, "environ") for pid in marked(mark))


def test_no_process_survives_when_pexec_is_killed_at_any_moment(
    pexec: Pexec, full: bool, figure: Callable[[str, object], None]
) -> None:
    chance = random.Random(7)
    times, slowest = 100 if full else 6, 0.0
    for step in range(times):
        mark = new_mark()
        process = pexec.file("pexec.yaml", evil_manifest(mark)).start("apply", "--output", "quiet")
        try:
            # Every other time only after all of them are at their worst.
            begun = partial(all_have_begun if step % 2 else all_are_evil, mark)
            assert wait_until(begun)
            time.sleep(chance.uniform(0, 0.4))  # the test chooses a random moment
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        killed_at = time.monotonic()
        assert survivors(mark) == set()
        slowest = max(slowest, time.monotonic() - killed_at)
    figure(f"{times} kills of pexec with hostile jobs: none of their processes was seen after", f"{slowest:.2f} s")


def test_no_process_survives_when_the_warden_is_killed_and_the_run_continues(pexec: Pexec) -> None:
    mark = new_mark()
    text = evil_manifest(mark, but="test $PEXEC_ATTEMPT = 1 || exit 0; ")
    process = pexec.file("pexec.yaml", text).start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    assert wait_until(lambda: all_are_evil(mark))
    (warden,) = wardens_below(process.pid)
    os.kill(warden, signal.SIGKILL)
    assert wait_until(lambda: not lives_on(mark), 10.0)
    assert process.wait(60) == 0
    assert survivors(mark) == set(), "a process without a tag ends with the run"
    run = last_run(pexec.folder).check()
    assert {event["verdict"] for event in run.named("attempt.finished", attempt=1)} == {"lost"}
    assert {event["verdict"] for event in run.named("attempt.finished", attempt=2)} == {"succeeded"}
    assert set(run.statuses.values()) == {"succeeded"}
