"""What an `if` asks of needs: whether there is such a value, whether it can be what is expected, and whether the `if`
can ever hold."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from orchestrator.console.text import quote
from orchestrator.diagnostics.model import Diagnostic, Path
from orchestrator.diagnostics.suggest import Suggester
from orchestrator.manifest.model import Manifest, Workflow
from orchestrator.manifest.nested_sections import EVERY, Condition
from orchestrator.manifest.output_types import EXPECTED, OutputType, is_of_type
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.plan.condition_model import GlobPattern
from orchestrator.plan.conditions import Expected, expectations, tests_of
from orchestrator.plan.need_references import NeedUse, problem_of_need, problem_of_output
from orchestrator.plan.run_conditions import ENDS, FAILED_ENDS, NEEDS, Expectations, agrees, split_test
from orchestrator.plan.workflow_edges import named_in

_OTHER_WORDS = {
    **dict.fromkeys(("success", "successful", "ok", "passed", "done"), "succeeded"),
    **dict.fromkeys(("failure", "error"), "failed"),
    **dict.fromkeys(("timeout", "timedout", "timed-out"), "timed_out"),
    **dict.fromkeys(("canceled", "aborted"), "cancelled"),
}
_BOOLEANS = ("true", "false")


class NeedTests:
    """Checks the conditions of workflows; `found` gets PX233, PX234, PX237 and PX238. `uses` are the outputs that
    conditions ask for, by workflow."""

    def __init__(self, manifest: Manifest, cells: Collection[str], source: SourceMap, found: list[Diagnostic]) -> None:
        self._manifest = manifest
        self._cells = cells
        self._source = source
        self._found = found
        self.uses: dict[str, list[NeedUse]] = {}

    def check(self, name: str, workflow: Workflow, condition: Condition, prefix: str) -> None:
        """One condition of a workflow; `prefix` is what full names of workflows of its manifest begin with."""
        before = len(self._found)
        asks = False
        for key, expected, path in tests_of(condition, ("workflows", name, "if")):
            if key.startswith(NEEDS):
                asks = True
                self._check_test(name, workflow, key, expected, path, prefix)
        if asks and len(self._found) == before:
            self._check_whether_it_can_hold(name, workflow, condition, prefix)

    def _check_test(self, name: str, workflow: Workflow, key: str, expected: Expected, path: Path, prefix: str) -> None:
        named, output = split_test(key)
        named = prefix + named
        written = f"`{key}` in `if` of workflow {quote(name)}"
        problem = problem_of_need(self._manifest, name, workflow, named)
        if problem is None and output:
            problem = problem_of_output(self._manifest, named, output)
        if problem is not None:
            code, message, advice = problem
            self._found.append(Diagnostic(code, f"{written} {message}", self._source.key(path), path, help=advice))
            return
        if output:
            use = NeedUse(name, named, output, False, "", written, self._source.key(path), path)
            self.uses.setdefault(name, []).append(use)
        kind = self._manifest.workflows[named].outputs[output].type if output else None
        for at, one in _each(expected, path):
            wrong = _wrong_status(one) if kind is None else _wrong_value(one, kind)
            if wrong is not None:
                message, advice = wrong
                whole = f"`{key}` is never {message}"
                self._found.append(Diagnostic("PX238", whole, self._source.value(at), at, help=advice))

    def _check_whether_it_can_hold(self, name: str, workflow: Workflow, condition: Condition, prefix: str) -> None:
        if _CanHold(self._ends(workflow, workflow.when), prefix).true(condition):
            return
        path: Path = ("workflows", name, "if")
        always = workflow.when != "always" and _CanHold(self._ends(workflow, "always"), prefix).true(condition)
        why = f" with `when: {workflow.when}`" if always else ""
        advice = "add `when: always`: `when` decides first, then `if`" if always else ""
        message = f"the `if` of {quote(name)} can never hold{why}"
        self._found.append(Diagnostic("PX237", message, self._source.key(path), path, help=advice))

    def _ends(self, workflow: Workflow, when: str) -> Mapping[str, Sequence[str]]:
        """How each need of the workflow can have ended when its `when` lets it run; by its name. A need that is not in
        the run counts as left out."""
        names = [named_in(entry) for entry in workflow.needs]
        names = list(self._manifest.workflows) if names == [EVERY] else names
        is_alone = len(names) == 1 and names[0] not in self._cells
        return {named: self._ends_of(named, when, is_alone=is_alone) for named in names}

    def _ends_of(self, named: str, when: str, *, is_alone: bool) -> Sequence[str]:
        may_fail = self._manifest.workflows[named].allow_failure
        if when == "success":
            return ("succeeded", "left_out", *(FAILED_ENDS if may_fail else ()))
        if when == "failure" and is_alone:
            return ("skipped", *(() if may_fail else FAILED_ENDS))
        return ENDS


class _CanHold:
    """Whether a condition can hold, and whether it can fail to, if each test is independent of the others."""

    def __init__(self, ends: Mapping[str, Sequence[str]], prefix: str) -> None:
        self._ends = ends
        self._prefix = prefix

    def true(self, condition: Condition) -> bool:
        return (
            all(self._test(key, expected, True) for key, expected in condition.tests.items())
            and (condition.not_ is None or self.false(condition.not_))
            and (condition.any_ is None or any(map(self.true, condition.any_)))
            and all(map(self.true, condition.all_ or ()))
        )

    def false(self, condition: Condition) -> bool:
        return (
            any(self._test(key, expected, False) for key, expected in condition.tests.items())
            or (condition.not_ is not None and self.true(condition.not_))
            or (condition.any_ is not None and all(map(self.false, condition.any_)))
            or any(map(self.false, condition.all_ or ()))
        )

    def _test(self, key: str, expected: Expected, wanted: bool) -> bool:
        """Whether a test can come out as wanted."""
        named, output = split_test(key)
        if not key.startswith(NEEDS) or output:
            return True
        ends = self._ends[self._prefix + named]
        return any(agrees(end, expectations(expected)) is wanted for end in ends)


def _each(expected: Expected, path: Path) -> Iterator[tuple[Path, Expectations]]:
    """Each expected value alone, with its path."""
    if isinstance(expected, tuple):
        for number, one in enumerate(expected):
            yield (*path, number), expectations(one)
    else:
        yield path, expectations(expected)


def _wrong_status(expected: Expectations) -> tuple[str, str] | None:
    """Why no job ends so: how the status is written, and what to write instead."""
    if any(agrees(end, expected) for end in ENDS):
        return None
    (one,) = expected
    if isinstance(one, GlobPattern):
        return f"like {quote(one.glob)}", f"a job ends as {', '.join(map(quote, ENDS))}"
    meant = _OTHER_WORDS.get(one.lower())
    advice = f"write {quote(meant)}" if meant else Suggester(ENDS).did_you_mean(one)
    return quote(one), advice or f"a job ends as {', '.join(map(quote, ENDS))}"


def _wrong_value(expected: Expectations, kind: OutputType) -> tuple[str, str] | None:
    """Why no value of the type is so."""
    (one,) = expected
    if isinstance(one, GlobPattern):
        if kind != "boolean" or any(agrees(word, expected) for word in _BOOLEANS):
            return None
        return f"like {quote(one.glob)}", f"its type is {quote(kind)}"
    if is_of_type(one, kind):
        return None
    return quote(one), f"its type is {quote(kind)}: {EXPECTED[kind]}"
