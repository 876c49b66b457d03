"""Diagnostics as text: whole snippets, carets and all."""

from __future__ import annotations

from textwrap import dedent

import pytest

from orchestrator.diagnostics.model import Diagnostic, Note, Severity, Span
from orchestrator.diagnostics.render_text import DiagnosticRenderer

FILE = "pexec.yaml"
ESC = "\x1b"


def span(line: int, column: int, length: int = 1, file: str = FILE) -> Span:
    return Span(file, line, column, length)


def labelled(place: Span, label: str, hint: str = "") -> Diagnostic:
    return Diagnostic("PX112", "wrong", place, notes=(Note(label, place),), help=hint)


def shown(diagnostic: Diagnostic, source: str) -> str:
    return DiagnosticRenderer({FILE: source}).one(diagnostic)


def picture(text: str) -> str:
    return dedent(text).lstrip("\n")


CYCLE = Diagnostic(
    "PX201",
    "circular dependency: `test` -> `build` -> `fetch` -> `test`",
    span(14, 13, 5),
    notes=(
        Note("`test` needs `build`", span(14, 13, 5)),
        Note("`build` needs `fetch`", span(8, 13, 5)),
        Note("`fetch` needs `test`", span(9, 13, 4)),
    ),
    help="remove one of these edges",
)
CYCLE_SOURCE = "\n" * 7 + "    needs: [fetch]\n    needs: [test]\n" + "\n" * 4 + "    needs: [build]\n"


def test_a_diagnostic_points_at_its_place_and_names_its_file_line_and_column() -> None:
    source = "version: 1\nworkflow:\n  a: {run: x}\n"
    diagnostic = Diagnostic("PX110", "unknown key `workflow`", span(2, 1, 8), help="did you mean `workflows`?")
    assert shown(diagnostic, source) == picture("""
        error[PX110]: unknown key `workflow`
         --> pexec.yaml:2:1
          |
        2 | workflow:
          | ^^^^^^^^
          = help: did you mean `workflows`?
    """)


def test_several_places_are_in_the_order_of_lines_with_dots_for_what_is_left_out() -> None:
    assert shown(CYCLE, CYCLE_SOURCE) == picture("""
        error[PX201]: circular dependency: `test` -> `build` -> `fetch` -> `test`
          --> pexec.yaml:14:13
           |
         8 |     needs: [fetch]
           |             ----- `build` needs `fetch`
         9 |     needs: [test]
           |             ---- `fetch` needs `test`
           ...
        14 |     needs: [build]
           |             ^^^^^ `test` needs `build`
           = help: remove one of these edges
    """)


def test_two_places_of_one_line_are_marked_below_each_other() -> None:
    diagnostic = Diagnostic(
        "PX208",
        "`build` twice",
        span(1, 16, 5),
        notes=(Note("again", span(1, 16, 5)), Note("first here", span(1, 9, 5))),
    )
    assert shown(diagnostic, "needs: [build, build]") == picture("""
        error[PX208]: `build` twice
         --> pexec.yaml:1:16
          |
        1 | needs: [build, build]
          |         ----- first here
          |                ^^^^^ again
    """)


def test_places_in_other_files_come_after_the_own_file() -> None:
    diagnostic = Diagnostic(
        "PX104", "declared twice", span(1, 1, 1, "b.yaml"), notes=(Note("first", span(1, 1, 1, "a.yaml")),)
    )
    assert DiagnosticRenderer({"a.yaml": "a: 1", "b.yaml": "a: 2"}).one(diagnostic) == picture("""
        error[PX104]: declared twice
         --> b.yaml:1:1
          |
        1 | a: 2
          | ^
         ::: a.yaml:1:1
          |
        1 | a: 1
          | - first
    """)


def test_a_diagnostic_without_a_place_has_no_snippet() -> None:
    diagnostic = Diagnostic("PX101", "no such file", notes=(Note("looked in `ci`"),), help="create it")
    assert shown(diagnostic, "") == picture("""
        error[PX101]: no such file
          = note: looked in `ci`
          = help: create it
    """)


def test_labels_are_kept_where_the_text_of_a_file_is_not_known() -> None:
    assert DiagnosticRenderer({}).one(labelled(span(3, 5), "here")) == picture("""
        error[PX112]: wrong
         --> pexec.yaml:3:5
          = note: line 3: here
    """)


@pytest.mark.parametrize(
    ("line", "place", "expected"),
    [
        ("a:\tb", span(1, 4), "a:    b\n  |       ^"),
        ("日本: b", span(1, 1, 2), "日本: b\n  | ^^^^"),
        ("日本: b", span(1, 5), "日本: b\n  |       ^"),
        ("e\u0301a: b", span(1, 3), "e\u0301a: b\n  |  ^"),
        ("e\u0301a: b", span(1, 1, 2), "e\u0301a: b\n  | ^"),
        ("e\u0301a: b", span(1, 2), "e\u0301a: b\n  | ^"),
        ("a: \U0001f600 b", span(1, 6), "a: \U0001f600 b\n  |       ^"),
        (f"a: {ESC}[2Jb", span(1, 8), "a: \u241b[2Jb\n  |        ^"),
        ("a: \x9b2Jb", span(1, 5), "a: <U+009B>2Jb\n  |            ^"),
        ("a: \u202eb", span(1, 4), "a: <U+202E>b\n  |    ^^^^^^^^"),
        ("a: \u200bb", span(1, 5), "a: <U+200B>b\n  |            ^"),
        ("a: \udcffb", span(1, 5), "a: <U+DCFF>b\n  |            ^"),
        ("a: b", span(1, 5), "a: b\n  |     ^"),
        ("", span(1, 1), "\n  | ^"),
        ("a: b", span(1, 4, 99), "a: b\n  |    ^"),
        ("a: b", span(1, 99), "a: b\n  |     ^"),
    ],
    ids=[
        "tab", "wide marked", "after wide", "after combining", "combined", "combining itself", "emoji", "escape",
        "C1 control", "direction override", "zero width", "lone surrogate", "line end", "empty line", "span too long",
        "span behind the line",
    ],
)  # fmt: skip
def test_carets_are_under_what_they_mark(line: str, place: Span, expected: str) -> None:
    head = f"error[PX112]: wrong\n --> pexec.yaml:1:{place.column}\n  |\n1 |"
    body = f" {expected}" if line else expected
    assert shown(Diagnostic("PX112", "wrong", place), line) == f"{head}{body}\n"


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"])
def test_a_line_ends_where_the_parser_sees_its_end(line_break: str) -> None:
    source = f"one: 1{line_break}two: 2{line_break}"
    assert "2 | two: 2\n  | ^^^\n" in shown(Diagnostic("PX112", "wrong", span(2, 1, 3)), source)


def test_an_error_after_the_last_line_is_shown_at_an_empty_line() -> None:
    assert shown(Diagnostic("PX102", "unexpected end", span(3, 1)), "a: [\n") == picture("""
        error[PX102]: unexpected end
         --> pexec.yaml:3:1
          |
        3 |
          | ^
    """)


def test_a_long_line_is_cut_around_the_mark() -> None:
    line = "run: " + "x" * 500 + " bad " + "y" * 500
    assert shown(labelled(span(1, 507, 3), "here"), line) == picture(f"""
        error[PX112]: wrong
         --> pexec.yaml:1:507
          |
        1 | ...{"x" * 39} bad {"y" * 76}...
          |    {" " * 40}^^^ here
    """)


def test_a_long_line_with_the_mark_at_its_begin_is_cut_at_its_end_only() -> None:
    assert shown(labelled(span(1, 1, 3), "here"), "run: " + "x" * 500) == picture(f"""
        error[PX112]: wrong
         --> pexec.yaml:1:1
          |
        1 | run: {"x" * 115}...
          | ^^^ here
    """)


def test_a_long_line_with_two_marks_is_shown_for_each() -> None:
    line = "a" + "x" * 998 + "b"
    diagnostic = Diagnostic("PX112", "wrong", span(1, 1000), notes=(Note("other", span(1, 1)),))
    assert shown(diagnostic, line) == picture(f"""
        error[PX112]: wrong
         --> pexec.yaml:1:1000
          |
        1 | a{"x" * 119}...
          | - other
        1 | ...{"x" * 40}b
          |    {" " * 40}^
    """)


def test_a_mark_longer_than_the_window_is_cut_with_it() -> None:
    assert shown(Diagnostic("PX113", "too long", span(1, 4, 900)), "a: " + "x" * 900) == picture(f"""
        error[PX113]: too long
         --> pexec.yaml:1:4
          |
        1 | a: {"x" * 117}...
          |    {"^" * 117}
    """)


@pytest.mark.cost
def test_a_line_of_megabytes_is_shown_at_once() -> None:
    line = '{"workflows": {' + '"a": {"run": "x"}, ' * 400_000 + "}}"
    text = shown(Diagnostic("PX106", "not JSON", span(1, len(line))), line)
    assert len(text) < 1000
    assert text.endswith("^\n")


def test_nothing_in_a_message_drives_the_terminal() -> None:
    diagnostic = Diagnostic(
        "PX110",
        f"unknown key `{ESC}]0;owned\x07\nerror: fake`",
        span(1, 1, 1, f"a{ESC}[2J.yaml"),
        notes=(Note(f"{ESC}c"),),
        help="\x9b2J\r\u202e",
    )
    text = DiagnosticRenderer({}).one(diagnostic)
    assert text == (
        "error[PX110]: unknown key `␛]0;owned␇␊error: fake`\n"
        " --> a␛[2J.yaml:1:1\n"
        "  = note: ␛c\n"
        "  = help: <U+009B>2J␍<U+202E>\n"
    )  # fmt: skip


def test_the_value_of_a_secret_key_is_not_shown_and_the_caret_is_under_its_mask() -> None:
    source = "env:\n  API_TOKEN: hunter2 hunter3\n"
    assert shown(labelled(span(2, 22, 7), "not text"), source) == picture("""
        error[PX112]: wrong
         --> pexec.yaml:2:22
          |
        2 |   API_TOKEN: ***
          |              ^^^ not text
    """)


def test_a_secret_is_not_shown_in_the_middle_of_a_long_line_either() -> None:
    source = '{"env": {"password": "' + "hunter2" * 300 + '", "x": 1}}'
    text = shown(Diagnostic("PX112", "wrong", span(1, 1000)), source)
    assert "hunter2" not in text
    assert "***" in text


def test_colours_mark_the_parts_of_a_snippet() -> None:
    text = DiagnosticRenderer({FILE: "a: b"}, colour=True).one(labelled(span(1, 1), "here", "go"))
    assert text == (
        f"{ESC}[1;31merror[PX112]{ESC}[0m{ESC}[1m: wrong{ESC}[0m\n"
        f" {ESC}[1;34m-->{ESC}[0m pexec.yaml:1:1\n"
        f"  {ESC}[1;34m|{ESC}[0m\n"
        f"{ESC}[1;34m1 |{ESC}[0m a: b\n"
        f"  {ESC}[1;34m|{ESC}[0m {ESC}[1;31m^ here{ESC}[0m\n"
        f"  {ESC}[1;34m={ESC}[0m help: go\n"
    )


def test_the_last_line_counts_errors_and_warnings() -> None:
    error = Diagnostic("PX101", "one")
    warning = Diagnostic("PX113", "two", severity=Severity.WARNING)
    renderer = DiagnosticRenderer({})
    assert renderer.all([], FILE) == ""
    assert renderer.all([error], FILE) == "error[PX101]: one\n\nerror: 1 error in pexec.yaml\n"
    assert renderer.all([warning], FILE) == "warning[PX113]: two\n\nwarning: 1 warning in pexec.yaml\n"
    assert renderer.all([error, warning, error], FILE).endswith("\n\nerror: 2 errors and 1 warning in pexec.yaml\n")


def test_at_most_twenty_are_shown_errors_before_warnings_and_the_rest_is_counted() -> None:
    warnings = [Diagnostic("PX113", f"warning {n}", severity=Severity.WARNING) for n in range(15)]
    errors = [Diagnostic("PX110", f"error {n}") for n in range(15)]
    *parts, summary = DiagnosticRenderer({}).all([*warnings, *errors], FILE).split("\n\n")
    assert [part.partition(": ")[2].strip() for part in parts] == [
        *(f"warning {n}" for n in range(5)),
        *(f"error {n}" for n in range(15)),
    ]
    assert summary == "error: 15 errors and 15 warnings in pexec.yaml, 10 of them not shown\n"
