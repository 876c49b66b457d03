"""no-orphans: when a job ends for any reason, no process that it started lives 2 s later."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from support.attempts import evil, marked, new_mark, survivors, wait_until
from support.cli import Pexec
from support.host import threads_of
from support.runs import last_run

HEAD = "version: 1\ndefaults: {shell: [sh, -eu], grace: 300ms}\n"


def daemon(*arguments: str) -> str:
    """A command that leaves a process behind: forked twice, in a session of its own, without an environment."""
    return " ".join(evil("daemon.py", *arguments))


def journal(pexec: Pexec) -> bytes:
    return b"".join(path.read_bytes() for path in (pexec.folder / ".pexec/runs").glob("*/events.jsonl"))


def test_nothing_outlives_its_job_while_the_run_continues(pexec: Pexec) -> None:
    marks = {job: new_mark() for job in ("succeeds", "fails", "late", "holds", "changes")}
    stay = "setsid sh -c 'trap \\\"\\\" TERM; while :; do sleep 0.1; done'"
    text = f"""{HEAD}policy: {{max_parallel_jobs: 9}}
workflows:
  succeeds: {{run: "{daemon(marks["succeeds"])}; {stay} {marks["succeeds"]} & :"}}
  fails: {{run: "{daemon(marks["fails"])}; exit 3"}}
  late: {{run: "{daemon(marks["late"])}; {stay} {marks["late"]} & wait", timeout: 700ms}}
  holds: {{run: "{daemon("hold", marks["holds"])}"}}
  changes: {{run: "{daemon("limit=12345", marks["changes"])}; sleep 0.3"}}
  keeper: {{run: "while ! test -e go; do sleep 0.05; done"}}
"""
    process = pexec.file("pexec.yaml", text).start("apply", "--output", "plain", stdout=subprocess.DEVNULL)
    assert wait_until(lambda: journal(pexec).count(b'"event":"job.finished"') == 5)
    # A process that has removed its tag is not recognized as the job's; it ends with the run.
    assert [job for job, mark in marks.items() if job != "changes" and survivors(mark)] == []
    assert process.poll() is None
    pexec.file("go", "")
    assert process.wait(60) == 1
    assert [job for job, mark in marks.items() if survivors(mark)] == []
    run = last_run(pexec.folder).check()
    ends = {event["job"]: event for event in run.named("attempt.finished")}
    verdicts = {job: event["verdict"] for job, event in ends.items()}
    assert verdicts == {**dict.fromkeys(verdicts, "succeeded"), "fails": "failed", "late": "timed_out"}
    # Not `late`: on a busy machine its timeout may come before it has left anything behind.
    assert min(ends[job]["leftover_killed"] for job in ("succeeds", "fails", "holds")) >= 1


@pytest.mark.parametrize("how", ["fail_fast", "cancel", "interrupt"])
def test_stopping_ends_whole_process_trees(pexec: Pexec, how: str) -> None:
    mark = new_mark()
    text = f"""{HEAD}policy: {{max_parallel_jobs: 9, fail_fast: {"true" if how == "fail_fast" else "false"}}}
workflows:
  stubborn: {{run: "{" ".join(evil("ignore_term.py", mark))} & wait"}}
  daemon: {{run: "{daemon(mark)}; sleep 600; : {mark}"}}
  bomb: {{argv: [{", ".join(evil("fork_bomb.py", mark))}]}}
  stopped: {{run: "kill -STOP $$; : {mark}"}}
  deep: {{run: "sh -c 'sh -c \\"sleep 600; : {mark}\\" & setsid sh -c \\"sleep 600; : {mark}\\" & wait'"}}
  fails: {{run: "while ! test -e go; do sleep 0.05; done; exit 3"}}
"""
    process = pexec.file("pexec.yaml", text).start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    assert wait_until(lambda: len(marked(mark)) > 30)
    if how == "fail_fast":
        pexec.file("go", "")
    elif how == "cancel":
        assert pexec.run("cancel").exit_code == 0
    else:
        process.send_signal(signal.SIGINT)
    assert process.wait(60) == (130 if how == "interrupt" else 1)
    assert survivors(mark) == set()
    run = last_run(pexec.folder).check()
    assert {run.statuses[job] for job in ("stubborn", "daemon", "bomb", "stopped", "deep")} == {"cancelled"}


@pytest.mark.parametrize("run_as", ["ordinary"])  # the limit does not apply to root
def test_a_fork_bomb_at_the_users_limit_is_killed_and_affects_no_other_job(pexec: Pexec) -> None:
    mark = new_mark()
    others = "".join(f"  j{number}: {{argv: [sleep, '0.1']}}\n" for number in range(8))
    bomb = f"  bomb: {{argv: [{', '.join(evil('fork_bomb.py', mark))}], timeout: 3s, grace: 200ms}}\n"
    pexec.file("pexec.yaml", f"{HEAD}policy: {{max_parallel_jobs: 4}}\nworkflows:\n{bomb}{others}")
    room = threads_of(pexec.identity.get("user", os.geteuid())) + 40
    command = ["prlimit", f"--nproc={room}", *pexec.program, "apply", "--output", "quiet"]
    process = pexec.start_as(command, stderr=subprocess.DEVNULL)
    assert process.wait(60) == 1
    assert survivors(mark) == set()
    run = last_run(pexec.folder).check()
    assert run.statuses == {**{f"j{number}": "succeeded" for number in range(8)}, "bomb": "timed_out"}
    assert len(run.named("attempt.finished")) == 9, "nothing was retried"


def test_a_job_that_kills_its_parent_is_lost_and_the_others_continue(pexec: Pexec) -> None:
    mark = new_mark()
    text = f"""{HEAD}workflows:
  evil: {{run: "{daemon(mark)}; kill -KILL $PPID; sleep 600; : {mark}"}}
  next: {{after: evil, run: echo fine}}
"""
    process = pexec.file("pexec.yaml", text).start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    assert process.wait(60) == 1
    assert survivors(mark) == set()
    assert last_run(pexec.folder).check().statuses == {"evil": "lost", "next": "succeeded"}


def test_processes_that_cannot_be_tagged_are_reported_and_end_with_the_run(pexec: Pexec) -> None:
    mark = new_mark()
    text = f"{HEAD}workflows: {{a: {{run: '{daemon(mark)}; sh -c \"sleep 600; : {mark}\" &'}}}}\n"
    limit = str(10**9)  # of real-time CPU time, which holds the tags
    command = ["prlimit", f"--rttime={limit}:{limit}", *pexec.program, "apply", "--output", "quiet"]
    process = pexec.file("pexec.yaml", text).start_as(command, stderr=subprocess.PIPE)
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, survivors(mark)) == (0, set())
    run = last_run(pexec.folder).check()
    (event,) = run.named("degraded")
    assert event["why"] == "a hard limit on real-time CPU use (RLIMIT_RTTIME) is set"
    assert event["what"] in stderr.decode()
    assert run.results["degraded"] == [{"what": event["what"], "why": event["why"]}]
