"""The keys of a manifest as a whole and of `policy`, each by its effect."""

from __future__ import annotations

import json

import pytest
from support.cli import Pexec
from support.runs import Run, last_run


def apply(pexec: Pexec, policy: str, workflows: str, *flags: str, exit_code: int = 0) -> Run:
    text = f"version: 1\npolicy: {policy}\ndefaults: {{shell: [sh, -eu]}}\nworkflows:\n{workflows}"
    done = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet", *flags)
    assert done.exit_code == exit_code, done.stderr
    return last_run(pexec.folder).check()


def started(run: Run) -> list[str]:
    return [event["job"] for event in run.named("attempt.started")]


def test_another_version_is_refused(pexec: Pexec) -> None:
    said = pexec.file("pexec.yaml", "version: 2\nworkflows: {a: {run: touch ran}}\n").run("apply")
    assert (said.exit_code, said.stderr.splitlines()[0]) == (
        3,
        "error[PX120]: `version` must be 1, the only version of the format that this pexec reads",
    )
    assert not (pexec.folder / "ran").exists()


def test_a_run_has_the_name_of_its_manifest_or_of_its_directory(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: ':'}}\n")
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    assert last_run(pexec.folder).events[0]["name"] == "project"
    text = "version: 1\nname: nightly\ndescription: Build it all.\nworkflows: {a: {run: ':', description: Do it.}}\n"
    assert pexec.file("pexec.yaml", text).run("apply", "--output", "quiet").exit_code == 0
    assert last_run(pexec.folder).events[0]["name"] == "nightly"


def test_descriptions_are_shown_by_the_plan(pexec: Pexec) -> None:
    pexec.file(
        "pexec.yaml",
        "version: 1\nname: nightly\ndescription: Build it all.\n"
        "params: {level: {default: low, description: How loud.}}\n"
        "workflows: {a: {run: ':', description: Do it.}}\n",
    )
    shown = pexec.run("plan").stdout
    assert shown.startswith("nightly: 1 job in 1 level\nBuild it all.\n")
    assert "\nparameters\n  level  low\n           How loud.\n" in shown
    plan = json.loads(pexec.run("plan", "--format", "json").stdout)
    assert (plan["description"], plan["jobs"][0]["description"]) == ("Build it all.", "Do it.")


@pytest.mark.parametrize(("written", "slots"), [("2", 2), ("auto", None), ("150%", None)])
def test_max_parallel_jobs_is_the_number_of_jobs_at_once(pexec: Pexec, written: str, slots: int | None) -> None:
    import os

    cpus = len(os.sched_getaffinity(0))
    expected = slots or (cpus if written == "auto" else max(1, cpus * 3 // 2))
    jobs = "".join(f"  j{n}: {{run: sleep 0.1}}\n" for n in range(expected + 2))
    run = apply(pexec, f"{{max_parallel_jobs: {written}}}", jobs)
    assert run.events[0]["max_parallel_jobs"] == run.most_at_once() == expected


@pytest.mark.parametrize(
    ("fail_fast", "statuses"),
    [
        ("false", {"bad": "failed", "slow": "succeeded", "later": "succeeded"}),
        ("drain", {"bad": "failed", "slow": "succeeded", "later": "cancelled"}),
        ("true", {"bad": "failed", "slow": "cancelled", "later": "skipped"}),
    ],
)
def test_fail_fast_sets_what_a_failure_does_to_the_rest(pexec: Pexec, fail_fast: str, statuses: dict[str, str]) -> None:
    # What follows from the failure, which is in the journal then, takes much less than a second.
    slow = "touch slow; until grep -q job.finished.*bad $PEXEC_RUN_DIR/events.jsonl; do sleep 0.05; done; sleep 1"
    jobs = (
        "  bad: {run: 'until [ -e slow ]; do sleep 0.02; done; exit 1'}\n"
        f"  slow: {{run: '{slow}'}}\n  later: {{needs: slow, run: ':'}}\n"
    )
    assert apply(pexec, f"{{fail_fast: {fail_fast}}}", jobs, exit_code=1).statuses == statuses


def test_timeout_is_the_deadline_of_the_run(pexec: Pexec) -> None:
    jobs = "  a: {run: sleep 600}\n  b: {run: ':'}\n"
    run = apply(pexec, "{timeout: 2s, max_parallel_jobs: 1}", jobs, exit_code=124)
    assert run.statuses == {"a": "cancelled", "b": "cancelled"}
    assert run.named("cancel.requested")[0]["reason"] == "deadline"


def test_order_is_the_longest_chain_first_or_as_declared(pexec: Pexec) -> None:
    jobs = "  short: {run: ':'}\n  long: {run: ':'}\n  end: {needs: long, run: ':'}\n"
    assert started(apply(pexec, "{max_parallel_jobs: 1}", jobs)) == ["long", "short", "end"]
    assert started(apply(pexec, "{max_parallel_jobs: 1, order: declared}", jobs)) == ["short", "long", "end"]


def test_priority_goes_before_the_critical_path(pexec: Pexec) -> None:
    jobs = "  last: {run: ':', priority: -1}\n  long: {run: ':'}\n  end: {needs: long, run: ':'}\n"
    jobs += "  first: {run: ':', priority: 5}\n"
    assert started(apply(pexec, "{max_parallel_jobs: 1}", jobs)) == ["first", "long", "end", "last"]


def test_jobs_hold_their_share_of_a_pool(pexec: Pexec) -> None:
    jobs = "".join(f"  j{n}: {{run: sleep 0.1, pools: {{memory: 2}}}}\n" for n in range(4))
    assert apply(pexec, "{pools: {memory: 5}}", jobs).most_at_once() == 2
    assert apply(pexec, "{pools: {memory: 3}}", jobs).most_at_once() == 1
