"""A plan as data, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from support.dags import plan_of, plans
from support.planning import file_facts, good_plan

from orchestrator.errors import ExitCode, RefusedError
from orchestrator.plan.export import plan_fields, plan_from_dict, plan_to_dict
from orchestrator.plan.inputs import Selection
from orchestrator.plan.model import Plan


def test_a_plan_as_data_whole() -> None:
    plan = good_plan(
        """
        name: nightly
        policy: {fail_fast: true, pools: {gpu: 2}}
        workflows:
          fetch: {run: ./fetch.sh, retry: {max_attempts: 3, on: [failed, {exit: [75]}]}}
          train:
            file: train.sh
            args: [--fast]
            needs: [fetch]
            after: [warm]
            when: always
            timeout: none
            grace: 500ms
            env: {MODE: fast}
            env_inherit: [PATH]
            shell: [sh]
            working_dir: app
            pools: {gpu: 1}
            tags: [slow]
            description: Long.
            allow_failure: true
            limits: {memory: 64MiB, cpu_time: 90, open_files: 9, file_size: 1KiB, processes: 3, core: 0, log: 1MiB}
            require_limits: true
            isolation: sandbox
            network: true
            writes: [dist/]
            require_isolation: true
            cleanup: rm -r cache
            cleanup_timeout: 1m
          warm: {argv: ['true']}
          lint: {run: lint}
        """,
        files={"train.sh": file_facts()},
        selection=Selection(skip=("lint",)),
    )
    fetch, train, warm = (job.digest for job in plan.jobs)
    assert plan_to_dict(plan) == {
        "version": 1,
        "name": "nightly",
        "description": "",
        "manifest": "pexec.yaml",
        "base_dir": "/home/me/nightly",
        "digest": plan.digest,
        "policy": {
            "max_parallel_jobs": 4,
            "fail_fast": True,
            "timeout_seconds": None,
            "order": "critical_path",
            "pools": {"gpu": 2},
            "job_timeout_seconds": 300,
            "durability": "process",
            "keep_runs": 20,
            "archive": False,
        },
        "levels": [["fetch", "warm"], ["train"]],
        "critical_path": ["fetch", "train"],
        "jobs": [
            {
                "id": "fetch",
                "workflow": "fetch",
                "level": 0,
                "rank": 2,
                "needs": [],
                "after": [],
                "when": "success",
                "run": "./fetch.sh",
                "timeout_seconds": 300,
                "retry": {
                    "max_attempts": 3,
                    "delay_seconds": 1,
                    "backoff": 2,
                    "max_delay_seconds": 60,
                    "jitter": 0.1,
                    "on": ["failed", {"exit": [75]}],
                },
                "priority": 0,
                "pools": {},
                "digest": fetch,
            },
            {
                "id": "train",
                "workflow": "train",
                "level": 1,
                "rank": 1,
                "description": "Long.",
                "needs": ["fetch"],
                "after": ["warm"],
                "when": "always",
                "file": "train.sh",
                "args": ["--fast"],
                "shell": ["sh"],
                "env": {"MODE": "fast"},
                "env_inherit": ["PATH"],
                "working_dir": "app",
                "timeout_seconds": None,
                "grace_seconds": 0.5,
                "limits": {
                    "memory_bytes": 64 << 20,
                    "cpu_seconds": 90,
                    "open_files": 9,
                    "file_size_bytes": 1024,
                    "processes": 3,
                    "core_bytes": 0,
                    "log_bytes": 1 << 20,
                },
                "require_limits": True,
                "isolation": "sandbox",
                "network": True,
                "writes": ["dist/"],
                "require_isolation": True,
                "cleanup": "rm -r cache",
                "cleanup_timeout_seconds": 60,
                "allow_failure": True,
                "priority": 0,
                "pools": {"gpu": 1},
                "tags": ["slow"],
                "digest": train,
            },
            {
                "id": "warm",
                "workflow": "warm",
                "level": 0,
                "rank": 2,
                "needs": [],
                "after": [],
                "when": "success",
                "argv": ["true"],
                "timeout_seconds": 300,
                "priority": 0,
                "pools": {},
                "digest": warm,
            },
        ],
        "left_out": [{"workflow": "lint", "reason": "`--skip lint`"}],
    }


@given(plans())
def test_every_plan_comes_back_from_json_as_it_was(plan: Plan) -> None:
    assert plan_from_dict(json.loads(json.dumps(plan_to_dict(plan)))) == plan


def changed(**changes: Any) -> dict[str, Any]:
    return {**plan_to_dict(plan_of(((), (0,)))), **changes}


@pytest.mark.parametrize(
    "data",
    [
        changed(levels=[["a"], ["zebra"]]),
        changed(policy=None),
        changed(jobs=[]),
        changed(jobs=[*changed()["jobs"], changed()["jobs"][0]]),
        changed(jobs=[{**changed()["jobs"][0], "when": "sometimes"}]),
        changed(jobs=["a"]),
        {key: value for key, value in changed().items() if key != "digest"},
    ],
)
def test_a_damaged_plan_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match=r"^the plan is damaged: ") as caught:
        plan_from_dict(data)
    assert caught.value.exit_code is ExitCode.REFUSED


@pytest.mark.parametrize("data", [changed(version=2), {}, [], None])
def test_what_is_no_plan_or_a_newer_one_is_refused(data: object) -> None:
    with pytest.raises(RefusedError, match="the plan is not one that this pexec can read"):
        plan_from_dict(data)


def test_what_became_of_checks_is_added_to_the_jobs_that_have_one() -> None:
    plan = good_plan("params: {rev: {command: [x]}}\nworkflows: {a: {run: x, inputs: []}, b: {run: x}}\n")
    fields = dict(plan_fields(plan, {"a": {"state": "up_to_date", "because": []}}))
    jobs = list(fields["jobs"].entries)
    assert jobs[0]["cache"] == {"state": "up_to_date", "because": []}
    assert "cache" not in jobs[1]
    assert fields["computed"] == ["rev"]


def test_what_jobs_read_and_make_is_written_whatever_the_job_before_has() -> None:
    text = """
        workflows:
          a: {inputs: [a, {path: b, ignore: false}, {path: c, optional: true}], outputs: [o], run: x}
          b: {inputs: [{env: CC}, {command: [cc, --version]}], run: x}
          c: {inputs: [], outputs: {one: {path: [p, q], fresh: true}, two: {path: r, optional: true}}, run: x}
          d: {run: x}
          e: {inputs: [a], run: x}
    """
    jobs = {job["id"]: job for job in plan_to_dict(good_plan(text))["jobs"]}
    assert jobs["a"]["inputs"] == [{"path": "a"}, {"path": "b", "ignore": False}, {"path": "c", "optional": True}]
    assert jobs["a"]["output_files"] == [{"paths": ["o"]}]
    assert jobs["b"]["inputs"] == [{"env": "CC"}, {"command": ["cc", "--version"]}]
    assert jobs["c"]["inputs"] == []
    assert jobs["c"]["output_files"] == [
        {"paths": ["p", "q"], "name": "one", "fresh": True},
        {"paths": ["r"], "name": "two", "optional": True},
    ]
    assert not {"inputs", "output_files"} & jobs["d"].keys()
    assert jobs["e"]["inputs"] == [{"path": "a"}]
    assert "output_files" not in jobs["b"].keys() | jobs["e"].keys()
    assert list(jobs["a"]) == [key for key in jobs["c"] if key not in ("outputs",)]
