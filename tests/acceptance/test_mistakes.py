"""Mistakes of the shell runbook that pexec replaces. They must never come back."""

from __future__ import annotations

import json
import time

import pytest
from support.cli import Pexec
from support.runs import last_run, runs


def manifest(workflows: str, policy: str = "{}") -> str:
    return f"version: 1\npolicy: {policy}\ndefaults: {{shell: [sh, -eu]}}\nworkflows:\n{workflows}"


def apply(pexec: Pexec, workflows: str, *flags: str, policy: str = "{}") -> int:
    return pexec.file("pexec.yaml", manifest(workflows, policy)).run("apply", *flags).exit_code


def test_a_run_that_starts_nothing_is_not_a_success(pexec: Pexec) -> None:
    assert apply(pexec, "  a: {run: 'true'}\n", "--only", "tag:none") == 2
    assert not runs(pexec.folder)


def test_a_failed_job_fails_the_run(pexec: Pexec) -> None:
    assert apply(pexec, "  a: {run: exit 7}\n") == 1
    job = last_run(pexec.folder).check().jobs["a"]
    assert (job["status"], job["exit_code"]) == ("FAILED", 7)


def test_fail_fast_fires_while_others_run(pexec: Pexec) -> None:
    assert apply(pexec, "  a: {run: exit 1}\n  b: {run: sleep 600}\n  c: {needs: b, run: 'true'}\n", "--fail-fast") == 1
    run = last_run(pexec.folder).check()
    assert run.statuses == {"a": "failed", "b": "cancelled", "c": "skipped"}
    assert run.reason("b").startswith("fail-fast: `a` failed")


def test_fail_fast_drain_lets_running_jobs_end(pexec: Pexec) -> None:
    wait = "until grep -q job.finished $PEXEC_RUN_DIR/events.jsonl; do sleep 0.05; done"
    jobs = f"  a: {{run: exit 1}}\n  b: {{run: {wait}}}\n  c: {{run: 'true', after: b}}\n"
    assert apply(pexec, jobs, "--fail-fast=drain") == 1
    assert last_run(pexec.folder).check().statuses == {"a": "failed", "b": "succeeded", "c": "cancelled"}


def test_without_fail_fast_independent_branches_finish(pexec: Pexec) -> None:
    jobs = "  a: {run: exit 1}\n  b: {needs: a, run: 'true'}\n  c: {needs: b, run: 'true'}\n  d: {run: sleep 0.2}\n"
    assert apply(pexec, jobs) == 1
    run = last_run(pexec.folder).check()
    assert run.statuses == {"a": "failed", "b": "skipped", "c": "skipped", "d": "succeeded"}
    assert (run.reason("b"), run.reason("c")) == ("need `a` failed", "need `b` was skipped because `a` failed")


def test_there_is_no_barrier_between_levels(pexec: Pexec) -> None:
    slow = "  slow: {run: 'until test -e there; do sleep 0.02; done', timeout: 1m}\n"
    assert apply(pexec, slow + "  quick: {run: 'true'}\n  next: {needs: quick, run: touch there}\n") == 0
    run = last_run(pexec.folder).check()
    assert run.at("attempt.started", "next") < run.at("job.finished", "slow")


def test_a_job_starts_when_its_needs_end_and_not_at_the_next_poll(pexec: Pexec) -> None:
    chain = "".join(f"  j{n}: {{{f'needs: j{n - 1}, ' if n else ''}run: 'true'}}\n" for n in range(20))
    assert apply(pexec, chain) == 0
    assert last_run(pexec.folder).events[-1]["wall_seconds"] < 19, "not a second for each"


def test_levels_are_not_flattened(pexec: Pexec) -> None:
    assert apply(pexec, "  a: {run: 'true'}\n  b: {needs: a, run: 'true'}\n  c: {needs: b, run: 'true'}\n") == 0
    groups = last_run(pexec.folder).json("execution_plan.json")["execution_groups"]
    assert [group["workflows"] for group in groups] == [["a"], ["b"], ["c"]]


def test_json_is_complete_and_valid_after_a_failure(pexec: Pexec) -> None:
    assert apply(pexec, "  'a': {run: 'exit 1', description: 'say \"hi\" \\ bye'}\n") == 1
    run = last_run(pexec.folder)
    for name in ("dependencies.json", "execution_plan.json", "results_summary.json", "plan.json"):
        assert isinstance(run.json(name), dict)


def test_keys_of_a_workflow_are_not_jobs_and_needs_belong_to_their_own_workflow(pexec: Pexec) -> None:
    assert apply(pexec, "  a: {run: 'true'}\n  b: {run: 'true', needs: [a]}\n  c: {run: 'true'}\n") == 0
    assert last_run(pexec.folder).json("dependencies.json")["dependencies"] == {"a": [], "b": ["a"], "c": []}


def test_an_unknown_dependency_is_an_error_before_anything_runs(pexec: Pexec) -> None:
    done = pexec.file("pexec.yaml", manifest("  build: {run: touch ran}\n  b: {run: 'true', needs: biuld}\n")).run(
        "apply"
    )
    assert done.exit_code == 3
    assert "PX202" in done.stderr
    assert "did you mean `build`?" in done.stderr
    assert not (pexec.folder / "ran").exists()
    assert not runs(pexec.folder)


def test_defaults_need_no_configuration(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: 'true'}}\n")
    plan = json.loads(pexec.run("plan", "--format", "json").stdout)
    (job,) = plan["jobs"]
    assert (plan["policy"]["max_parallel_jobs"], plan["policy"]["fail_fast"], job["timeout_seconds"]) == (4, False, 300)


@pytest.mark.parametrize("slots", [1, 3])
def test_the_limit_of_parallel_jobs_is_used_and_never_exceeded(pexec: Pexec, slots: int) -> None:
    jobs = "".join(f"  j{n}: {{run: sleep 0.1}}\n" for n in range(9))
    assert apply(pexec, jobs, "-j", str(slots)) == 0
    assert last_run(pexec.folder).check().most_at_once() == slots


def test_independent_jobs_run_in_parallel(pexec: Pexec) -> None:
    pexec.file("meet.sh", "touch here.$1; until [ $(ls here.* | wc -l) = 4 ]; do sleep 0.02; done\n")
    jobs = "".join(f"  j{n}: {{run: sh meet.sh {n}, timeout: 1m}}\n" for n in range(4))
    assert apply(pexec, jobs, "-j", "4") == 0


def test_a_timeout_is_reported_as_a_timeout_and_ends_in_time(pexec: Pexec) -> None:
    jobs = "  a: {run: \"trap '' TERM; while :; do sleep 0.1; done\", timeout: 3s, grace: 500ms}\n"
    assert apply(pexec, jobs) == 1
    run = last_run(pexec.folder).check()
    assert run.statuses == {"a": "timed_out"}
    assert 3.4 <= run.named("attempt.finished")[0]["duration_seconds"] < 60


def test_runs_that_start_in_the_same_second_have_their_own_directories(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", manifest("  a: {run: 'true'}\n"))
    processes = [pexec.start("apply", "--output", "quiet") for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert len({run.events[0]["run_id"] for run in runs(pexec.folder)}) == 3


def test_names_and_paths_may_have_spaces(pexec: Pexec) -> None:
    pexec.file("my scripts/say hello.sh", 'echo "hello $1"\n')
    assert apply(pexec, "  a: {file: my scripts/say hello.sh, args: [big world]}\n") == 0
    assert last_run(pexec.folder).log("a") == b"hello big world\n"


def test_times_are_utc(pexec: Pexec) -> None:
    pexec.env(TZ="America/New_York")
    assert apply(pexec, "  a: {run: 'true'}\n") == 0
    run = last_run(pexec.folder)
    stamp = time.strftime("%Y-%m-%dT%H", time.gmtime())
    earlier = time.strftime("%Y-%m-%dT%H", time.gmtime(time.time() - 60))
    stamps = [run.events[0]["ts"], run.results["execution_timestamp"], run.json("execution_plan.json")["plan_created"]]
    assert all(text.startswith((stamp, earlier)) and text.endswith("Z") for text in stamps)


def test_a_run_without_jobs_divides_by_nothing(pexec: Pexec) -> None:
    assert apply(pexec, "  a: {run: 'true'}\n", "--skip", "a") == 2


def test_a_timeout_is_retried(pexec: Pexec) -> None:
    jobs = "  a: {run: '[ $PEXEC_ATTEMPT = 2 ] || sleep 600', timeout: 3s, retry: {max_attempts: 2, delay: 10ms}}\n"
    assert apply(pexec, jobs) == 0
    verdicts = [event["verdict"] for event in last_run(pexec.folder).check().named("attempt.finished")]
    assert verdicts == ["timed_out", "succeeded"]


def test_three_planted_errors_are_reported_in_one_pass_and_nothing_runs(pexec: Pexec) -> None:
    pexec.file(
        "pexec.yaml",
        "version: 1\n"
        "workflows:\n"
        "  a: {run: touch ran}\n"
        "  b:\n"
        "    run: 'true'\n"
        "    timout: 5m\n"
        "  c:\n"
        "    needs: [d]\n"
        "    run: 'true'\n"
        "    timeout: 5 min\n"
        "  d:\n"
        "    needs: [c]\n"
        "    run: 'true'\n",
    )
    done = pexec.run("validate", "--format", "json", "pexec.yaml")
    places = [(d["code"], d["line"], d["column"]) for d in json.loads(done.stdout)["diagnostics"]]
    assert sorted(places) == [("PX110", 6, 5), ("PX114", 10, 14), ("PX201", 8, 13)]
    assert (done.exit_code, pexec.run("apply").exit_code) == (3, 3)
    assert not (pexec.folder / "ran").exists()
