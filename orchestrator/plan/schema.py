"""The JSON Schemas of `plan.json` and `execution_plan.json`: what `schemas/` holds, and a test compares."""

from __future__ import annotations

from typing import Any

from orchestrator.plan.export import VERSION
from orchestrator.plan.model import (
    DEFAULT_CLEANUP_SECONDS,
    DEFAULT_GRACE_SECONDS,
    DEFAULT_SHELL,
    Durability,
    FailFast,
    Isolation,
    Order,
    When,
)

Schema = dict[str, Any]

_VALUE: Schema = {"type": ["string", "number", "boolean"]}
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
                **_list(_closed({"workflow": _text("Its name, or a job's id."), "reason": _text("Why it has none.")})),
                "description": "Workflows of the manifest, and jobs of a matrix, that are not part of the run.",
            },
        },
        {
            "secrets": {
                "type": "object",
                "additionalProperties": {"$ref": "#/$defs/secret"},
                "description": "Where the values of secrets are found when the run starts, by the secrets' names.",
            },
            "estimate": _estimate(),
            "params": {**_map(_VALUE), "description": "The parameters of the run, by name."},
        },
    )
    head = {
        "$schema": _DIALECT,
        "title": "Plan of a pexec run",
        "description": "What a run will do. Times are seconds.",
    }
    return {
        **head,
        **root,
        "$defs": {"policy": _policy(), "job": _job(), "retry": _retry(), "limits": _limits(), "secret": _secret()},
    }


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
            "durability": {"enum": [member.value for member in Durability], "description": "What a success survives."},
            "keep_runs": _count("How many of the newest runs stay when the run ends.", least=1),
            "archive": {"type": "boolean", "description": "Whether the run is packed into one file when it ends."},
        },
        {
            "admission": _closed(
                {},
                {
                    "min_free_memory_bytes": _count("So much memory stays available when a job starts.", least=1),
                    "max_load": {"type": "number", "exclusiveMinimum": 0, "description": "No job starts above it."},
                },
            )
        },
    )


def _estimate() -> Schema:
    schema = _closed(
        {
            "seconds": _amount("What the run takes at least."),
            "critical_path_seconds": _amount("What the critical path takes."),
            "work_seconds": _amount("What all jobs take together."),
            "known_jobs": _count("Of how many jobs the duration is known; the others count as the one in the middle."),
        }
    )
    return {**schema, "description": "From how long jobs took in earlier runs; not there when nothing is known."}


def _job() -> Schema:
    required = {
        "id": _text("Unique in the plan."),
        "workflow": _text("The workflow of the manifest that it is a job of."),
        "level": _count("The length of the longest chain of jobs that it waits for."),
        "rank": _amount("The weight of the longest chain of jobs that starts with it: seconds, else jobs."),
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
        "expected_seconds": _amount("How long it took in earlier runs."),
        "description": _text("What it is for."),
        "run": _text("Shell text. At most one of `run`, `argv` and `file` is there; none for a group."),
        "argv": {**words, "minItems": 1, "description": "A program and its arguments, started without a shell."},
        "file": _text("A script or a runbook."),
        "blocks": {
            **_list(_closed({"line": _count("Where its text begins.", least=1), "text": _text("Shell text.")})),
            "description": "The blocks of the runbook that run, in order.",
        },
        "late": _count("How many blanks end `${{ run.id }}` and `${{ run.dir }}`, where they are filled in.", least=1),
        "matrix": {**_map(_VALUE), "description": "The values of its cell of the workflow's matrix."},
        "matrix_fail_fast": {"const": True, "description": "Its failure cancels the workflow's other jobs."},
        "file_executable": {"const": True, "description": "The script is executed, not given to the shell."},
        "args": {**words, "description": "Arguments of `file`."},
        "shell": {**words, "minItems": 1, "default": list(DEFAULT_SHELL), "description": "The shell with its options."},
        "env": {**_map({"type": "string"}), "description": "Variables for its environment."},
        "env_inherit": {
            "anyOf": [{"enum": ["all", "minimal"]}, words],
            "default": "all",
            "description": "What it sees of the environment of pexec: all, a minimum, or names and globs.",
        },
        "secrets": {**words, "description": "The secrets whose values join its environment."},
        "masked": {"const": True, "description": "The value of a secret stood in its texts, and was taken out."},
        "working_dir": _text("Where it runs; `base_dir` if it is not there."),
        "grace_seconds": {**_amount("Between the polite and the hard signal."), "default": DEFAULT_GRACE_SECONDS},
        "limits": {"$ref": "#/$defs/limits"},
        "require_limits": {"const": True, "description": "The run is refused where its limits cannot be enforced."},
        "isolation": {
            "enum": [member.value for member in Isolation],
            "default": "none",
            "description": "What keeps it from the rest of the machine.",
        },
        "network": {"const": True, "description": "In its sandbox it reaches the network."},
        "writes": {**words, "description": "What it may write in its sandbox; relative to `base_dir`."},
        "require_isolation": {"const": True, "description": "The run is refused where it cannot be isolated so."},
        "cleanup": _text("Shell text that runs after its last attempt."),
        "cleanup_timeout_seconds": {**_amount("Limit of `cleanup`."), "default": DEFAULT_CLEANUP_SECONDS},
        "memory_bytes": _count("What it is expected to use; no limit.", least=1),
        "cpus": {"type": "number", "exclusiveMinimum": 0, "description": "CPUs that it is expected to keep busy."},
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


def _secret() -> Schema:
    source = _closed(
        {},
        {
            "env": _text("The variable of pexec's own environment that holds the value."),
            "file": _text("The file that holds it."),
            "command": {**_list({"type": "string"}), "minItems": 1, "description": "The program that prints it."},
            "allow_short": {"const": True, "description": "It may be shorter than 4 bytes."},
            "needed": {"const": False, "description": "Only workflows outside of the run name it."},
        },
    )
    return {**source, "oneOf": [{"required": [key]} for key in ("env", "file", "command")]}


def _limits() -> Schema:
    schema = _closed(
        {},
        {
            "memory_bytes": _count("Memory of all processes of an attempt.", least=1),
            "cpu_seconds": {"type": "number", "exclusiveMinimum": 0, "description": "CPU time of all its processes."},
            "open_files": _count("Open files of each process.", least=1),
            "file_size_bytes": _count("The size of any file that it writes.", least=1),
            "processes": _count("Processes at once.", least=1),
            "core_bytes": _count("The size of a core dump."),
            "log_bytes": _count("The size of its log.", least=1),
        },
    )
    return {**schema, "minProperties": 1, "description": "What an attempt may use."}


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
