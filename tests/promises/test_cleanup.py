"""cleanup: it runs once after a job's last attempt, however that ended, and never changes the job's status."""

from __future__ import annotations

import signal
import time

import pytest
from support.attempts import marked, new_mark, survivors, wait_until
from support.cli import Pexec
from support.runs import Run, last_run

CLEAN = "cleanup: 'echo cleaned $PEXEC_JOB $PEXEC_ATTEMPT | tee -a cleaned'"


def prepare(pexec: Pexec, workflows: str, policy: str = "{}") -> Pexec:
    text = f"version: 1\npolicy: {policy}\ndefaults: {{shell: [sh, -eu], grace: 1s}}\nworkflows:\n{workflows}"
    return pexec.file("pexec.yaml", text)


def apply(pexec: Pexec, workflows: str, policy: str = "{}") -> Run:
    prepare(pexec, workflows, policy).run("apply", "--output", "quiet")
    return last_run(pexec.folder).check()


def cleaned(pexec: Pexec) -> list[str]:
    path = pexec.folder / "cleaned"
    return sorted(path.read_text().splitlines()) if path.exists() else []


@pytest.mark.parametrize(
    ("job", "status"),
    [
        ("run: 'true'", "succeeded"),
        ("run: 'false'", "failed"),
        ("run: sleep 30, timeout: 300ms", "timed_out"),
        ("argv: [no-such-command]", "failed"),
        ("run: kill -9 $$", "failed"),
    ],
)
def test_it_runs_once_however_the_job_ended(pexec: Pexec, job: str, status: str) -> None:
    run = apply(pexec, f"  a: {{{job}, {CLEAN}}}\n")
    assert run.statuses == {"a": status}
    assert cleaned(pexec) == ["cleaned a 1"]
    assert (run.path / "logs/a.cleanup.log").read_bytes() == b"cleaned a 1\n"


def test_it_runs_after_the_last_attempt_only_and_before_dependents(pexec: Pexec) -> None:
    run = apply(
        pexec,
        f"  a: {{run: 'test ! -e cleaned; test $PEXEC_ATTEMPT = 3', retry: {{max_attempts: 3, delay: 0}}, {CLEAN}}}\n"
        "  b: {needs: a, run: cat cleaned}\n",
    )
    assert run.statuses == {"a": "succeeded", "b": "succeeded"}
    assert cleaned(pexec) == ["cleaned a 3"]
    assert run.log("b") == b"cleaned a 3\n"


def test_a_job_that_never_started_is_not_cleaned_up(pexec: Pexec) -> None:
    run = apply(pexec, f"  a: {{run: 'false'}}\n  b: {{needs: a, run: 'true', {CLEAN}}}\n")
    assert run.statuses == {"a": "failed", "b": "skipped"}
    assert cleaned(pexec) == []


@pytest.mark.parametrize(
    ("command", "status", "before"), [("true", "succeeded", ""), ("exit 3", "failed", "exit code 3; ")]
)
def test_its_failure_is_reported_in_the_reason_and_changes_no_status(
    pexec: Pexec, command: str, status: str, before: str
) -> None:
    run = apply(pexec, f"  a: {{run: '{command}', cleanup: exit 9}}\n  b: {{needs: a, run: 'true'}}\n")
    assert run.statuses["a"] == status
    assert run.statuses["b"] == ("succeeded" if status == "succeeded" else "skipped")
    assert run.reason("a") == f"{before}its cleanup failed: exit code 9"


def test_it_has_a_timeout_of_its_own_and_leaves_nothing_behind(pexec: Pexec) -> None:
    mark = new_mark()
    run = apply(pexec, f"  a: {{run: 'true', cleanup: 'sh -c \"sleep 30; : {mark}\"', cleanup_timeout: 300ms}}\n")
    assert run.reason("a") == "its cleanup failed: ran longer than 300ms"
    assert survivors(mark) == set()


def test_it_holds_the_jobs_slot_and_pools(pexec: Pexec) -> None:
    lock = "mkdir lock; sleep 0.1"
    jobs = "".join(
        f"  j{n}: {{run: '{lock}', cleanup: 'sleep 0.1; rmdir lock', pools: {{one: 1}}}}\n" for n in range(4)
    )
    run = apply(pexec, jobs, "{max_parallel_jobs: 4, pools: {one: 1}}")
    assert set(run.statuses.values()) == {"succeeded"}
    assert {run.reason(job) for job in run.statuses} == {""}


def test_it_runs_while_an_interrupted_run_ends(pexec: Pexec) -> None:
    mark = new_mark()
    prepare(pexec, f"  a: {{run: 'sh -c \"sleep 30; : {mark}\"', {CLEAN}}}\n  b: {{needs: a, run: 'true', {CLEAN}}}\n")
    process = pexec.start("apply", "--output", "quiet")
    assert wait_until(lambda: marked(mark))
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    run = last_run(pexec.folder).check()
    assert run.statuses == {"a": "cancelled", "b": "skipped"}
    assert cleaned(pexec) == ["cleaned a 1"]


def test_it_runs_for_a_job_that_was_cancelled_while_it_waited_for_a_retry(pexec: Pexec) -> None:
    prepare(
        pexec,
        f"  a: {{run: 'false', retry: {{max_attempts: 2, delay: 10m}}, {CLEAN}; exit 4'}}\n".replace(
            "cleaned'; exit", "cleaned; exit"
        ),
    )
    process = pexec.start("apply", "--output", "quiet")
    assert wait_until(lambda: b"retry.scheduled" in journal(pexec))
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    run = last_run(pexec.folder).check()
    assert run.statuses == {"a": "cancelled"}
    assert cleaned(pexec) == ["cleaned a 1"]
    assert [(e["what"], e["why"]) for e in run.named("degraded")] == [("the cleanup of `a`", "it failed: exit code 4")]


def journal(pexec: Pexec) -> bytes:
    root = pexec.folder / ".pexec/runs"
    return b"".join(path.read_bytes() for path in root.glob("*/events.jsonl"))


def test_a_second_interrupt_ends_it_too(pexec: Pexec) -> None:
    mark = new_mark()
    prepare(pexec, f"  a: {{run: 'true', cleanup: \"trap '' TERM; sleep 600; : {mark}\", cleanup_timeout: 10m}}\n")
    process = pexec.start("apply", "--output", "quiet")
    assert wait_until(lambda: marked(mark))
    process.send_signal(signal.SIGINT)
    assert wait_until(lambda: b"cancel.requested" in journal(pexec))
    time.sleep(0.4)  # within 0.3 s it would count as the same key press
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130, "the cleanup would take ten minutes"
    assert survivors(mark) == set()
    run = last_run(pexec.folder).check()
    assert run.statuses == {"a": "succeeded"}
    assert run.reason("a") == "its cleanup failed: stopped on request"
