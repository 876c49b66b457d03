"""Shell text that YAML reads as something else: the error is about the text, and its help shows what to write."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.manifests import loaded, reported

from orchestrator.diagnostics.model import Diagnostic

COMMANDS = [
    "[ -f x ] && echo there",
    "[ -f x ]",
    "[[ $a == b ]]",
    '[ "$a" = b ] || exit 1',
    "[ -f x",
    "{ echo a; echo b; }",
    "{ echo a; } 2>&1",
    "{{ name }}",
    "*.sh",
    "* x",
    "'./my tool' --all",
    '"./my tool" --all',
    '"a": b c',
    "@echo hi",
    "`date`",
    "%1 x",
    "& x",
    "&& make",
    "! grep TODO main.c",
    "!make",
    "| sort",
    "|sort",
    "> out",
    ">>out echo",
    "? x",
    "- x",
    "-",
    ", x",
    "] x",
    "} x",
    ": x",
    ":",
    "echo a: b",
    'echo "a: b" c',
    "echo a:",
]


def manifest(run: str, rest: str = "") -> str:
    return f"version: 1\nworkflows:\n  a:\n    run: {run}\n{rest}"


def only(text: str) -> Diagnostic:
    (found,) = loaded(text.encode()).diagnostics
    return found


def suggested(help_text: str) -> str:
    """The line that the help shows."""
    shown = re.search(r"`(run: .*)`$", help_text)
    assert shown is not None, help_text
    return shown[1].removeprefix("run: ")


@pytest.mark.parametrize("rest", ["", "    timeout: 5m\n", "    needs: b\n  b: {run: make}\n"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_begins_with_a_sign_of_yaml_is_shown_in_quotes_and_then_runs_as_written(
    command: str, rest: str
) -> None:
    found = only(manifest(command, rest))
    assert found.span is not None
    assert (found.span.line, found.span.column) == (4, 10)
    fixed = loaded(manifest(suggested(found.help), rest).encode())
    assert fixed.diagnostics == ()
    assert fixed.manifest is not None
    assert fixed.manifest.workflows["a"].run == command


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30).map(str.strip))
@example("'a' 'b'")
@example('"\\" # x')
def test_whatever_line_is_shown_in_a_help_reads_as_the_text_that_was_meant(command: str) -> None:
    found = loaded(manifest(command).encode()).diagnostics
    for one in found:
        if "quotes: `run: " in one.help:
            fixed = loaded(manifest(suggested(one.help)).encode())
            assert fixed.manifest is not None
            assert fixed.manifest.workflows["a"].run == command


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{run: [ -f x ] && y}", "PX102 3:12+1 text that starts with `[`, which YAML reads as a list"),
        ("{run: *.sh}", "PX102 3:12+1 text that starts with `*`, which YAML reads as an alias"),
        ("{run: 'x' y}", "PX102 3:12+1 text after the closing quote"),
        ("{run: echo a: b}", "PX102 3:12+1 unexpected `:` in plain text"),
        ("{run: x, args: [*.sh]}", "PX102 3:22+1 text that starts with `*`, which YAML reads as an alias"),
    ],
)
def test_between_braces_the_help_says_to_put_the_text_in_quotes(entry: str, expected: str) -> None:
    assert reported(f"version: 1\nworkflows:\n  a: {entry}\n") == [f"{expected} | put the text in quotes"]


def test_a_comment_that_hides_a_closing_brace_is_pointed_at() -> None:
    assert reported("version: 1\nworkflows:\n  a: {env: {COLOR: #fff}, run: x}\n") == [
        "PX102 3:20+14 expected a value | a `#` after a space begins a comment: put text that contains one in quotes"
    ]
    # one behind a complete list is only a comment
    assert reported("a: [b] # c\nd: {\n") == ["PX102 3:1+1 expected a value"]


@pytest.mark.parametrize(
    "line", ["    cleanup_token: 'a' hunter2", "    env:\n      TOKEN: *hunter2*", "    run: *x --data token: hunter2"]
)
def test_a_value_that_may_be_a_secret_is_not_repeated(line: str) -> None:
    found = only(f"version: 1\nworkflows:\n  a:\n{line}\n")
    assert found.help == "put all of it in quotes"
    assert "hunter2" not in found.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # where a list or an alias may well be meant, the error remains about that
        ("a:\n  needs: [b, c\n  run: x\n", "PX102 3:6+1 expected `,` or `]` in this list | write `,` or `]`"),
        (
            "a: {needs: *base}\n",
            "PX102 1:12+5 unknown anchor `base` | define it above, with `&base`; or put it in quotes to make it text",
        ),
        ("a: {run: !!str x}\n", "PX105 1:10+7 tags are not supported | remove the tag; quotes make a value text"),
        ("a:\n  run: 'x\n", "PX102 2:8+1 unterminated quoted text | add the closing quote"),
        (
            'a:\n  run: "grep \\d"\n',
            "PX102 2:14+1 unknown escape sequence in double quotes"
            " | use single quotes, or write `\\\\` for a backslash",
        ),
        (
            "a:\n  run: |\n    x\n b: c\n",
            "PX102 4:2+1 expected a key | check the indentation, and the quotes in the value above",
        ),
    ],
)
def test_other_errors_are_left_as_they_are(text: str, expected: str) -> None:
    assert reported(text) == [expected]


def test_an_error_that_is_not_about_the_text_remains() -> None:
    assert only("description: " + "[" * 50 + "]" * 50 + "\n").code == "PX103"


def test_a_long_command_and_one_with_both_quotes_are_sent_to_a_block() -> None:
    block = "put all of it in quotes, or below `run: |` on a line of its own"
    assert only(manifest("*" + "x" * 200 + " *")).help == block
    assert only(manifest("""[ "$a" = 'b' ] && c""")).help == block
    assert only(manifest("@" + "x" * 20_000)).help == "put it in quotes"
