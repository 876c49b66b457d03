"""The JSON Schemas of `plan.json` and `execution_plan.json`: what `schemas/` holds, and a test compares."""

from __future__ import annotations

from typing import Any

from orchestrator.plan.export import VERSION
from orchestrator.plan.model import DEFAULT_GRACE_SECONDS, DEFAULT_SHELL, FailFast, Order, When

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def plan_schema() -> Schema:
    """The schema of what `plan_to_dict` gives; closed."""
    root = _closed(
        {
            "version": {"const": VERSION, "description": "The version of this format."},
            "name": _text("The name of the run."),
            "description": _text("What the manifest is for; may be empty."),
            "manifest": _text("The path of the manifest that was planned."),
            "base_dir": _text("The folder from which relative paths of jobs count."),
            "digest": _text("The same for plans that run the same, whatever `max_parallel_jobs` is."),
            "policy": {"$ref": "#/$defs/policy"},
            "levels": {
                **_list({**_ids("Jobs that may run side by side."), "minItems": 1}),
                "description": "Jobs by the length of the longest chain of jobs that they wait for.",
            },
            "critical_path": _ids("The longest chain of jobs that wait for each other, first job first."),
            "jobs": {**_list({"$ref": "#/$defs/job"}), "description": "All jobs, in the order of the manifest."},
            "left_out": {
                **_list(_closed({"workflow": _text("Its name."), "reason": _text("Why it has no job.")})),
                "description": "Workflows of the manifest that are not part of the run.",
            },
        }
    )
    head = {
        "$schema": _DIALECT,
        "title": "Plan of a pexec run",
        "description": "What a run will do. Times are seconds.",
    }
    return {**head, **root, "$defs": {"policy": _policy(), "job": _job(), "retry": _retry()}}


def execution_plan_schema() -> Schema:
    """The schema of what `execution_plan_dict` gives; closed."""
    group = _closed(
        {
            "group_id": {"type": "integer", "minimum": 1, "description": "Counted from 1."},
            "workflows": {**_ids("Jobs that wait only for jobs of earlier groups."), "minItems": 1},
        }
    )
    root = _closed(
        {
            "plan_created": {"type": "string", "format": "date-time", "description": "UTC, ISO 8601."},
            "total_groups": _count("How many groups there are."),
            "max_parallel_jobs": _count("How many jobs run at once at most.", least=1),
            "execution_groups": _list(group),
        }
    )
    return {"$schema": _DIALECT, "title": "Execution plan of a pexec run", **root}


def _policy() -> Schema:
    return _closed(
        {
            "max_parallel_jobs": _count("How many jobs run at once at most.", least=1),
            "fail_fast": {"enum": [member.plain for member in FailFast], "description": "What a first failure does."},
            "timeout_seconds": _limit("Deadline of the run; null for none."),
            "order": {"enum": [member.value for member in Order], "description": "Which ready job starts first."},
            "pools": _amounts("The size of each pool."),
            "job_timeout_seconds": _limit("Limit of one attempt of jobs that have none of their own; null for none."),
        }
    )


def _job() -> Schema:
    required = {
        "id": _text("Unique in the plan."),
        "workflow": _text("The workflow of the manifest that it is a job of."),
        "level": _count("The length of the longest chain of jobs that it waits for."),
        "rank": _amount("The weight of the longest chain of jobs that starts with it."),
        "needs": _ids("Jobs whose outcome decides whether it runs."),
        "after": _ids("Jobs that it waits for whatever their outcome."),
        "when": {"enum": [member.value for member in When], "description": "On what ends of its needs it runs."},
        "timeout_seconds": _limit("Limit of one attempt; null for none."),
        "priority": {"type": "integer", "description": "Higher starts earlier."},
        "pools": _amounts("What it holds of each pool while an attempt runs."),
        "digest": _text("The same for jobs that do the same on top of the same."),
    }
    words = _list({"type": "string"})
    optional = {
        "description": _text("What it is for."),
        "run": _text("Shell text. At most one of `run`, `argv` and `file` is there; none for a group."),
        "argv": {**words, "minItems": 1, "description": "A program and its arguments, started without a shell."},
        "file": _text("A script."),
        "file_executable": {"const": True, "description": "The script is executed, not given to the shell."},
        "args": {**words, "description": "Arguments of `file`."},
        "shell": {**words, "minItems": 1, "default": list(DEFAULT_SHELL), "description": "The shell with its options."},
        "env": {**_map({"type": "string"}), "description": "Variables for its environment."},
        "env_inherit": {
            "anyOf": [{"enum": ["all", "minimal"]}, words],
            "default": "all",
            "description": "What it sees of the environment of pexec: all, a minimum, or names and globs.",
        },
        "working_dir": _text("Where it runs; `base_dir` if it is not there."),
        "grace_seconds": {**_amount("Between the polite and the hard signal."), "default": DEFAULT_GRACE_SECONDS},
        "retry": {"$ref": "#/$defs/retry"},
        "allow_failure": {"const": True, "description": "Its failure fails neither the run nor its dependents."},
        "tags": {**words, "description": "Labels."},
    }
    schema = _closed(required, optional)
    pairs = (["run", "argv"], ["run", "file"], ["argv", "file"])
    return {**schema, "allOf": [{"not": {"required": pair}} for pair in pairs], "dependentRequired": {"args": ["file"]}}


def _retry() -> Schema:
    codes = _closed({"exit": _list({"type": "integer"})})
    return _closed(
        {
            "max_attempts": _count("Attempts in all.", least=1),
            "delay_seconds": _amount("The wait before the second attempt."),
            "backoff": _amount("The factor by which each further wait is longer."),
            "max_delay_seconds": _amount("No wait is longer."),
            "jitter": _amount("The share of a wait by which it is spread."),
            "on": {
                **_list({"anyOf": [{"enum": ["failed", "timed_out"]}, codes]}),
                "description": "Which ends of an attempt are followed by another.",
            },
        }
    )


def _closed(required: Schema, optional: Schema | None = None) -> Schema:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _amount(description: str) -> Schema:
    return {"type": "number", "minimum": 0, "description": description}


def _limit(description: str) -> Schema:
    return {"type": ["number", "null"], "exclusiveMinimum": 0, "description": description}


def _count(description: str, least: int = 0) -> Schema:
    return {"type": "integer", "minimum": least, "description": description}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _ids(description: str) -> Schema:
    return {**_list({"type": "string"}), "uniqueItems": True, "description": description}


def _map(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def _amounts(description: str) -> Schema:
    return {**_map({"type": "integer", "minimum": 1}), "description": description}
