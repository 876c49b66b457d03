"""What a job may write to `$PEXEC_OUTPUT_FILE`."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.execute.attempt.output_grammar import GrammarError, Written, parse_outputs

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,20}", fullmatch=True)
LINE = st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r"))
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


def texts(data: str | bytes) -> dict[str, str]:
    written = parse_outputs(data if isinstance(data, bytes) else data.encode())
    return {name: value.text for name, value in written.items()}


def error(data: str | bytes) -> str:
    with pytest.raises(GrammarError) as raised:
        texts(data)
    return str(raised.value)


@given(st.lists(st.tuples(NAMES, LINE)), st.sampled_from(["\n", "\r\n"]))
def test_the_last_of_several_lines_with_a_name_counts(settings: list[tuple[str, str]], end: str) -> None:
    assert texts("".join(f"{name}={value}{end}" for name, value in settings)) == dict(settings)


@given(NAMES, TEXT, NAMES, LINE)
def test_a_block_keeps_any_text_that_does_not_contain_its_word(name: str, value: str, other: str, line: str) -> None:
    word = "END"
    while word in value:
        word += "_"
    end = "\n" if not value.endswith("\r") else "\r\n"
    written = texts(f"{other}={line}\n{name}<<{word}\n{value}{end}{word}\n")
    assert written == {other: line, name: value}


@given(st.dictionaries(NAMES, st.recursive(st.none() | st.booleans() | st.integers() | TEXT, st.lists, max_leaves=5)))
def test_an_object_keeps_the_spelling_of_its_values(values: dict[str, object]) -> None:
    written = parse_outputs(json.dumps(values).encode())
    assert {name: json.loads(value.text) for name, value in written.items()} == values
    assert all(value.is_json for value in written.values())


@given(st.binary() | TEXT.map(str.encode))
def test_whatever_is_written_is_parsed_or_refused(data: bytes) -> None:
    with suppress(GrammarError):
        assert all("\0" not in value.text for value in parse_outputs(data).values())


def test_a_number_in_an_object_is_not_converted() -> None:
    assert parse_outputs(b' {"n": 1.50e3, "big": 123456789012345678901234567890 }') == {
        "n": Written("1.50e3", is_json=True),
        "big": Written("123456789012345678901234567890", is_json=True),
    }


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("", {}),
        ("\n\r\n\n", {}),
        ("a=", {"a": ""}),
        ("a=1=2", {"a": "1=2"}),
        ("a= x \n", {"a": " x "}),
        ("a=x\r\r\n", {"a": "x\r"}),
        ("a=<<X\n", {"a": "<<X"}),
        ("a<<X\nX\n", {"a": ""}),
        ("a<<X\n\nX\n", {"a": ""}),
        ("a<<X\n\n\nX", {"a": "\n"}),
        ("a<<X\r\n1\r\n2\r\nX\r\nb=3", {"a": "1\r\n2", "b": "3"}),
        ("a<<X Y\n{\nX Y\n", {"a": "{"}),
        ("a=ü", {"a": "ü"}),
    ],
)
def test_what_is_written_is_what_is_read(data: str, expected: dict[str, str]) -> None:
    assert texts(data) == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("a=1\nhello world\n", "line 2 is not `name=value`: `hello world`"),
        ("a = 1", "line 1 is not `name=value`: `a = 1`"),
        ("a.b=1", "line 1 is not `name=value`: `a.b=1`"),
        (f"{'x' * 101}=1", f"line 1 is not `name=value`: `{'x' * 40}...`"),
        ("\n a=1", "line 2 is not `name=value`: ` a=1`"),
        ("a<<\nx", "line 1 opens a block of `a` without a word that closes it"),
        ("\na<<END\nx\n END\n", "the block of `a` that line 2 opens is never closed by `END`"),
        ("a<<END", "the block of `a` that line 1 opens is never closed by `END`"),
        ("b=1\na=\0", "line 2 has a null character"),
        (b"a=\xff", "it is not UTF-8"),
        ('{"a": 1} x', "it begins with `{`, but is not one JSON object"),
        ('{"a": nan}', "it begins with `{`, but is not one JSON object"),
        ('{"a": "\\ud800"}', "it begins with `{`, but is not one JSON object"),
        (f'{{"a": {"[" * 100_000}', "it begins with `{`, but is not one JSON object"),
        ('{"a b": 1}', "`a b` is not a valid name of an output"),
    ],
    ids=range(15),
)
def test_what_cannot_be_read_is_said_with_its_line(data: str | bytes, message: str) -> None:
    assert error(data) == message
