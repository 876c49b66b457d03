"""A stand-in for the runner of GitHub Actions: what it makes of the lines that a step prints.

It follows `ActionCommand.cs` and `ActionCommandManager.cs` of github.com/actions/runner: `::name props::message` where
blanks may come first, else `##[name props]message` anywhere in a line; names in any case; unknown names are output;
`stop-commands` until its token. The runner finds `::` and `##[` by comparisons of its culture, in which characters that
cannot be seen do not count; `Comparison` has that, and the ordinal ones of a machine without cultures.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field

ANNOTATIONS = ("error", "warning", "notice")
DOCUMENTED = {
    *ANNOTATIONS,
    *("add-mask", "add-matcher", "debug", "echo", "endgroup", "group", "remove-matcher", "save-state", "set-output"),
    "stop-commands",
}
REGISTERED = DOCUMENTED | {"add-path", "set-env"}
UNSEEN = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_WHITESPACE = " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029"
_WHITESPACE += "\u202f\u205f\u3000"
MOST_ANNOTATIONS = 10  # of each kind in a step
LONGEST_MESSAGE = 4096


class Comparison(enum.Enum):
    """How the runner looks for `::` and `##[`: character by character; without those that cannot be seen; or so that
    what it finds begins with them."""

    ORDINAL = enum.auto()
    CULTURE = enum.auto()
    CULTURE_FROM_UNSEEN = enum.auto()


@dataclass
class Annotation:
    """`::error::`, `::warning::` or `::notice::`."""

    kind: str
    message: str
    file: str | None
    line: int | None
    title: str | None
    group: str | None  # that it was printed in


@dataclass
class Group:
    """A group of the log, with the lines of output in it."""

    title: str
    lines: list[str] = field(default_factory=list)
    ended: bool = False


@dataclass
class GithubRunner:
    """Reads output; everything that came of it is in the fields."""

    comparison: Comparison = Comparison.ORDINAL
    groups: list[Group] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)
    others: list[tuple[str, str]] = field(default_factory=list)  # name and message of other commands
    output: list[str] = field(default_factory=list)  # outside of groups
    mistakes: list[str] = field(default_factory=list)
    token: str | None = None

    def read(self, text: str) -> GithubRunner:
        """All of what a step printed."""
        for line in re.split(r"\r\n|\r|\n", text.removesuffix("\n")):
            self._read_line(line)
        return self

    def of(self, kind: str) -> list[Annotation]:
        """The annotations of a kind."""
        return [one for one in self.annotations if one.kind == kind]

    @property
    def commands(self) -> int:
        """How many commands were carried out."""
        ended = sum(group.ended for group in self.groups)
        return len(self.groups) + ended + len(self.annotations) + len(self.others)

    def _read_line(self, line: str) -> None:
        found = self._parse(line)
        if found is None:
            self._print(line)
            return
        name, properties, message = found
        if self.token is not None:
            if name == self.token.lower():
                self.token = None
            else:
                self._print(line)
        elif name == "stop-commands":
            if not message or message.lower() in REGISTERED:
                self.mistakes.append(f"stop-commands with an invalid token: {message!r}")
            else:
                self.token = message
        elif name == "group":
            if self.groups and not self.groups[-1].ended:
                self.mistakes.append(f"group in a group: {message!r}")
            self.groups.append(Group(message))
        elif name == "endgroup":
            if not self.groups or self.groups[-1].ended:
                self.mistakes.append("endgroup without a group")
            else:
                self.groups[-1].ended = True
        elif name in ANNOTATIONS:
            self._annotate(name, properties, message)
        else:
            self.others.append((name, message))

    def _annotate(self, name: str, properties: dict[str, str], message: str) -> None:
        if unknown := properties.keys() - {"file", "line", "endline", "col", "endcolumn", "title"}:
            self.mistakes.append(f"unknown properties {sorted(unknown)} of {name}")
        number = properties.get("line")
        if number is not None and not number.isdecimal():
            self.mistakes.append(f"{name} at line {number!r}")
            number = None
        if len(message) > LONGEST_MESSAGE:
            self.mistakes.append(f"{name} with {len(message)} characters, of which {LONGEST_MESSAGE} are shown")
        line = None if number is None else int(number)
        inside = self.groups[-1].title if self.groups and not self.groups[-1].ended else None
        title = properties.get("title")
        self.annotations.append(Annotation(name, message, properties.get("file"), line, title, inside))

    def _print(self, line: str) -> None:
        inside = self.groups and not self.groups[-1].ended
        (self.groups[-1].lines if inside else self.output).append(line)

    def _parse(self, line: str) -> tuple[str, dict[str, str], str] | None:
        return self._parse_new(line) or self._parse_old(line)

    def _parse_new(self, line: str) -> tuple[str, dict[str, str], str] | None:
        line = line.lstrip(_WHITESPACE)
        if not self._begins(line, "::"):
            return None
        end = self._index(line, "::", 2)
        if end < 0:
            return None
        name, _, listed = line[2:end].partition(" ")
        if not self._knows(name):
            return None
        properties = _properties(listed.strip(_WHITESPACE), ",", {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ","})
        return name.lower(), properties, _unescaped(line[end + 2 :], {"%0D": "\r", "%0A": "\n"})

    def _parse_old(self, line: str) -> tuple[str, dict[str, str], str] | None:
        start = self._index(line, "##[", 0)
        end = line.find("]", start) if start >= 0 else -1
        if end < 0:
            return None
        name, _, listed = line[start + 3 : end].partition(" ")
        if not self._knows(name):
            return None
        marks = {"%3B": ";", "%0D": "\r", "%0A": "\n", "%5D": "]"}
        return name.lower(), _properties(listed, ";", marks), _unescaped(line[end + 1 :], marks)

    def _knows(self, name: str) -> bool:
        return name.lower() in REGISTERED or (self.token is not None and name.lower() == self.token.lower())

    def _begins(self, text: str, mark: str) -> bool:
        if self.comparison is Comparison.ORDINAL:
            return text.startswith(mark)
        return text.translate(dict.fromkeys(map(ord, UNSEEN))).startswith(mark)

    def _index(self, text: str, mark: str, start: int) -> int:
        unseen = "" if self.comparison is Comparison.ORDINAL else f"[{UNSEEN}]*"
        before = unseen if self.comparison is Comparison.CULTURE_FROM_UNSEEN else ""
        found = re.compile(before + unseen.join(map(re.escape, mark))).search(text, min(start, len(text)))
        return found.start() if found else -1


def _properties(listed: str, separator: str, marks: dict[str, str]) -> dict[str, str]:
    pairs = (entry.partition("=") for entry in listed.split(separator) if entry)
    return {key.lower(): _unescaped(value, marks) for key, equals, value in pairs if key and equals and value}


def _unescaped(text: str, marks: dict[str, str]) -> str:
    for mark, character in {**marks, "%25": "%"}.items():
        text = text.replace(mark, character)
    return text
