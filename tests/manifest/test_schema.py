"""The JSON Schema agrees with the model, and the file in `schemas/` is up to date."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.manifests import loaded

from orchestrator.diagnostics.model import has_errors
from orchestrator.manifest.model import Workflow
from orchestrator.manifest.schema import manifest_schema, schema_text
from orchestrator.manifest.section import keys_of

SCHEMA = manifest_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
FILE = Path(__file__).parents[2] / "schemas/pexec.schema.json"


def test_the_file_holds_the_schema_that_the_model_makes() -> None:
    made = "python -c 'from orchestrator.manifest.schema import schema_text; print(schema_text(), end=\"\")'"
    assert FILE.read_text() == schema_text(), f"make it again: {made} > schemas/{FILE.name}"


def test_the_schema_is_itself_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _nodes(inner)


def test_every_object_is_closed() -> None:
    objects = [node for node in _nodes(SCHEMA) if node.get("type") == "object" or "patternProperties" in node]
    assert len(objects) > 8
    assert all(node["additionalProperties"] is False for node in objects)


def test_every_key_has_a_description_and_an_example_that_is_valid() -> None:
    sections = [SCHEMA, *SCHEMA["$defs"].values()]
    keys = {name: key for section in sections for name, key in section["properties"].items()}
    assert set(keys_of(Workflow)) < set(keys)
    for name, key in keys.items():
        assert key["description"].endswith("."), name
        for example in key["examples"]:
            jsonschema.Draft202012Validator({**key, "$defs": SCHEMA["$defs"]}).validate(example)


def test_defaults_are_spelled_as_in_a_manifest() -> None:
    defaults = {
        f"{section}.{name}": key["default"]
        for section in ("Policy", "Defaults", "Retry")
        for name, key in SCHEMA["$defs"][section]["properties"].items()
        if "default" in key
    }
    assert defaults == {
        "Policy.max_parallel_jobs": 4,
        "Policy.fail_fast": False,
        "Policy.timeout": "none",
        "Policy.order": "critical_path",
        "Policy.pools": {},
        "Policy.durability": "process",
        "Policy.keep_runs": 20,
        "Policy.archive": False,
        "Policy.cluster": "local",
        "Defaults.timeout": "5m",
        "Defaults.grace": "10s",
        "Defaults.stop_signal": "TERM",
        "Defaults.color": False,
        "Defaults.shell": ["bash", "-euo", "pipefail"],
        "Defaults.env": {},
        "Defaults.env_file": [],
        "Defaults.env_inherit": "all",
        "Defaults.require_limits": False,
        "Defaults.isolation": "none",
        "Defaults.network": False,
        "Defaults.writes": [],
        "Defaults.require_isolation": False,
        "Retry.max_attempts": 1,
        "Retry.delay": "1s",
        "Retry.backoff": 2.0,
        "Retry.max_delay": "1m",
        "Retry.jitter": 0.1,
        "Retry.on": ["failed", "timed_out"],
    }


def _agrees(data: object) -> bool:
    """Whether a manifest is valid; fails the test if the schema and pexec disagree."""
    found = loaded(json.dumps(data), "pexec.json")
    valid = VALIDATOR.is_valid(data)
    assert valid is not has_errors(found.diagnostics), (data, found.diagnostics)
    return valid


def _manifest(**workflow: object) -> dict[str, object]:
    return {"version": 1, "workflows": {"a": workflow}}


GOOD: list[object] = [
    _manifest(run="x"),
    _manifest(argv=["x", ""], timeout=1, grace=0),
    _manifest(file="x", args=["1"], timeout="none", grace="1h30m"),
    _manifest(run="x", timeout="0h10s", grace="0s"),
    _manifest(needs="b"),
    _manifest(needs=["b"], after=[], tags="t"),
    _manifest(needs="*"),
    _manifest(run="x", retry={"on": ["failed", {"exit": [1, 255]}], "backoff": 1, "jitter": 0}),
    _manifest(run="x", env={"A": ""}, env_inherit=["A_*"], pools={"p": 1}, priority=-1),
    _manifest(run="x", env={"A": 8080, "PATH": {"prepend": "./bin", "append": "x:y"}}),
    {**_manifest(run="x"), "policy": {"max_parallel_jobs": "150%", "fail_fast": "drain", "timeout": "none"}},
    {**_manifest(run="x"), "policy": {"max_parallel_jobs": "auto", "fail_fast": True, "timeout": "PT1H"}},
    {**_manifest(run="x"), "defaults": {"env_inherit": "minimal", "shell": ["sh"], "working_dir": "."}},
]
BAD: list[object] = [
    None,
    [],
    {},
    {"version": 1},
    {"version": 1, "workflows": {}},
    {"version": 2, "workflows": {"a": {"run": "x"}}},
    {"version": "1", "workflows": {"a": {"run": "x"}}},
    {"version": 1, "workflows": {"a b": {"run": "x"}}},
    _manifest(),
    _manifest(run=""),
    _manifest(run=None),
    _manifest(run=3),
    _manifest(run="x", argv=["y"]),
    _manifest(file="x", argv=["y"]),
    _manifest(run="x", args=[]),
    _manifest(argv=[]),
    _manifest(needs=[]),
    _manifest(needs=["*"]),
    _manifest(run="x", needs=["a", "*"]),
    _manifest(run="x", needs={"workflow": "*"}),
    _manifest(run="x", after="*"),
    _manifest(after="b"),
    _manifest(run="x", needs=None),
    _manifest(run="x", needs=["a b"]),
    _manifest(run="x", neeeds="b"),
    _manifest(run="x", timeout=None),
    _manifest(run="x", timeout=0),
    _manifest(run="x", timeout="0s"),
    _manifest(run="x", timeout="PT0S"),
    _manifest(run="x", timeout=1.5),
    _manifest(run="x", timeout="5 min"),
    _manifest(run="x", grace="none"),
    _manifest(run="x", grace=-1),
    _manifest(run="x", grace=True),
    _manifest(run="x", retry=3),
    _manifest(run="x", retry={"on": ["fail"]}),
    _manifest(run="x", retry={"on": [{}]}),
    _manifest(run="x", retry={"on": [{"exit": [0]}]}),
    _manifest(run="x", env={"A": True}),
    _manifest(run="x", env={"A": True}),
    _manifest(run="x", env={"A": {}}),
    _manifest(run="x", env={"A": {"prepend": ""}}),
    _manifest(run="x", env={"A": {"before": "x"}}),
    _manifest(run="x", env={"A-B": "x"}),
    _manifest(run="x", env_inherit="some"),
    _manifest(run="x", pools={"p": 0}),
    _manifest(run="x", allow_failure="yes"),
    _manifest(run="x", when="sometimes"),
    {**_manifest(run="x"), "policy": None},
    {**_manifest(run="x"), "policy": {"max_parallel_jobs": 0}},
    {**_manifest(run="x"), "policy": {"max_parallel_jobs": True}},
    {**_manifest(run="x"), "policy": {"fail_fast": 1}},
    {**_manifest(run="x"), "policy": {"jobs": 1}},
    {**_manifest(run="x"), "defaults": {"needs": "a"}},
]


@pytest.mark.parametrize("data", GOOD, ids=json.dumps)
def test_both_accept_a_valid_manifest(data: object) -> None:
    assert _agrees(data)


@pytest.mark.parametrize("data", BAD, ids=json.dumps)
def test_both_reject_an_invalid_manifest(data: object) -> None:
    assert not _agrees(data)


# Not 1.0, which JSON Schema takes for a whole number, and no line break at a text's end, which Python's `$` overlooks.
_small = (
    st.none() | st.booleans() | st.sampled_from([0, 1, -1, 256, 1.5, "", "x", "a b", "none", "0s", "5m", "all", "A_*"])
)
_value = st.recursive(
    _small,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["A", "p q", "exit", "on"]), inner, max_size=2)
    ),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*keys_of(Workflow), "x"]), _value, max_size=4))
def test_any_workflow_has_the_same_verdict_from_both(workflow: dict[str, object]) -> None:
    _agrees(_manifest(**{"run": "x", **workflow}))
    _agrees(_manifest(**workflow))


@given(
    st.sampled_from(["policy", "defaults"]),
    st.dictionaries(st.sampled_from(["timeout", "retry", "pools", "env", "order", "x"]), _value),
)
def test_any_section_has_the_same_verdict_from_both(section: str, content: dict[str, object]) -> None:
    _agrees({**_manifest(run="x"), section: content})
