"""Where in a shell text something is: in plain code, in quotes, in a here-document, in a comment.

A small scanner for POSIX shells and bash. It knows quotes, escapes, expansions, substitutions and here-documents,
nested in each other; it does not parse commands. Where a text is ambiguous it assumes quotes.
"""

from __future__ import annotations

import enum
import re

HOLE = "\0"  # the place of a value to be filled in; no text of a manifest contains it

POSIX_SHELLS = frozenset(("sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "yash", "busybox"))
_SAFE = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
_HERE_DOCUMENT = re.compile(r"<<(-?)[ \t]*((?:\\.|'[^']*'|\"[^\"]*\"|[^\s;&|<>()])+)", re.DOTALL)
_BEFORE_WORD = frozenset(" \t\n;&|()<>")
_CASE = re.compile(r"(case|esac)(?![A-Za-z0-9_-])")
_BEFORE_COMMAND = re.compile(r"(?:^|[;&|(){}`\n!]|\b(?:then|do|else|elif|in))[ \t]*\Z")


class Where(enum.Enum):
    """What surrounds a place, in words."""

    CODE = "code"
    SINGLE = "single quotes"
    DOUBLE = "double quotes"
    ANSI = "`$'...'` quotes"
    BACKQUOTES = "backquotes"
    ESCAPE = "an escape: a backslash precedes it"
    HERE_DOCUMENT = "a here-document"
    COMMENT = "a comment"


class _Frame(enum.Enum):
    """What is open: ends at end of text, `)`, a backquote, `"`, `}`, `))`."""

    TEXT = enum.auto()
    SUBSHELL = enum.auto()
    BACKQUOTES = enum.auto()
    DOUBLE = enum.auto()
    BRACES = enum.auto()
    ARITHMETIC = enum.auto()


_COMMANDS = {_Frame.TEXT, _Frame.SUBSHELL, _Frame.BACKQUOTES}


def is_posix_shell(words: tuple[str, ...]) -> bool:
    """Whether the shell with its options, `[bash, -eu]` or `[/usr/bin/env, sh]`, quotes as POSIX says."""
    for word in words:
        name = word.rpartition("/")[2]
        if name != "env" and "=" not in word and not word.startswith("-"):
            return name in POSIX_SHELLS
    return False


def quoted(text: str) -> str:
    """The text as one word of shell code, whatever is in it."""
    if _SAFE.fullmatch(text):
        return text
    return "'" + text.replace("'", "'\\''") + "'"


def holes(text: str) -> list[Where]:
    """Where each `HOLE` of a shell text is, in order."""
    return _Scanner(text).scan()


def ends_in_quotes(text: str) -> bool:
    """Whether quotes, or the braces or parentheses of an expansion, are still open where a shell text ends."""
    if not any(sign in text for sign in "\"'`$"):
        return False
    scanner = _Scanner(text + HOLE)
    where = scanner.scan()[-1]
    return where in (Where.SINGLE, Where.DOUBLE, Where.ANSI, Where.BACKQUOTES) or scanner.in_expansion


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._found: list[Where] = []
        self._frames = [_Frame.TEXT]
        self._depths = [0]  # for each frame the parentheses that are open in arithmetic, or the `case`s in commands
        self._quoted = [False]  # for each frame whether double quotes are open since the innermost commands began
        self._in_backquotes = False
        self._ends: list[tuple[bool, str]] = []  # the here-documents that begin with the next line

    def scan(self) -> list[Where]:
        while self._at < len(self._text):
            sign = self._text[self._at]
            match self._frames[-1]:
                case _Frame.DOUBLE:
                    self._in_double_quotes(sign)
                case _Frame.BRACES | _Frame.ARITHMETIC:
                    self._in_expansion(sign)
                case _:
                    self._in_commands(sign)
        return self._found

    @property
    def in_expansion(self) -> bool:
        """Whether an expansion is open where the scanner is."""
        return len(self._frames) > 1

    def _in_commands(self, sign: str) -> None:
        if sign == "#" and self._begins_word():
            self._skip_to(self._index("\n"), Where.COMMENT)
        elif sign == "\n":
            self._at += 1
            self._here_documents()
        elif sign == "<" and self._text.startswith("<<", self._at):
            self._redirection()
        elif sign == "(":
            arithmetic = self._text.startswith("((", self._at) and self._begins_command()
            self._open(_Frame.ARITHMETIC if arithmetic else _Frame.SUBSHELL, 2 if arithmetic else 1)
        elif sign == ")":
            if self._frames[-1] is _Frame.SUBSHELL and not self._depths[-1]:
                self._close()
            self._at += 1
        elif sign in "ce" and (case := _CASE.match(self._text, self._at)) and self._begins_command():
            self._depths[-1] = max(0, self._depths[-1] + (1 if case[1] == "case" else -1))
            self._at = case.end()
        else:
            self._common(sign, single_quotes=True)

    def _in_expansion(self, sign: str) -> None:
        """Inside of `${...}` or `$((...))`. In double quotes, single ones mean nothing there."""
        frame = self._frames[-1]
        if frame is _Frame.BRACES and sign == "}":
            self._close()
            self._at += 1
        elif frame is _Frame.ARITHMETIC and sign in "()":
            self._depths[-1] += 1 if sign == "(" else -1
            self._at += 1
            if self._depths[-1] < 0:
                self._close()
                self._at += self._text.startswith(")", self._at)
        else:
            self._common(sign, single_quotes=not self._quoted[-1])

    def _in_double_quotes(self, sign: str) -> None:
        if sign == '"':
            self._close()
            self._at += 1
        else:
            self._common(sign, single_quotes=False)

    def _common(self, sign: str, *, single_quotes: bool) -> None:
        """What is the same in all frames."""
        if sign == HOLE:
            self._found.append(self._surroundings())
            self._at += 1
        elif sign == "\\":
            self._skip_to(self._at + 2, Where.ESCAPE)
        elif sign == "'" and single_quotes:
            self._skip_to(self._index("'", 1) + 1, Where.SINGLE)
        elif sign == '"':
            self._open(_Frame.DOUBLE, 1)
        elif sign == "`":
            self._backquote()
        elif sign == "$":
            self._dollar(single_quotes=single_quotes)
        else:
            self._at += 1

    def _dollar(self, *, single_quotes: bool) -> None:
        rest = self._text[self._at + 1 : self._at + 3]
        if rest.startswith("'") and single_quotes:
            end = self._at + 2
            while end < len(self._text) and self._text[end] != "'":
                end += 2 if self._text[end] == "\\" else 1
            self._skip_to(end + 1, Where.ANSI)
        elif rest == "((":
            self._open(_Frame.ARITHMETIC, 3)
        elif rest.startswith("("):
            self._open(_Frame.SUBSHELL, 2)
        elif rest.startswith("{"):
            self._open(_Frame.BRACES, 2)
        else:
            self._at += 1

    def _backquote(self) -> None:
        """A second one closes all that was opened since the first."""
        if self._in_backquotes:
            while self._frames[-1] is not _Frame.BACKQUOTES:
                self._close()
            self._close()
            self._at += 1
        else:
            self._open(_Frame.BACKQUOTES, 1)
        self._in_backquotes = not self._in_backquotes

    def _redirection(self) -> None:
        """`<<<` is a word; `<<` begins a here-document, which comes with the next line."""
        if self._text.startswith("<<<", self._at):
            self._at += 3
            return
        found = _HERE_DOCUMENT.match(self._text, self._at)
        if found is None:
            self._at += 2
            return
        self._ends.append((found[1] == "-", re.sub(r"\\(.)|['\"]", r"\1", found[2])))
        self._skip_to(found.end(), Where.HERE_DOCUMENT)

    def _here_documents(self) -> None:
        """The lines of the here-documents that begin here."""
        for tabs_go, end in self._ends:
            while self._at < len(self._text):
                line_end = self._index("\n")
                line = self._text[self._at : line_end]
                self._skip_to(line_end + 1, Where.HERE_DOCUMENT)
                if (line.lstrip("\t") if tabs_go else line) == end:
                    break
        self._ends.clear()

    def _surroundings(self) -> Where:
        if self._in_backquotes:
            return Where.BACKQUOTES
        return Where.DOUBLE if self._quoted[-1] else Where.CODE

    def _begins_word(self) -> bool:
        return self._at == 0 or self._text[self._at - 1] in _BEFORE_WORD

    def _begins_command(self) -> bool:
        start = max(0, self._at - 200)
        return _BEFORE_COMMAND.search(self._text, start, self._at) is not None

    def _index(self, sign: str, offset: int = 0) -> int:
        """Where the sign comes next, or the end of the text."""
        at = self._text.find(sign, self._at + offset)
        return len(self._text) if at < 0 else at

    def _skip_to(self, end: int, where: Where) -> None:
        end = min(end, len(self._text))
        self._found += [where] * self._text.count(HOLE, self._at, end)
        self._at = end

    def _open(self, frame: _Frame, signs: int) -> None:
        self._frames.append(frame)
        self._depths.append(0)
        self._quoted.append(frame is _Frame.DOUBLE or (self._quoted[-1] and frame not in _COMMANDS))
        self._at += signs

    def _close(self) -> None:
        self._frames.pop()
        self._depths.pop()
        self._quoted.pop()
