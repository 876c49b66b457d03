"""What can stand on a command line, read off the parsers of the commands: the one source of all completions."""

from __future__ import annotations

import argparse
import re

from msgspec import Struct

from orchestrator.cli.main import COMMANDS, Command, Parser
from orchestrator.cli.options import OneOf
from orchestrator.diagnostics.model import CODES

_FILES = {"FILE", "MANIFEST", "MANIFEST, JOB"}
_FOLDERS = {"DIR"}
_WORDS = {"CODE": tuple(CODES)}
_LONGEST_HELP = 80
_END_OF_CLAUSE = re.compile(r"[;:(]|\. ")


class Value(Struct, frozen=True):
    """What a flag or a command takes: one of `words`, or the path of a file or a folder, or something unknown."""

    words: tuple[str, ...] = ()
    files: bool = False
    folders: bool = False


class Flag(Struct, frozen=True):
    """One flag. `names` are all its spellings, dashes included; `value` is None where it takes none. An `optional`
    value stands behind `=` or not at all."""

    names: tuple[str, ...]
    help: str
    value: Value | None = None
    optional: bool = False
    repeats: bool = False


class Shape(Struct, frozen=True):
    """One command: its flags, and what its words are; `several` words may stand there."""

    name: str
    help: str
    flags: tuple[Flag, ...]
    words: Value | None
    several: bool = False


def shapes() -> tuple[Shape, ...]:
    """All commands, in the order of the help."""
    return tuple(_shape(command) for command in COMMANDS.values())


def _shape(command: Command) -> Shape:
    parser = Parser(command)
    command.module().add_arguments(parser)
    words = next((action for action in parser._actions if not action.option_strings), None)
    flags = tuple(_flag(action) for action in parser._actions if action.option_strings)
    if words is None:
        return Shape(command.name, _short(command.summary), flags, None)
    return Shape(command.name, _short(command.summary), flags, _value(words), words.nargs in ("*", "+"))


def _flag(action: argparse.Action) -> Flag:
    names, text = tuple(action.option_strings), _short((action.help or "").replace("%%", "%"))
    if action.nargs == 0:
        return Flag(names, text)
    if str(action.metavar).startswith("="):
        return Flag(names, text, Value((str(action.metavar)[1:],)), optional=True)
    value = _value(action)
    return Flag(names, ", ".join(value.words) or text, value, repeats=isinstance(action, argparse._AppendAction))


def _value(action: argparse.Action) -> Value:
    metavar = str(action.metavar)
    words = action.type.names if isinstance(action.type, OneOf) else _WORDS.get(metavar, ())
    return Value(words, metavar in _FILES, metavar in _FOLDERS)


def _short(text: str) -> str:
    """The first clause of a help text."""
    clause = _END_OF_CLAUSE.split(text, maxsplit=1)[0].strip().rstrip(".")
    return clause if len(clause) <= _LONGEST_HELP else clause[: _LONGEST_HELP - 3].rstrip() + "..."
