"""What was probably meant by a word that is not a command: a command of another name, a job, a manifest, a flag."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestrator.app.declared_names import declared_names
from orchestrator.cli.synonyms import SYNONYMS, command_called
from orchestrator.diagnostics.suggest import closest, did_you_mean

if TYPE_CHECKING:
    from orchestrator.cli.main import Subcommand

_LISTING_FLAGS = ("-l", "--list", "--tasks")  # of just, Task and others
_USAGE = "see `pexec --help`"


def hint_for(word: str, commands: Mapping[str, Subcommand]) -> str:
    """The help text for an unknown command or flag."""
    if word.startswith("-"):
        return _hint_for_flag(word, commands)
    called = command_called(word)
    names = declared_names()
    if word in names.workflows or word in names.jobs:
        also = f"; pexec calls the command `{called}`" if called else ""
        return f"`{word}` is a job of {names.manifest}: run it with `pexec apply {shlex.quote(word)}`{also}"
    if called:
        return f"pexec calls it `{called}`: {commands[called.split()[0]].summary}"
    if word.endswith((".yaml", ".yml", ".json")) or ("/" in word and os.path.isfile(word)):
        return f"to run a manifest: `pexec apply {word}`"
    aliases = (alias for command in commands.values() for alias in command.aliases)
    near = did_you_mean(word, [*commands, *aliases, "help", "version"])
    if not near:
        jobs = did_you_mean(word, names.workflows)
        near = jobs.replace("`", "`pexec apply ", 1) if jobs.count("`") == 2 else jobs
    if not near and (synonym := closest(word, SYNONYMS)):
        near = f"did you mean `{command_called(synonym)}`?"
    return f"{near} {_USAGE}".strip()


def _hint_for_flag(word: str, commands: Mapping[str, Subcommand]) -> str:
    if word in _LISTING_FLAGS:
        return f"pexec calls it `list`: {commands['list'].summary}"
    from orchestrator.cli.main import build_parser

    flag = word.partition("=")[0]
    if flag in build_parser(commands["apply"])._option_string_actions:
        return f"flags follow the command: `pexec apply {word}`"
    return _USAGE
