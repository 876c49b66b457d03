"""From manifest to plan: defaults, overrides, and the whole of a small plan."""

from __future__ import annotations

import pytest
from support.planning import file_facts, good_plan, planned, read

from orchestrator.manifest.origin import ManifestOrigin
from orchestrator.manifest.scalars import NO_LIMIT, CpuShare
from orchestrator.plan.inputs import Overrides, PlanningEnvironment, ReadManifest
from orchestrator.plan.make import make_plan
from orchestrator.plan.model import FailFast, JobSpec, Limits, Order, Plan, PlannedJob, Policy, RetryPolicy, When


def test_a_small_plan_whole() -> None:
    plan = good_plan(
        """
        name: nightly
        description: Build it.
        policy: {max_parallel_jobs: 3, fail_fast: drain, timeout: 2h, order: declared, pools: {gpu: 2, db: 1}}
        workflows:
          all: {needs: [train, fetch]}
          train:
            description: One long job.
            argv: [python, -m, train]
            needs: [fetch]
            after: [warm]
            when: always
            pools: {gpu: 1, db: 1}
            priority: -2
            tags: [slow]
            allow_failure: true
            retry: {max_attempts: 3, on: [timed_out, {exit: [75, 7]}]}
          fetch: {run: ./fetch.sh}
          warm: {file: warm.sh, args: [now]}
        """,
        files={"warm.sh": file_facts("executable")},
    )
    digests = [job.digest for job in plan.jobs]
    jobs = (
        PlannedJob(
            index=0, id="all", workflow="all", spec=JobSpec(), needs=(1, 2), level=2, rank=1.0, digest=digests[0]
        ),
        PlannedJob(
            index=1,
            id="train",
            workflow="train",
            spec=JobSpec(argv=("python", "-m", "train")),
            needs=(2,),
            after=(3,),
            when=When.ALWAYS,
            level=1,
            rank=2.0,
            priority=-2,
            pools=(("db", 1), ("gpu", 1)),
            allow_failure=True,
            retry=RetryPolicy(max_attempts=3, on_failed=False, on_exit=(7, 75)),
            tags=("slow",),
            description="One long job.",
            digest=digests[1],
        ),
        PlannedJob(index=2, id="fetch", workflow="fetch", spec=JobSpec(run="./fetch.sh"), rank=3.0, digest=digests[2]),
        PlannedJob(
            index=3,
            id="warm",
            workflow="warm",
            spec=JobSpec(file="warm.sh", args=("now",), file_executable=True),
            rank=3.0,
            digest=digests[3],
        ),
    )
    assert plan == Plan(
        name="nightly",
        manifest="pexec.yaml",
        base_dir="/home/me/nightly",
        policy=Policy(3, "drain", 7200.0, Order.DECLARED, {"gpu": 2, "db": 1}),
        jobs=jobs,
        levels=((2, 3), (1,), (0,)),
        critical_path=(2, 1, 0),
        description="Build it.",
        digest=plan.digest,
    )
    assert len({plan.digest, *digests}) == 5
    assert {len(digest) for digest in digests} == {32}


def test_a_run_without_a_name_has_the_name_of_its_manifests_directory() -> None:
    assert good_plan("workflows: {a: {run: a}}").name == "nightly"


def spec_of(text: str, overrides: Overrides | None = None) -> JobSpec:
    return good_plan(text, overrides=overrides).jobs[0].spec


def test_a_job_that_says_nothing_has_the_documented_defaults() -> None:
    plan = good_plan("workflows: {a: {run: 'true'}}")
    assert plan.jobs[0].spec == JobSpec(run="true", timeout=300.0, grace=10.0, shell=("bash", "-euo", "pipefail"))
    assert plan.jobs[0].retry == RetryPolicy()
    assert plan.policy == Policy(max_parallel_jobs=4, fail_fast=False, timeout=None)


DEFAULTS = """
    defaults:
      timeout: 1m
      grace: 3s
      shell: [sh, -eu]
      retry: {max_attempts: 5, delay: 9s}
      env: {LANG: C, MODE: slow}
      env_inherit: minimal
      working_dir: app
    workflows:
      a:
        run: a
"""


def test_defaults_reach_a_job_that_says_nothing() -> None:
    plan = good_plan(DEFAULTS)
    assert plan.jobs[0].spec == JobSpec(
        run="a",
        shell=("sh", "-eu"),
        env={"LANG": "C", "MODE": "slow"},
        env_inherit="minimal",
        working_dir="app",
        timeout=60.0,
        grace=3.0,
    )
    assert plan.jobs[0].retry == RetryPolicy(max_attempts=5, delay=9.0)


def test_a_jobs_own_env_is_laid_over_the_defaults_and_everything_else_replaces_them() -> None:
    own = """
        timeout: none
        grace: 0
        shell: [zsh]
        retry: {max_attempts: 2}
        env: {MODE: fast, MORE: '1'}
        env_inherit: [PATH, 'CI_*']
        working_dir: lib
    """
    plan = good_plan(DEFAULTS + own)
    assert plan.jobs[0].spec == JobSpec(
        run="a",
        shell=("zsh",),
        env={"LANG": "C", "MODE": "fast", "MORE": "1"},
        env_inherit=("PATH", "CI_*"),
        working_dir="lib",
        timeout=None,
        grace=0.0,
    )
    assert plan.jobs[0].retry == RetryPolicy(max_attempts=2)


def test_limits_are_laid_over_the_defaults_key_by_key_and_none_lifts_one() -> None:
    spec = spec_of(
        """
        defaults: {limits: {memory: 1GiB, open_files: 100, log: 1MiB}, require_limits: true}
        workflows: {a: {run: a, limits: {memory: none, open_files: 50, cpu_time: 1m}}}
        """
    )
    assert spec.limits == Limits(memory=None, cpu_time=60.0, open_files=50, log=1 << 20)
    assert spec.require_limits


def test_an_overriding_timeout_replaces_the_default_and_not_a_jobs_own() -> None:
    text = "workflows: {a: {run: a}, b: {run: b, timeout: 7s}, c: {run: c, timeout: none}}"
    limited = good_plan(text, overrides=Overrides(timeout_seconds=1.5))
    assert [job.spec.timeout for job in limited.jobs] == [1.5, 7.0, None]
    unlimited = good_plan(text, overrides=Overrides(timeout_seconds=NO_LIMIT))
    assert [job.spec.timeout for job in unlimited.jobs] == [None, 7.0, None]


@pytest.mark.parametrize(
    ("written", "cpus", "jobs"),
    [("7", 2, 7), ("auto", 6, 6), ("150%", 3, 4), ("50%", 1, 1), ("250%", 4, 10)],
)
def test_a_share_of_the_cpus_is_rounded_down_to_at_least_one_job(written: str, cpus: int, jobs: int) -> None:
    text = f"policy: {{max_parallel_jobs: {written}}}\nworkflows: {{a: {{run: a}}}}"
    assert good_plan(text, cpus=cpus).policy.max_parallel_jobs == jobs


@pytest.mark.parametrize(("written", "origin"), [("auto", "auto"), ("100%", "auto"), ("50%", "50%"), ("4", None)])
def test_what_a_number_of_jobs_was_computed_from_is_said(written: str, origin: str | None) -> None:
    text = f"policy: {{max_parallel_jobs: {written}}}\nworkflows: {{a: {{run: a}}}}"
    assert planned(text).origins.get("max_parallel_jobs") == origin
    assert "max_parallel_jobs" not in planned(text, overrides=Overrides(max_parallel_jobs=CpuShare(200))).origins


def test_overrides_go_before_the_manifests_policy() -> None:
    text = "policy: {max_parallel_jobs: 7, fail_fast: true}\nworkflows: {a: {run: a}}"
    overrides = Overrides(max_parallel_jobs=CpuShare(200), fail_fast=False)
    policy = good_plan(text, overrides=overrides, cpus=3).policy
    assert (policy.max_parallel_jobs, policy.fail_fast) == (6, False)


@pytest.mark.parametrize(("written", "meant"), [("true", True), ("false", False), ("drain", "drain")])
def test_fail_fast_is_read_and_shown_as_it_is_written(written: str, meant: FailFast) -> None:
    policy = good_plan(f"policy: {{fail_fast: {written}}}\nworkflows: {{a: {{run: a}}}}").policy
    assert policy.fail_fast is meant
    assert str(policy.fail_fast).lower() == written


@pytest.mark.parametrize(
    ("key", "written", "value"),
    [
        ("when", "always", When.ALWAYS),
        ("priority", "3", 3),
        ("memory", "1KB", 1000),
        ("cpus", "2", 2.0),
        ("allow_failure", "true", True),
        ("tags", "[x]", ("x",)),
        ("description", "A word.", "A word."),
    ],
)
def test_a_job_gets_what_its_workflow_says_of_it_alone(key: str, written: str, value: object) -> None:
    plan = good_plan(f"workflows: {{a: {{run: x, {key}: {written}}}, b: {{run: x}}}}")
    assert [getattr(job, key) for job in plan.jobs] == [
        value,
        getattr(PlannedJob(index=0, id="", workflow="", spec=JobSpec()), key),
    ]


def test_paths_of_an_included_manifest_are_seen_from_the_first_one() -> None:
    manifest, source = read(
        """
        workflows:
          a: {file: x.sh, isolation: sandbox, writes: [out/, /abs]}
          b: {run: x, working_dir: "${{ run.dir }}"}
          c: {run: x, env: {PATH: {prepend: "bin:/abs", append: tools}}}
        """
    )
    origin = ManifestOrigin("lib", manifest.defaults, source)
    origins = dict.fromkeys("abc", origin)
    files = {"lib/x.sh": file_facts()}
    included = ReadManifest(manifest, source, path="pexec.yaml", base_dir="/", files=files, origins=origins)
    plan = make_plan(included, PlanningEnvironment()).plan
    assert plan is not None
    first, second, third = (job.spec for job in plan.jobs)
    assert (first.file, first.working_dir, first.writes) == ("lib/x.sh", "lib/", ("lib/out/", "/abs"))
    assert second.working_dir.startswith("${{ run.dir")
    assert (third.env_prepend, third.env_append) == ({"PATH": "lib/bin:/abs"}, {"PATH": "lib/tools"})


def test_stopping_an_attempt_takes_its_grace_and_its_cleanup() -> None:
    assert JobSpec(run="x", grace=3.0).stop_seconds == 3.0
    assert JobSpec(run="x", grace=3.0, cleanup="y", cleanup_timeout=4.0).stop_seconds == 7.0
