"""Recognizes a file of another tool that was given as a manifest: one diagnostic, not one for each of its keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from orchestrator.diagnostics.documentation import documented
from orchestrator.diagnostics.model import Diagnostic, Path, Span
from orchestrator.manifest.syntax.source_map import SourceMap

_Data = Mapping[str, Any]
_MOST_ENTRIES = 1_000  # that are looked at


# Files that pexec cannot read, because of tags or because they are not YAML, are recognized by lines that they have.
_WORKFLOWS = re.compile(r"^workflows[ ]*:", re.MULTILINE)


class _Tool(Struct, frozen=True):
    """How files of a tool are called, the key that gives one away, what to write for its keys, and the section of the
    guide that translates a whole file."""

    what: str
    key: Callable[[_Data], str | None]
    instead: str
    guide: str
    lines: tuple[str, ...]
    command: str = ""  # that translates a whole file too


def recognized(data: _Data, source: SourceMap) -> Diagnostic | None:
    """PX123 if this is certainly a file of another tool. Whatever has `workflows` is a manifest, with or without
    mistakes."""
    if "workflows" in data:
        return None
    for tool in _TOOLS:
        key = tool.key(data)
        if key is not None:
            return _diagnostic(tool, source.key((key,)), (key,))
    return None


def recognized_text(text: str, unreadable: Diagnostic) -> Diagnostic:
    """PX123 for the text of a file that is not YAML, or uses a feature of it which manifests do not have; else
    `unreadable`."""
    if not _WORKFLOWS.search(text):
        for tool in _TOOLS:
            if tool.lines and all(re.search(line, text, re.MULTILINE) for line in tool.lines):
                return _diagnostic(tool, unreadable.span, ())
    return unreadable


def _diagnostic(tool: _Tool, span: Span | None, path: Path) -> Diagnostic:
    message = f"this is a {tool.what}, not a pexec manifest"
    advice = f"{tool.instead}; {documented('Migrating', tool.guide)} translates a whole file{tool.command}"
    return Diagnostic("PX123", message, span, path, help=advice)


def _entries(data: object, *keys: str) -> bool:
    """Whether it is a mapping, and one of its values is a mapping with one of these keys."""
    if not isinstance(data, dict):
        return False
    entries = list(data.values())[:_MOST_ENTRIES]
    return any(isinstance(entry, dict) and not entry.keys().isdisjoint(keys) for entry in entries)


def _actions(data: _Data) -> str | None:
    return "jobs" if _entries(data.get("jobs"), "steps", "runs-on", "uses") else None


def _gitlab(data: _Data) -> str | None:
    for key, entry in list(data.items())[:_MOST_ENTRIES]:
        if isinstance(entry, dict) and ("script" in entry or "trigger" in entry) and "version" not in data:
            return key
    return None


def _taskfile(data: _Data) -> str | None:
    tasks = data.get("tasks")
    is_short = isinstance(tasks, dict) and any(isinstance(entry, str | list) for entry in tasks.values())
    if _entries(tasks, "cmds", "cmd", "deps", "sources", "generates") or (is_short and "version" in data):
        return "tasks"
    return None


def _compose(data: _Data) -> str | None:
    return "services" if _entries(data.get("services"), "image", "build", "ports", "volumes") else None


def _npm(data: _Data) -> str | None:
    scripts = data.get("scripts")
    return "scripts" if isinstance(scripts, dict) and any(isinstance(one, str) for one in scripts.values()) else None


def _never(data: _Data) -> str | None:
    return None


_TOOLS = (
    _Tool(
        "GitHub Actions workflow",
        _actions,
        "write `workflows` for `jobs`, `run` for `steps`, `timeout` for `timeout-minutes`, and add `version: 1`",
        "GitHub Actions",
        (r"^jobs:", r"^[ ]+(?:- )?(?:steps|runs-on|uses):"),
    ),
    _Tool(
        "GitLab CI file",
        _gitlab,
        "put the jobs below `workflows`, write `run` for `script`, `needs` for `stage`, and add `version: 1`",
        "GitLab CI",
        (r"^[ ]+script:", r"^(?:stages|variables|image|include|default|\.[\w-]+)[ ]*:"),
    ),
    _Tool(
        "Taskfile",
        _taskfile,
        "write `workflows` for `tasks`, `run` for `cmds`, `needs` for `deps`, and `version: 1`",
        "Task",
        (r"^tasks:", r"^[ ]+(?:cmds?|deps):"),
    ),
    _Tool(
        "Compose file",
        _compose,
        "a workflow runs a command and ends: let one run `docker compose up --detach --wait`, and others need it",
        "Compose",
        (r"^services:", r"^[ ]+(?:image|build|ports):"),
    ),
    _Tool(
        "package.json",
        _npm,
        "write `workflows` for `scripts`, each with a command: `workflows: {build: {run: npm run build}}`",
        "npm",
        (),
        "; so does `pexec discover package.json`",
    ),
    _Tool(
        "makefile",
        _never,
        "write a workflow for each target, its recipe as `run`, its prerequisites as `needs`",
        "make",
        (r"^[\w./%$(){} -]+::?(?![=:])[^\n]*\n(?:#[^\n]*\n|\n)*\t[ \t]*(?!- |[\w-]+:(?:\s|$))\S",),
        "; `pexec discover Makefile` does so where rules are simple",
    ),
)
