"""The judge of a run finds each planted error at its line."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from support.journals import (
    Edit,
    both,
    change,
    deciding,
    drop,
    handing_on,
    insert,
    move,
    nightly,
    rebuilt,
    started,
    stopped,
)
from support.stories import Story

from orchestrator.plan.export import plan_to_dict
from orchestrator.report.verify.judge import violations
from orchestrator.report.verify.rules import Rule

Found = list[tuple[int, Rule, str]]

_LEFT_OUT: dict[str, Any] = {"job": "publish", "status": "left_out", "reason": "", "attempts": 0, "allowed": False}

# The consequences of an error are reported too.
PLANTED: list[tuple[Callable[[], Story], Edit, Found]] = [
    (nightly, drop(1), [(1, Rule.ORDER, "event 1 is `attempt.started`; only the first event must be `run.started`")]),
    (
        nightly,
        insert(
            3, 0.0, "run.started", plan_digest="", max_parallel_jobs=2, pools={"disk": 2}, fail_fast=False, version="1"
        ),
        [(3, Rule.ORDER, "event 3 is `run.started`; only the first event must be `run.started`")],
    ),
    (nightly, change(1, plan_digest="other"), [(1, Rule.PLAN, "the run used plan `other`, this is plan ``")]),
    (nightly, change(20, at=4.5), [(20, Rule.ORDER, "second 4.5 follows second 5.0")]),
    (
        nightly,
        started(37, 9.0, "all"),
        [
            (37, Rule.ORDER, "`attempt.started` after the end of the run"),
            (37, Rule.ATTEMPT, "`all` is a group, which has nothing to run"),
            (37, Rule.ATTEMPT, "`all` starts attempt 1 after it succeeded"),
        ],
    ),
    (
        nightly,
        insert(37, 9.0, "kill.sent", job="test", attempt=1, force=False),
        [
            (37, Rule.ORDER, "`kill.sent` after the end of the run"),
            (37, Rule.ATTEMPT, "attempt 1 of `test` is sent a signal but is not under way"),
        ],
    ),
    (
        nightly,
        change(2, job="fletch"),
        [
            (2, Rule.PLAN, "`fletch` is not a job of the plan"),
            (3, Rule.ATTEMPT, "attempt 1 of `fetch` has a process but is not under way"),
            (4, Rule.ATTEMPT, "attempt 1 of `fetch` ends but is not under way"),
            (5, Rule.ATTEMPT, "attempt 2 of `fetch` is scheduled after attempt 0"),
            (5, Rule.RETRY, "`fetch` is retried, but no attempt of it has just ended"),
            (6, Rule.ATTEMPT, "`fetch` starts attempt 2 after attempt 0"),
        ],
    ),
    (nightly, drop(5), [(5, Rule.RETRY, "`fetch` starts attempt 2, which was not scheduled")]),
    (nightly, change(6, at=1.5), [(6, Rule.BACKOFF, "`fetch` starts at second 1.5, not before second 2.0")]),
    (nightly, change(5, not_before=1.75), [(5, Rule.BACKOFF, "`fetch` waits 0.75 s, its policy demands 1 to 1 s")]),
    (
        nightly,
        change(5, not_before=2.25),
        [
            (5, Rule.BACKOFF, "`fetch` waits 1.25 s, its policy demands 1 to 1 s"),
            (6, Rule.BACKOFF, "`fetch` starts at second 2.0, not before second 2.25"),
        ],
    ),
    (nightly, change(5, attempt=3), [(5, Rule.ATTEMPT, "attempt 3 of `fetch` is scheduled after attempt 1")]),
    (
        nightly,
        change(4, verdict="killed"),
        [
            (4, Rule.KILL, "`fetch` was stopped on request, but nothing requested it"),
            (5, Rule.RETRY, "`fetch` is retried, but its policy does not allow that after killed"),
        ],
    ),
    (nightly, change(8, verdict="failed"), [(9, Rule.STATUS, "`fetch` ends as succeeded, its last attempt as failed")]),
    (
        nightly,
        both(change(5, event="job.finished", status="failed", attempts=1, allowed=False), drop(*range(6, 37))),
        [(5, Rule.RETRY, "`fetch` ends as failed, but its policy grants another attempt")],
    ),
    (
        nightly,
        insert(9, 3.0, "retry.scheduled", job="fetch", attempt=3, not_before=4.0, reason=""),
        [
            (9, Rule.RETRY, "`fetch` is retried, but its policy does not allow that after succeeded"),
            (10, Rule.STATUS, "`fetch` ends as succeeded without such an attempt"),
        ],
    ),
    (
        nightly,
        insert(11, 3.0, "retry.scheduled", job="build", attempt=2, not_before=4.0, reason=""),
        [(11, Rule.RETRY, "`build` is retried, but no attempt of it has just ended")],
    ),
    (nightly, move(10, 9, at=3.0), [(9, Rule.NEEDS, "`build` starts before its need `fetch` has ended")]),
    (nightly, move(26, 28, at=7.0), [(26, Rule.AFTER, "`test` starts before `pack` has ended")]),
    (
        nightly,
        both(started(21, 5.0, "repair"), drop(20)),
        [
            (20, Rule.NEEDS, "`repair` starts although its need `break` timed out"),
            (21, Rule.CAP, "with `notify` 3 attempts running, at most 2 allowed"),
            (29, Rule.NEEDS, "`last` starts before its need `repair` has ended"),
            (29, Rule.CAP, "with `last` 3 attempts running, at most 2 allowed"),
            (36, Rule.STATUS, "the run finished before `repair` ended"),
        ],
    ),
    (
        nightly,
        move(16, 14, at=4.0),
        [
            (14, Rule.CAP, "with `pack` 3 attempts running, at most 2 allowed"),
            (14, Rule.POOL, "with `pack` 3 of pool `disk` taken, its size is 2"),
        ],
    ),
    (
        nightly,
        change(1, max_parallel_jobs=1),
        [
            (12, Rule.CAP, "with `break` 2 attempts running, at most 1 allowed"),
            (16, Rule.CAP, "with `pack` 2 attempts running, at most 1 allowed"),
            (21, Rule.CAP, "with `notify` 2 attempts running, at most 1 allowed"),
            (29, Rule.CAP, "with `last` 2 attempts running, at most 1 allowed"),
        ],
    ),
    (nightly, change(1, pools={"disk": 1}), [(16, Rule.POOL, "with `pack` 2 of pool `disk` taken, its size is 1")]),
    (nightly, change(7, attempt=1), [(7, Rule.ATTEMPT, "attempt 1 of `fetch` has a process but is not under way")]),
    (
        nightly,
        insert(8, 2.5, "attempt.spawned", job="fetch", attempt=2, pid=1, start_ticks=1),
        [(8, Rule.ATTEMPT, "attempt 2 of `fetch` has a second process")],
    ),
    (
        nightly,
        insert(9, 3.0, "attempt.finished", job="fetch", attempt=2, verdict="succeeded", exit_code=0, signal=None),
        [(9, Rule.ATTEMPT, "attempt 2 of `fetch` ends but is not under way")],
    ),
    (nightly, drop(8), [(8, Rule.STATUS, "`fetch` ends as succeeded while attempt 2 is under way")]),
    (nightly, change(8, exit_code=1), [(8, Rule.STATUS, "`fetch` succeeded with exit code 1")]),
    (
        nightly,
        change(20, reason="no reason"),
        [(20, Rule.SKIP, "`repair` is skipped with a reason that names no need: no reason")],
    ),
    (nightly, change(20, status="cancelled"), [(20, Rule.CANCEL, "`repair` is cancelled, but nothing requested it")]),
    (
        nightly,
        change(20, job="notify"),
        [
            (20, Rule.SKIP, "`notify` is skipped, but its needs do not cause that"),
            (21, Rule.ATTEMPT, "`notify` starts attempt 1 after it was skipped"),
            (29, Rule.NEEDS, "`last` starts before its need `repair` has ended"),
            (36, Rule.STATUS, "the run finished before `repair` ended"),
        ],
    ),
    (
        nightly,
        change(9, status="skipped"),
        [
            (9, Rule.SKIP, "`fetch` is skipped after attempt 2"),
            (10, Rule.NEEDS, "`build` starts although its need `fetch` was skipped"),
            (12, Rule.NEEDS, "`break` starts although its need `fetch` was skipped"),
            (16, Rule.NEEDS, "`pack` starts although its need `fetch` was skipped"),
        ],
    ),
    (nightly, change(9, status="succeeded", attempts=1), [(9, Rule.ATTEMPT, "`fetch` ends after 1 attempt; it had 2")]),
    (nightly, change(32, allowed=False), [(32, Rule.STATUS, "`last` ends as failed with `allowed` false")]),
    (nightly, change(19, allowed=True), [(19, Rule.STATUS, "`break` ends as timed_out with `allowed` true")]),
    (
        nightly,
        change(19, status="failed"),
        [(19, Rule.STATUS, "`break` ends as failed, its last attempt as timed_out")],
    ),
    (
        nightly,
        insert(20, 5.0, "job.finished", job="break", status="failed", reason="", attempts=1, allowed=False),
        [(20, Rule.STATUS, "`break` ends as failed after it timed out")],
    ),
    (
        nightly,
        insert(
            3,
            0.0,
            "job.finished",
            job="repair",
            status="skipped",
            reason="need `break` failed",
            attempts=0,
            allowed=False,
        ),
        [
            (3, Rule.SKIP, "`repair` is skipped before its need `break` has ended"),
            (21, Rule.STATUS, "`repair` ends as skipped after it was skipped"),
        ],
    ),
    (
        nightly,
        insert(3, 0.0, "job.finished", job="all", status="succeeded", reason="", attempts=0, allowed=False),
        [
            (3, Rule.NEEDS, "`all` starts before its need `test` has ended"),
            (36, Rule.STATUS, "`all` ends as succeeded after it succeeded"),
        ],
    ),
    (
        nightly,
        insert(3, 0.0, "job.finished", job="build", status="succeeded", reason="", attempts=0, allowed=False),
        [
            (3, Rule.STATUS, "`build` ends as succeeded without such an attempt"),
            (11, Rule.ATTEMPT, "`build` starts attempt 1 after it succeeded"),
        ],
    ),
    (
        nightly,
        insert(3, 0.0, "job.finished", job="fetch", status="failed", reason="", attempts=1, allowed=False),
        [
            (3, Rule.STATUS, "`fetch` ends as failed while attempt 1 is under way"),
            (4, Rule.ATTEMPT, "attempt 1 of `fetch` has a process but is not under way"),
            (5, Rule.ATTEMPT, "attempt 1 of `fetch` ends but is not under way"),
            (6, Rule.RETRY, "`fetch` is retried, but no attempt of it has just ended"),
        ],
    ),
    (
        nightly,
        insert(2, 0.0, "job.finished", job="fetch", status="failed", reason="", attempts=0, allowed=False),
        [
            (2, Rule.STATUS, "`fetch` ends as failed without such an attempt"),
            (3, Rule.ATTEMPT, "`fetch` starts attempt 1 after it failed"),
        ],
    ),
    (nightly, drop(35), [(35, Rule.STATUS, "the run finished before `all` ended")]),
    (
        nightly,
        change(36, result="SUCCESS"),
        [
            (36, Rule.RESULT, "the result is SUCCESS; by its jobs it is FAILED"),
            (36, Rule.RESULT, "exit code 1 does not match SUCCESS"),
        ],
    ),
    (nightly, change(36, exit_code=0), [(36, Rule.RESULT, "exit code 0 does not match FAILED")]),
    (nightly, change(36, wall_seconds=8.0), [(36, Rule.RESULT, "wall time is 8.0 s at second 9.0")]),
    (
        nightly,
        insert(8, 2.5, "kill.sent", job="fetch", attempt=2, force=False),
        [(8, Rule.KILL, "`fetch` is sent a signal, but nothing requested its end")],
    ),
    (
        nightly,
        insert(8, 2.5, "kill.sent", job="fetch", attempt=1, force=False),
        [
            (8, Rule.ATTEMPT, "attempt 1 of `fetch` is sent a signal but is not under way"),
            (8, Rule.KILL, "`fetch` is sent a signal, but nothing requested its end"),
        ],
    ),
    (
        nightly,
        insert(30, 7.0, "cancel.requested", reason="fail_fast", force=False, job=None),
        [(30, Rule.STOP, "stopped by fail-fast, which is off")],
    ),
    (
        nightly,
        insert(30, 7.0, "cancel.requested", reason="deadline", force=False, job=None),
        [
            (30, Rule.STOP, "stopped by a deadline, but the run has none"),
            (37, Rule.RESULT, "the result is FAILED; by its jobs it is CANCELLED"),
        ],
    ),
    (
        nightly,
        insert(8, 2.5, "job.adopted", job="fetch", from_run="earlier"),
        [(8, Rule.STATUS, "`fetch` is reused while attempt 2 is under way")],
    ),
    (
        stopped,
        drop(6),
        [
            (6, Rule.KILL, "`ears` is sent a signal, but nothing requested its end"),
            (7, Rule.KILL, "`deaf` is sent a signal, but nothing requested its end"),
            (11, Rule.CANCEL, "`next` is cancelled, but nothing requested it"),
        ],
    ),
    (stopped, drop(7), [(8, Rule.KILL, "`ears` was stopped on request, but nothing requested it")]),
    (stopped, change(17, at=2.75), [(17, Rule.KILL, "`deaf` is killed before its grace period of 2 s was over")]),
    (
        stopped,
        started(9, 1.0, "next"),
        [
            (9, Rule.AFTER, "`next` starts before `ears` has ended"),
            (9, Rule.STOP, "`next` starts while the run is stopping"),
            (9, Rule.CAP, "with `next` 3 attempts running, at most 2 allowed"),
            (13, Rule.STATUS, "`next` ends as cancelled while attempt 1 is under way"),
            (13, Rule.ATTEMPT, "`next` ends after 0 attempts; it had 1"),
            (28, Rule.ATTEMPT, "`next` starts attempt 1 after attempt 1"),
        ],
    ),
    (
        stopped,
        change(6, reason="deadline"),
        [(6, Rule.STOP, "stopped by the deadline after 1 s, before it passed")],
    ),
    (stopped, change(6, reason="fail_fast"), [(6, Rule.STOP, "stopped by fail-fast, which is off")]),
    (stopped, change(12, status="skipped"), [(12, Rule.SKIP, "`next` is skipped, but its needs do not cause that")]),
    (stopped, change(10, status="failed"), [(10, Rule.STATUS, "`ears` ends as failed, its last attempt as killed")]),
    (
        stopped,
        change(11, status="cancelled", reason="the run was cancelled"),
        [(11, Rule.SKIP, "`idle` is cancelled, but by its needs it is skipped")],
    ),
    (
        stopped,
        insert(10, 2.0, "retry.scheduled", job="ears", attempt=2, not_before=3.0, reason=""),
        [(10, Rule.RETRY, "`ears` is retried, but its policy does not allow that after killed")],
    ),
    (
        stopped,
        insert(18, 3.5, "run.finished", result="CANCELLED", exit_code=130, wall_seconds=3.5),
        [(18, Rule.STATUS, "the run finished before `deaf` ended")],
    ),
    (
        stopped,
        started(24, 5.0, "late", 2),
        [
            (24, Rule.ATTEMPT, "`late` starts attempt 2 after it succeeded"),
            (24, Rule.NEEDS, "`late` starts before its need `idle` has ended"),
            (30, Rule.CAP, "with `idle` 3 attempts running, at most 2 allowed"),
            (36, Rule.STATUS, "the run finished before `late` ended"),
        ],
    ),
    (
        stopped,
        drop(*range(25, 35)),
        [
            (25, Rule.STATUS, "the run finished before `ears` ended"),
            (25, Rule.STATUS, "the run finished before `idle` ended"),
            (25, Rule.STATUS, "the run finished before `next` ended"),
        ],
    ),
    (
        stopped,
        change(35, result="CANCELLED", exit_code=1),
        [(35, Rule.RESULT, "the result is CANCELLED; by its jobs it is SUCCESS")],
    ),
    (
        stopped,
        both(change(1, fail_fast=True), change(6, reason="fail_fast")),
        [(6, Rule.STOP, "stopped by fail-fast before any job had failed")],
    ),
    (
        nightly,
        insert(4, 0.5, "cancel.requested", reason="user", force=False, job="fetch"),
        [(6, Rule.RETRY, "`fetch` is retried after its end was requested")],
    ),
    (
        nightly,
        started(8, 2.5, "fetch", 3),
        [
            (8, Rule.ATTEMPT, "`fetch` starts attempt 3 while attempt 2 is under way"),
            (9, Rule.ATTEMPT, "attempt 2 of `fetch` ends but is not under way"),
            (10, Rule.ATTEMPT, "`fetch` ends after 2 attempts; it had 3"),
        ],
    ),
    (handing_on, change(1), []),
    (
        nightly,
        insert(3, 0.0, "matrix.expanded", job="build", workflow="build", cells=[]),
        [(3, Rule.GROWTH, "the matrix of `build` is expanded for `build`, which is no placeholder of it")],
    ),
    (deciding, change(1), []),
    (
        deciding,
        change(4, outputs={"number": "wx1"}),
        [(12, Rule.CONDITION, "`publish` is left out, but its `if` holds")],
    ),
    (
        deciding,
        change(12, status="skipped"),
        [
            (12, Rule.SKIP, "`publish` is skipped, but its needs do not cause that"),
            (13, Rule.NEEDS, "`after` starts although its need `publish` was skipped"),
            (15, Rule.NEEDS, "`rescue` starts although its need `publish` was skipped"),
        ],
    ),
    (
        deciding,
        both(change(12, status="cancelled"), insert(10, 1.5, "cancel.requested", reason="user", force=False, job=None)),
        [
            (13, Rule.CONDITION, "`publish` is cancelled, but by its `if` it is left out"),
            (14, Rule.NEEDS, "`after` starts although its need `publish` was cancelled"),
            (14, Rule.STOP, "`after` starts while the run is stopping"),
            (16, Rule.NEEDS, "`rescue` starts although its need `publish` was cancelled"),
            (16, Rule.STOP, "`rescue` starts while the run is stopping"),
            (25, Rule.RESULT, "the result is SUCCESS; by its jobs it is CANCELLED"),
        ],
    ),
    (
        deciding,
        started(12, 2.0, "publish"),
        [
            (12, Rule.CONDITION, "`publish` starts although its `if` does not hold"),
            (13, Rule.STATUS, "`publish` ends as left_out while attempt 1 is under way"),
            (13, Rule.ATTEMPT, "`publish` ends after 0 attempts; it had 1"),
        ],
    ),
    (
        deciding,
        move(12, 10, at=1.5),
        [(10, Rule.CONDITION, "`publish` is left out before its need `build` has ended")],
    ),
    (
        deciding,
        change(22, status="left_out"),
        [(22, Rule.CONDITION, "`plain` is left out after attempt 1")],
    ),
    (
        deciding,
        both(drop(8, 9, 21, 22), insert(8, 1.0, "job.finished", **{**_LEFT_OUT, "job": "plain"})),
        [(8, Rule.CONDITION, "`plain` is left out, but it has no `if` that is decided during the run")],
    ),
    (
        handing_on,
        change(6, outputs={}),
        [
            (6, Rule.OUTPUTS, "`version` succeeded without its output `number`"),
            (11, Rule.OUTPUTS, "`build` starts although a value that it uses is missing or too long"),
            (13, Rule.OUTPUTS, "`copy` starts although a value that it uses is missing or too long"),
        ],
    ),
    (
        handing_on,
        change(6, outputs={"number": "v1", "other": ""}),
        [(6, Rule.OUTPUTS, "`version` has the output `other`, which it does not declare")],
    ),
    (
        handing_on,
        change(6, outputs={"number": "x" * 131_073}),
        [(13, Rule.OUTPUTS, "`copy` starts although a value that it uses is missing or too long")],
    ),
    (
        handing_on,
        both(
            drop(11, 12, 15, 16),
            insert(11, 2.0, "job.finished", job="build", status="failed", reason="", attempts=0, allowed=False),
        ),
        [(11, Rule.OUTPUTS, "`build` fails before its start, but every value that it uses exists")],
    ),
    (
        handing_on,
        both(
            drop(10),
            insert(8, 1.5, "job.finished", job="report", status="failed", reason="", attempts=0, allowed=False),
        ),
        [
            (8, Rule.NEEDS, "`report` starts before its need `check` has ended"),
        ],
    ),
    (
        handing_on,
        insert(10, 2.0, "cancel.requested", reason="user", force=False, job=None),
        [
            (11, Rule.CANCEL, "`report` fails before its start, but the run is being stopped"),
            (12, Rule.STOP, "`build` starts while the run is stopping"),
            (14, Rule.STOP, "`copy` starts while the run is stopping"),
            (20, Rule.RESULT, "the result is FAILED; by its jobs it is CANCELLED"),
        ],
    ),
    (
        rebuilt,
        change(1, invocation={"cache": "force"}),
        [
            (2, Rule.UP_TO_DATE, "`copy` is up to date, but the run runs everything (`--force`)"),
            (13, Rule.UP_TO_DATE, "`check` is up to date, but the run runs everything (`--force`)"),
        ],
    ),
    (
        rebuilt,
        insert(4, 0.5, "job.must_run", job="plain", fingerprint="", because=[]),
        [(4, Rule.UP_TO_DATE, "`plain` is checked, but has no inputs")],
    ),
    (
        rebuilt,
        move(6, 2, at=0.5),
        [(2, Rule.UP_TO_DATE, "`compile` is checked before its need `copy` has ended")],
    ),
    (
        rebuilt,
        insert(9, 1.0, "job.must_run", job="compile", fingerprint="", because=[]),
        [(9, Rule.UP_TO_DATE, "`compile` is checked after attempt 1")],
    ),
    (
        rebuilt,
        insert(4, 0.5, "job.must_run", job="copy", fingerprint="", because=[]),
        [(4, Rule.UP_TO_DATE, "`copy` is checked after it succeeded")],
    ),
    (
        rebuilt,
        both(change(9, verdict="failed", exit_code=1), change(10, status="failed")),
        [
            (13, Rule.UP_TO_DATE, "`check` is up to date although a need of it did not succeed"),
            (15, Rule.RESULT, "the result is SUCCESS; by its jobs it is FAILED"),
        ],
    ),
    (
        rebuilt,
        insert(6, 1.0, "cancel.requested", reason="user", force=False, job=None),
        [
            (7, Rule.UP_TO_DATE, "`compile` is checked while the run is stopping"),
            (8, Rule.STOP, "`compile` starts while the run is stopping"),
            (16, Rule.RESULT, "the result is SUCCESS; by its jobs it is CANCELLED"),
        ],
    ),
    (rebuilt, drop(2), [(2, Rule.STATUS, "`copy` ends as succeeded without such an attempt")]),
    (
        nightly,
        started(8, 2.5, "fetch", 2),
        [
            (8, Rule.ATTEMPT, "`fetch` starts attempt 2 after attempt 2"),
            (8, Rule.ATTEMPT, "`fetch` starts attempt 2 while attempt 2 is under way"),
        ],
    ),
]


@pytest.mark.parametrize(("story_of", "edit", "found"), PLANTED)
def test_a_planted_error_is_found_at_its_line(story_of: Callable[[], Story], edit: Edit, found: Found) -> None:
    story = story_of()
    events = copy.deepcopy(story.events)
    edit(events)
    messages = [(one.line, one.rule, one.message) for one in violations(plan_to_dict(story.plan), events)]
    assert messages == found


def test_every_rule_about_events_has_a_planted_error() -> None:
    elsewhere = {Rule.LOG, Rule.RESULTS_FILE, Rule.WORKER}
    assert {rule for _, _, found in PLANTED for _, rule, _ in found} == set(Rule) - elsewhere
