"""What to say of a key that is not known where it stands: a slip, another tool's word, or the wrong section."""

from __future__ import annotations

from functools import lru_cache

from pydantic import BaseModel

from orchestrator.diagnostics import Path
from orchestrator.manifest.model import Defaults, Manifest, Policy, Retry, Workflow
from orchestrator.manifest.places import section_at
from orchestrator.manifest.scalars import quote
from orchestrator.manifest.suggest import closest

_IN_WORKFLOWS = {
    "cwd": "working_dir",
    "dir": "working_dir",
    "working-directory": "working_dir",
    "environment": "env",
    "timeout-minutes": "timeout",
    "timeout_minutes": "timeout",
    "timeout_seconds": "timeout",
    "retries": "retry",
}
OTHER_TOOLS: dict[type[BaseModel], dict[str, str]] = {
    Manifest: {"jobs": "workflows", "tasks": "workflows", "steps": "workflows"},
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


@lru_cache(maxsize=2_000)
def _near(key: str, section: type[BaseModel]) -> str | None:
    return closest(key, section.model_fields)


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
    if word := OTHER_TOOLS.get(section, {}).get(key):
        unit = "; it takes a unit: `timeout: 5m`" if word == "timeout" else ""
        return f"pexec calls it `{word}`{unit}"
    for other, belongs in _SECTIONS:
        if other is not section and key in other.model_fields and key not in section.model_fields:
            return belongs
    if word := _near(key, section):
        return f"did you mean `{word}`?"
    return "known here: " + ", ".join(quote(name) for name in section.model_fields)
