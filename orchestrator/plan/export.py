"""A plan as plain data for JSON, and back: what `pexec plan --format json` prints and the files of a run hold.

In the data a job is its id; times are seconds. A job's keys that are not required by the schema are present when they
differ from their default. Which keys there are, and how they are called, follows from the structs (see `key_table`).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any

from msgspec import Struct, ValidationError, convert, structs, to_builtins

from orchestrator.errors import RefusedError
from orchestrator.plan.estimate import estimate
from orchestrator.plan.json_stream import Field, JsonArray, JsonObject, as_dict
from orchestrator.plan.key_table import keys_of
from orchestrator.plan.model import JobSpec, Pairs, Plan, PlannedJob, Policy, RetryPolicy
from orchestrator.plan.secret_source import SecretSource

VERSION = 1

_NEVER = object()  # equal to no value: the default of what is always written
NOT_WRITTEN = ("index", "spec")  # a job is its id, and the keys of its spec are among its own
_RETRY_FIELDS = tuple(name for name in RetryPolicy.__struct_fields__ if not name.startswith("on_"))
_DATA = (str, int, bool, str | None, int | None)  # the types whose values are data as they are


def plan_to_dict(plan: Plan) -> dict[str, Any]:
    """The whole plan; `plan_from_dict` gives it back."""
    return as_dict(plan_fields(plan))


def plan_fields(plan: Plan, checks: Mapping[str, Any] | None = None) -> Iterator[Field]:
    """The same, member by member, for a plan that may be large. `checks` are what would become of the checks of jobs,
    as data."""
    ids = [job.id for job in plan.jobs]
    yield "version", VERSION
    yield "name", plan.name
    yield "description", plan.description
    yield "manifest", plan.manifest
    yield "base_dir", plan.base_dir
    yield "digest", plan.digest
    yield "policy", _Exporter(Policy).data(plan.policy)
    yield "levels", JsonArray([ids[index] for index in level] for level in plan.levels)
    yield "critical_path", [ids[index] for index in plan.critical_path]
    if (expected := estimate(plan)) is not None:
        yield "estimate", structs.asdict(expected)
    jobs = map(_JobExporter(ids).data, plan.jobs)
    yield "jobs", JsonArray((_with_check(job, checks) for job in jobs) if checks else jobs)
    yield "left_out", [{"workflow": workflow, "reason": reason} for workflow, reason in plan.left_out]
    if plan.secrets:
        source = _Exporter(SecretSource)
        yield "secrets", {name: source.data(one) for name, one in plan.secrets.items()}
    if plan.params:
        yield "params", dict(plan.params)
    if plan.computed:
        yield "computed", list(plan.computed)


def _with_check(job: dict[str, Any], checks: Mapping[str, Any]) -> dict[str, Any]:
    return {**job, "cache": checks[job["id"]]} if job["id"] in checks else job


def dependencies_dict(plan: Plan, statuses: Mapping[str, str] | None = None) -> dict[str, Any]:
    """`dependencies.json`: for each job where it comes from and its status (PENDING unless its id is in `statuses`),
    its needs, and an order in which the jobs could run one by one."""
    return as_dict(dependencies_fields(plan, statuses))


def dependencies_fields(plan: Plan, statuses: Mapping[str, str] | None = None) -> Iterator[Field]:
    """The same, member by member, for a plan that may be large."""
    known, jobs = statuses or {}, plan.jobs
    sources = ((job.id, job.spec.file or plan.manifest, known.get(job.id, "PENDING")) for job in jobs)
    yield "workflows", JsonObject((job_id, {"path": path, "status": status}) for job_id, path, status in sources)
    yield "dependencies", JsonObject((job.id, [jobs[need].id for need in job.needs]) for job in jobs)
    yield "execution_order", JsonArray(jobs[index].id for level in plan.levels for index in level)


def execution_plan_fields(plan: Plan, created: str) -> Iterator[Field]:
    """`execution_plan.json`, member by member: the levels as groups, counted from 1. `created` is a UTC time in
    ISO 8601."""
    groups = enumerate(([plan.jobs[index].id for index in level] for level in plan.levels), start=1)
    yield "plan_created", created
    yield "total_groups", len(plan.levels)
    yield "max_parallel_jobs", plan.policy.max_parallel_jobs
    yield "execution_groups", JsonArray({"group_id": number, "workflows": ids} for number, ids in groups)


def plan_from_dict(data: object) -> Plan:
    """The plan that `plan_to_dict` was given. `RefusedError` if the data is not such a plan."""
    if not isinstance(data, Mapping) or data.get("version") != VERSION:
        raise RefusedError(
            "the plan is not one that this pexec can read", help="was it written by a newer pexec?", code="PX405"
        )
    try:
        return _plan_from_dict(data)
    except ValidationError as error:
        raise RefusedError(f"the plan is damaged: {error}", code="PX405") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RefusedError(f"the plan is damaged: {type(error).__name__}: {error}", code="PX405") from error


def _plan_from_dict(data: Mapping[str, Any]) -> Plan:
    index_of = {job["id"]: index for index, job in enumerate(data["jobs"])}
    if len(index_of) != len(data["jobs"]):
        raise ValueError("duplicate job id")
    fields = {
        **data,
        "description": data["description"],
        "digest": data["digest"],
        "jobs": (),
        "levels": [_indices(level, index_of) for level in data["levels"]],
        "critical_path": _indices(data["critical_path"], index_of),
        "left_out": [(entry["workflow"], entry["reason"]) for entry in data["left_out"]],
    }
    # One by one: memory for all their fields at once is slower than the calls.
    jobs = (convert(_job_fields(job, index, index_of), PlannedJob) for index, job in enumerate(data["jobs"]))
    return structs.replace(convert(fields, Plan), jobs=tuple(jobs))


class _Exporter:
    """Turns structs of one type into data: all their keys, or those called `fields`. `forms` are what to do with the
    values of some of them, by field."""

    def __init__(
        self,
        struct: type[Struct],
        fields: Container[str] | None = None,
        forms: Mapping[str, Callable[[Any], Any]] | None = None,
    ) -> None:
        keys = [key for key in keys_of(struct) if key.field not in NOT_WRITTEN and (not fields or key.field in fields)]
        forms = forms or {}
        values = attrgetter(*(key.field for key in keys))
        self._values: Callable[[Struct], Iterable[Any]] = values if len(keys) > 1 else lambda struct: (values(struct),)
        self._names = [key.json for key in keys]
        self._defaults = [_NEVER if key.always else key.default for key in keys]
        self._forms = [forms.get(key.field) or _form_of(key.type) for key in keys]

    def data(self, struct: Struct) -> dict[str, Any]:
        """The keys that are always written, and those that have not their default, with their values as data."""
        columns = zip(self._values(struct), self._names, self._defaults, self._forms, strict=True)
        return {
            name: value if form is None else form(value)
            for value, name, default, form in columns
            if value is not default and value != default
        }


_exporter_of = cache(_Exporter)


class _JobExporter:
    """Turns jobs into data, with the keys of their specs among their own, in the place of `spec`.

    Most jobs of a large plan differ only in `_OWN`. What they share is made once and copied for each: writing 100,000
    jobs takes half as long. A field that is not named here is part of what is compared, so none can be forgotten.
    """

    _OWN = frozenset(("id", "workflow", "level", "rank", "expected_seconds", "needs", "after", "digest"))
    _OWN_OF_SPEC = frozenset(("run", "inputs", "output_files"))

    def __init__(self, ids: Sequence[str]) -> None:
        self._ids = ids
        fields = PlannedJob.__struct_fields__
        place = fields.index("spec")
        self._before = _Exporter(PlannedJob, fields[:place], {"needs": self._ids_of, "after": self._ids_of})
        self._spec = _Exporter(JobSpec)
        self._behind = _Exporter(PlannedJob, fields[place:])
        self._shared = attrgetter(*(field for field in fields if field not in self._OWN | {"index", "spec"}))
        self._shared_of_spec = attrgetter(*(one for one in JobSpec.__struct_fields__ if one not in self._OWN_OF_SPEC))
        self._last: tuple[object, ...] = ()
        self._template: dict[str, Any] = {}

    def data(self, job: PlannedJob) -> dict[str, Any]:
        """One job."""
        spec = job.spec
        has_own = (spec.run is None, job.expected_seconds is None, not spec.inputs, not spec.output_files)
        shared = (self._shared(job), self._shared_of_spec(spec), has_own, spec.inputs is None)
        if shared != self._last:
            self._last = shared
            self._template = {**self._before.data(job), **self._spec.data(spec), **self._behind.data(job)}
        data = self._template.copy()
        data["id"] = job.id
        data["workflow"] = job.workflow
        data["level"] = job.level
        data["rank"] = _number(job.rank)
        if job.expected_seconds is not None:
            data["expected_seconds"] = _number(job.expected_seconds)
        data["needs"] = self._ids_of(job.needs)
        data["after"] = self._ids_of(job.after)
        if spec.run is not None:
            data["run"] = spec.run
        if spec.inputs:
            data["inputs"] = [*map(_simple_data, spec.inputs)]
        if spec.output_files:
            data["output_files"] = [*map(_simple_data, spec.output_files)]
        data["digest"] = job.digest
        return data

    def _ids_of(self, row: Iterable[int]) -> list[str]:
        return [self._ids[index] for index in row]


def _simple_data(struct: Struct) -> dict[str, Any]:
    """A struct without keys that are always written, other structs and numbers; in half of the time."""
    return {name: list(value) if type(value) is tuple else value for name, value in to_builtins(struct).items()}


def _form_of(kind: Any) -> Callable[[Any], Any] | None:
    """What to do with values of a type; None for those that are data as they are."""
    if kind == Pairs:
        return dict
    return None if kind in _DATA else _as_data


def _as_data(value: Any) -> Any:
    kind = type(value)
    if kind is float:
        return _number(value)
    if kind is tuple:
        return [entry if type(entry) is str else _as_data(entry) for entry in value]
    if kind is dict:
        return {name: _as_data(inner) if isinstance(inner, Struct | tuple) else inner for name, inner in value.items()}
    if kind is RetryPolicy:
        return _retry_data(value)
    if isinstance(value, Struct):
        return _exporter_of(type(value)).data(value)
    return value.value if isinstance(value, Enum) else value


def _retry_data(retry: RetryPolicy) -> dict[str, Any]:
    """Its conditions, which are fields, are one list."""
    ends: list[Any] = ["failed"] * retry.on_failed + ["timed_out"] * retry.on_timed_out
    ends += [{"exit": list(retry.on_exit)}] if retry.on_exit else []
    return {**_exporter_of(RetryPolicy, _RETRY_FIELDS).data(retry), "on": ends}


def _retry_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """The reverse, for `convert`."""
    ends = data["on"]
    exits = [end["exit"] for end in ends if not isinstance(end, str)]
    return {
        **data,
        "on_failed": "failed" in ends,
        "on_timed_out": "timed_out" in ends,
        "on_exit": exits[0] if exits else (),
    }


def _job_fields(data: dict[str, Any], index: int, index_of: Mapping[str, int]) -> dict[str, Any]:
    """A job's data, for `convert`: its spec finds its own keys among those of the job."""
    fields = data.copy()
    fields["index"] = index
    fields["spec"] = data
    fields["needs"] = [index_of[need] for need in data["needs"]]
    fields["after"] = [index_of[other] for other in data["after"]]
    fields["pools"] = tuple(data["pools"].items())
    if "retry" in data:
        fields["retry"] = _retry_fields(data["retry"])
    return fields


def _indices(ids: Iterable[str], index_of: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(map(index_of.__getitem__, ids))


def _number(value: float) -> float | int:
    """Whole numbers without a fraction: `300`, not `300.0`."""
    return int(value) if value.is_integer() else value
