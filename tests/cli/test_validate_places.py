"""From the bytes of a manifest to the caret: it is under the error, whatever precedes it on the line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.cli import Said
from support.inside import run_inside

NAME = "pexec.yaml"
PLAIN = """\
error[PX117]: `env.B` of workflow `a`: expected text, found nothing
 --> pexec.yaml:{line}:{column}
  |
{line} | {shown}
  | {blanks}^
  = help: put it in quotes

error: 1 error in pexec.yaml
"""
LINE = "  a: {run: x, env: {%s, B: ~}}"


def told(line: int, column: int, shown: str) -> str:
    """The diagnostic for the `~` at the end of the mapping, which is where `shown` has its last one."""
    return PLAIN.format(line=line, column=column, shown=shown, blanks=" " * _width(shown[: shown.rindex("~")]))


def validated(folder: Path, text: str, *flags: str, name: str = NAME) -> Said:
    """What is said of a manifest."""
    (folder / name).write_bytes(text.encode())
    return run_inside(folder, "validate", name, *flags)


def _width(text: str) -> int:
    """Columns, for the few signs that are used here."""
    return sum(0 if sign in "\u0301\u20dd\u1160" else 2 if sign in "日本\U0001f600Ａ\u1112" else 1 for sign in text)


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ("A: x", "A: x"),
        ("A:\tx", "A:    x"),
        ("A: \tx\t ", "A:     x     "),
        ("A: 日本", "A: 日本"),
        ("A: \U0001f600", "A: \U0001f600"),
        ("A: Ａ", "A: Ａ"),
        ("A: e\u0301e\u0301", "A: e\u0301e\u0301"),
        ("A: 1\u20dd", "A: 1\u20dd"),
        ("A: \u1112\u1160", "A: \u1112\u1160"),
        ("A: a\u200db", "A: a<U+200D>b"),
        ("A: \u202ea", "A: <U+202E>a"),
        ("A: \xa0x", "A: <U+00A0>x"),
        ("A: \ufeffx", "A: <U+FEFF>x"),
        ("A: \t日e\u0301\U0001f600", "A:     日e\u0301\U0001f600"),
    ],
    ids=[
        "plain", "tab", "tabs", "wide", "emoji", "full width", "combining", "enclosing", "jamo", "joiner", "override",
        "no-break space", "byte order mark", "all at once",
    ],
)  # fmt: skip
def test_the_caret_is_under_its_error(tmp_path: Path, entry: str, shown: str) -> None:
    text = LINE % entry
    said = validated(tmp_path, f"version: 1\nworkflows:\n{text}\n")
    said.said(exit_code=3, stderr=told(3, text.rindex("~") + 1, LINE % shown))


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["bare", "with byte order mark"])
@pytest.mark.parametrize("ended", [True, False])
def test_lines_are_counted_as_editors_count_them(tmp_path: Path, line_break: str, mark: str, ended: bool) -> None:
    text = line_break.join(["version: 1", "# one", "", "workflows:", LINE % "A: x"]) + line_break * ended
    validated(tmp_path, mark + text).said(exit_code=3, stderr=told(5, 30, LINE % "A: x"))


def test_a_byte_order_mark_moves_nothing_on_the_first_line(tmp_path: Path) -> None:
    text = "{version: 1, workflows: {a: {run: x, env: {B: ~}}}}"
    validated(tmp_path, f"\ufeff{text}\n").said(exit_code=3, stderr=told(1, 47, text))


def test_an_error_far_into_a_long_line_is_shown_with_its_surroundings(tmp_path: Path) -> None:
    text = LINE % f'A: "{"日" * 3000}"'
    said = validated(tmp_path, f"version: 1\nworkflows:\n{text}\n")
    assert said.stderr == (
        "error[PX117]: `env.B` of workflow `a`: expected text, found nothing\n"
        f" --> pexec.yaml:3:{text.rindex('~') + 1}\n"
        "  |\n"
        f'3 | ...{"日" * 17}", B: ~}}}}\n'
        f"  |    {' ' * 40}^\n"
        "  = help: put it in quotes\n"
        "\n"
        "error: 1 error in pexec.yaml\n"
    )


def test_json_on_one_very_long_line_is_shown_around_its_error(tmp_path: Path) -> None:
    workflows = {f"w{number}": {"run": "make"} for number in range(9_999)} | {"last": {"run": 7}}
    text = json.dumps({"version": 1, "workflows": workflows})
    said = validated(tmp_path, text, name="pexec.json")
    assert said.stderr == (
        "error[PX117]: `run` of workflow `last`: expected text, found a number\n"
        f" --> pexec.json:1:{text.rindex('7') + 1}\n"
        "  |\n"
        '1 | ...9998": {"run": "make"}, "last": {"run": 7}}}\n'
        f"  |    {' ' * 40}^\n"
        '  = help: put it in quotes: `"7"`\n'
        "\n"
        "error: 1 error in pexec.json\n"
    )


def test_at_most_twenty_of_many_errors_are_shown_and_all_are_counted(tmp_path: Path) -> None:
    workflows = "".join(f"  w{number}:\n    run: x\n    cmd: x\n" for number in range(60))
    said = validated(tmp_path, f"version: 1\nworkflows:\n{workflows}")
    assert said.exit_code == 3
    assert said.stderr.count("error[PX110]: unknown key `cmd` in workflow `w") == 20
    assert said.stderr.endswith("\n\nerror: 60 errors in pexec.yaml, 40 of them not shown\n")
    as_json = validated(tmp_path, f"version: 1\nworkflows:\n{workflows}", "--format=json").stdout
    assert len(json.loads(as_json)["diagnostics"]) == 60
