"""Workflow commands of GitHub: lines of output by which a program talks to the runner of GitHub Actions.

`::name key=value,key=value::message`. What would end a property or the line is escaped as the runner decodes it. The
older form is `##[name key=value;key=value]message`, anywhere in a line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from orchestrator.console.sanitize import defused
from orchestrator.console.text import visible

_NO_PROPERTIES: Mapping[str, str | int] = MappingProxyType({})
_COMMAND = re.compile(r"\s*::([^ ]*?)(?: .*?)?::(.*)")
_OLD_COMMAND = re.compile(r".*?##\[([^ \]]*)(?: [^\]]*)?\](.*)")
_TOKEN = re.compile(r"[\w.+=/-]+", re.ASCII)  # that both forms of a command can hold
# What the runner understands, apart from the token of a `stop-commands`.
_NAMES = frozenset(
    (
        *("add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice"),
        *("remove-matcher", "save-state", "set-env", "set-output", "stop-commands", "warning"),
    )
)


class ParsedCommand(NamedTuple):
    """A command of a line; its name in lower case, as the runner compares it."""

    name: str
    message: str


def workflow_command(name: str, message: str, properties: Mapping[str, str | int] = _NO_PROPERTIES) -> str:
    """One command, with its newline. A message may have several lines; other control characters are made visible.

    The lines of a message are no commands either: a viewer shows them one by one.
    """
    listed = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    return f"::{name} {listed}::{_data(message)}\n" if listed else f"::{name}::{_data(message)}\n"


def _data(text: str) -> str:
    return "%0A".join(defused(visible(line)).replace("%", "%25") for line in text.split("\n"))


def _property(text: str) -> str:
    return visible(text).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")


def parsed_command(line: str, token: str = "") -> ParsedCommand | None:
    """The command that the runner finds in a line without its newline, if there is one. `token` is what a
    `stop-commands` has made another name."""
    known = _NAMES | {token.lower()}
    for form in (_COMMAND, _OLD_COMMAND):
        found = form.match(line)
        if found is not None and found.group(1).lower() in known:
            message = found.group(2).replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
            return ParsedCommand(found.group(1).lower(), message)
    return None


class PassedCommands:
    """Lets the commands in the output of a job through to the runner, but no `stop-commands` without its end."""

    def __init__(self) -> None:
        self._token = ""

    def passed(self, text: str) -> str:
        """Whole lines as they may be printed: a stop that no later line could end is not a command any more."""
        if "::" not in text and "##[" not in text:
            return text
        return "\n".join(map(self._line, text.split("\n")))

    def resume(self) -> str:
        """The line that ends a stop which is still in force, with its newline; else empty."""
        token, self._token = self._token, ""
        return f"::{token}::\n" if token else ""

    def _line(self, line: str) -> str:
        found = parsed_command(line, self._token)
        if found is None:
            return line
        if self._token:
            if found.name == self._token.lower():
                self._token = ""
        elif found.name == "stop-commands":
            if not _TOKEN.fullmatch(found.message):
                return defused(line)
            if found.message.lower() not in _NAMES:  # which the runner refuses
                self._token = found.message
        return line
