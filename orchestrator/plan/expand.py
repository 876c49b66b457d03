"""Workflows and defaults -> what each job executes; and the policy with the command line's word in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec.structs import asdict, replace

from orchestrator.manifest import limit_keys
from orchestrator.manifest.file_facts import Files
from orchestrator.manifest.model import Defaults, Manifest, Workflow
from orchestrator.manifest.origin import ManifestOrigin
from orchestrator.manifest.retry_keys import Retry
from orchestrator.manifest.scalars import CpuShare, NoLimit
from orchestrator.plan.inputs import Overrides
from orchestrator.plan.model import Durability, FailFast, Isolation, JobSpec, Limits, Order, Policy, RetryPolicy
from orchestrator.plan.template import is_absolute

_ISOLATION = {member.value: member for member in Isolation}
# What a workflow may say of an attempt beside `run`: keys and fields have the same names.
_BESIDE_RUN = frozenset(JobSpec.__struct_fields__) - {"run"}


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
        min_free_memory=policy.admission.min_free_memory,
        max_load=policy.admission.max_load,
        durability=Durability(policy.durability),
        keep_runs=policy.keep_runs,
        archive=policy.archive,
        job_timeout=_job_timeout(manifest.defaults, overrides),
    )


class Expander:
    """Lays each workflow of one manifest over its defaults: `env` and `limits` merge key by key, the rest replaces.

    Jobs that say nothing of their own share one object for their environment, one for their retries and one for
    their limits.
    """

    def __init__(self, home: ManifestOrigin, overrides: Overrides, files: Files) -> None:
        self._home = home
        self._defaults: Defaults = home.defaults
        self._files = files
        self._timeout = _job_timeout(home.defaults, overrides)
        self._retry = expand_retry(home.defaults.retry)
        self._limits = expand_limits(home.defaults.limits)
        self._inherits = "env_inherit" in home.defaults.given
        self._plain: JobSpec | None = None  # of a workflow that says nothing beside `run`

    def spec(self, workflow: Workflow, put_in: Callable[[JobSpec], JobSpec] | None = None) -> JobSpec:
        """What one attempt of the workflow's job executes; `put_in` replaces the templates, where there are any."""
        if put_in is not None or not _BESIDE_RUN.isdisjoint(workflow.given):
            return self._laid_over_defaults(workflow, put_in)
        # Most differ only in their shell text: made like this they take a tenth of the time.
        if self._plain is None:
            self._plain = self._laid_over_defaults(workflow)
        return replace(self._plain, run=workflow.run)

    def _laid_over_defaults(self, workflow: Workflow, put_in: Callable[[JobSpec], JobSpec] | None = None) -> JobSpec:
        base = self._defaults
        own = workflow
        facts = None if own.file is None else self._files[self._home.path_of(own.file)]
        isolation = isolation_of(own, base)
        sandboxed = isolation is Isolation.SANDBOX
        spec = JobSpec(
            run=own.run,
            argv=own.argv,
            file=own.file,
            args=own.args,
            shell=base.shell if own.shell is None else own.shell,
            file_executable=facts is not None and facts.kind == "executable",
            blocks=() if facts is None else facts.blocks,
            env=base.env if own.env is None else {**base.env, **own.env},
            env_inherit=self._env_inherit(own, isolation),
            secrets=own.secrets,
            working_dir=(base.working_dir if own.working_dir is None else own.working_dir) or "",
            timeout=self._timeout if own.timeout is None else _limit(own.timeout),
            grace=base.grace if own.grace is None else own.grace,
            limits=self._limits if own.limits is None else expand_limits(base.limits, own.limits),
            cleanup=own.cleanup,
            cleanup_timeout=own.cleanup_timeout,
            require_limits=base.require_limits if own.require_limits is None else own.require_limits,
            isolation=isolation,
            network=sandboxed and (base.network if own.network is None else own.network),
            writes=(base.writes if own.writes is None else own.writes) if sandboxed else (),
            require_isolation=base.require_isolation if own.require_isolation is None else own.require_isolation,
        )
        if put_in is not None:
            spec = put_in(spec)
        return self._seen_from_the_run(spec) if self._home.folder else spec

    def _env_inherit(self, own: Workflow, isolation: Isolation) -> str | tuple[str, ...]:
        if own.env_inherit is not None:
            return own.env_inherit
        return "minimal" if isolation is Isolation.SANDBOX and not self._inherits else self._defaults.env_inherit

    def _seen_from_the_run(self, spec: JobSpec) -> JobSpec:
        """The same with the paths that an included manifest writes as the first one would write them."""
        home = self._home
        return replace(
            spec,
            file=None if spec.file is None else home.path_of(spec.file),
            working_dir=spec.working_dir if is_absolute(spec.working_dir, spec) else home.path_of(spec.working_dir),
            writes=tuple(path if is_absolute(path, spec) else home.path_of(path) for path in spec.writes),
        )

    def retry(self, workflow: Workflow | None = None) -> RetryPolicy:
        """How often the workflow's job is tried; or a job that says nothing of it."""
        return self._retry if workflow is None or workflow.retry is None else expand_retry(workflow.retry)

    def file_digest(self, workflow: Workflow) -> str:
        """The digest of what the workflow's file holds; empty without a file."""
        return "" if workflow.file is None else self._files[self._home.path_of(workflow.file)].sha256


class Expanders:
    """The expander of each manifest: of the run's own, and of the `origins` of the workflows that were included."""

    def __init__(
        self, own: ManifestOrigin, origins: Mapping[str, ManifestOrigin], overrides: Overrides, files: Files
    ) -> None:
        self._own = Expander(own, overrides, files)
        by_home = {id(home): home for home in origins.values()}
        expanders = {number: Expander(home, overrides, files) for number, home in by_home.items()}
        self._of = {name: expanders[id(home)] for name, home in origins.items()}

    def of(self, workflow: str) -> Expander:
        """The expander for a workflow, by its name."""
        return self._of.get(workflow, self._own)


def isolation_of(workflow: Workflow, defaults: Defaults) -> Isolation:
    """How the workflow's jobs are kept from the rest of the machine."""
    return _ISOLATION[defaults.isolation if workflow.isolation is None else workflow.isolation]


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


def expand_limits(*layers: limit_keys.LimitsKeys) -> Limits:
    """The limits of all layers, each over those before it, key by key."""
    given = {name: value for layer in layers for name, value in asdict(layer).items() if value is not None}
    return Limits(**{name: None if isinstance(value, NoLimit) else value for name, value in given.items()})


def _job_timeout(defaults: Defaults, overrides: Overrides) -> float | None:
    given = overrides.timeout_seconds
    return _limit(defaults.timeout if given is None else given)


def _limit(value: float | NoLimit) -> float | None:
    return None if isinstance(value, NoLimit) else value
