"""Workflows and defaults to the fields of jobs; the policy with the overrides of the command line."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, get_args

from msgspec.structs import asdict, replace

from orchestrator.manifest import limit_keys
from orchestrator.manifest.env_file_keys import EnvFileEntry, env_file_paths
from orchestrator.manifest.env_keys import EnvValue
from orchestrator.manifest.input_keys import InputEntry, InputKeys
from orchestrator.manifest.model import Defaults, Manifest, Workflow
from orchestrator.manifest.origin import ManifestOrigin
from orchestrator.manifest.output_keys import OutputKeys, is_unnamed
from orchestrator.manifest.policy_keys import CacheKeys
from orchestrator.manifest.retry_keys import Retry
from orchestrator.manifest.scalars import CpuShare, NoLimit
from orchestrator.plan.cluster_policy import expand_cluster
from orchestrator.plan.flow_model import Input, OutputFiles, OutputSpec
from orchestrator.plan.inputs import Overrides, ReadManifest
from orchestrator.plan.job_env import JobEnv
from orchestrator.plan.late_values import is_absolute
from orchestrator.plan.model import (
    MINIMAL_ENV,
    WHEN_NAMED,
    Durability,
    Isolation,
    JobSpec,
    Limits,
    Order,
    Pairs,
    PlannedJob,
    Policy,
    RetryPolicy,
    ShellBlock,
    StopSignal,
)
from orchestrator.plan.need_references import output_specs
from orchestrator.plan.policy_parts import AdmissionPolicy, CachePolicy, CiPolicy
from orchestrator.plan.run_matrix import Scalar, pool_of_matrix

_STOP_SIGNAL: Mapping[str, StopSignal] = {name: name for name in get_args(StopSignal)}
PutIn = Callable[[JobSpec, Collection[str]], JobSpec]
"""Fills in the templates of a spec, but not in the values of these variables."""

_AUTO = CpuShare(100)
_NO_OUTPUTS: Mapping[str, OutputSpec] = {}
_ISOLATION = {member.value: member for member in Isolation}
# Keys and fields have the same names. `run` of a spec and `needs` of a job are set for each job one by one.
_SPEC_KEYS = frozenset(JobSpec.__struct_fields__) - {"run"}
JOB_KEYS = frozenset(PlannedJob.__struct_fields__) - {"needs"}
"""The keys of a workflow that set fields of its jobs, other than what they execute."""


def expand_policy(manifest: Manifest, overrides: Overrides, cpus: int) -> Policy:
    """The run's policy on a machine with `cpus` CPUs; a share of them is rounded down, to at least one job."""
    policy = manifest.policy
    cluster = expand_cluster(manifest, overrides, cpus)
    jobs = overrides.max_parallel_jobs
    if jobs is None:
        is_given = cluster is None or "max_parallel_jobs" in policy.given
        jobs = policy.max_parallel_jobs if is_given else _AUTO
    if cluster is not None and jobs == _AUTO:
        jobs = cluster.most_jobs
    return Policy(
        max_parallel_jobs=max(1, cpus * jobs.percent // 100) if isinstance(jobs, CpuShare) else jobs,
        fail_fast=policy.fail_fast if overrides.fail_fast is None else overrides.fail_fast,
        timeout=_limit(policy.timeout),
        order=Order(policy.order),
        pools=dict(policy.pools) | _limits_of_matrices(manifest),
        admission=AdmissionPolicy(policy.admission.min_free_memory, policy.admission.max_load),
        durability=Durability(policy.durability),
        keep_runs=policy.keep_runs,
        archive=policy.archive,
        job_timeout=_job_timeout(manifest.defaults, overrides),
        cache=_cache(policy.cache),
        ci=CiPolicy(policy.ci.pass_commands),
        cluster=cluster,
    )


def _cache(keys: CacheKeys) -> CachePolicy:
    key = None if keys.key is None else keys.key.secret
    return CachePolicy(keys.dir, keys.max_size, keys.remote, keys.mode, key)


class Expander:
    """Merges each workflow of one manifest with its defaults: `env` and `limits` key by key, the rest as a whole.

    Jobs without an environment, retries or limits of their own share the objects made of the defaults.
    """

    def __init__(self, origin: ManifestOrigin, overrides: Overrides, read: ReadManifest) -> None:
        self._origin = origin
        self._defaults: Defaults = origin.defaults
        self._files = read.files
        self._env_files = read.env_files
        self._secrets = read.manifest.secrets
        self._timeout = _job_timeout(origin.defaults, overrides)
        self._retry = expand_retry(origin.defaults.retry)
        self._limits = expand_limits(origin.defaults.limits)
        self._env = self._with_env(JobEnv(), origin.defaults.env_file, origin.defaults.env)
        self._plain: JobSpec | None = None  # of a workflow with no key but `run`

    def _with_env(self, env: JobEnv, entries: tuple[EnvFileEntry, ...], own: Mapping[str, EnvValue] | None) -> JobEnv:
        """The environment with the variables of some env files on top, and with those of an `env` on top of that."""
        if entries:
            from orchestrator.plan.env_file_values import values_of  # late: most manifests name none

            env = env.with_files(values_of(entries, self._origin, self._env_files, self._secrets))
        return env if own is None else env.with_layer(own)

    def spec(self, workflow: Workflow, put_in: PutIn | None = None) -> JobSpec:
        """What one attempt of the workflow's job executes; `put_in` replaces the templates, where there are any."""
        if put_in is not None or not _SPEC_KEYS.isdisjoint(workflow.given):
            return self._merged(workflow, put_in)
        # Most workflows differ only in their shell text: this takes a tenth of the time.
        if self._plain is None:
            self._plain = self._merged(workflow)
        return replace(self._plain, run=workflow.run)

    def _merged(self, workflow: Workflow, put_in: PutIn | None = None) -> JobSpec:
        base = self._defaults
        own = workflow
        env = self._with_env(self._env, own.env_file, own.env)
        origin = self._origin
        facts = None if own.file is None else self._files[self._origin.path_of(own.file)]
        isolation = isolation_of(own, base)
        sandboxed = isolation is Isolation.SANDBOX
        spec = JobSpec(
            run=own.run,
            argv=own.argv,
            file=own.file,
            args=own.args,
            shell=base.shell if own.shell is None else own.shell,
            file_executable=facts is not None and facts.kind == "executable",
            blocks=() if facts is None else tuple(ShellBlock(line, text) for line, text in facts.blocks),
            env=env.values,
            env_prepend=env.prepend,
            env_append=env.append,
            env_files=tuple(map(origin.path_of, env_file_paths((*base.env_file, *own.env_file)))),
            env_inherit=env_inherit_of(own, base),
            color=base.color if own.color is None else own.color,
            secrets=own.secrets,
            outputs=output_specs(own.outputs) if own.outputs else _NO_OUTPUTS,
            working_dir=(base.working_dir if own.working_dir is None else own.working_dir) or "",
            timeout=self._timeout if own.timeout is None else _limit(own.timeout),
            grace=base.grace if own.grace is None else own.grace,
            stop_signal=_STOP_SIGNAL[base.stop_signal if own.stop_signal is None else own.stop_signal],
            limits=self._limits if own.limits is None else expand_limits(base.limits, own.limits),
            cleanup=own.cleanup,
            cleanup_timeout=own.cleanup_timeout,
            require_limits=base.require_limits if own.require_limits is None else own.require_limits,
            isolation=isolation,
            network=sandboxed and (base.network if own.network is None else own.network),
            reads=own.reads if sandboxed else "all",
            writes=(base.writes if own.writes is None else own.writes) if sandboxed else (),
            require_isolation=base.require_isolation if own.require_isolation is None else own.require_isolation,
            inputs=None if own.inputs is None else tuple(map(_input, own.inputs)),
            output_files=output_files_of(own.outputs) if own.outputs else (),
            cache=own.cache,
        )
        if put_in is not None:
            spec = put_in(spec, env.literal)
        return self._relative_to_the_run(spec) if self._origin.folder else spec

    def _relative_to_the_run(self, spec: JobSpec) -> JobSpec:
        """The same with the paths of an included manifest made relative to the first one."""
        origin = self._origin
        return replace(
            spec,
            file=None if spec.file is None else origin.path_of(spec.file),
            working_dir=spec.working_dir if is_absolute(spec.working_dir, spec) else origin.path_of(spec.working_dir),
            writes=tuple(path if is_absolute(path, spec) else origin.path_of(path) for path in spec.writes),
            inputs=None if spec.inputs is None else tuple(map(self._relative_input, spec.inputs)),
            output_files=tuple(
                replace(output, paths=tuple(map(self._relative_pattern, output.paths))) for output in spec.output_files
            ),
            env_prepend={name: self._relative_paths(paths, spec) for name, paths in spec.env_prepend.items()},
            env_append={name: self._relative_paths(paths, spec) for name, paths in spec.env_append.items()},
        )

    def _relative_input(self, one: Input) -> Input:
        return replace(one, path=self._relative_pattern(one.path)) if one.path else one

    def _relative_pattern(self, pattern: str) -> str:
        """A path or pattern of files; the `!` of one that excludes stays in front."""
        mark = "!" if pattern.startswith("!") else ""
        return mark + self._origin.path_of(pattern.removeprefix("!"))

    def _relative_paths(self, paths: str, spec: JobSpec) -> str:
        parts = paths.split(":")
        return ":".join(path if not path or is_absolute(path, spec) else self._origin.path_of(path) for path in parts)

    def retry(self, workflow: Workflow | None = None) -> RetryPolicy:
        """The retries of the workflow's jobs; without one those of the defaults."""
        return self._retry if workflow is None or workflow.retry is None else expand_retry(workflow.retry)

    def file_digest(self, workflow: Workflow) -> str:
        """The digest of what the workflow's file holds; empty without a file."""
        return "" if workflow.file is None else self._files[self._origin.path_of(workflow.file)].sha256


class Expanders:
    """The expander of each manifest: the run's own, and those that workflows were included from."""

    def __init__(self, read: ReadManifest, overrides: Overrides) -> None:
        self._own = Expander(ManifestOrigin("", read.manifest.defaults, read.source), overrides, read)
        by_id = {id(origin): origin for origin in read.origins.values()}
        expanders = {number: Expander(origin, overrides, read) for number, origin in by_id.items()}
        self._of = {name: expanders[id(origin)] for name, origin in read.origins.items()}

    def of(self, workflow: str) -> Expander:
        """The expander for a workflow, by its name."""
        return self._of.get(workflow, self._own)


def job_fields(name: str, workflow: Workflow, values: Mapping[str, Scalar]) -> dict[str, Any]:
    """The fields of a job that its workflow `name` sets, except what it executes, its edges and its retries. `values`
    are those of its cell of the matrix."""
    return {
        "when": WHEN_NAMED[workflow.when],
        "priority": workflow.priority,
        "memory": workflow.memory,
        "cpus": float(workflow.cpus),
        "requires": workflow.requires,
        "where": workflow.where,
        "pools": _pools_of(name, workflow),
        "allow_failure": workflow.allow_failure,
        "tags": workflow.tags,
        "description": workflow.description or "",
        "matrix": values,
        "matrix_fail_fast": workflow.matrix is not None and workflow.matrix.fail_fast,
    }


def _input(entry: InputEntry) -> Input:
    if isinstance(entry, str):
        return Input(path=entry)
    return Input(entry.path or "", entry.ignore, entry.optional, entry.env or "", entry.command or ())


def output_files_of(outputs: Mapping[str, OutputKeys]) -> tuple[OutputFiles, ...]:
    """The files among some outputs."""
    return tuple(
        OutputFiles(one.path, "" if is_unnamed(name) else name, one.fresh, one.optional)
        for name, one in outputs.items()
        if one.path
    )


def _pools_of(name: str, workflow: Workflow) -> Pairs:
    """What a job takes from pools. A matrix with `max_parallel` has a pool of its own."""
    pools = dict(workflow.pools)
    if workflow.matrix is not None and workflow.matrix.max_parallel is not None:
        pools[pool_of_matrix(name)] = 1
    return tuple(sorted(pools.items()))


def _limits_of_matrices(manifest: Manifest) -> dict[str, int]:
    """The pools of matrices with `max_parallel`."""
    matrices = {name: workflow.matrix for name, workflow in manifest.workflows.items() if workflow.matrix}
    limits = {name: matrix.max_parallel for name, matrix in matrices.items()}
    return {pool_of_matrix(name): limit for name, limit in limits.items() if limit is not None}


def isolation_of(workflow: Workflow, defaults: Defaults) -> Isolation:
    """How the workflow's jobs are isolated."""
    return _ISOLATION[defaults.isolation if workflow.isolation is None else workflow.isolation]


def env_inherit_of(workflow: Workflow, defaults: Defaults) -> Literal["all", "minimal"] | tuple[str, ...]:
    """What the workflow's jobs inherit of pexec's environment."""
    if workflow.env_inherit is not None:
        return workflow.env_inherit
    narrow = workflow.inputs is not None or isolation_of(workflow, defaults) is Isolation.SANDBOX
    if not narrow or "env_inherit" in defaults.given:
        return defaults.env_inherit
    variables = [one.env for one in workflow.inputs or () if isinstance(one, InputKeys) and one.env is not None]
    return (*MINIMAL_ENV, *variables) if variables else "minimal"


def expand_retry(retry: Retry) -> RetryPolicy:
    """The same as a part of the plan."""
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
    """The limits of all layers; a key of a later layer replaces that of an earlier one."""
    given = {name: value for layer in layers for name, value in asdict(layer).items() if value is not None}
    return Limits(**{name: None if isinstance(value, NoLimit) else value for name, value in given.items()})


def _job_timeout(defaults: Defaults, overrides: Overrides) -> float | None:
    given = overrides.timeout_seconds
    return _limit(defaults.timeout if given is None else given)


def _limit(value: float | NoLimit) -> float | None:
    return None if isinstance(value, NoLimit) else value
