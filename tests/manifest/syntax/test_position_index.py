"""Positions of keys and values: lines and columns from 1, columns and lengths in code points."""

from __future__ import annotations

from collections.abc import Iterator

from support.manifests import place, reported

from orchestrator.diagnostics.model import Path, Span
from orchestrator.manifest.syntax.json_reader import read_json, scan
from orchestrator.manifest.syntax.lines import Lines
from orchestrator.manifest.syntax.position_index import Positions
from orchestrator.manifest.syntax.yaml_reader import read_yaml


def outline(text: str, *, json: bool = False) -> list[str]:
    """For each value of the data: its path, the position of its key and its own position."""
    lines = Lines("pexec.yaml", text)
    if json:
        data, positions = read_json(lines)[0], Positions(lines, lambda: scan(lines))
    else:
        data, marks = read_yaml(lines)
        positions = Positions(lines, lambda: marks)
    return [
        f"{'.'.join(map(str, path))} {place(positions.key(path))} {place(positions.value(path))}"
        for path in _paths(data, ())
    ]


def _paths(data: object, path: Path) -> Iterator[Path]:
    if path:
        yield path
    for step, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from _paths(value, (*path, step))


def test_carriage_returns_end_lines_and_are_in_no_span() -> None:
    text = "a: 1\r\nbb:\r\n  - x y  # no\r\n  - {c: 'd', e: [f, g]}\r\nh:\r\n\r\ni: |\r\n  one\r\n  two\r\nj: k\r\n"
    assert outline(text) == [
        "a 1:1+1 1:4+1",
        "bb 2:1+2 3:3+11",
        "bb.0 3:5+3 3:5+3",
        "bb.1 4:5+19 4:5+19",
        "bb.1.c 4:6+1 4:9+3",
        "bb.1.e 4:14+1 4:17+6",
        "bb.1.e.0 4:18+1 4:18+1",
        "bb.1.e.1 4:21+1 4:21+1",
        "h 5:1+1 5:3+1",
        "i 7:1+1 7:4+1",
        "j 10:1+1 10:4+1",
    ]


def test_wide_characters_and_tabs_are_one_column_each() -> None:
    assert outline('é漢: "😀 x"\nb: [😀, 漢字, "c"]\n"d\\te":\t f\n') == [
        "é漢 1:1+2 1:5+5",
        "b 2:1+1 2:4+12",
        "b.0 2:5+1 2:5+1",
        "b.1 2:8+2 2:8+2",
        "b.2 2:12+3 2:12+3",
        "d\te 3:1+6 3:10+1",
    ]


def test_a_value_of_several_lines_is_marked_on_its_first() -> None:
    assert outline('a: one\n  two\nb: "one\n  two"\nc: >-\n  folded\n  text\nd: [1,\n  2]\n? h\n: i\n') == [
        "a 1:1+1 1:4+3",
        "b 3:1+1 3:4+4",
        "c 5:1+1 5:4+2",
        "d 8:1+1 8:4+3",
        "d.0 8:5+1 8:5+1",
        "d.1 9:3+1 9:3+1",
        "h 10:3+1 11:3+1",
    ]


def test_lists_of_lists_and_of_mappings_have_their_own_places() -> None:
    assert outline("- a\n-\n  b: c\n  d:\n    e: f\n- - g\n") == [
        "0 1:3+1 1:3+1",
        "1 3:3+4 3:3+4",
        "1.b 3:3+1 3:6+1",
        "1.d 4:3+1 5:5+4",
        "1.d.e 5:5+1 5:8+1",
        "2 6:3+3 6:3+3",
        "2.0 6:5+1 6:5+1",
    ]


def test_children_are_distinct_from_grandchildren_of_the_same_name() -> None:
    assert outline("[[1, 2], {a: [3]}, 4]\n") == [
        "0 1:2+6 1:2+6",
        "0.0 1:3+1 1:3+1",
        "0.1 1:6+1 1:6+1",
        "1 1:10+8 1:10+8",
        "1.a 1:11+1 1:14+3",
        "1.a.0 1:15+1 1:15+1",
        "2 1:20+1 1:20+1",
    ]
    assert outline("a: {b: 1, a: 2}\nb: 3\nc: {a: 4}\n") == [
        "a 1:1+1 1:4+12",
        "a.b 1:5+1 1:8+1",
        "a.a 1:11+1 1:14+1",
        "b 2:1+1 2:4+1",
        "c 3:1+1 3:4+6",
        "c.a 3:5+1 3:8+1",
    ]


def test_what_an_alias_repeats_is_at_the_alias() -> None:
    assert outline("a: &x [1, {b: 2}]\nc: *x\n") == [
        "a 1:1+1 1:4+14",
        "a.0 1:8+1 1:8+1",
        "a.1 1:11+6 1:11+6",
        "a.1.b 1:12+1 1:15+1",
        "c 2:1+1 2:4+2",
        "c.0 2:1+1 2:4+2",
        "c.1 2:1+1 2:4+2",
        "c.1.b 2:1+1 2:4+2",
    ]


def test_json_has_places_too() -> None:
    text = '{"a": 1, "b": [true, {"c\\u00e9": "x\\"y"}],\n "d": {}, "e": [],\n\t"f": null}\r\n'
    assert outline(text, json=True) == [
        "a 1:2+3 1:7+1",
        "b 1:10+3 1:15+27",
        "b.0 1:16+4 1:16+4",
        "b.1 1:22+19 1:22+19",
        "b.1.cé 1:23+9 1:34+6",
        "d 2:2+3 2:7+2",
        "e 2:11+3 2:16+2",
        "f 3:2+3 3:7+4",
    ]


def test_the_same_json_has_the_same_places_in_both_readers() -> None:
    text = '{"version": 1, "workflows": {"a": {"run": "x", "needs": []}, "b": {"argv": ["y", "z"], "needs": "a"}}}'
    assert outline(text, json=True) == outline(text)


def test_a_place_that_is_not_there_is_shown_at_the_nearest_that_is() -> None:
    lines = Lines("pexec.yaml", "a:\n  b: [1]\n")
    marks = read_yaml(lines)[1]
    positions = Positions(lines, lambda: marks)
    assert place(positions.key(("a", "b", 7))) == "2:3+1"
    assert place(positions.value(("a", "b", 7))) == "2:6+3"
    assert place(positions.key(("a", "c"))) == "1:1+1"
    assert place(positions.value(("z",))) == "1:1+2"


def test_the_only_place_of_an_empty_text_is_its_beginning() -> None:
    lines = Lines("pexec.yaml", "# nothing\n")
    marks = read_yaml(lines)[1]
    assert Positions(lines, lambda: marks).value(("a",)) == Span("pexec.yaml", 1, 1)


def test_a_byte_order_mark_takes_no_column() -> None:
    assert reported(b"\xef\xbb\xbfversoin: 1\nworkflows: {a: {rnu: x}}\n") == [
        "PX110 1:1+7 unknown key `versoin` in the manifest | did you mean `version`?",
        "PX110 2:17+3 unknown key `rnu` in workflow `a` | did you mean `run`?",
    ]


def test_a_duplicate_key_is_reported_at_both_places_without_its_value() -> None:
    text = """\
        version: 1
        workflows:
          a:
            run: x
            env: {TOKEN: hunter2, TOKEN: hunter3}
          b: {run: y}
          b: {run: z}
          "b": {run: 3}
        """
    assert reported(text) == [
        "PX104 5:27+5 duplicate key `TOKEN` | remove one of them | first defined here 5:11+5",
        "PX104 7:3+1 duplicate key `b` | remove one of them | first defined here 6:3+1",
        "PX104 8:3+3 duplicate key `b` | remove one of them | first defined here 6:3+1",
        'PX117 8:14+1 `run` of workflow `b`: expected text, found a number | put it in quotes: `"3"`',
    ]
