"""Manifests in JSON: when a text is taken for it, and what is refused."""

from __future__ import annotations

import json

import pytest
from support.manifests import loaded, told

GOOD = '{"version": 1, "workflows": {"a": {"run": "x"}}}'


def test_a_name_that_ends_in_json_means_json() -> None:
    assert told(GOOD, "pexec.json") == []
    assert told("version: 1", "pexec.json") == ["PX106 1:1+1 a value was expected here"]


def test_text_that_begins_with_a_brace_is_json_if_it_can_be() -> None:
    assert told('\ufeff \n{"version": 1, "workflows": {"a": {"run": "\\ud83d\\ude00\\/"}}}'.encode()) == []
    assert told("{version: 1, workflows: {a: {run: x}}}") == []
    assert told("{version: 1, workflows: {a: {run: x}}") == [
        "PX102 1:38+1 the mapping `{` is not continued or closed here | write `,` or `}`"
    ]


def test_json_and_yaml_of_the_same_manifest_are_the_same() -> None:
    yaml = "version: 1\npolicy: {pools: {gpu: 2}}\nworkflows:\n  a: {run: x, pools: {gpu: 1}, retry: {backoff: 1.5}}\n"
    data = {
        "version": 1,
        "policy": {"pools": {"gpu": 2}},
        "workflows": {"a": {"run": "x", "pools": {"gpu": 1}, "retry": {"backoff": 1.5}}},
    }
    assert loaded(json.dumps(data), "m.json").manifest == loaded(yaml).manifest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "PX111  the manifest is empty | it needs at least `version: 1` and `workflows`"),
        ("[]", "PX112 1:1+2 the manifest must be a mapping | it needs at least `version: 1` and `workflows`"),
        ('{"a" 1}', "PX106 1:6+1 a `:` was expected here"),
        ('{"a": 1\n "b": 2}', "PX106 2:2+1 a `,` or the closing bracket was expected here"),
        ('{"a": }', "PX106 1:7+1 a value was expected here"),
        ('{"a": "b', "PX106 1:7+1 text that begins here is never closed"),
        ('{"a": "b\nc"}', "PX106 1:9+1 a line break or control character inside of quotes"),
        ('{"a": "\\q"}', "PX106 1:8+1 an unknown escape"),
        ("{} {}", "PX106 1:4+1 nothing can follow the end of the manifest"),
        ('{"a": "x\\u0000"}', "PX105 1:7+9 text with a NUL character | neither programs nor files can be given one"),
        ('{"a": ["\\ud800"]}', "PX105 1:8+8 text with half of a surrogate pair, which is no character"),
        ('{"\\udc00x": 1}', "PX105 1:2+9 text with half of a surrogate pair, which is no character"),
        ('{"a": ' + "[" * 41 + "]" * 41 + "}", "PX103 1:46+1 lists and mappings are nested more than 40 deep"),
        ('{"a": ' + "[" * 100_000, "PX103 1:46+1 lists and mappings are nested more than 40 deep"),
    ],
)
def test_what_is_refused_is_refused_at_its_place(text: str, expected: str) -> None:
    assert told(text.encode(), "pexec.json") == [expected]


def test_a_comma_before_the_closing_brace_is_told() -> None:
    """Newer Pythons point at the comma, older ones behind it."""
    assert told('{"a": 1,}', "pexec.json")[0] in (
        "PX106 1:8+1 a `,` before the closing bracket",
        "PX106 1:9+1 a key in double quotes was expected here",
    )


def test_a_key_that_stands_twice_is_told_with_both_places() -> None:
    text = '{"version": 1, "workflows": {"a": {"run": "x"},\n "a": {"run": "y"}}}'
    assert told(text, "pexec.json") == [
        "PX104 2:2+3 the key `a` stands twice in one mapping | remove one of the two | it stands here first 1:30+3"
    ]


def test_faults_of_the_model_have_their_places() -> None:
    text = '{"version": 1,\n "workflows": {"a": {"run": 5, "timeout": 1.5}}}'
    assert told(text, "pexec.json") == [
        'PX117 2:29+1 `run` of workflow `a` must be text, not a number | put it in quotes: `"5"`',
        "PX114 2:43+3 `timeout` of workflow `a`: a bare number with a fraction is not a duration"
        " | give it a unit: `1s500ms`",
    ]


@pytest.mark.parametrize("number", ["1" * 5000, "NaN", "-Infinity", "1e999"])
def test_numbers_that_are_none_are_refused_where_they_stand(number: str) -> None:
    text = f'{{"version": 1, "workflows": {{"a": {{"run": "x", "priority": {number}}}}}}}'
    assert [line[:11] for line in told(text, "pexec.json")] == ["PX112 1:60+"]
