"""Paths added to variables: how layers merge, and where there is nothing to add to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.planning import planned

from orchestrator.manifest.env_keys import EnvPathsKeys, EnvValue
from orchestrator.plan.job_env import JobEnv

_TEXTS = st.sampled_from(["a", "b", "/c"])
_VALUES: st.SearchStrategy[EnvValue] = _TEXTS | st.builds(EnvPathsKeys, _TEXTS | st.none(), _TEXTS | st.none())
_LAYERS = st.lists(st.dictionaries(st.sampled_from(["X", "Y"]), _VALUES, max_size=2), max_size=4)


@given(_LAYERS)
def test_layers_add_from_the_inside_out_and_text_begins_anew(layers: list[dict[str, EnvValue]]) -> None:
    merged = JobEnv()
    expected: dict[str, list[str]] = {}
    for layer in layers:
        merged = merged.with_layer(layer)
        for name, value in layer.items():
            if isinstance(value, str):
                expected[name] = [value]
            else:
                before = [] if value.prepend is None else [value.prepend]
                behind = [] if value.append is None else [value.append]
                expected[name] = before + expected.get(name, ["(inherited)"]) + behind
    for name, parts in expected.items():
        value = merged.values.get(name, "(inherited)")
        found = [merged.prepend.get(name), value, merged.append.get(name)]
        assert ":".join(part for part in found if part is not None) == ":".join(parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("workflows: {a: {run: x, env: {X: {prepend: b}}}}", []),
        ("workflows: {a: {run: x, env: {LC_X: {prepend: b}}, env_inherit: minimal}}", []),
        ("workflows: {a: {run: x, env: {X: {prepend: b}}, env_inherit: ['?']}}", []),
        ("defaults: {env: {X: b}}\nworkflows: {a: {run: x, env: {X: {prepend: b}}, env_inherit: []}}", []),
        ("defaults: {env: {X: {append: b}}}\nworkflows: {a: {run: x, env: {X: b}, env_inherit: []}}", []),
        (
            "workflows: {a: {run: x, env: {X: {prepend: b}}, env_inherit: minimal}}",
            ["PX224 2:31 `X` in `env` of `a` has no value to add to: it is not inherited"],
        ),
        (
            "workflows: {a: {run: x, env: {X: {prepend: b}}, isolation: sandbox}}",
            ["PX224 2:31 `X` in `env` of `a` has no value to add to: it is not inherited"],
        ),
        (
            "defaults: {env: {X: {append: b}}, env_inherit: []}\nworkflows: {a: {run: x}, b: {run: x}}",
            ["PX224 2:18 `X` in `env` of `a` has no value to add to: it is not inherited"],
        ),
        (
            "secrets: {X: {env: Y}}\nworkflows: {a: {run: x, secrets: X, env: {X: {append: b}, Y: {append: b}}}}",
            [
                "PX224 3:43 `X` in `env` of `a` has no value to add to: it belongs to a secret",
                "PX224 3:59 `Y` in `env` of `a` has no value to add to: it belongs to a secret",
            ],
        ),
    ],
)
def test_without_a_value_to_add_to_paths_are_an_error(text: str, expected: list[str]) -> None:
    found = [(one.code, one.span, one.message) for one in planned(text).diagnostics]
    assert [f"{code} {span.line}:{span.column} {message}" for code, span, message in found if span] == expected
