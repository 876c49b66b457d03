"""What a valid manifest is read as, and that absent, `none` and a value are different."""

from __future__ import annotations

import pytest
from support.manifests import loaded, workflow_of

from orchestrator.manifest.model import Defaults, Manifest
from orchestrator.manifest.policy_keys import PolicyKeys
from orchestrator.manifest.retry_keys import Retry
from orchestrator.manifest.scalars import NO_LIMIT, CpuShare


def read(text: str) -> Manifest:
    found = loaded(text)
    assert found.diagnostics == ()
    assert found.manifest is not None
    return found.manifest


def test_the_smallest_manifest_has_the_documented_defaults() -> None:
    manifest = read("version: 1\nworkflows: {a: {run: x}}\n")
    assert manifest == Manifest(version=1, workflows={"a": workflow_of(run="x")})
    assert manifest.policy == PolicyKeys(max_parallel_jobs=4, fail_fast=False, timeout=NO_LIMIT, order="critical_path")
    assert manifest.defaults == Defaults(timeout=300, grace=10, shell=("bash", "-euo", "pipefail"), env_inherit="all")
    assert manifest.defaults.retry == Retry(
        max_attempts=1, delay=1, backoff=2, max_delay=60, jitter=0.1, on=("failed", "timed_out")
    )


def test_every_key_is_read() -> None:
    manifest = read(
        """\
        version: 1
        name: nightly
        description: Everything.
        policy: {max_parallel_jobs: 150%, fail_fast: drain, timeout: 2h, order: declared, pools: {gpu: 1}}
        defaults:
          timeout: none
          grace: 500ms
          shell: [sh, -eu]
          retry: {max_attempts: 2}
          env: {LANG: C}
          env_inherit: minimal
          working_dir: app
        workflows:
          fetch:
            run: ./fetch
            timeout: 20m
            grace: 0
            retry: {max_attempts: 3, delay: 2s, backoff: 1.5, max_delay: 1m, jitter: 0, on: [failed, {exit: [75, 1]}]}
            shell: [zsh]
            env: {A: "1"}
            env_inherit: [PATH, CI_*]
            working_dir: sub
            pools: {gpu: 1}
            allow_failure: true
            priority: -3
            tags: [slow, net]
            description: Gets it.
          test: {argv: ["true", "false"], needs: fetch, after: [fetch], when: always, timeout: none, tags: slow}
          publish: {file: p.sh, args: [--now, ""]}
          all: {needs: [test, publish]}
        """
    )
    assert manifest.name == "nightly"
    assert manifest.description == "Everything."
    assert manifest.policy.max_parallel_jobs == CpuShare(150)
    assert (manifest.policy.fail_fast, manifest.policy.timeout, manifest.policy.order) == ("drain", 7200.0, "declared")
    assert manifest.policy.pools == {"gpu": 1}
    assert manifest.defaults == Defaults(
        timeout=NO_LIMIT,
        grace=0.5,
        shell=("sh", "-eu"),
        retry=Retry(max_attempts=2),
        env={"LANG": "C"},
        env_inherit="minimal",
        working_dir="app",
        given=frozenset(("timeout", "grace", "shell", "retry", "env", "env_inherit", "working_dir")),
    )
    retry = {
        "max_attempts": 3, "delay": 2, "backoff": 1.5, "max_delay": 60, "jitter": 0,
        "on": ["failed", {"exit": [75, 1]}],
    }  # fmt: skip
    assert list(manifest.workflows) == ["fetch", "test", "publish", "all"]
    assert manifest.workflows["fetch"] == workflow_of(
        run="./fetch",
        timeout=1200,
        grace=0,
        retry=retry,
        shell=["zsh"],
        env={"A": "1"},
        env_inherit=["PATH", "CI_*"],
        working_dir="sub",
        pools={"gpu": 1},
        allow_failure=True,
        priority=-3,
        tags=["slow", "net"],
        description="Gets it.",
    )
    assert manifest.workflows["test"] == workflow_of(
        argv=["true", "false"], needs=["fetch"], after="fetch", when="always", timeout="none", tags=["slow"]
    )
    assert manifest.workflows["publish"] == workflow_of(file="p.sh", args=["--now", ""])
    assert manifest.workflows["all"] == workflow_of(needs=["test", "publish"])


def test_absent_none_and_a_value_are_three_things() -> None:
    workflows = read(
        "version: 1\nworkflows: {a: {run: x}, b: {run: x, timeout: none}, c: {run: x, timeout: 5m}}\n"
    ).workflows
    assert [workflow.timeout for workflow in workflows.values()] == [None, NO_LIMIT, 300.0]


@pytest.mark.parametrize(("written", "value"), [("true", True), ("false", False), ("drain", "drain")])
def test_fail_fast_is_a_boolean_or_drain(written: str, value: object) -> None:
    assert (
        read(f"version: 1\npolicy: {{fail_fast: {written}}}\nworkflows: {{a: {{run: x}}}}\n").policy.fail_fast is value
    )


def test_a_manifest_cannot_be_changed() -> None:
    manifest = read("version: 1\nworkflows: {a: {run: x}}\n")
    with pytest.raises(AttributeError):
        manifest.name = "other"  # type: ignore[misc]
