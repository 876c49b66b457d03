"""Workflows and defaults -> what each job executes; and the policy with the command line's word in it."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.manifest.model import Defaults, Manifest, Retry, Workflow
from orchestrator.manifest.scalars import CpuShare, NoLimit
from orchestrator.plan.files import Files
from orchestrator.plan.model import FailFast, JobSpec, Order, Policy, RetryPolicy


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line or the settings say over the manifest; None where they say nothing.

    `timeout_seconds` takes the place of `defaults.timeout`: a workflow with a time-out of its own keeps it.
    """

    max_parallel_jobs: int | CpuShare | None = None
    fail_fast: FailFast | None = None
    timeout_seconds: float | NoLimit | None = None


def expand_policy(manifest: Manifest, overrides: Overrides, cpus: int) -> Policy:
    """The run's policy on a machine with so many CPUs; a share of them is rounded down, but at least one job."""
    policy = manifest.policy
    jobs = overrides.max_parallel_jobs
    if jobs is None:
        jobs = policy.max_parallel_jobs
    return Policy(
        max_parallel_jobs=max(1, cpus * jobs.percent // 100) if isinstance(jobs, CpuShare) else jobs,
        fail_fast=FailFast(str(policy.fail_fast).lower()) if overrides.fail_fast is None else overrides.fail_fast,
        timeout=_limit(policy.timeout),
        order=Order(policy.order),
        pools=dict(policy.pools),
        job_timeout=_job_timeout(manifest.defaults, overrides),
    )


class Expander:
    """Lays each workflow over the defaults: `env` merges key by key, everything else replaces.

    Jobs that say nothing of their own share one object for their environment and one for their retries.
    """

    def __init__(self, manifest: Manifest, overrides: Overrides, files: Files) -> None:
        self._defaults: Defaults = manifest.defaults
        self._files = files
        self._timeout = _job_timeout(manifest.defaults, overrides)
        self._retry = expand_retry(manifest.defaults.retry)

    def spec(self, workflow: Workflow) -> JobSpec:
        """What one attempt of the workflow's job executes."""
        base = self._defaults
        own = workflow
        return JobSpec(
            run=own.run,
            argv=own.argv,
            file=own.file,
            args=own.args,
            shell=base.shell if own.shell is None else own.shell,
            file_executable=own.file is not None and self._files[own.file].kind == "executable",
            env=base.env if own.env is None else {**base.env, **own.env},
            env_inherit=base.env_inherit if own.env_inherit is None else own.env_inherit,
            working_dir=(base.working_dir if own.working_dir is None else own.working_dir) or "",
            timeout=self._timeout if own.timeout is None else _limit(own.timeout),
            grace=base.grace if own.grace is None else own.grace,
        )

    def retry(self, workflow: Workflow) -> RetryPolicy:
        """How often the workflow's job is tried."""
        return self._retry if workflow.retry is None else expand_retry(workflow.retry)

    def file_digest(self, workflow: Workflow) -> str:
        """The digest of what the workflow's file holds; empty without a file."""
        return "" if workflow.file is None else self._files[workflow.file].sha256


def expand_retry(retry: Retry) -> RetryPolicy:
    """The same in the plan's words."""
    exits = {code for end in retry.on if not isinstance(end, str) for code in end.exit}
    return RetryPolicy(
        max_attempts=retry.max_attempts,
        delay=retry.delay,
        backoff=float(retry.backoff),
        max_delay=retry.max_delay,
        jitter=float(retry.jitter),
        on_failed="failed" in retry.on,
        on_timed_out="timed_out" in retry.on,
        on_exit=tuple(sorted(exits)),
    )


def _job_timeout(defaults: Defaults, overrides: Overrides) -> float | None:
    given = overrides.timeout_seconds
    return _limit(defaults.timeout if given is None else given)


def _limit(value: float | NoLimit) -> float | None:
    return None if isinstance(value, NoLimit) else value
