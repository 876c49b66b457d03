"""Answers a shell that completes a command line: argcomplete finds out which argument is meant, and our completers say
what it may be. Its scripts start pexec with the line in the environment, and read descriptor 8."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from orchestrator.cli.completion import candidates
from orchestrator.cli.main import COMMANDS, build_parser
from orchestrator.cli.options import OneOf

Completer = Callable[[str, argparse.Namespace], Mapping[str, str]]

# What is completed for an argument, by its name in the help.
_COMPLETERS: Mapping[str, Completer] = {
    "MANIFEST, JOB": candidates.jobs_or_files,
    "JOB": candidates.jobs_of_run,
    "NAME|tag:T": candidates.jobs_and_tags,
    "NAME=VALUE": candidates.parameters,
    "RUN": candidates.runs,
    "CODE": candidates.codes,
    "COMMAND": candidates.commands,
    "=drain": candidates.fail_fast,
    "FILE": candidates.files,
    "MANIFEST": candidates.files,
    "DIR": candidates.directories,
}


def answer() -> None:
    """Write the completions of the line in the environment, and end the process."""
    from argcomplete.completers import SuppressCompleter
    from argcomplete.finders import CompletionFinder

    CompletionFinder()(
        _parser(set(os.environ.get("COMP_LINE", "").split())),
        always_complete_options=False,
        default_completer=SuppressCompleter(),
    )


def _parser(words: set[str]) -> argparse.ArgumentParser:
    """One parser for all commands, which has the arguments of those among the `words` of the line."""
    root = argparse.ArgumentParser(prog="pexec", allow_abbrev=False)
    root.add_argument("--version", "-V", action="store_true", help="show the version")
    root.add_argument("-C", "--directory", dest="outer_directory", metavar="DIR", action="append")
    commands = root.add_subparsers(dest="command")
    for command in COMMANDS.values():
        commands.add_parser(command.name, help=command.summary, add_help=False)
        for name in {command.name, *command.aliases} & words:
            commands.choices[name] = build_parser(command)
    commands.add_parser("version", help="show the version", add_help=False)
    help_parser = commands.add_parser("help", help="show the help of a command", add_help=False)
    help_parser.add_argument("topic", metavar="COMMAND", nargs="?")
    for parser in (root, *commands.choices.values()):
        for action in parser._actions:
            _complete(action)
    return root


def _complete(action: argparse.Action) -> None:
    completer = _COMPLETERS.get(str(action.metavar))
    if isinstance(action.type, OneOf):
        completer = partial(candidates.words, action.type.names)
    if completer is not None:
        action.completer = _silent(completer)  # type: ignore[attr-defined]  # argcomplete looks for it


def _silent(completer: Completer) -> Callable[..., Mapping[str, str]]:
    """The completer as argcomplete calls it. Whatever goes wrong, a line that is typed is not disturbed."""

    def found(prefix: str, parsed_args: argparse.Namespace, **_others: Any) -> Mapping[str, str]:
        try:
            return completer(prefix, parsed_args)
        except Exception:
            return {}

    return found
