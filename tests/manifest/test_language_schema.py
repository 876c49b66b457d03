"""Includes, parameters, matrices and conditions: the JSON Schema and pexec agree."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.diagnostics.model import has_errors
from orchestrator.manifest.read import read_one
from orchestrator.manifest.schema import manifest_schema

VALIDATOR = jsonschema.Draft202012Validator(manifest_schema())


def verdicts(data: object) -> tuple[bool, bool]:
    """Whether it is valid for the schema, and for pexec."""
    read = read_one(json.dumps(data).encode(), "pexec.json", "/nowhere")
    return VALIDATOR.is_valid(data), not has_errors(read.diagnostics)


def manifest(**workflow: object) -> dict[str, object]:
    return {"version": 1, "workflows": {"a": {"run": "x", **workflow}}}


GOOD: list[object] = [
    {"version": 1, "include": ["a.yaml", {"file": "b.yaml", "prefix": "lib", "optional": True}]},
    {**manifest(), "include": []},
    {**manifest(), "params": {"a": {}, "b": {"default": 1, "choices": [1, 2.5], "pattern": "x", "description": ""}}},
    manifest(matrix={"os": ["linux", 3, 1.5, True], "a.b-c": ["x"]}),
    manifest(matrix={"include": [{"a": 1}], "exclude": [{"b": "x"}], "fail_fast": True}),
    manifest(matrix={}),
    manifest(needs={"workflow": "a"}),
    manifest(needs="*"),
    manifest(needs=["b", {"workflow": "a", "matrix": {"x": 1}}], after=[{"workflow": "c"}]),
    manifest(manual=True),
    {"version": 1, "workflows": {"a": {"if": {"params.x": "a", "matrix.y": [1, "b"], "env.CI": True}, "run": "x"}}},
    {
        "version": 1,
        "workflows": {
            "a": {
                "run": "x",
                "if": {"not": {"any": [{"platform.system": "linux"}, {"all": [{"params.x": {"glob": "r-*"}}]}]}},
            }
        },
    },
    manifest(**{"if": {}}),
]
BAD: list[object] = [
    {"version": 1, "include": []},
    {**manifest(), "include": "a.yaml"},
    {**manifest(), "include": [{}]},
    {**manifest(), "include": [{"path": "a"}]},
    {**manifest(), "include": [{"file": "a", "prefix": "a b"}]},
    {**manifest(), "include": [3]},
    {**manifest(), "params": {"a b": {}}},
    {**manifest(), "params": {"a": "dev"}},
    {**manifest(), "params": {"a": {"default": None}}},
    {**manifest(), "params": {"a": {"default": []}}},
    {**manifest(), "params": {"a": {"choices": []}}},
    {**manifest(), "params": {"a": {"type": "text"}}},
    manifest(matrix=["a"]),
    manifest(matrix={"os": "linux"}),
    manifest(matrix={"os": []}),
    manifest(matrix={"os": [None]}),
    manifest(matrix={"os": [["a"]]}),
    manifest(matrix={"a b": ["x"]}),
    manifest(matrix={"include": [{}]}),
    manifest(matrix={"include": {"a": 1}}),
    manifest(matrix={"fail_fast": "yes"}),
    manifest(needs={"matrix": {"x": 1}}),
    manifest(needs={"workflow": "a", "matrix": {}}),
    manifest(needs=[{"workflow": "a", "x": 1}]),
    manifest(manual="yes"),
    manifest(**{"if": "params.x"}),
    manifest(**{"if": None}),
    manifest(**{"if": {"x": 1}}),
    manifest(**{"if": {"params.x": None}}),
    manifest(**{"if": {"params.x": []}}),
    manifest(**{"if": {"params.x": {"glob": ""}}}),
    manifest(**{"if": {"params.x": {"regex": "a"}}}),
    manifest(**{"if": {"platform.os": "a"}}),
    manifest(**{"if": {"not": [{"params.x": 1}]}}),
    manifest(**{"if": {"any": []}}),
    manifest(**{"if": {"any": {"params.x": 1}}}),
]


@pytest.mark.parametrize("data", GOOD, ids=json.dumps)
def test_both_accept_a_valid_manifest(data: object) -> None:
    assert verdicts(data) == (True, True)


@pytest.mark.parametrize("data", BAD, ids=json.dumps)
def test_both_reject_an_invalid_manifest(data: object) -> None:
    assert verdicts(data) == (False, False)


_small = st.none() | st.booleans() | st.sampled_from([0, 1, 1.5, "", "x", "a b", "linux"])
_words = ["not", "any", "all", "glob", "params.x", "matrix.x", "env.X", "platform.system", "platform.x", "include", "a"]
_keys = st.sampled_from([*_words, "fail_fast", "workflow", "matrix", "a b"])
_value = st.recursive(
    _small, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_keys, inner, max_size=3), max_leaves=6
)
_condition = st.recursive(
    st.dictionaries(st.sampled_from(_words), _small | st.lists(_small, max_size=2), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from(["not", "any", "all"]), inner | st.lists(inner, max_size=2)),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(["if", "matrix", "needs", "after", "manual"]), _value))
def test_any_workflow_has_the_same_verdict_from_both(workflow: dict[str, object]) -> None:
    schema, ours = verdicts(manifest(**workflow))
    assert schema is ours


@given(_condition)
def test_any_condition_has_the_same_verdict_from_both(condition: dict[str, object]) -> None:
    schema, ours = verdicts(manifest(**{"if": condition}))
    assert schema is ours


@given(st.dictionaries(st.sampled_from(["include", "params"]), _value))
def test_any_top_level_has_the_same_verdict_from_both(top: dict[str, object]) -> None:
    schema, ours = verdicts({**manifest(), **top})
    assert schema is ours
