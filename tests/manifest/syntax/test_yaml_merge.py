"""Merge keys: the same data as the manifest written out by hand, and positions where each entry is written."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from support.manifests import loaded, place, reported

from orchestrator.manifest.syntax.lines import Lines
from orchestrator.manifest.syntax.position_index import Positions
from orchestrator.manifest.syntax.yaml_reader import read_yaml


def read(text: str) -> Any:
    return read_yaml(Lines("pexec.yaml", textwrap.dedent(text)))[0]


@pytest.mark.parametrize(
    ("merging", "by_hand"),
    [
        ("{<<: *a}", {"x": 1, "y": 2}),
        ("{z: 0, <<: *a, y: 5, v: 6}", {"z": 0, "x": 1, "y": 5, "v": 6}),
        ("{y: 5, <<: *a}", {"y": 5, "x": 1}),
        ("{<<: [*a, *b]}", {"x": 1, "y": 2, "w": 4}),
        ("{<<: [*b, *a]}", {"y": 3, "w": 4, "x": 1}),
        ("{<<: {y: 7, <<: *b}, x: 8}", {"y": 7, "w": 4, "x": 8}),
        ("{<<: [{q: 1}, *c]}", {"q": 1, "w": 4, "y": 9}),
        ("{<<: *list}", {"x": 1, "y": 2, "w": 4}),
        ("{<<: []}", {}),
        ("{<<: {}, x: 1}", {"x": 1}),
        ("{'<<': *a}", {"<<": {"x": 1, "y": 2}}),
    ],
)
def test_keys_of_its_own_come_first_then_those_of_earlier_mappings(merging: str, by_hand: dict[str, Any]) -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, w: 4}\nc: &c {<<: *b, y: 9}\nlist: &list [*a, *b]\n"
    found = read(f"{text}d: {merging}\n")["d"]
    assert list(found.items()) == list(by_hand.items())


def test_a_later_anchor_of_the_same_name_changes_nothing() -> None:
    assert read("a: &a {x: 1}\nb: {<<: *a, y: &a {x: 2}}\nc: {<<: *a}\n") == {
        "a": {"x": 1},
        "b": {"x": 1, "y": {"x": 2}},
        "c": {"x": 2},
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: {<<: b}", "PX124 1:9+1 expected a mapping to merge, found a single value"),
        ("a: {<<: }", "PX124 1:9+1 expected a mapping to merge, found nothing"),
        ("a: &a 1\nb:\n  <<: *a", "PX124 3:7+2 expected a mapping to merge, found a single value"),
        ("a: {<<: [{x: 1}, 2]}", "PX124 1:18+1 expected a mapping to merge, found a single value"),
        ("a: {<<: [[{x: 1}]]}", "PX124 1:10+8 expected a mapping to merge, found a list"),
        ("a: &a [1]\nb: {<<: *a}", "PX124 2:9+2 expected a mapping to merge, found a single value"),
    ],
)
def test_what_has_no_keys_cannot_be_merged(text: str, expected: str) -> None:
    hint = "`<<` takes an alias of a mapping, or a list of them: `<<: [*a, *b]`; a quoted key is text"
    assert reported(text.encode()) == [f"{expected} | {hint}"]


def test_two_merge_keys_are_one_list() -> None:
    assert reported(
        """\
        version: 1
        x-a: &a {run: x}
        x-b: &b {timeout: 3s}
        workflows:
          a:
            <<: *a
            <<: *b
        """
    )[0] == (
        "PX104 7:5+2 duplicate key `<<` | merge several mappings by one list: `<<: [*a, *b]` | first defined here 6:5+2"
    )


def test_a_mistake_that_is_merged_is_reported_once_and_where_it_is_written() -> None:
    assert reported(
        """\
        version: 1
        x-base: &base
          tiemout: 5m
          env: {A: true}
        workflows:
          a: {<<: *base, run: x}
          b:
            <<: [*base, {retry: 3}]
            run: y
            timeout: 0
        """
    ) == [
        "PX110 3:3+7 unknown key `tiemout` in workflow `a` | did you mean `timeout`?",
        "PX117 4:12+4 `env.A` of workflow `a`: expected text, found `true` | put it in quotes",
        "PX112 8:25+1 `retry` of workflow `b`: expected a mapping, found a number | write it as `{max_attempts: 3}`",
        "PX114 10:14+1 `timeout` of workflow `b` must be more than zero | write `none` for no limit",
    ]


def test_workflows_and_variables_can_be_merged_too() -> None:
    read = loaded(
        """\
        version: 1
        x-jobs: &jobs
          lint: {run: lint}
          test: {run: test, needs: lint}
        x-env: &env {A: "1", B: "2"}
        workflows:
          build: {run: make, env: {<<: *env, B: 3}}
          <<: *jobs
          lint: {run: better}
        """
    )
    assert read.diagnostics == ()
    assert read.manifest is not None
    assert list(read.manifest.workflows) == ["build", "test", "lint"]
    assert read.manifest.workflows["build"].env == {"A": "1", "B": "3"}
    assert read.manifest.workflows["lint"].run == "better"


_KEYS = st.sampled_from(["a", "b", "c", "d"])


@st.composite
def _chains(draw: st.DrawFn) -> list[tuple[list[tuple[str, int]], int, list[int]]]:
    """For each mapping its own entries, the place of its merge key among them, and the earlier ones that it merges."""
    made = []
    for number in range(draw(st.integers(1, 6))):
        own = draw(st.lists(st.tuples(_KEYS, st.integers(0, 99)), unique_by=lambda entry: entry[0], max_size=4))
        merges = draw(st.lists(st.integers(0, number - 1), max_size=3)) if number else []
        made.append((own, draw(st.integers(0, len(own))), merges))
    return made


@given(_chains(), st.booleans())
def test_it_is_the_data_that_another_reader_has_at_the_places_where_it_is_written(
    chain: list[tuple[list[tuple[str, int]], int, list[int]]], block: bool
) -> None:
    text = ""
    by_hand: list[dict[str, int]] = []
    for number, (own, at, merges) in enumerate(chain):
        entries = [f"{key}: {number + 1}00{value}" for key, value in own]
        if merges:
            names = [f"*m{merge}" for merge in merges]
            entries.insert(at, f"<<: {names[0] if len(names) == 1 else '[' + ', '.join(names) + ']'}")
        if block and entries:
            text += f"k{number}: &m{number}\n" + "".join(f"  {entry}\n" for entry in entries)
        else:
            text += f"k{number}: &m{number} {{{', '.join(entries)}}}\n"
        written = {key: int(f"{number + 1}00{value}") for key, value in own}
        added: dict[str, int] = {}
        for merge in merges:
            added |= {key: value for key, value in by_hand[merge].items() if key not in added}
        first = dict(list(written.items())[:at])
        by_hand.append({**first, **{key: value for key, value in added.items() if key not in written}, **written})
    lines = Lines("pexec.yaml", text)
    data, table = read_yaml(lines)
    positions = Positions(lines, lambda: table)
    assert isinstance(data, dict)
    assert data == YAML(typ="safe", pure=True).load(text)
    assert [list(value.items()) for value in data.values()] == [list(value.items()) for value in by_hand]
    for name, mapping in data.items():
        for key, value in mapping.items():
            span, at_key = positions.value((name, key)), positions.key((name, key))
            assert span is not None
            assert at_key is not None
            row = text.splitlines()[span.line - 1]
            assert row[span.column - 1 :][: span.length] == str(value), place(span)
            assert row[at_key.column - 1 :].startswith(f"{key}: {value}")
