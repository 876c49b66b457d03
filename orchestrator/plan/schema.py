"""The JSON Schemas of `plan.json` and `execution_plan.json`: what `schemas/` holds, and a test compares.

Keys, types, limits and descriptions come from the structs of `plan.model`: msgspec makes schemas of them, which are
narrowed here to what is written. Only what has another form as data than in its struct is described by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct

from orchestrator.plan.condition_model import GlobPattern, RunCondition
from orchestrator.plan.estimate import Estimate
from orchestrator.plan.export import NOT_WRITTEN, VERSION
from orchestrator.plan.flow_model import Input, OutputFiles, OutputSpec
from orchestrator.plan.key_table import keys_of
from orchestrator.plan.model import JobSpec, Limits, Plan, PlannedJob, Policy, RetryPolicy, ShellBlock
from orchestrator.plan.policy_parts import (
    AdmissionPolicy,
    CachePolicy,
    CiPolicy,
    ClusterPolicy,
    GatewayPolicy,
    KubernetesPolicy,
    QueuePolicy,
    SshPolicy,
    TlsPolicy,
)
from orchestrator.plan.run_matrix import CellChoice, RunAxis, RunMatrix
from orchestrator.plan.secret_source import SecretSource

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DEFINITIONS = {
    "Policy": "policy",
    "PlannedJob": "job",
    "RetryPolicy": "retry",
    "RunCondition": "condition",
    "Limits": "limits",
    "SecretSource": "secret",
}
_STRUCTS: Mapping[str, type[Struct]] = {
    "AdmissionPolicy": AdmissionPolicy,
    "CachePolicy": CachePolicy,
    "CellChoice": CellChoice,
    "CiPolicy": CiPolicy,
    "ClusterPolicy": ClusterPolicy,
    "GatewayPolicy": GatewayPolicy,
    "KubernetesPolicy": KubernetesPolicy,
    "QueuePolicy": QueuePolicy,
    "SshPolicy": SshPolicy,
    "TlsPolicy": TlsPolicy,
    "GlobPattern": GlobPattern,
    "Input": Input,
    "OutputFiles": OutputFiles,
    "OutputSpec": OutputSpec,
    "RunAxis": RunAxis,
    "RunMatrix": RunMatrix,
    "ShellBlock": ShellBlock,
}
_IDS: Schema = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
_IDS_OF_LEVELS = {"type": "array", "items": {**_IDS, "description": "Jobs that may run in parallel.", "minItems": 1}}
_AMOUNTS: Schema = {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}}


_CHECK: Schema = {
    "type": "object",
    "description": "What would become of its check if the plan were run now; only in what `pexec plan` prints.",
    "properties": {
        "state": {
            "enum": ["up_to_date", "runs", "may_run"],
            "description": "`may_run`: what it depends on is known only during the run.",
        },
        "because": {
            "type": "array",
            "items": {"type": "string"},
            "description": "What differs, is not known yet, or will be restored.",
        },
    },
    "required": ["state", "because"],
    "additionalProperties": False,
}


def plan_schema() -> Schema:
    """The schema of what `plan_to_dict` gives; closed."""
    left_out = {
        "workflow": {"type": "string", "description": "Its name, or the id of a job."},
        "reason": {"type": "string", "description": "Why it is not part of the run."},
    }
    forms = {
        "levels": _IDS_OF_LEVELS,
        "critical_path": _IDS,
        "left_out": {"type": "array", "items": _closed(left_out)},
    }
    required, more = _keys(Plan, forms)
    optional = {name: more.pop(name) for name in ("secrets", "params", "computed")}
    estimate, _ = _keys(Estimate)
    about = {"description": "Based on the durations of jobs in earlier runs; absent if none is known."}
    optional["estimate"] = {**_closed(estimate), **about}
    version = {"const": VERSION, "description": "The version of this format."}
    return {
        "$schema": _DIALECT,
        "title": "Plan of a pexec run",
        "description": "What a run will do. Times are seconds.",
        **_closed({"version": version, **required, **more}, optional),
        "$defs": {
            "policy": _closed(*_keys(Policy)),
            "job": _job(),
            "retry": _retry(),
            "condition": {**_closed(*_keys(RunCondition)), "minProperties": 1},
            "limits": _limits(),
            "secret": _secret(),
        },
    }


def execution_plan_schema() -> Schema:
    """The schema of what `execution_plan_fields` gives; closed."""
    jobs = {**_IDS, "description": "Jobs that wait only for jobs of earlier groups.", "minItems": 1}
    group = _closed(
        {"group_id": {"type": "integer", "minimum": 1, "description": "Counted from 1."}, "workflows": jobs}
    )
    root = _closed(
        {
            "plan_created": {"type": "string", "format": "date-time", "description": "UTC, ISO 8601."},
            "total_groups": {"type": "integer", "minimum": 0, "description": "The number of groups."},
            "max_parallel_jobs": {"type": "integer", "minimum": 1, "description": "Maximum number of parallel jobs."},
            "execution_groups": {"type": "array", "items": group},
        }
    )
    return {"$schema": _DIALECT, "title": "Execution plan of a pexec run", **root}


def _job() -> Schema:
    """The keys of a job, with those of its spec among them, as in the data."""
    required, optional = _keys(PlannedJob, {"needs": _IDS, "after": _IDS, "pools": _AMOUNTS})
    of_spec, optional_of_spec = _keys(JobSpec)
    pairs = (["run", "argv"], ["run", "file"], ["argv", "file"])
    return {
        **_closed({**required, **of_spec}, {**optional, **optional_of_spec, "cache": _CHECK}),
        "allOf": [{"not": {"required": pair}} for pair in pairs],
        "dependentRequired": {"args": ["file"]},
    }


def _retry() -> Schema:
    """Its conditions, which are fields, are one list."""
    codes = _closed({"exit": {"type": "array", "items": {"type": "integer"}}})
    conditions = {
        "type": "array",
        "items": {"anyOf": [{"enum": ["failed", "timed_out"]}, codes]},
        "description": "Which outcomes of an attempt are followed by another one.",
    }
    return _closed({**_keys(RetryPolicy)[0], "on": conditions})


def _limits() -> Schema:
    return {**_closed(*_keys(Limits)), "minProperties": 1, "description": "What an attempt may use."}


def _secret() -> Schema:
    return {
        **_closed(*_keys(SecretSource)),
        "oneOf": [{"required": [key]} for key in ("env", "file", "env_file", "command")],
    }


def _keys(struct: type[Struct], forms: Mapping[str, Schema] = MappingProxyType({})) -> tuple[Schema, Schema]:
    """Schemas by key: of those that are always written, and of the others. `forms` replace what msgspec says of the
    types of some fields."""
    required: Schema = {}
    optional: Schema = {}
    for key in keys_of(struct):
        if key.field in NOT_WRITTEN:
            continue
        schema = _resolved(_structs()[struct.__name__]["properties"][key.json])
        default = schema.pop("default", None)
        if form := forms.get(key.field):
            schema = {**form, "description": schema["description"]}
        if key.always:
            required[key.json] = schema
        else:
            optional[key.json] = _narrowed(schema, default)
    return required, optional


def _narrowed(schema: Schema, default: object) -> Schema:
    """The schema of a key that is present only when it has another value than its default."""
    if isinstance(default, bool):
        return {"const": not default, "description": schema["description"]}
    if default == 0:
        del schema["minimum"]
        return {**schema, **({"minimum": 1} if schema["type"] == "integer" else {"exclusiveMinimum": 0})}
    if default is None:
        (present,) = [one for one in schema.pop("anyOf") if one != {"type": "null"}]
        return {**schema, **present}
    return {**schema, "default": default} if default else schema


@cache
def _structs() -> Mapping[str, Schema]:
    """The schemas of all structs and enumerations, by class."""
    return msgspec.json.schema_components((Plan, Estimate), ref_template="{name}")[1]


def _resolved(schema: Any) -> Any:
    """The schema with references only to the definitions of the file; what else it refers to is put in."""
    if isinstance(schema, list):
        return [_resolved(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    resolved = {key: _resolved(value) for key, value in schema.items() if key != "$ref"}
    if name := schema.get("$ref"):
        struct = _STRUCTS.get(name)
        if name in _DEFINITIONS:
            return {**resolved, "$ref": f"#/$defs/{_DEFINITIONS[name]}"}
        return {**resolved, **({"enum": _structs()[name]["enum"]} if struct is None else _closed(*_keys(struct)))}
    return resolved


def _closed(required: Schema, optional: Schema | None = None) -> Schema:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }
