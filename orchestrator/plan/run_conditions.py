"""Conditions that are decided while the run is under way: what an `if` asks of needs. Pure.

A test is named `needs.NAME.status` or `needs.NAME.outputs.X`. It holds if the text of its value is one of those that
are expected, or matches one of the patterns. A value that does not exist is equal to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from orchestrator.console.text import quote
from orchestrator.pattern import matches_glob
from orchestrator.plan.condition_model import GlobPattern, RunCondition

Expectations = tuple[str | GlobPattern, ...]
Decided = bool | RunCondition
"""Whether a condition holds; or what must still hold, where that is not known yet."""

ValueOf = Callable[[str], str | None]
"""The value of a test, by its name; None if it does not exist."""

ENDS = ("succeeded", "failed", "timed_out", "skipped", "cancelled", "lost", "left_out")
"""How a job ends, in the words of conditions."""
FAILED_ENDS = ("failed", "timed_out", "lost")

PARAMS = "params."  # only in a plan that is not run: of a parameter that is computed when a run starts
NEEDS = "needs."
STATUS = ".status"
OUTPUTS = ".outputs."


def split_test(name: str) -> tuple[str, str]:
    """The workflow that a test is about, and its output; empty if the test is about its status."""
    rest = name.removeprefix(NEEDS)
    workflow, _, output = rest.rpartition(OUTPUTS)
    if workflow and "." not in output:
        return workflow, output
    return rest.removesuffix(STATUS), ""


def agrees(value: str | None, expected: Expectations) -> bool:
    """Whether a value is as expected."""
    if value is None:
        return False
    return any(matches_glob(one.glob, value) if isinstance(one, GlobPattern) else one == value for one in expected)


def names_in(condition: RunCondition) -> Iterator[str]:
    """The names of all tests of a condition."""
    yield from condition.tests
    for one in (*filter(None, [condition.not_]), *condition.any_, *condition.all_):
        yield from names_in(one)


def holds(condition: RunCondition, value_of: ValueOf) -> bool:
    """Whether all entries of a condition hold."""
    return (
        all(agrees(value_of(name), expected) for name, expected in condition.tests.items())
        and (condition.not_ is None or not holds(condition.not_, value_of))
        and (not condition.any_ or any(holds(one, value_of) for one in condition.any_))
        and all(holds(one, value_of) for one in condition.all_)
    )


def why_not(condition: RunCondition, value_of: ValueOf) -> str:
    """Why a condition does not hold, for readers."""
    for name, expected in condition.tests.items():
        value = value_of(name)
        if not agrees(value, expected):
            return f"`if`: `{name}` {'has no value' if value is None else f'is {quote(value)}'}"
    return "its `if` does not hold"


def joined(
    tests: Mapping[str, Expectations],
    not_: Decided = False,
    any_: Sequence[Decided] | None = None,
    all_: Sequence[Decided] = (),
) -> Decided:
    """A condition of these parts, as far as it is not decided."""
    if not_ is True or any(one is False for one in all_):
        return False
    one_of = [one for one in any_ or () if isinstance(one, RunCondition)]
    if any_ is not None and not any(one is True for one in any_):
        if not one_of:
            return False
    else:
        one_of = []
    every = [one for one in all_ if isinstance(one, RunCondition)]
    opposite = not_ if isinstance(not_, RunCondition) else None
    if not (tests or one_of or every or opposite):
        return True
    return RunCondition(dict(tests), opposite, tuple(one_of), tuple(every))


def settled(condition: RunCondition, known: Mapping[str, str]) -> Decided:
    """A condition once these values are known."""
    open_tests = {}
    for name, expected in condition.tests.items():
        if name not in known:
            open_tests[name] = expected
        elif not agrees(known[name], expected):
            return False
    return joined(
        open_tests,
        False if condition.not_ is None else settled(condition.not_, known),
        [settled(one, known) for one in condition.any_] if condition.any_ else None,
        [settled(one, known) for one in condition.all_],
    )


def is_undecided(condition: RunCondition) -> bool:
    """Whether it depends on a parameter that is computed when a run starts."""
    return any(name.startswith(PARAMS) for name in names_in(condition))


def in_words(condition: RunCondition) -> str:
    """A condition for readers of a plan: `needs.a.status is failed or timed_out and not (needs.b.status is lost)`."""
    parts = [f"{name} {_expected(expected)}" for name, expected in condition.tests.items()]
    if condition.not_ is not None:
        parts.append(f"not ({in_words(condition.not_)})")
    if condition.any_:
        parts.append(f"({' or '.join(map(in_words, condition.any_))})")
    parts += map(in_words, condition.all_)
    return " and ".join(parts)


def _expected(expected: Expectations) -> str:
    words = [f"like {one.glob}" if isinstance(one, GlobPattern) else one for one in expected]
    return f"is {' or '.join(words)}" if words else "does not hold"
