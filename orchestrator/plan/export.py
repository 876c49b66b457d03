"""A plan as plain data for JSON, and back: what `pexec plan --format json` prints and `plan.json` of a run holds.

In the data a job is its id; times are seconds. A job's keys that are not required by the schema are there when they
differ from their default.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import structs

from orchestrator.errors import RefusedError
from orchestrator.plan.estimate import estimate
from orchestrator.plan.json_stream import Field, JsonArray, as_dict
from orchestrator.plan.model import (
    NO_LIMITS,
    WHEN_NAMED,
    Durability,
    FailFast,
    Isolation,
    JobSpec,
    Limits,
    Order,
    Plan,
    PlannedJob,
    Policy,
    RetryPolicy,
    SecretSource,
    When,
)

VERSION = 1

Json = dict[str, Any]

# Fields of Limits -> their keys, which tell the unit.
LIMIT_KEYS = {
    "memory": "memory_bytes",
    "cpu_time": "cpu_seconds",
    "open_files": "open_files",
    "file_size": "file_size_bytes",
    "processes": "processes",
    "core": "core_bytes",
    "log": "log_bytes",
}

# The keys of a job of which nothing special is said, as nearly all are of a large plan. Reading it without asking for
# each of the other thirty keys takes a third of the time.
_USUAL = frozenset((
    "id", "workflow", "level", "rank", "expected_seconds", "needs", "after", "when", "run", "shell",
    "timeout_seconds", "priority", "pools", "digest",
))  # fmt: skip


_POLICY = Policy()
_SPEC = JobSpec()
_RETRY = RetryPolicy()


def plan_to_dict(plan: Plan) -> Json:
    """The whole plan; `plan_from_dict` gives it back."""
    return as_dict(plan_fields(plan))


def plan_fields(plan: Plan) -> Iterator[Field]:
    """The same, member by member, for a plan that may be large."""
    ids = [job.id for job in plan.jobs]
    yield "version", VERSION
    yield "name", plan.name
    yield "description", plan.description
    yield "manifest", plan.manifest
    yield "base_dir", plan.base_dir
    yield "digest", plan.digest
    yield "policy", _policy_to_dict(plan.policy)
    yield "levels", JsonArray([ids[index] for index in level] for level in plan.levels)
    yield "critical_path", [ids[index] for index in plan.critical_path]
    if (expected := estimate(plan)) is not None:
        yield "estimate", structs.asdict(expected)
    yield "jobs", JsonArray(_job_to_dict(job, ids) for job in plan.jobs)
    yield "left_out", [{"workflow": workflow, "reason": reason} for workflow, reason in plan.left_out]
    if plan.secrets:
        yield "secrets", {name: _source_to_dict(source) for name, source in plan.secrets.items()}
    if plan.params:
        yield "params", dict(plan.params)


def plan_from_dict(data: object) -> Plan:
    """The plan that `plan_to_dict` was given. `RefusedError` if the data is no such plan."""
    if not isinstance(data, Mapping) or data.get("version") != VERSION:
        raise RefusedError(
            "the plan is not one that this pexec can read", help="was it written by a newer pexec?", code="PX405"
        )
    try:
        return _plan_from_dict(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RefusedError(f"the plan is damaged: {type(error).__name__}: {error}", code="PX405") from error


def _plan_from_dict(data: Mapping[str, Any]) -> Plan:
    index_of = {job["id"]: index for index, job in enumerate(data["jobs"])}
    if len(index_of) != len(data["jobs"]):
        raise ValueError("two jobs have one id")
    return Plan(
        name=data["name"],
        manifest=data["manifest"],
        base_dir=data["base_dir"],
        policy=_policy_from_dict(data["policy"]),
        jobs=tuple(_job_from_dict(job, index, index_of) for index, job in enumerate(data["jobs"])),
        levels=tuple(_indices(level, index_of) for level in data["levels"]),
        critical_path=_indices(data["critical_path"], index_of),
        left_out=tuple((entry["workflow"], entry["reason"]) for entry in data["left_out"]),
        secrets={name: _source_from_dict(source) for name, source in data.get("secrets", {}).items()},
        params=dict(data.get("params", {})),
        description=data["description"],
        digest=data["digest"],
    )


def _source_to_dict(source: SecretSource) -> Json:
    data: Json = {}
    if source.env is not None:
        data["env"] = source.env
    if source.file is not None:
        data["file"] = source.file
    if source.command is not None:
        data["command"] = list(source.command)
    if source.allow_short:
        data["allow_short"] = True
    if not source.needed:
        data["needed"] = False
    return data


def _source_from_dict(data: Mapping[str, Any]) -> SecretSource:
    command = data.get("command")
    return SecretSource(
        env=data.get("env"),
        file=data.get("file"),
        command=None if command is None else tuple(command),
        allow_short=data.get("allow_short", False),
        needed=data.get("needed", True),
    )


def _policy_to_dict(policy: Policy) -> Json:
    admission: Json = {}
    if policy.min_free_memory:
        admission["min_free_memory_bytes"] = policy.min_free_memory
    if policy.max_load is not None:
        admission["max_load"] = policy.max_load
    return {
        "max_parallel_jobs": policy.max_parallel_jobs,
        "fail_fast": policy.fail_fast.plain,
        "timeout_seconds": _number(policy.timeout),
        "order": policy.order.value,
        "pools": dict(policy.pools),
        "job_timeout_seconds": _number(policy.job_timeout),
        "durability": policy.durability.value,
        "keep_runs": policy.keep_runs,
        "archive": policy.archive,
        **({"admission": admission} if admission else {}),
    }


def _policy_from_dict(data: Mapping[str, Any]) -> Policy:
    admission = data.get("admission", {})
    return Policy(
        max_parallel_jobs=data["max_parallel_jobs"],
        fail_fast=FailFast(str(data["fail_fast"]).lower()),
        timeout=_seconds(data["timeout_seconds"]),
        order=Order(data["order"]),
        pools=dict(data["pools"]),
        min_free_memory=admission.get("min_free_memory_bytes", 0),
        max_load=_seconds(admission.get("max_load")),
        job_timeout=_seconds(data["job_timeout_seconds"]),
        durability=Durability(data.get("durability", _POLICY.durability)),
        keep_runs=data.get("keep_runs", _POLICY.keep_runs),
        archive=data.get("archive", _POLICY.archive),
    )


def _job_to_dict(job: PlannedJob, ids: list[str]) -> Json:
    spec = job.spec
    data: Json = {"id": job.id, "workflow": job.workflow, "level": job.level, "rank": _number(job.rank)}
    if job.expected_seconds is not None:
        data["expected_seconds"] = _number(job.expected_seconds)
    if job.description:
        data["description"] = job.description
    data["needs"] = [ids[index] for index in job.needs]
    data["after"] = [ids[index] for index in job.after]
    data["when"] = job.when.value
    data |= _spec_to_dict(spec)
    data["timeout_seconds"] = _number(spec.timeout)
    if spec.grace != _SPEC.grace:
        data["grace_seconds"] = _number(spec.grace)
    limits = _limits_to_dict(spec.limits)
    if limits:
        data["limits"] = limits
    if spec.require_limits:
        data["require_limits"] = True
    if spec.cleanup is not None:
        data["cleanup"] = spec.cleanup
    if spec.cleanup_timeout != _SPEC.cleanup_timeout:
        data["cleanup_timeout_seconds"] = _number(spec.cleanup_timeout)
    if job.retry != _RETRY:
        data["retry"] = _retry_to_dict(job.retry)
    if job.allow_failure:
        data["allow_failure"] = True
    data["priority"] = job.priority
    if job.memory:
        data["memory_bytes"] = job.memory
    if job.cpus:
        data["cpus"] = _number(job.cpus)
    data["pools"] = dict(job.pools)
    if job.tags:
        data["tags"] = list(job.tags)
    if job.matrix:
        data["matrix"] = dict(job.matrix)
    if job.matrix_fail_fast:
        data["matrix_fail_fast"] = True
    data["digest"] = job.digest
    return data


def _job_from_dict(data: Mapping[str, Any], index: int, index_of: Mapping[str, int]) -> PlannedJob:
    if data.keys() <= _USUAL and "run" in data:
        return PlannedJob(
            index=index,
            id=data["id"],
            workflow=data["workflow"],
            spec=JobSpec(
                run=data["run"],
                shell=tuple(data.get("shell", _SPEC.shell)),
                timeout=_seconds(data["timeout_seconds"]),
            ),
            needs=_indices(data["needs"], index_of),
            after=_indices(data["after"], index_of),
            when=WHEN_NAMED[data["when"]],
            level=data["level"],
            rank=float(data["rank"]),
            expected_seconds=_seconds(data.get("expected_seconds")),
            priority=data["priority"],
            pools=tuple(data["pools"].items()),
            digest=data["digest"],
        )
    retry = data.get("retry")
    return PlannedJob(
        index=index,
        id=data["id"],
        workflow=data["workflow"],
        spec=_spec_from_dict(data),
        needs=_indices(data["needs"], index_of),
        after=_indices(data["after"], index_of),
        when=When(data["when"]),
        level=data["level"],
        rank=float(data["rank"]),
        expected_seconds=_seconds(data.get("expected_seconds")),
        priority=data["priority"],
        memory=data.get("memory_bytes", 0),
        cpus=float(data.get("cpus", 0)),
        pools=tuple(data["pools"].items()),
        allow_failure=data.get("allow_failure", False),
        retry=_RETRY if retry is None else _retry_from_dict(retry),
        tags=tuple(data.get("tags", ())),
        description=data.get("description", ""),
        matrix=dict(data.get("matrix", {})),
        matrix_fail_fast=data.get("matrix_fail_fast", False),
        digest=data["digest"],
    )


def _spec_to_dict(spec: JobSpec) -> Json:
    data: Json = {}
    if spec.run is not None:
        data["run"] = spec.run
    if spec.argv is not None:
        data["argv"] = list(spec.argv)
    if spec.file is not None:
        data["file"] = spec.file
    if spec.blocks:
        data["blocks"] = [{"line": line, "text": text} for line, text in spec.blocks]
    if spec.late:
        data["late"] = spec.late
    if spec.file_executable:
        data["file_executable"] = True
    if spec.args:
        data["args"] = list(spec.args)
    if spec.shell != _SPEC.shell:
        data["shell"] = list(spec.shell)
    if spec.env:
        data["env"] = dict(spec.env)
    if spec.env_inherit != _SPEC.env_inherit:
        data["env_inherit"] = spec.env_inherit if isinstance(spec.env_inherit, str) else list(spec.env_inherit)
    if spec.secrets:
        data["secrets"] = list(spec.secrets)
    if spec.masked:
        data["masked"] = True
    if spec.working_dir:
        data["working_dir"] = spec.working_dir
    if spec.isolation is not _SPEC.isolation:
        data["isolation"] = spec.isolation.value
    if spec.network:
        data["network"] = True
    if spec.writes:
        data["writes"] = list(spec.writes)
    if spec.require_isolation:
        data["require_isolation"] = True
    return data


def _spec_from_dict(data: Mapping[str, Any]) -> JobSpec:
    argv = data.get("argv")
    inherit = data.get("env_inherit", _SPEC.env_inherit)
    return JobSpec(
        run=data.get("run"),
        argv=None if argv is None else tuple(argv),
        file=data.get("file"),
        blocks=tuple((block["line"], block["text"]) for block in data.get("blocks", ())),
        late=data.get("late", 0),
        args=tuple(data.get("args", ())),
        shell=tuple(data.get("shell", _SPEC.shell)),
        file_executable=data.get("file_executable", False),
        env=dict(data.get("env", {})),
        env_inherit=inherit if isinstance(inherit, str) else tuple(inherit),
        secrets=tuple(data.get("secrets", ())),
        masked=data.get("masked", False),
        working_dir=data.get("working_dir", ""),
        timeout=_seconds(data["timeout_seconds"]),
        grace=float(data.get("grace_seconds", _SPEC.grace)),
        limits=_limits_from_dict(data.get("limits", {})),
        require_limits=data.get("require_limits", False),
        isolation=Isolation(data.get("isolation", _SPEC.isolation)),
        network=data.get("network", False),
        writes=tuple(data.get("writes", ())),
        require_isolation=data.get("require_isolation", False),
        cleanup=data.get("cleanup"),
        cleanup_timeout=float(data.get("cleanup_timeout_seconds", _SPEC.cleanup_timeout)),
    )


def _limits_to_dict(limits: Limits) -> Json:
    if limits == NO_LIMITS:
        return {}
    given = ((LIMIT_KEYS[name], getattr(limits, name)) for name in Limits.__struct_fields__)
    return {key: _number(value) if isinstance(value, float) else value for key, value in given if value is not None}


def _limits_from_dict(data: Mapping[str, Any]) -> Limits:
    if not data:
        return NO_LIMITS
    given = {name: data.get(key) for name, key in LIMIT_KEYS.items()}
    given["cpu_time"] = _seconds(given["cpu_time"])
    return Limits(**given)


def _retry_to_dict(retry: RetryPolicy) -> Json:
    ends = ["failed"] * retry.on_failed + ["timed_out"] * retry.on_timed_out
    return {
        "max_attempts": retry.max_attempts,
        "delay_seconds": _number(retry.delay),
        "backoff": _number(retry.backoff),
        "max_delay_seconds": _number(retry.max_delay),
        "jitter": _number(retry.jitter),
        "on": [*ends, {"exit": list(retry.on_exit)}] if retry.on_exit else ends,
    }


def _retry_from_dict(data: Mapping[str, Any]) -> RetryPolicy:
    exits = [end["exit"] for end in data["on"] if not isinstance(end, str)]
    return RetryPolicy(
        max_attempts=data["max_attempts"],
        delay=float(data["delay_seconds"]),
        backoff=float(data["backoff"]),
        max_delay=float(data["max_delay_seconds"]),
        jitter=float(data["jitter"]),
        on_failed="failed" in data["on"],
        on_timed_out="timed_out" in data["on"],
        on_exit=tuple(exits[0]) if exits else (),
    )


def _indices(ids: Iterable[str], index_of: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(map(index_of.__getitem__, ids))


def _number(value: float | None) -> float | int | None:
    """Whole seconds without a fraction: `300`, not `300.0`."""
    return int(value) if value is not None and value.is_integer() else value


def _seconds(value: float | None) -> float | None:
    return None if value is None else float(value)
