"""Many workflows that are alike are checked once; what comes out is what pydantic makes of each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from support.fuzz import BESIDE
from support.manifests import line
from support.mutations import Mutator

from orchestrator.manifest import bulk_validate, model
from orchestrator.manifest.load import loads
from orchestrator.manifest.model import Manifest, Workflow

# What is good of each shape comes first, so that it is known when the odd ones come.
_GOOD: dict[str, dict[str, Any]] = {
    "a": {"run": "x"},
    "b-1": {"argv": ["x"]},
    "_c.d": {"run": "x", "needs": ["a"]},
    "workflow": {"argv": ["x"], "needs": ["a"]},
    "matrix": {"run": "x", "description": "x"},
    "e": {"run": "x", "priority": 1, "allow_failure": True},
    "f": {"run": "x", "cpus": 0.0},
}
_ODD: list[Any] = [None, True, 0, 1, 1.0, -0.0, "", " ", "\x1c", "\x85", "x", "é", "\ud800", "a b", [], {}, ["a"]]
_VALUES: dict[str, list[Any]] = {
    "run": ["true", "make x", "x\ny", *_ODD],
    "argv": [["a", ""], ["é"], ["\ud800"], ["a", 1], *_ODD],
    "needs": [
        "a",
        "_c.d",
        ["a", "a"],
        ["unknown"],
        "unknown",
        [1],
        ["a b"],
        {"workflow": "a"},
        {"workflow": "a b"},
        *_ODD,
    ],
    "description": ["two words", *_ODD],
    "timeout": ["5m", "none", 1, True, 1.5, "soon"],
    "priority": [0, 1, True, "1"],
    "allow_failure": [True, 1],
    "cpus": [0, 1, 1.0, -0.0, "1"],
    "args": [["x"]],
    "tags": ["x", ["x", "y"]],
    "env": [{"A": "b"}],
    "if": [{"platform.system": "linux"}],
    "unknown": [1],
}
_KEYS = st.sampled_from([tuple(data) for data in _GOOD.values()]) | st.lists(
    st.sampled_from(list(_VALUES)), unique=True
)
_WORKFLOWS = _KEYS.flatmap(lambda keys: st.fixed_dictionaries({key: st.sampled_from(_VALUES[key]) for key in keys}))
_DATA = st.dictionaries(
    st.sampled_from(["g", "a", "not a name", "1"]), _WORKFLOWS | st.sampled_from(_ODD), max_size=7
).map(_GOOD.__or__)


@contextmanager
def from_so_many_on(count: int) -> Iterator[None]:
    """So many workflows are checked as those that are alike."""
    before, model.MANY = model.MANY, count
    try:
        yield
    finally:
        model.MANY = before


def outcome(workflows: object, many: int) -> object:
    """What the model makes of data: all values of the workflows and which were given, or all errors."""
    with from_so_many_on(many):
        try:
            manifest = Manifest.model_validate({"version": 1, "workflows": workflows})
        except ValidationError as refused:
            return refused.errors(include_url=False)
    return {name: facts(workflow) for name, workflow in manifest.workflows.items()}


def facts(workflow: Workflow) -> object:
    copy = workflow.model_copy(update={"needs": ("x",)})
    values = {key: repr(getattr(workflow, key)) for key in Workflow.model_fields}
    return values, workflow.model_fields_set, {key: repr(getattr(copy, key)) for key in Workflow.model_fields}


@pytest.mark.parametrize("key", _VALUES)
def test_one_that_differs_from_a_good_one_in_one_value_is_what_it_would_be_alone(key: str) -> None:
    for good in _GOOD.values():
        for value in _VALUES[key]:
            workflows = {**_GOOD, "odd": {**good, key: value}}
            assert repr(outcome(workflows, many=1)) == repr(outcome(workflows, many=1_000))


@given(_DATA)
def test_they_are_what_they_would_be_one_by_one(workflows: dict[str, Any]) -> None:
    assert repr(outcome(workflows, many=1)) == repr(outcome(workflows, many=1_000))


def test_a_manifest_is_read_as_if_it_had_few_workflows(tmp_path: Any) -> None:
    for name, text in BESIDE.items():
        (tmp_path / name).write_text(text)
    mutator = Mutator(7)
    for data in [mutator.next() for _ in range(40)]:
        found = []
        for many in (1, 1_000):
            with from_so_many_on(many):
                loaded = loads(data, name="pexec.yaml", base_dir=str(tmp_path))
            workflows = loaded.manifest.workflows if loaded.manifest is not None else {}
            told = [line(diagnostic) for diagnostic in loaded.diagnostics]
            found.append((told, {name: facts(workflow) for name, workflow in workflows.items()}))
        assert repr(found[0]) == repr(found[1])


def test_the_first_of_a_shape_is_checked_and_no_other() -> None:
    checked: list[object] = []

    def check(data: Any) -> Any:
        checked.append(data)
        return Manifest.model_validate({"version": 1, "workflows": data}).workflows

    data = {f"w{number}": {"run": f"x {number}", "needs": [], "timeout": "5m"} for number in range(model.MANY)}
    workflows = bulk_validate.validated(data, Workflow, check)
    assert len(checked) == 1
    assert {workflow.run for workflow in workflows.values()} == {f"x {number}" for number in range(model.MANY)}
    assert {workflow.timeout for workflow in workflows.values()} == {300.0}


def test_where_hardly_any_two_are_alike_they_are_checked_at_once() -> None:
    calls = 0

    def check(data: Any) -> Any:
        nonlocal calls
        calls += 1
        return Manifest.model_validate({"version": 1, "workflows": data}).workflows

    data = {f"w{number}": {"run": "x", "priority": number} for number in range(1_300)}
    workflows = bulk_validate.validated(data, Workflow, check)
    assert [workflow.priority for workflow in workflows.values()] == list(range(1_300))
    assert calls <= 1_001
