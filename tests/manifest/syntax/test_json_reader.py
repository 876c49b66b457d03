"""Manifests in JSON: when a text is read as JSON, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.manifests import line, loaded, reported

from orchestrator.manifest.syntax.json_reader import read_json, read_patiently
from orchestrator.manifest.syntax.lines import Lines, ReadError

GOOD = '{"version": 1, "workflows": {"a": {"run": "x"}}}'


def test_a_name_that_ends_in_json_means_json() -> None:
    assert reported(GOOD, "pexec.json") == []
    assert reported("version: 1", "pexec.json") == ["PX106 1:1+1 expected a value"]


def test_text_that_begins_with_a_brace_is_json_if_it_can_be() -> None:
    assert reported('\ufeff \n{"version": 1, "workflows": {"a": {"run": "\\ud83d\\ude00\\/"}}}'.encode()) == []
    assert reported("{version: 1, workflows: {a: {run: x}}}") == []
    assert reported("{version: 1, workflows: {a: {run: x}}") == [
        "PX102 1:38+1 expected `,` or `}` in this mapping | write `,` or `}`"
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
        ("", "PX111 1:1+1 the manifest is empty | it needs at least `version: 1` and `workflows`"),
        ("[]", "PX112 1:1+2 the manifest must be a mapping | it needs at least `version: 1` and `workflows`"),
        ('{"a" 1}', "PX106 1:6+1 expected `:`"),
        ('{"a": 1\n "b": 2}', "PX106 2:2+1 expected `,` or a closing bracket"),
        ('{"a": }', "PX106 1:7+1 expected a value"),
        ('{"a": "b', "PX106 1:7+1 unterminated text"),
        ('{"a": "b\nc"}', "PX106 1:9+1 line break or control character inside quotes"),
        ('{"a": "\\q"}', "PX106 1:8+1 unknown escape sequence"),
        ("{} {}", "PX106 1:4+1 unexpected text after the manifest"),
        ('{"a": "x\\u0000"}', "PX105 1:7+9 text contains a NUL character | programs and files cannot receive one"),
        ('{"a": ["\\ud800"]}', "PX105 1:8+8 text contains half of a surrogate pair, which is not a character"),
        ('{"\\udc00x": 1}', "PX105 1:2+9 text contains half of a surrogate pair, which is not a character"),
        ('{"a": ' + "[" * 41 + "]" * 41 + "}", "PX103 1:46+1 lists and mappings are nested more than 40 levels deep"),
        ('{"a": ' + "[" * 100_000, "PX103 1:46+1 lists and mappings are nested more than 40 levels deep"),
    ],
)
def test_what_is_refused_is_refused_at_its_place(text: str, expected: str) -> None:
    assert reported(text.encode(), "pexec.json") == [expected]


def test_a_comma_before_the_closing_brace_is_reported() -> None:
    """Newer versions of Python point at the comma, older ones after it."""
    assert reported('{"a": 1,}', "pexec.json")[0] in (
        "PX106 1:8+1 trailing `,` before a closing bracket",
        "PX106 1:9+1 expected a key in double quotes",
    )


def test_a_duplicate_key_is_reported_at_both_places() -> None:
    text = '{"version": 1, "workflows": {"a": {"run": "x"},\n "a": {"run": "y"}}}'
    assert reported(text, "pexec.json") == [
        "PX104 2:2+3 duplicate key `a` | remove one of them | first defined here 1:30+3"
    ]


def test_errors_of_the_model_have_their_places() -> None:
    text = '{"version": 1,\n "workflows": {"a": {"run": 5, "timeout": 1.5}}}'
    assert reported(text, "pexec.json") == [
        'PX117 2:29+1 `run` of workflow `a`: expected text, found a number | put it in quotes: `"5"`',
        "PX114 2:43+3 `timeout` of workflow `a`: a fraction is not a duration | write it with a unit: `1s500ms`",
    ]


@pytest.mark.parametrize("number", ["1" * 5000, "NaN", "-Infinity", "1e999"])
def test_invalid_numbers_are_refused_at_their_place(number: str) -> None:
    text = f'{{"version": 1, "workflows": {{"a": {{"run": "x", "priority": {number}}}}}}}'
    assert [line[:11] for line in reported(text, "pexec.json")] == ["PX112 1:60+"]


def outcome(read: Callable[[Lines], tuple[object, bool]], text: str) -> str:
    """What one way of reading makes of a text: the data with the types in it and whether a key stands twice, or why it
    is refused."""
    try:
        return repr(read(Lines("m.json", text)))
    except ReadError as refusal:
        return line(refusal.diagnostic)


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=12,
)
_PIECES = st.sampled_from([
    '"', "\\", "\\\\", '\\"', '{"a":1,"a":2}', '"a":1', "{}", "[", "]", "{", "}", ",", ":", " ", "\n", "null", "true",
    "1e999", "-0", "-0.0", "NaN", "0x1", "01", "1.5E3", "18446744073709551616", "9" * 4_300, "9" * 4_301,
    "\\ud800", "\\ud83d\\ude00", "\\u0000", "\\u0041", "\x00", "\x0b", "\x7f", "\ud800", "é", "世",
    "[" * 7 + "]" * 7, "[" * 45 + "]" * 45,
])  # fmt: skip


@given(_TREES, st.booleans(), st.lists(st.tuples(st.integers(0, 200), _PIECES, st.integers(0, 2)), max_size=3))
def test_the_fast_reader_and_the_standard_library_agree(
    tree: object, ascii_only: bool, changes: list[tuple[int, str, int]]
) -> None:
    text = json.dumps(tree, ensure_ascii=ascii_only)
    for at, piece, gone in changes:
        at %= len(text) + 1
        text = text[:at] + piece + text[at + gone :]
    assert outcome(read_json, text) == outcome(read_patiently, text)


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        ('{"a": "b", "c": ["a"]}', False),
        ('{"a": {"b": [], "b": []}}', True),
        ('{"a": [{"b": 1, "\\u0062": 1}]}', True),
        ('{"\\"": "\\\\", "x": "\\\\\\""}', False),
        ('{"\\"": "\\\\", "\\u0022": "\\\\\\""}', True),
        ('{"a": "\\u005c", "b": "\\u0022"}', False),
    ],
)
def test_both_readers_find_a_duplicate_key(text: str, twice: bool) -> None:
    assert [read(Lines("m.json", text))[1] for read in (read_json, read_patiently)] == [twice, twice]
