"""Evaluates the `if` of workflows when planning, from what is known then."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from msgspec import Struct, field

from orchestrator.console.text import quote, value_text
from orchestrator.diagnostics.model import Path
from orchestrator.manifest.nested_sections import Condition, Glob
from orchestrator.manifest.scalars import Value
from orchestrator.pattern import matches_glob
from orchestrator.plan.condition_model import GlobPattern
from orchestrator.plan.inputs import PlanningEnvironment
from orchestrator.plan.run_conditions import NEEDS, PARAMS, Decided, Expectations, joined

Expected = Value | tuple[Value, ...] | Glob


class ConditionContext(Struct, frozen=True):
    """What conditions can refer to. A parameter without a value matches everything: only `pexec validate` accepts one,
    and it plans what might run. What is asked of the parameters `undecided` stays open."""

    environment: PlanningEnvironment
    params: Mapping[str, Value] = field(default_factory=dict)
    cell: Mapping[str, Value] = field(default_factory=dict)
    undecided: Collection[str] = ()

    def evaluate(self, condition: Condition) -> bool:
        """Whether all entries of a condition hold that asks nothing of needs."""
        return self.decide(condition) is True

    def decide(self, condition: Condition, prefix: str = "") -> Decided:
        """Whether all entries of the condition hold; or what must still hold of needs, whose names in the run begin
        with `prefix`."""
        tests: dict[str, Expectations] = {}
        for key, expected in condition.tests.items():
            if key.startswith(NEEDS):
                tests[f"{NEEDS}{prefix}{key.removeprefix(NEEDS)}"] = expectations(expected)
            elif self._is_undecided(key):
                tests[key] = expectations(expected)
            elif not self._agrees(key, expected):
                return False
        return joined(
            tests,
            False if condition.not_ is None else self.decide(condition.not_, prefix),
            None if condition.any_ is None else [self.decide(one, prefix) for one in condition.any_],
            [self.decide(one, prefix) for one in condition.all_ or ()],
        )

    def explain(self, condition: Condition) -> str:
        """Why the condition does not hold, as a human-readable reason."""
        for key, expected in condition.tests.items():
            if not (key.startswith(NEEDS) or self._is_undecided(key) or self._agrees(key, expected)):
                return f"`if`: `{key}` {self._is(key, expected)}"
        return "its `if` does not hold"

    def _is_undecided(self, key: str) -> bool:
        return bool(self.undecided) and key.startswith(PARAMS) and key.removeprefix(PARAMS) in self.undecided

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


def expectations(expected: Expected) -> Expectations:
    """What a test expects, as a plan has it."""
    several = expected if isinstance(expected, tuple) else (expected,)
    return tuple(GlobPattern(one.glob) if isinstance(one, Glob) else value_text(one) for one in several)


def tests_of(condition: Condition, path: Path) -> Iterator[tuple[str, Expected, Path]]:
    """Every key that a condition tests, nested ones included, with what is expected and its path."""
    for key, expected in condition.tests.items():
        yield key, expected, (*path, key)
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
