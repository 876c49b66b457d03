"""Evaluates the `if` of workflows when planning, from what is known then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct, field

from orchestrator.console.text import quote, value_text
from orchestrator.diagnostics.model import Path
from orchestrator.manifest.nested_sections import Condition, Glob
from orchestrator.manifest.pattern import matches_glob
from orchestrator.manifest.scalars import Value
from orchestrator.plan.inputs import PlanningEnvironment

Expected = Value | tuple[Value, ...] | Glob


class ConditionContext(Struct, frozen=True):
    """What conditions can refer to. A parameter without a value matches everything: only `pexec validate` accepts one,
    and it plans what might run."""

    environment: PlanningEnvironment
    params: Mapping[str, Value] = field(default_factory=dict)
    cell: Mapping[str, Value] = field(default_factory=dict)

    def evaluate(self, condition: Condition) -> bool:
        """Whether all entries of the condition hold."""
        return (
            all(self._agrees(key, expected) for key, expected in condition.tests.items())
            and (condition.not_ is None or not self.evaluate(condition.not_))
            and (condition.any_ is None or any(map(self.evaluate, condition.any_)))
            and (condition.all_ is None or all(map(self.evaluate, condition.all_)))
        )

    def explain(self, condition: Condition) -> str:
        """Why the condition does not hold, as a human-readable reason."""
        for key, expected in condition.tests.items():
            if not self._agrees(key, expected):
                return f"`if`: `{key}` {self._is(key, expected)}"
        return "its `if` does not hold"

    def _is(self, key: str, expected: Expected) -> str:
        if key.startswith("env.") and isinstance(expected, bool):
            return "is not set" if expected else "is set"
        value = self._value(key)
        if value is None:
            return "is not set" if key.startswith("env.") else "has no value"
        return f"is {quote(value_text(value))}" if not key.startswith("env.") else "is another value"

    def _agrees(self, key: str, expected: Expected) -> bool:
        root, _, name = key.partition(".")
        if root == "params" and name not in self.params:
            return True
        value = self._value(key)
        if root == "env" and isinstance(expected, bool):
            return expected is bool(value)
        if value is None:
            return False
        text = value_text(value)
        if root == "platform":
            return _fits(text.lower(), expected, lower=True)
        return _fits(text, expected)

    def _value(self, key: str) -> Value | None:
        root, _, name = key.partition(".")
        match root:
            case "params":
                return self.params.get(name)
            case "matrix":
                return self.cell.get(name)
            case "env":
                return self.environment.env.get(name)
        return self.environment.system if name == "system" else self.environment.machine


def tests_of(condition: Condition, path: Path) -> Iterator[tuple[str, Path]]:
    """Every key that a condition tests, nested ones included, with its path."""
    for key in condition.tests:
        yield key, (*path, key)
    if condition.not_ is not None:
        yield from tests_of(condition.not_, (*path, "not"))
    for key, inner in (("any", condition.any_), ("all", condition.all_)):
        for number, one in enumerate(inner or ()):
            yield from tests_of(one, (*path, key, number))


def _fits(text: str, expected: Expected, *, lower: bool = False) -> bool:
    if isinstance(expected, tuple):
        return any(_fits(text, one, lower=lower) for one in expected)
    wanted = expected.glob if isinstance(expected, Glob) else value_text(expected)
    wanted = wanted.lower() if lower else wanted
    if not isinstance(expected, Glob):
        return text == wanted
    return matches_glob(wanted, text)
