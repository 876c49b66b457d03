"""A stand-in for the runner of GitHub Actions that runs the shell steps of a composite action.

It knows `inputs.NAME`, `github.NAME`, `!cancelled()`, `!=` and `&&` in expressions, the file `GITHUB_PATH`, and that a
failed step ends the action except for steps with `!cancelled()`. Steps with `uses` are recorded, with their inputs.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")


@dataclass
class CompositeAction:
    """One use of an action in a workspace; `with_` are the inputs that the workflow gives."""

    action: Mapping[str, Any]
    workspace: Path
    environ: Mapping[str, str]
    with_: Mapping[str, str] = field(default_factory=dict)
    failed: bool = False
    log: str = ""
    used: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    exit_codes: dict[str, int] = field(default_factory=dict)  # of shell steps, by their names
    _path: list[str] = field(default_factory=list)

    def run(self) -> CompositeAction:
        """Run all steps in their order."""
        assert self.with_.keys() <= self.action["inputs"].keys()
        for step in self.action["runs"]["steps"]:
            condition = step.get("if")
            if self.failed if condition is None else not self._is_true(condition):
                continue
            if "uses" in step:
                inputs = {key: self.text(str(value)) for key, value in step.get("with", {}).items()}
                self.used.append((step["uses"], inputs))
            else:
                self._run_shell(step)
        return self

    def text(self, template: str) -> str:
        """The text with its expressions replaced."""
        return _EXPRESSION.sub(lambda found: self._value(found.group(1).strip()), template)

    def _is_true(self, condition: str) -> bool:
        body = _EXPRESSION.fullmatch(condition)
        assert body is not None
        for term in body.group(1).split("&&"):
            left, unequal, right = (part.strip() for part in term.partition("!="))
            if unequal and self._value(left) == right.strip("'"):
                return False
            assert unequal or left == "!cancelled()", term
        return True

    def _value(self, expression: str) -> str:
        match expression.split("."):
            case ["inputs", name]:
                return self.with_.get(name, self.action["inputs"][name]["default"])
            case ["github", name]:
                return {"ref_name": "main", "run_id": "77", "run_attempt": "1"}[name]
        raise AssertionError(f"unknown expression: {expression}")

    def _run_shell(self, step: Mapping[str, Any]) -> None:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "an input in a script can be more commands"
        added = self.workspace.parent / "GITHUB_PATH"
        added.write_text("")
        given = {name: self.text(value) for name, value in step.get("env", {}).items()}
        path = ":".join([*reversed(self._path), self.environ["PATH"]])
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.workspace / self.text(step.get("working-directory", ".")),
            env={**self.environ, **given, "GITHUB_PATH": os.fspath(added), "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
        self.log += done.stdout.decode()
        self.failed = self.failed or done.returncode != 0
        self.exit_codes[step["name"]] = done.returncode
        self._path += added.read_text().splitlines()
