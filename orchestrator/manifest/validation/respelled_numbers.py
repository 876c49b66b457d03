"""Numbers in `env` that have several spellings: the job would get another one than the manifest has.

A number becomes the text that it is written as: `8080`, `1.5`. YAML reads `012` as 12, `1.50` as 1.5 and `0x1F` as 31.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.diagnostics.model import Diagnostic, Path
from orchestrator.manifest.syntax.position_index import Positions
from orchestrator.manifest.validation.sections import place

_MOST = 100
_HELP = "put it in quotes to keep it as it is written"


def respelled_numbers(data: Mapping[str, Any], source: Positions) -> list[Diagnostic]:
    """PX117 for each of them, at most 100. The value is not repeated: it may be a secret."""
    found: list[Diagnostic] = []
    for path, number in _numbers_in_env(data):
        if type(number) in source.respelled and source.written(path) != str(number):
            message = f"{place(path)}: expected text, found a number with more than one spelling"
            found.append(Diagnostic("PX117", message, source.value(path), path, help=_HELP))
            if len(found) == _MOST:
                break
    return found


def _numbers_in_env(data: Mapping[str, Any]) -> Iterator[tuple[Path, object]]:
    for path, env in _envs(data):
        if isinstance(env, dict):
            for name, value in env.items():
                if type(value) is int or type(value) is float:
                    yield (*path, name), value


def _envs(data: Mapping[str, Any]) -> Iterator[tuple[Path, object]]:
    defaults, workflows = data.get("defaults"), data.get("workflows")
    if isinstance(defaults, dict):
        yield ("defaults", "env"), defaults.get("env")
    if isinstance(workflows, dict):
        for name, workflow in workflows.items():
            if isinstance(workflow, dict) and "env" in workflow:
                yield ("workflows", name, "env"), workflow["env"]
