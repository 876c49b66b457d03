"""Windows line endings, and commands that YAML cut off at a ` #`."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.planning import file_facts, planned


def reported(run: str, rest: str = "") -> list[str]:
    found = planned(f"workflows:\n  a:\n    run: {run}\n{rest}").diagnostics
    return [f"{one.code} {one.span.line}:{one.span.column}+{one.span.length} {one.help}" for one in found if one.span]


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ('echo "issue # 12"', ["PX226 4:22+5 put all of it in quotes: `run: 'echo \"issue # 12\"'`"]),
        ("echo 'a # b' # c", ["PX226 4:18+8 put all of it in quotes: `run: \"echo 'a # b' # c\"`"]),
        ("echo $(date # x)", ["PX226 4:22+4 put all of it in quotes: `run: 'echo $(date # x)'`"]),
        ("echo ${A:- # x}", ["PX226 4:21+4 put all of it in quotes: `run: 'echo ${A:- # x}'`"]),
        ("make # all of it", []),
        ("echo 'a' # b", []),
        ("echo a#b 'c'", []),
        ("'echo \"a # b\"' # c", []),
        ("\"echo 'a'\" # c", []),
        ("|\n      echo 'a\n      # b'", []),
        ("echo 'unclosed", []),
    ],
)
def test_a_comment_is_reported_only_where_the_shell_would_not_take_it_for_one(run: str, expected: list[str]) -> None:
    assert reported(run) == expected


def test_a_command_of_several_lines_is_shown_whole() -> None:
    """Where its comment begins is on another line than the text."""
    advice = "put all of it in quotes, or below `run: |` on a line of its own"
    assert reported("echo 'a\n      b # c'") == [f"PX226 4:10+7 {advice}"]


def test_another_shell_may_quote_differently() -> None:
    assert reported("print('a # b')", "    shell: [python3, -c]\n") == []


def test_text_with_windows_line_endings_is_reported_and_a_manifest_with_them_is_not() -> None:
    assert reported('"echo a\\r\\necho b"') == ["PX225 4:10+18 write `\\n` instead of `\\r\\n`"]
    assert reported("|\r\n      echo a\r\n      echo b\r") == []


@pytest.mark.parametrize(
    ("kind", "shell", "expected"),
    [
        ("executable", "", "its first line names an interpreter whose name ends in a carriage return"),
        ("script", "", "the shell takes the carriage returns for a part of its words"),
        ("script", ", shell: [python3]", ""),
    ],
)
def test_a_script_with_windows_line_endings_is_reported_where_they_matter(kind: str, shell: str, expected: str) -> None:
    facts = replace(file_facts("script"), kind=kind, crlf=True)
    found = planned(f"workflows: {{a: {{file: x.sh{shell}}}}}", files={"x.sh": facts}).diagnostics
    assert [one.message for one in found] == (
        [f"`x.sh`, which `a` runs, has Windows line endings: {expected}"] if expected else []
    )
    assert all(one.help == "convert it: `sed -i 's/\\r$//' x.sh`" for one in found)
