"""The flags and arguments of all commands, taken from their parsers: the source of all completion scripts."""

from __future__ import annotations

import argparse
import re

from msgspec import Struct

from orchestrator.cli.main import COMMANDS, Subcommand, build_parser
from orchestrator.cli.options import OneOf
from orchestrator.diagnostics.model import CODES

_FILES = {"FILE", "MANIFEST", "MANIFEST, JOB"}
_DIRECTORIES = {"DIR"}
_WORDS = {"CODE": tuple(CODES)}
_LONGEST_HELP = 80
_END_OF_CLAUSE = re.compile(r"[;:(]|\. ")


class ArgumentValue(Struct, frozen=True):
    """What a flag or an argument takes: one of `words`, or the path of a file or directory."""

    words: tuple[str, ...] = ()
    files: bool = False
    directories: bool = False


class Flag(Struct, frozen=True):
    """One flag. `names` are its spellings, with dashes; `value` is None if it takes none. An `optional` value follows
    `=`."""

    names: tuple[str, ...]
    help: str
    value: ArgumentValue | None = None
    optional: bool = False
    repeats: bool = False


class CommandShape(Struct, frozen=True):
    """One command: its flags and its positional arguments, of which there may be `several`."""

    name: str
    help: str
    flags: tuple[Flag, ...]
    words: ArgumentValue | None
    several: bool = False


def shapes() -> tuple[CommandShape, ...]:
    """All commands, in the order of the help."""
    return tuple(_shape(command) for command in COMMANDS.values())


def _shape(command: Subcommand) -> CommandShape:
    parser = build_parser(command)
    words = next((action for action in parser._actions if not action.option_strings), None)
    flags = tuple(_flag(action) for action in parser._actions if action.option_strings)
    if words is None:
        return CommandShape(command.name, _short(command.summary), flags, None)
    return CommandShape(command.name, _short(command.summary), flags, _value(words), words.nargs in ("*", "+"))


def _flag(action: argparse.Action) -> Flag:
    names, text = tuple(action.option_strings), _short((action.help or "").replace("%%", "%"))
    if action.nargs == 0:
        return Flag(names, text)
    if str(action.metavar).startswith("="):
        return Flag(names, text, ArgumentValue((str(action.metavar)[1:],)), optional=True)
    value = _value(action)
    return Flag(names, ", ".join(value.words) or text, value, repeats=isinstance(action, argparse._AppendAction))


def _value(action: argparse.Action) -> ArgumentValue:
    metavar = str(action.metavar)
    words = action.type.names if isinstance(action.type, OneOf) else _WORDS.get(metavar, ())
    return ArgumentValue(words, metavar in _FILES, metavar in _DIRECTORIES)


def _short(text: str) -> str:
    """The first clause of a help text."""
    clause = _END_OF_CLAUSE.split(text, maxsplit=1)[0].strip().rstrip(".")
    return clause if len(clause) <= _LONGEST_HELP else clause[: _LONGEST_HELP - 3].rstrip() + "..."
