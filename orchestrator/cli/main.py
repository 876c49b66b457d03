"""The command line: finds the command, runs it, and owns the exit codes. A command's module is imported when used."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NoReturn, Protocol, cast

from msgspec import Struct

from orchestrator import __version__
from orchestrator.console.streams import hide_from_streams, open_standard_streams, write_stderr, write_stdout
from orchestrator.errors import ExitCode, PexecError, UsageError

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


class CommandModule(Protocol):
    """What the module of a command offers. `run` returns the exit code."""

    def add_arguments(self, parser: Parser) -> None: ...

    def run(self, arguments: argparse.Namespace) -> int: ...


class Command(Struct, frozen=True):
    """A command by its name, with the one line about it that the help shows."""

    name: str
    summary: str

    def module(self) -> CommandModule:
        return cast(CommandModule, importlib.import_module(f"orchestrator.cli.commands.{self.name}"))


COMMANDS = {
    command.name: command
    for command in (
        Command("init", "write a first manifest, with comments"),
        Command("apply", "check, plan and run a manifest"),
        Command("resume", "go on with a run after a crash, an interrupt or a failure"),
        Command("cancel", "stop a run, or some jobs of it, from another terminal"),
        Command("validate", "tell everything that is wrong with manifests, without running anything"),
        Command("plan", "show what `apply` would run, in which order, and under which limits"),
        Command("graph", "draw what waits for what, also with the outcome of a run"),
        Command("discover", "make a manifest of scripts and Markdown runbooks that exist already"),
        Command("runs", "list all runs"),
        Command("status", "show where a run stands, once or until it ends"),
        Command("logs", "print what jobs wrote"),
        Command("report", "print what became of a run, for people or for programs"),
        Command("verify", "check the journal of a run against its plan, its results and its logs"),
        Command("archive", "pack a run into one file"),
        Command("prune", "remove old runs"),
        Command("doctor", "tell what this machine can keep of the promises, found by doing"),
        Command("explain", "say what a diagnostic means, with an example and its repair"),
        Command("schema", "print the JSON Schema of the manifest or of what pexec writes"),
        Command("completion", "print what makes a shell complete the words and flags of pexec"),
    )
}

_USAGE = "see `pexec --help`"


def run(argv: Sequence[str]) -> int:
    """Run one command line, without the program's name, and return the exit code. Every fault is told on stderr."""
    open_standard_streams()
    hide_from_streams(str)  # there are no secrets yet
    try:
        code = _dispatch(argv)
        write_stdout("")  # what a command left in the buffer: it must not fail when nobody can tell any more
    except PexecError as error:
        _tell(error)
        return error.exit_code
    except KeyboardInterrupt:
        return interrupted()
    except Exception:
        _report_bug(argv)
        return ExitCode.BUG
    return code


def interrupted() -> int:
    """The exit code after a Ctrl-C that no run was there to take."""
    # An interrupt that passed through text under `exec` or `eval`, as libraries do, marks the whole interpreter: it
    # would end by the signal instead of this code. The next such text takes the mark away.
    exec("")
    return 130


class Parser(argparse.ArgumentParser):
    """argparse, with faults raised as UsageError so that all faults look alike, and nothing abbreviated.

    `bare` maps a flag to what it means without a value; argparse's own way would take the next word for the value.
    """

    def __init__(self, command: Command) -> None:
        super().__init__(
            prog=f"pexec {command.name}",
            description=f"{command.summary[0].upper()}{command.summary[1:]}.",
            allow_abbrev=False,
            formatter_class=_narrow,
        )
        self.bare: dict[str, str] = {}

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, help=f"see `{self.prog} --help`")

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        self.formatter_class = argparse.HelpFormatter
        write_stdout(self.format_help())

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """Words and flags in any order. Raises UsageError, with a suggestion for a flag that does not exist."""
        words = [f"{word}={self.bare[word]}" if word in self.bare else word for word in argv]
        arguments, unknown = self.parse_known_intermixed_args(words)
        for word in unknown:
            flag = word.partition("=")[0]
            if not flag.startswith("-"):
                self.error(f"`{self.prog}` does not know what to do with `{word}`")
            hint = _nearest(flag, self._option_string_actions)
            raise UsageError(f"`{self.prog}` has no flag `{flag}`", help=f"{hint} see `{self.prog} --help`".strip())
        return arguments


def _narrow(prog: str) -> argparse.HelpFormatter:
    """For what argparse checks when a flag is added. By itself it asks the terminal for its width each time, with the
    help of a module that takes 2 ms to import."""
    return argparse.HelpFormatter(prog, width=80)


def _dispatch(argv: Sequence[str]) -> int:
    if not argv:
        write_stderr(_help())
        return ExitCode.USAGE
    name, *rest = argv
    if name in ("-h", "--help", "help"):
        write_stdout(_help())
        return ExitCode.OK
    if name in ("-V", "--version"):
        write_stdout(f"pexec {__version__}\n")
        return ExitCode.OK
    if name not in COMMANDS:
        kind = "flag" if name.startswith("-") else "command"
        raise UsageError(f"there is no {kind} `{name}`", help=f"{_nearest(name, COMMANDS)} {_USAGE}".strip())
    module = COMMANDS[name].module()
    parser = Parser(COMMANDS[name])
    module.add_arguments(parser)
    return module.run(parser.parse(rest))


def _help() -> str:
    width = max(map(len, COMMANDS)) + 2
    commands = "".join(f"  {command.name:<{width}}{command.summary}\n" for command in COMMANDS.values())
    return f"""\
pexec runs the workflows of a manifest in parallel, each when what it needs is done.

usage: pexec COMMAND [...]

commands:
{commands}
options:
  -h, --help     show this help, or with a command the help of that command
  -V, --version  show the version

Without a manifest on the command line, pexec.yaml or pexec.yml is looked for, upward to the repository's root.

exit codes: 0 done, 1 a job failed, 2 wrong usage, 3 invalid manifest or plan, 4 refused, 5 the environment failed,
70 a bug in pexec, 124 the run's own deadline, 129, 130, 131, 143 ended by a signal
"""


def _nearest(word: str, names: Iterable[str]) -> str:
    import difflib

    names = list(names)
    close = [name for name in names if name.startswith(word)] or difflib.get_close_matches(word, names, n=1)
    return f"did you mean `{close[0]}`?" if close else ""


def _tell(error: PexecError) -> None:
    """A fault that pexec can explain: what, and what to do about it."""
    from orchestrator.diagnostics.model import Severity
    from orchestrator.diagnostics.render_text import Renderer

    write_stderr(Renderer.for_stderr({}).fault(Severity.ERROR, error.message, error.help, error.code))


def _report_bug(argv: Sequence[str]) -> None:
    """A fault of pexec itself: everything that a report needs, ready to paste."""
    import platform
    import shlex
    import traceback

    from orchestrator.console.text import visible

    story = "".join(visible(line) + "\n" for line in traceback.format_exc().splitlines())
    write_stderr(
        "error: this is a bug in pexec, not in your manifest; please report it with all of the following\n"
        f"\n"
        f"pexec:   {__version__}\n"
        f"python:  {platform.python_version()} ({platform.python_implementation()}, {sys.executable})\n"
        f"system:  {platform.platform()}\n"
        f"command: {visible(shlex.join(['pexec', *argv]))}\n"
        f"\n"
        f"{story}"
    )
