"""What to say of a key that is not known where it stands: a slip, another tool's word, or the wrong section."""

from __future__ import annotations

from functools import lru_cache

from pydantic import BaseModel

from orchestrator.diagnostics.model import Path
from orchestrator.diagnostics.suggest import closest
from orchestrator.manifest.model import Defaults, Manifest, Policy, Retry, Workflow
from orchestrator.manifest.parts import Include, Need, Param
from orchestrator.manifest.scalars import quote
from orchestrator.manifest.validation.sections import keys_of, section_at

_IN_WORKFLOWS = {
    "cwd": "working_dir",
    "dir": "working_dir",
    "working-directory": "working_dir",
    "environment": "env",
    "timeout-minutes": "timeout",
    "timeout_minutes": "timeout",
    "timeout_seconds": "timeout",
    "retries": "retry",
    "isolate": "isolation",
    "sandbox": "isolation",
    "outputs": "writes",
    "net": "network",
}
OTHER_TOOLS: dict[type[BaseModel], dict[str, str]] = {
    Manifest: {
        "jobs": "workflows",
        "tasks": "workflows",
        "steps": "workflows",
        "includes": "include",
        "import": "include",
        "imports": "include",
        "inputs": "params",
        "parameters": "params",
        "variables": "params",
        "vars": "params",
    },
    Include: {"path": "file", "local": "file", "namespace": "prefix", "as": "prefix"},
    Param: {"value": "default", "regex": "pattern", "enum": "choices", "options": "choices", "values": "choices"},
    Need: {"job": "workflow", "name": "workflow", "task": "workflow", "cells": "matrix"},
    Policy: {
        "concurrency": "max_parallel_jobs",
        "max_workers": "max_parallel_jobs",
        "jobs": "max_parallel_jobs",
        "parallel": "max_parallel_jobs",
        "max_parallel": "max_parallel_jobs",
        "timeout_seconds": "timeout",
    },
    Defaults: _IN_WORKFLOWS,
    Workflow: {
        **_IN_WORKFLOWS,
        "depends_on": "needs",
        "deps": "needs",
        "dependsOn": "needs",
        "dependencies": "needs",
        "requires": "needs",
        "continue-on-error": "allow_failure",
        "ignore_error": "allow_failure",
        "allowFailure": "allow_failure",
        "cmd": "run",
        "cmds": "run",
        "command": "run",
        "script": "run",
        "steps": "run",
        "strategy": "matrix",
        "condition": "if",
        "only_if": "if",
        "unless": "if",
    },
    Retry: {"attempts": "max_attempts", "retries": "max_attempts", "max": "max_attempts"},
}
_SECTIONS: list[tuple[type[BaseModel], str]] = [
    (Policy, "it belongs under `policy`"),
    (Retry, "it belongs under `retry`"),
    (Workflow, "it belongs to a workflow"),
    (Defaults, "it belongs under `defaults`"),
    (Manifest, "it belongs to the manifest itself, beside `workflows`"),
]
_OF_FILES = ("sources", "generates", "inputs", "status", "creates")
_SPECIAL: dict[tuple[type[BaseModel], str], str] = {
    (Param, "type"): "the type follows from `default`: text, a number, or true and false",
    (Param, "required"): "a parameter without `default` must be given",
    (Workflow, "unless"): "pexec calls it `if`, and writes it the other way round: `if: {not: {...}}`",
    (Manifest, "concurrency"): "how many jobs run at once is `policy.max_parallel_jobs`",
    (Manifest, "on"): "whoever wants a run starts one: `pexec apply`",
    (Workflow, "steps"): "a workflow runs one command: put them all into `run`, or make each a workflow with `needs`",
    (Workflow, "runs-on"): "all jobs run on this machine; `if: {platform.system: linux}` leaves one out elsewhere",
    (Workflow, "uses"): "pexec runs commands: write in `run` what it does",
    (Workflow, "outputs"): "jobs hand over files: they share the manifest's folder",
    (Workflow, "name"): "the name is the key above it; `description` is for people",
    **{(Workflow, key): "every job of a run is run: pexec does not look at the times of files" for key in _OF_FILES},
}


@lru_cache(maxsize=2_000)
def _near(key: str, section: type[BaseModel]) -> str | None:
    return closest(key, keys_of(section))


def meant_key(path: Path) -> str | None:
    """The key that the unknown one at `path` stands for, as far as can be told."""
    section, key = section_at(path[:-1]), str(path[-1])
    if section is None:
        return None
    return OTHER_TOOLS.get(section, {}).get(key) or _near(key, section)


def unknown_key_hint(path: Path) -> str:
    """The help for the unknown key at `path`."""
    section, key = section_at(path[:-1]), str(path[-1])
    if section is None:
        return ""
    if special := _SPECIAL.get((section, key)):
        return special
    if word := OTHER_TOOLS.get(section, {}).get(key):
        unit = "; it takes a unit: `timeout: 5m`" if word == "timeout" else ""
        return f"pexec calls it `{word}`{unit}"
    for other, belongs in _SECTIONS:
        if other is not section and key in keys_of(other):
            return belongs
    if word := _near(key, section):
        return f"did you mean `{word}`?"
    return "known here: " + ", ".join(map(quote, keys_of(section)))
