"""YAML as plain data: the values of the YAML 1.2 core schema, aliases, and what is not supported."""

from __future__ import annotations

import math
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.manifests import reported

from orchestrator.manifest.syntax import yaml_reader
from orchestrator.manifest.syntax.lines import Lines, ReadError
from orchestrator.manifest.syntax.yaml_reader import MAX_DEPTH, read_yaml


def read(text: str) -> object:
    return read_yaml(Lines("pexec.yaml", textwrap.dedent(text)))[0]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *[(word, None) for word in ("null", "Null", "NULL", "~", "")],
        *[(word, True) for word in ("true", "True", "TRUE")],
        *[(word, False) for word in ("false", "False", "FALSE")],
        *[(word, word) for word in ("on", "yes", "no", "off", "y", "nUll", "tRUE", "none", "nan", "inf", "1:30")],
        *[(word, word) for word in ("2024-01-01", "1_000", "0b11", "0o8", "0xg", "1e", "+", ".", "e3", "1.2.3")],
        *[(word, word) for word in ("1 2", "-x", "+.inf.", "012a", "=", "5m", "0x", "1,5")],
        ("0", 0),
        ("12", 12),
        ("-12", -12),
        ("+12", 12),
        ("012", 12),
        ("0o17", 15),
        ("0xFf", 255),
        ("3.10", 3.1),
        ("-0.5", -0.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1.5E-3", 0.0015),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("9" * 5000, math.inf),
    ],
)
def test_a_plain_scalar_has_the_type_of_the_core_schema(written: str, value: object) -> None:
    found = read(f"key: {written}\n")
    assert found == {"key": value}
    assert type(found["key"]) is type(value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("{at: 1:30}", {"at": "1:30"}),
        ("{url: http://host:80/a?b=c}", {"url": "http://host:80/a?b=c"}),
        ("[a:b, what?, c? d, e::f, [g:h]]", ["a:b", "what?", "c? d", "e::f", ["g:h"]]),
        ("{a?b: c, d:e: f}", {"a?b": "c", "d:e": "f"}),
        ("""{"a":1, 'b':2, "c:d": 'e?f', g: h:i}""", {"a": 1, "b": 2, "c:d": "e?f", "g": "h:i"}),
        ("{a: b:c}\nd: |\n  e:f? g\nh: i:j?  # k:l?\n", {"a": "b:c"}),
    ],
)
def test_plain_text_between_braces_may_have_colons_and_question_marks_inside(written: str, value: object) -> None:
    found = read(f"key: {written}")
    assert isinstance(found, dict)
    assert found.pop("key") == value
    assert found in ({}, {"d": "e:f? g\n", "h": "i:j?"})


def test_what_follows_such_text_keeps_its_place() -> None:
    assert reported("version: 1\nworkflows: {a: {env: {AT: 1:30?}, run: 'true', neds: 漢:é}}\n") == [
        "PX110 2:48+4 unknown key `neds` in workflow `a` | did you mean `needs`?"
    ]


def test_nan_is_a_number() -> None:
    assert math.isnan(read("[.nan]")[0])  # type: ignore[index]


@pytest.mark.parametrize("written", ['"3.10"', "'3.10'", "|-\n  3.10", ">-\n  3.10", '"3.\\\n  10"'])
def test_quoted_and_block_text_stays_text(written: str) -> None:
    assert read(f"key: {written}\n") == {"key": "3.10"}


def test_keys_are_text_as_written() -> None:
    text = "3.10: a\n012: b\ntrue: c\nnull: d\non: e\n~: f\n'q': g\n? h\n: i\n"
    expected = {"3.10": "a", "012": "b", "true": "c", "null": "d", "on": "e", "~": "f", "q": "g", "h": "i"}
    assert read(text) == expected


def test_lists_and_mappings_nest_in_block_and_in_flow() -> None:
    assert read("a:\n  - b: [1, {c: d}]\n    e:\n  -\n    - f\ng: {}\nh: []\n") == {
        "a": [{"b": [1, {"c": "d"}], "e": None}, ["f"]],
        "g": {},
        "h": [],
    }


def test_an_alias_repeats_what_its_anchor_names() -> None:
    assert read("a: &text x\nb: *text\nc: &list [*text, 1]\nd: {e: *list}\nf: *list\n") == {
        "a": "x",
        "b": "x",
        "c": ["x", 1],
        "d": {"e": ["x", 1]},
        "f": ["x", 1],
    }


def test_an_anchor_may_be_redefined() -> None:
    assert read("[&a 1, *a, &a 2, *a]") == [1, 1, 2, 2]


@pytest.mark.parametrize("text", ["", "   \n", "# only a remark\n", "---\n...\n"])
def test_a_text_without_a_document_has_no_data(text: str) -> None:
    assert read(text) is None


def test_one_document_may_have_its_marker_and_name_its_version() -> None:
    assert read("%YAML 1.2\n---\na: 1\n...\n") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: !!str 1\n", "PX105 1:4+7 tags are not supported | remove the tag; quotes make a value text"),
        ("a: ! 'x'\n", "PX105 1:4+5 tags are not supported | remove the tag; quotes make a value text"),
        ("!m {a: 1}\n", "PX105 1:1+4 tags are not supported | remove the tag"),
        ("a: !!python/object/apply:os.system [x]\n", "PX105 1:4+33 tags are not supported | remove the tag"),
        ("a: &x [1, *x]\n", "PX105 1:11+2 alias inside the value that it repeats"),
        ("a: *x\n", "PX102 1:4+2 unknown anchor `x` | define it above, with `&x`; or put it in quotes to make it text"),
        ("&x a: 1\n*x : 2\n", "PX105 2:1+2 an alias cannot be a key | write the key itself"),
        ("[a, b]: 1\n", "PX105 1:1+1 key is not text"),
        ("? {a: 1}\n: 1\n", "PX105 1:3+1 key is not text"),
        ("a: 1\n---\nb: 2\n", "PX105 2:1+3 second document | remove this `---`: a manifest is one document"),
        ("%YAML 1.1\n---\na: yes\n", "PX105 1:1+9 a manifest must be YAML 1.2 | remove the `%YAML` line"),
        ('a: "x\\0y"\n', "PX105 1:4+6 text contains a NUL character | programs and files cannot receive one"),
    ],
)
def test_what_yaml_can_and_manifests_do_not_need_is_refused(text: str, expected: str) -> None:
    assert reported(text.encode()) == [expected]


def test_a_quoted_merge_key_is_a_key_as_any_other() -> None:
    assert read('"<<": 1\n') == {"<<": 1}


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_nesting_is_read_to_a_depth_and_refused_beyond(opening: str) -> None:
    closing = {"[": "]", "{a: ": "}", "- ": ""}[opening]
    read(opening * MAX_DEPTH + "x" + closing * MAX_DEPTH)
    with pytest.raises(ReadError) as refused:
        read(opening * (MAX_DEPTH + 1) + "x" + closing * (MAX_DEPTH + 1))
    assert refused.value.diagnostic.message == "lists and mappings are nested more than 40 levels deep"


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("[1, 2, 3]", 4),
        ("{a: 1, b: 2}", 5),
        ("[&a [1, 2], *a]", 7),
        ("[&a [1], &b [*a, *a], *b]", 13),
        ("[&a 1, *a]", 3),
    ],
)
def test_nodes_are_counted_with_what_aliases_repeat(monkeypatch: pytest.MonkeyPatch, text: str, nodes: int) -> None:
    monkeypatch.setattr(yaml_reader, "MAX_NODES", nodes)
    read(text)
    monkeypatch.setattr(yaml_reader, "MAX_NODES", nodes - 1)
    with pytest.raises(ReadError, match="keys and values"):
        read(text)


def test_many_workflows_of_an_ordinary_size_may_have_more_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_reader, "MAX_NODES", 80)
    monkeypatch.setattr(yaml_reader, "MAX_NODES_OF_MANY", 160)
    monkeypatch.setattr(yaml_reader, "MANY_WORKFLOWS", 10)
    small = "".join(f"  w{number}: {{run: x, needs: [a, b]}}\n" for number in range(18))
    read("workflows:\n" + small)
    with pytest.raises(ReadError, match="more than 160 keys and values"):
        read("workflows:\n" + small + small.replace("w", "v"))
    for other in (
        "workflows:\n" + "".join(f"  w{number}: 1\n" for number in range(50)),
        "tasks:\n" + small,
        "[" + "a," * 90 + "]",
    ):
        with pytest.raises(ReadError, match="more than 80 keys and values"):
            read(other)


_scalars = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff\u2028\u2029")
)
_data = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_scalars, inner, max_size=4),
    max_leaves=20,
)


def _flow(data: object) -> str:
    """YAML of `data`, written by hand and not by the library under test."""
    if isinstance(data, dict):
        return "{" + ", ".join(f"{_flow(key)} : {_flow(value)}" for key, value in data.items()) + "}"
    if isinstance(data, list):
        return "[" + ", ".join(map(_flow, data)) + "]"
    if isinstance(data, str):
        return '"' + data.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(data, float):
        return repr(data).replace("inf", ".inf")
    return (
        {None: "null", True: "true", False: "false"}[data]
        if data is None or data is True or data is False
        else str(data)
    )


@given(_data)
def test_all_data_is_read_as_it_was_written(data: object) -> None:
    assert read_yaml(Lines("x", "--- " + _flow(data)))[0] == data
