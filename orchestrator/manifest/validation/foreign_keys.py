"""Keys of other tools: what pexec calls them, or what to do where pexec has nothing of the kind."""

from __future__ import annotations

from typing import Final

from orchestrator.diagnostics.documentation import documented
from orchestrator.manifest.env_file_keys import EnvFileKeys
from orchestrator.manifest.env_keys import EnvPathsKeys
from orchestrator.manifest.matrix_keys import AxisSource
from orchestrator.manifest.model import Defaults, Manifest, Workflow
from orchestrator.manifest.nested_sections import Include, Need, Param
from orchestrator.manifest.policy_keys import PolicyKeys
from orchestrator.manifest.retry_keys import Retry
from orchestrator.manifest.section import Section

_IN_WORKFLOWS = {
    **dict.fromkeys(("cwd", "dir", "working-directory", "working_directory", "workdir", "workingDir"), "working_dir"),
    **dict.fromkeys(("environment", "environments", "variables", "vars"), "env"),
    **dict.fromkeys(("dotenv", "envfile", "env-file", "envFile", "env_files"), "env_file"),
    **dict.fromkeys(("timeout-minutes", "timeout_minutes", "timeout_seconds", "time_limit"), "timeout"),
    **dict.fromkeys(
        ("stop-signal", "stopsignal", "stopSignal", "kill_signal", "killsignal", "KillSignal"), "stop_signal"
    ),
    **dict.fromkeys(("signal", "kill-signal"), "stop_signal"),
    **dict.fromkeys(("stop_grace_period", "stop_timeout", "kill_timeout", "grace_period"), "grace"),
    **dict.fromkeys(("colors", "colour", "force_color"), "color"),
    "retries": "retry",
    "isolate": "isolation",
    "sandbox": "isolation",
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
    EnvFileKeys: {"path": "file"},
    Param: {"value": "default", "regex": "pattern", "enum": "choices", "options": "choices", "values": "choices"},
    AxisSource: {
        **dict.fromkeys(("files", "pattern", "globs"), "glob"),
        **dict.fromkeys(("file", "list"), "lines"),
        **dict.fromkeys(("pointer", "path", "key"), "at"),
        **dict.fromkeys(("optional", "allow-empty", "allowEmpty"), "allow_empty"),
    },
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
        **dict.fromkeys(("depends_on", "deps", "dependsOn", "dependencies", "stage"), "needs"),
        **dict.fromkeys(("continue-on-error", "ignore_error", "allowFailure"), "allow_failure"),
        **dict.fromkeys(("cmd", "cmds", "command", "commands", "script", "before_script", "steps"), "run"),
        **dict.fromkeys(("entrypoint", "exec"), "argv"),
        **dict.fromkeys(("after_script", "teardown"), "cleanup"),
        **dict.fromkeys(("condition", "only_if", "unless", "rules"), "if"),
        **dict.fromkeys(("desc", "summary", "help"), "description"),
        **dict.fromkeys(("sources", "srcs", "input"), "inputs"),
        **dict.fromkeys(("generates", "artifacts", "produces", "output"), "outputs"),
        "strategy": "matrix",
        "internal": "manual",
    },
    EnvPathsKeys: {"before": "prepend", "prefix": "prepend", "after": "append", "suffix": "append"},
    Retry: {"attempts": "max_attempts", "retries": "max_attempts", "max": "max_attempts"},
}

_A_JOB_ENDS: Final = (
    f"a job ends, and what it left running ends with it; see {documented('Run a server for your tests')}"
)
_STORED: Final = (
    "a workflow with `inputs` is not run again while they are the same; its `outputs` are stored and restored"
)
_A_POOL: Final = "a pool limits how many jobs run at once: `policy: {pools: {NAME: 2}}`, and `pools: {NAME: 1}` here"
_A_CONTAINER: Final = "jobs run on this machine; start a container in `run`: `docker run --rm IMAGE make`"
_NO_TERMINAL: Final = "jobs have no terminal; `color: true` asks their programs for colors"
_MERGE: Final = "merge an anchor, `<<: *base`; what all workflows share belongs under `defaults`"
_OF_SERVERS = (
    *("service", "services", "background", "daemon", "detach", "detached", "persistent", "long_running", "ports"),
    *("ready", "ready_when", "readiness", "readiness_probe", "healthcheck", "wait_for", "wait_on", "restart"),
)
_OF_WORKFLOWS: Final = {
    **dict.fromkeys(_OF_SERVERS, _A_JOB_ENDS),
    "caches": _STORED,
    **dict.fromkeys(("max_parallel", "max-parallel", "maxParallel", "concurrency", "resource_group"), _A_POOL),
    **dict.fromkeys(("image", "container"), _A_CONTAINER),
    **dict.fromkeys(("tty", "interactive", "stdin", "stdin_open"), _NO_TERMINAL),
    **dict.fromkeys(("extends", "inherits", "template"), _MERGE),
    **dict.fromkeys(("status", "creates"), _STORED),
}
SPECIAL: dict[tuple[type[Section], str], str] = {
    (Param, "type"): "the type is that of `default`: text, a number, or a boolean",
    (Param, "required"): "a parameter without `default` is required",
    (Manifest, "concurrency"): "the number of parallel jobs is `policy.max_parallel_jobs`",
    (Manifest, "on"): "pexec has no triggers; start it from CI, cron or a Git hook",
    (Manifest, "services"): _A_JOB_ENDS,
    (Manifest, "cache"): "it belongs under `policy`: `policy: {cache: {dir: ...}}`",
    (Manifest, "scripts"): "pexec calls it `workflows`, each with a command: `workflows: {build: {run: tsc}}`",
    **{
        (Manifest, key): "it belongs under `defaults`: `defaults: {env_file: .env}`"
        for key in ("dotenv", "envfile", "env-file", "env_file")
    },
    **{(section, key): text for section in (Workflow, Defaults) for key, text in _OF_WORKFLOWS.items()},
    (Workflow, "unless"): "use `if` with the opposite condition: `if: {not: {...}}`",
    (Workflow, "steps"): (
        "a workflow runs one command: put all steps in `run`, or make each step a workflow with `needs`"
    ),
    (Workflow, "runs-on"): (
        "all jobs run on this machine; `if: {platform.system: linux}` skips a workflow on other systems"
    ),
    (Workflow, "uses"): "pexec runs commands: write the equivalent command in `run`",
    (Workflow, "name"): "the name is the key above; `description` takes free text",
    (Workflow, "stage"): "a job waits for what it needs, not for a stage: name those workflows in `needs`",
    (Workflow, "internal"): "pexec calls it `manual`: `true` for what runs only when it is named or needed",
    (Workflow, "watch"): "a run ends; start it from a file watcher: `watchexec pexec apply`",
}
