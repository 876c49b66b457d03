"""Text that YAML reads as something else, because of its first character or because of a `: ` in it.

Shell text often begins with a character that YAML takes for its own: `[ -f x ] && make`, `{ a; b; }`, `*.sh`,
`'./my tool' --all`. The parser stops somewhere behind it, with a message about lists, aliases or keys. Here the line is
looked at again: if it has a key whose value begins like that, the error is about that value, and the help says how to
make it text.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from orchestrator.diagnostics.mask import masked
from orchestrator.diagnostics.model import Diagnostic
from orchestrator.manifest.syntax.lines import Lines

# Keys whose value is one text: no list, mapping, alias or tag makes sense there. Names of variables are such keys too.
_TEXT_KEYS = {"run", "cleanup", "file", "working_dir", "description", "name"}
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
# Where a value begins: behind a key, or behind the dash of a list item.
_ENTRY = re.compile(r"""(?:^[ ]*(?:-[ ]+)*|(?P<flow>[{,][ ]*))(?P<quote>["']?)(?P<key>[\w.-]+)(?P=quote)[ ]*:[ \t]+""")
_ITEM = re.compile(r"^[ ]*(?:-[ ]+)*-[ ]+")
_MEANINGS = {
    "[": "a list",
    "{": "a mapping",
    "*": "an alias",
    "&": "an anchor",
    "!": "a tag",
    "|": "a block of lines",
    ">": "a block of lines",
    "?": "a key",
    "-": "a list item",
    ":": "a mapping",
    "#": "a comment",
}
_BEHIND_QUOTES = ("expected a key", "expected `,` or `}` in this mapping", "unexpected `:`")
_NEVER = "@%`,]}"
_IN_QUOTES = "put the text in quotes"
_EVERY = 'for every workflow of the run write `needs: "*"`'
_NEEDS = re.compile(r"""\bneeds["']?:[ ]*(?:\[[ ]*)?$""")
_LONGEST_SHOWN = 100
_LONGEST_LINE = 10_000
_MAX_BLANK_LINES = 100


class _Value:
    """What a line has behind a key or a dash. `start` and `end` are columns from 0; a value between braces has no
    known end."""

    def __init__(self, line: str, start: int, key: str, *, in_flow: bool) -> None:
        self.start = start
        self.text = line[start:].rstrip()
        self.key = key
        self.in_flow = in_flow
        self.is_text = key in _TEXT_KEYS or _VARIABLE.fullmatch(key) is not None


def explained(error: Diagnostic, lines: Lines, *places: int) -> Diagnostic:
    """The error, or a better one for it if text was read as something else. It may have begun at one of `places`:
    indices in the text, besides that of the error itself."""
    if error.span is None or error.code not in ("PX102", "PX105"):
        return error
    all_lines = lines.split()
    here = (error.span.line - 1, error.span.column - 1)
    for number, column in (here, *(lines.place(index) for index in places)):
        line = all_lines[number] if number < len(all_lines) else ""
        value = _value_at(line, column)
        message = "" if value is None else _message(value, error, column, same_line=number == here[0])
        if value is not None and message:
            start = lines.index(number) + value.start
            length = 1 if value.in_flow else len(value.text)
            advice = _advice(value, secret=bool(masked(all_lines, number)))
            return replace(error, message=message, span=lines.span(start, start + length), help=advice)
    first = all_lines[here[0]][max(0, here[1] - 1) : here[1]] if here[0] < len(all_lines) else ""
    if error.message == "invalid YAML" and first in ("*", "&"):  # an item between brackets
        start = lines.index(here[0]) + here[1] - 1
        advice = _EVERY if first == "*" and _NEEDS.search(all_lines[here[0]], 0, here[1] - 1) else _IN_QUOTES
        return replace(error, message=_read_as(first), span=lines.span(start, start + 1), help=advice)
    if error.message.startswith("expected ") and not here[1]:
        return _cut_by_comment(error, lines, all_lines, here[0])
    return error


def _cut_by_comment(error: Diagnostic, lines: Lines, all_lines: list[str], number: int) -> Diagnostic:
    """The error at the beginning of a line, if the line above it may have lost its closing bracket to a comment."""
    rows = range(number - 1, max(-1, number - _MAX_BLANK_LINES), -1)
    above = next((row for row in rows if all_lines[row].strip()), None)
    column = None if above is None else _comment_in_brackets(all_lines[above][:_LONGEST_LINE])
    if above is None or column is None:
        return error
    hash_sign = lines.index(above) + column
    advice = "a `#` after a space begins a comment: put text that contains one in quotes"
    return replace(error, span=lines.span(hash_sign, len(lines.text)), help=advice)


def _comment_in_brackets(line: str) -> int | None:
    """Where the comment of a line begins that has a bracket or brace open before it."""
    depth, column = 0, 0
    while column < len(line):
        sign = line[column]
        if sign in "\"'" and (column == 0 or line[column - 1] in " ,:[{"):
            end = line.find(sign, column + 1)
            column = len(line) if end < 0 else end
        elif sign == "#" and line[column - 1 : column].isspace():
            return column if depth > 0 else None
        depth += (sign in "[{") - (sign in "]}")
        column += 1
    return None


def _value_at(line: str, column: int) -> _Value | None:
    """The value that begins at the column or before it."""
    if len(line) > _LONGEST_LINE:
        return None
    found = None
    for entry in _ENTRY.finditer(line):
        if entry.end() > column or (found is not None and (found.is_text or found.text.startswith(("'", '"')))):
            break  # what follows is a part of that text
        found = _Value(line, entry.end(), entry["key"], in_flow=entry["flow"] is not None)
    item = _ITEM.match(line)
    if found is None and item is not None and item.end() <= column:
        found = _Value(line, item.end(), "", in_flow=False)
    return found if found is None or found.text else None


def _message(value: _Value, error: Diagnostic, column: int, *, same_line: bool) -> str:
    """What is wrong with the value, if it is what is wrong."""
    first = value.text[0]
    if first in _NEVER:
        return f"plain text cannot start with `{first}`" if column == value.start else ""
    if first in "'\"":
        behind = same_line and error.message.startswith(_BEHIND_QUOTES)
        return "text after the closing quote" if behind and _closes_before(value, column) else ""
    if first in "[{?-":
        return _read_as(first) if value.is_text else ""
    if first in "*&!":
        wrong = error.message == "invalid YAML" or (value.is_text and not value.text.startswith("!!"))
        return _read_as(first) if wrong and column - value.start <= 1 else ""
    if first in "|>":
        return _read_as(first) if same_line and error.code == "PX102" else ""
    is_colon = error.message.startswith("unexpected `:`") or value.text[column - value.start :].startswith(": ")
    return "unexpected `:` in plain text" if is_colon and same_line and value.is_text else ""


def _read_as(first: str) -> str:
    return f"text that starts with `{first}`, which YAML reads as {_MEANINGS[first]}"


def _closes_before(value: _Value, column: int) -> bool:
    """Whether the quotes that the value begins with are closed before the column."""
    quote = value.text[0]
    pattern = r'"(?:[^"\\]|\\.)*"' if quote == '"' else r"'(?:[^']|'')*'"
    found = re.match(pattern, value.text)
    return found is not None and value.start + found.end() <= column


def _advice(value: _Value, *, secret: bool) -> str:
    if value.key in ("needs", "") and re.match(r"\*(?:\s|[,}]|$)", value.text):
        return _EVERY
    if value.in_flow:
        return _IN_QUOTES
    if value.key not in _TEXT_KEYS or secret:
        return "put all of it in quotes"
    return written_as_text(value.key, value.text)


def written_as_text(key: str, text: str) -> str:
    """The help that shows how a key is written so that its value is this text, of one line."""
    if len(text) > _LONGEST_SHOWN or not text.isprintable() or ("'" in text and ('"' in text or "\\" in text)):
        return f"put all of it in quotes, or below `{key}: |` on a line of its own"
    return f"put all of it in quotes: `{key}: {in_quotes(text)}`"


def in_quotes(text: str) -> str:
    """A text of one line as YAML that reads as this text."""
    if "'" in text and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"
