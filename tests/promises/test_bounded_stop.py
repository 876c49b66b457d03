"""bounded-stop: stopping takes at most the grace period and 10 s; no pipe, stopped or stubborn job makes it hang."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest
from support.attempts import evil, marked, new_mark, survivors, wait_until
from support.cli import Pexec
from support.runs import last_run

BUSY = 20  # seconds that everything may take longer on a busy machine
HEAD = "version: 1\npolicy: {max_parallel_jobs: 9}\ndefaults: {shell: [sh, -eu]}\n"


@pytest.mark.parametrize("output", ["quiet", "plain"])
def test_a_timeout_ends_every_kind_of_job_in_time(pexec: Pexec, output: str) -> None:
    mark = new_mark()
    # A shell starts quickly, also on a busy machine: each must be ready before its time is over.
    pexec.file("ignore.sh", "trap '' TERM HUP INT QUIT\nwhile :; do sleep 0.05; done\n")
    pexec.file("trap.sh", "trap 'sleep 0.3; echo cleaned up; exit 5' TERM\nwhile :; do sleep 0.02; done\n")
    text = f"""{HEAD}workflows:
  ignores: {{file: ignore.sh, args: [{mark}], timeout: 3s, grace: 1s}}
  traps: {{file: trap.sh, timeout: 3s, grace: 10m}}
  obeys: {{run: "sleep 600 & sleep 600; : {mark}", timeout: 3s, grace: 10m}}
  stopped: {{run: "kill -STOP $$; : {mark}", timeout: 3s, grace: 10m}}
  held: {{run: "{" ".join(evil("daemon.py", "hold", mark))}; echo done", grace: 10m}}
"""
    process = pexec.file("pexec.yaml", text).start("apply", "--output", output, stdout=subprocess.DEVNULL)
    assert process.wait(60) == 1
    assert survivors(mark) == set()
    run = last_run(pexec.folder).check()
    ends = {event["job"]: event for event in run.named("attempt.finished")}
    assert {job: event["verdict"] for job, event in ends.items()} == {
        **dict.fromkeys(("ignores", "traps", "obeys", "stopped"), "timed_out"),
        "held": "succeeded",
    }
    assert 3.9 < ends["ignores"]["duration_seconds"] < 4 + BUSY
    assert ends["ignores"]["signal"] == "SIGKILL"
    assert run.log("traps").endswith(b"cleaned up\n")
    assert ends["traps"]["exit_code"] == 5
    assert max(ends[job]["duration_seconds"] for job in ("traps", "obeys", "stopped")) < 3 + BUSY, (
        "nobody waits out a grace for nothing"
    )
    assert ends["held"]["leftover_killed"] >= 1
    took = run.at("attempt.finished", "held") - run.at("attempt.started", "held")
    assert took < ends["held"]["duration_seconds"] + BUSY, "a pipe that is held open delays nothing"


def test_an_interrupt_ends_a_run_of_jobs_that_refuse_to_exit(pexec: Pexec) -> None:
    mark = new_mark()
    text = f"""{HEAD}workflows:
  ignores: {{argv: [{", ".join(evil("ignore_term.py", mark))}], grace: 500ms}}
  stopped: {{run: "trap '' TERM; kill -STOP $$; sleep 600; : {mark}", grace: 500ms}}
  held: {{run: "{" ".join(evil("daemon.py", "hold", mark))}; sleep 600; : {mark}", grace: 500ms}}
  bomb: {{argv: [{", ".join(evil("fork_bomb.py", mark))}], grace: 500ms}}
"""
    process = pexec.file("pexec.yaml", text).start(
        "apply", "--output", "plain", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert wait_until(lambda: len(marked(mark)) > 30)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert time.monotonic() - began < 10.5 + BUSY
    assert survivors(mark) == set()
    assert set(last_run(pexec.folder).check().statuses.values()) == {"cancelled"}


def test_after_an_interrupt_a_cleanup_has_its_timeout_and_no_more(pexec: Pexec) -> None:
    mark = new_mark()
    text = f"""{HEAD}workflows:
  a: {{run: "sleep 600; : {mark}", cleanup: "echo cleaning; sleep 600; : {mark}", cleanup_timeout: 500ms}}
  last: {{needs: a, when: always, run: "echo bye; sleep 600; : {mark}", cleanup_timeout: 500ms}}
  runs: {{when: always, run: "sleep 600; : {mark}", cleanup_timeout: 500ms}}
"""
    process = pexec.file("pexec.yaml", text).start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    assert wait_until(lambda: len(marked(mark)) == 2)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert time.monotonic() - began < 8 + BUSY
    assert survivors(mark) == set()
    run = last_run(pexec.folder).check()
    assert run.statuses == {"a": "cancelled", "last": "timed_out", "runs": "cancelled"}
    assert (run.log("last"), (run.path / "logs/a.cleanup.log").read_bytes()) == (b"bye\n", b"cleaning\n")
    assert run.reason("a").endswith("its cleanup failed: ran longer than 500ms")
