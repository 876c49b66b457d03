"""Help for an unknown key: a typo, another tool's name for it, or a key of another section."""

from __future__ import annotations

from functools import lru_cache

from orchestrator.console.text import quote
from orchestrator.diagnostics.suggest import Suggester, closest
from orchestrator.manifest.env_keys import EnvPathsKeys
from orchestrator.manifest.model import Defaults, JoiningManifest, Manifest, Workflow
from orchestrator.manifest.nested_sections import Include, Need, Param
from orchestrator.manifest.policy_keys import PolicyKeys
from orchestrator.manifest.retry_keys import Retry
from orchestrator.manifest.section import Section, keys_of

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
OTHER_TOOLS: dict[type[Section], dict[str, str]] = {
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
    PolicyKeys: {
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
    EnvPathsKeys: {"before": "prepend", "prefix": "prepend", "after": "append", "suffix": "append"},
    Retry: {"attempts": "max_attempts", "retries": "max_attempts", "max": "max_attempts"},
}
_SECTIONS: list[tuple[type[Section], str]] = [
    (PolicyKeys, "it belongs under `policy`"),
    (Retry, "it belongs under `retry`"),
    (Workflow, "it belongs in a workflow"),
    (Defaults, "it belongs under `defaults`"),
    (Manifest, "it belongs at the top level, next to `workflows`"),
]
_OF_FILES = ("sources", "generates", "inputs", "status", "creates")
_SPECIAL: dict[tuple[type[Section], str], str] = {
    (Param, "type"): "the type is that of `default`: text, a number, or a boolean",
    (Param, "required"): "a parameter without `default` is required",
    (Workflow, "unless"): "use `if` with the opposite condition: `if: {not: {...}}`",
    (Manifest, "concurrency"): "the number of parallel jobs is `policy.max_parallel_jobs`",
    (Manifest, "on"): "pexec has no triggers; start it from CI, cron or a Git hook",
    (
        Workflow,
        "steps",
    ): "a workflow runs one command: put all steps in `run`, or make each step a workflow with `needs`",
    (
        Workflow,
        "runs-on",
    ): "all jobs run on this machine; `if: {platform.system: linux}` skips a workflow on other systems",
    (Workflow, "uses"): "pexec runs commands: write the equivalent command in `run`",
    (Workflow, "outputs"): "jobs pass files to each other: they share the manifest's directory",
    (Workflow, "name"): "the name is the key above; `description` takes free text",
    **{
        (Workflow, key): "pexec runs every job of a run: it does not compare file modification times"
        for key in _OF_FILES
    },
}


@lru_cache(maxsize=2_000)
def _near(key: str, section: type[Section]) -> str | None:
    return closest(key, keys_of(section))


def meant_key(section: type[Section], key: str) -> str | None:
    """The key that an unknown one was most likely meant to be."""
    section = _plain(section)
    return OTHER_TOOLS.get(section, {}).get(key) or _near(key, section)


def unknown_key_hint(section: type[Section], key: str) -> str:
    """The help for an unknown key of a section."""
    section = _plain(section)
    if special := _SPECIAL.get((section, key)):
        return special
    if word := OTHER_TOOLS.get(section, {}).get(key):
        unit = "; it takes a unit: `timeout: 5m`" if word == "timeout" else ""
        return f"pexec calls it `{word}`{unit}"
    for other, belongs in _SECTIONS:
        if other is not section and key in keys_of(other):
            return belongs
    if question := Suggester(keys_of(section)).did_you_mean(key):
        return question
    return "known keys: " + ", ".join(map(quote, keys_of(section)))


def _plain(section: type[Section]) -> type[Section]:
    return Manifest if section is JoiningManifest else section
