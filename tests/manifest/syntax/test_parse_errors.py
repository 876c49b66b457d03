"""Text that does not parse: reported at its place, never with the parser's own message."""

from __future__ import annotations

import pytest
from support.manifests import reported

from orchestrator.manifest.syntax import parse_errors


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a: b: c\n",
            "1:5+1 unexpected `:` | put text that contains `: ` in quotes,"
            " and check the indentation of this line and the one above",
        ),
        (
            "a:\n  run: x\n b: 1\n",
            "3:2+1 expected a key | check the indentation, and the quotes in the value above",
        ),
        ("a: [1, 2\nb: 3\n", "2:2+1 expected `,` or `]` in this list | write `,` or `]`"),
        ("a: {b: 1\n", "2:1+1 expected `,` or `}` in this mapping | write `,` or `}`"),
        (
            "a: {b: x:, c: 1}\n",
            "1:9+1 unexpected `:` in plain text between braces or brackets | put the text in quotes",
        ),
        ("a: {b: http://x}\nc: {d\n", "3:1+1 expected `,` or `}` in this mapping | write `,` or `}`"),
        ('a: "b\nc: d\n', "1:4+1 unterminated quoted text | add the closing quote"),
        ("a: 'b\nc: d\n---\n", "1:4+1 unterminated quoted text | add the closing quote"),
        ("a:\n\tb: 1\n", "2:1+1 tab where YAML expects spaces | indent with spaces"),
        ("a: @b\n", "1:4+2 plain text cannot start with `@` | put all of it in quotes"),
        ("a: `b`\n", "1:4+3 plain text cannot start with ``` | put all of it in quotes"),
        ("a: %b\n", "1:4+2 plain text cannot start with `%` | put all of it in quotes"),
        ("@a: b\n", "1:1+1 plain text cannot start with `@` | put it in quotes"),
        ("a: 1\nb\nc: 2\n", "2:1+1 expected `:` after this key | write `key: value`"),
        ("a: - b\n", "1:4+1 unexpected list item | put the list on separate lines below the key"),
        ("- a\nb: 1\n", "2:1+1 expected a list item | align the items of a list"),
        ("a: {}\n}\n", "2:1+1 expected a key | check the indentation, and the quotes in the value above"),
        (
            'a: "\\q"\n',
            "1:5+1 unknown escape sequence in double quotes | use single quotes, or write `\\\\` for a backslash",
        ),
        ('a: "\\ud800"\n', "1:7+1 escape sequence is not a valid character"),
        ("a: *\n", "1:4+1 text that starts with `*`, which YAML reads as an alias | put all of it in quotes"),
        ("a: |x\n", "1:4+2 text that starts with `|`, which YAML reads as a block of lines | put all of it in quotes"),
        ("%FOO bar\n---\na: 1\n", "1:5+1 unknown directive | remove the line that begins with `%`"),
        ("a: !x!y z\n", "1:4+1 tags are not supported | remove the tag"),
        ("a: \x07b\n", "1:4+1 control character, which YAML does not allow"),
        (
            "é: '漢'\na: b: c\n".replace("a: b", "é😀: b"),
            "2:6+1 unexpected `:` | put text that contains `: ` in"
            " quotes, and check the indentation of this line and the one above",
        ),
    ],
)
def test_yaml_that_does_not_parse_is_reported_at_its_place(text: str, expected: str) -> None:
    assert reported(text.encode()) == [f"PX102 {expected}"]


def test_a_problem_that_is_not_in_the_table_is_reported_in_general() -> None:
    assert parse_errors.explain_yaml("something new: `hunter2`", "", "text", 0, 2) == ("invalid YAML", "", 2)
    assert parse_errors.explain_json("something new: `hunter2`") == "invalid JSON"
