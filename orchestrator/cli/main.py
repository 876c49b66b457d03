"""The command line: selects the command, runs it, and owns the exit codes. A command's module is imported on use."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NoReturn, Protocol, cast

from msgspec import Struct

from orchestrator import __version__
from orchestrator.console.streams import (
    hide_from_streams,
    open_standard_streams,
    release_stderr,
    write_stderr,
    write_stdout,
)
from orchestrator.errors import EnvironmentFailedError, ExitCode, PexecError, UsageError
from orchestrator.interrupts import exit_code_of_signal, raise_in_command

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


class CommandModule(Protocol):
    """The module of a command. `run` returns the exit code."""

    def add_arguments(self, parser: Parser) -> None: ...

    def run(self, arguments: argparse.Namespace) -> int: ...


class Subcommand(Struct, frozen=True):
    """A command, with the one-line summary that the help shows, and other names under which it runs."""

    name: str
    summary: str
    aliases: tuple[str, ...] = ()

    def module(self) -> CommandModule:
        return cast(CommandModule, importlib.import_module(f"orchestrator.cli.commands.{self.name}"))


COMMANDS = {
    command.name: command
    for command in (
        Subcommand("init", "write a commented example manifest"),
        Subcommand("apply", "check, plan and run a manifest", ("run",)),
        Subcommand("resume", "continue a run after a crash, an interrupt or a failure"),
        Subcommand("cancel", "cancel a run, or some of its jobs, from another terminal"),
        Subcommand("validate", "check manifests and report every error, without running anything"),
        Subcommand("plan", "show what `apply` would run, in which order and under which limits"),
        Subcommand("list", "list what can be run, with descriptions, tags and parameters"),
        Subcommand("graph", "draw the dependency graph, optionally with the outcome of a run"),
        Subcommand("discover", "generate a manifest from existing scripts and Markdown runbooks"),
        Subcommand("runs", "list all runs"),
        Subcommand("status", "show the progress of a run, once or until it ends"),
        Subcommand("logs", "print the output of jobs"),
        Subcommand("report", "print a run's report (Markdown, HTML, JSON, JUnit)"),
        Subcommand("ui", "show runs in a browser, live, with trends over runs"),
        Subcommand("verify", "check a run's journal against its plan, its results and its logs"),
        Subcommand("archive", "pack a run into one file"),
        Subcommand("prune", "remove old runs"),
        Subcommand("cache", "show, prune or clear the stored results of jobs"),
        Subcommand("doctor", "check what this machine supports, or a cluster"),
        Subcommand("explain", "explain a diagnostic code, with an example and its fix"),
        Subcommand("schema", "print a JSON Schema: of manifests, plans, results or events"),
        Subcommand("completion", "print a shell completion script"),
    )
}

_RAISE_LIMIT = "stop other programs first, or raise the limit on memory (`ulimit -v`, `ulimit -d`)"
_ABOUT = "pexec runs the workflows of a manifest in parallel, each as soon as its dependencies have ended."
_DEFAULT_MANIFEST = (
    "Unless a manifest is named, pexec uses the pexec.yaml or pexec.yml in this directory or the nearest parent "
    "directory, up to the repository's root."
)
_EXIT_CODES = (
    "exit codes: 0 success, 1 a job failed, 2 usage error, 3 invalid manifest or plan, 4 refused, 5 environment error, "
    "70 bug in pexec, 124 the run's deadline passed, 129, 130, 131, 143 ended by a signal"
)
_USAGE = "see `pexec --help`"
_LONG_MESSAGE = 400


def run(argv: Sequence[str]) -> int:
    """Run one command line, without the program's name, and return the exit code. Errors go to stderr."""
    open_standard_streams()
    hide_from_streams(str)  # there are no secrets yet
    try:
        code = _dispatch(argv)
        write_stdout("")  # flushes what a command left in the buffer, while a failure can still be reported
    except (Exception, KeyboardInterrupt) as error:
        code = _report(error, argv)
    try:
        is_written = release_stderr()
    except KeyboardInterrupt:
        return interrupted()
    return code if is_written or code != ExitCode.OK else ExitCode.ENVIRONMENT


def _report(error: BaseException, argv: Sequence[str]) -> int:
    """Print the error that is being handled, and return its exit code."""
    if isinstance(error, PexecError):
        _print_error(error)
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return interrupted()
    if isinstance(error, MemoryError):
        _print_error(EnvironmentFailedError("there is not enough memory", help=_RAISE_LIMIT, code="PX301"))
        return ExitCode.ENVIRONMENT
    if isinstance(error, OSError):
        return _report_os_error(error, argv)
    _report_bug(argv)
    return ExitCode.BUG


def _report_os_error(error: OSError, argv: Sequence[str]) -> int:
    from orchestrator.cli.lacking import what_is_lacking

    lacking = what_is_lacking(error)
    if lacking is None:
        _report_bug(argv)
        return ExitCode.BUG
    _print_error(lacking)
    return lacking.exit_code


def interrupted() -> int:
    """The exit code after Ctrl-C, or another signal that ends pexec, where no run handles it."""
    # An interrupt that passed through text under `exec` or `eval`, as libraries do, marks the whole interpreter: it
    # would end by the signal instead of this code. The next such text takes the mark away.
    exec("")
    return exit_code_of_signal()


class Parser(argparse.ArgumentParser):
    """argparse without abbreviations, whose errors are raised as UsageError so that all errors look alike.

    `bare` maps a flag to its value when none is given; argparse itself would take the next word for the value. With
    `has_rest` the words after `--` are not for pexec: they become `arguments.rest`.
    """

    def __init__(self, command: Subcommand) -> None:
        super().__init__(
            prog=f"pexec {command.name}",
            description=f"{command.summary[0].upper()}{command.summary[1:]}.",
            allow_abbrev=False,
            formatter_class=_narrow,
        )
        self.command = command.name
        self.bare: dict[str, str] = {}
        self.has_rest = False

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, help=f"see `{self.prog} --help`")

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        write_stdout(self.help_text())

    def help_text(self) -> str:
        """The help of the command, as wide as the terminal, and examples."""
        from orchestrator.cli.examples import examples_text

        self.formatter_class = _Formatter
        return self.format_help() + examples_text(self.command)

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """Positional arguments and flags in any order. Raises UsageError, with a suggestion for an unknown flag."""
        words, rest = list(argv), []
        if self.has_rest and "--" in words:
            at = words.index("--")
            words, rest = words[:at], words[at + 1 :]
        words = [f"{word}={self.bare[word]}" if word in self.bare else word for word in words]
        arguments, unknown = self.parse_known_intermixed_args(words)
        arguments.rest = rest
        for word in unknown:
            flag = word.partition("=")[0]
            if not flag.startswith("-"):
                self.error(f"unexpected argument `{word}`")
            raise UsageError(f"unknown flag `{flag}`", help=f"{self._hint(flag)} see `{self.prog} --help`".strip())
        return arguments

    def _hint(self, flag: str) -> str:
        from orchestrator.cli.synonyms import flag_advice, flag_called

        known = self._option_string_actions
        advice = flag_advice(self.command, flag)
        if advice:
            return f"{advice};"
        formats = getattr(known["--format"].type, "names", ()) if "--format" in known else ()
        called = f"--format {flag[2:]}" if flag[2:] in formats else flag_called(flag, known)
        return f"pexec calls it `{called}`;" if called else _did_you_mean(flag, known)


def build_parser(command: Subcommand) -> Parser:
    """The parser of a command, with all its arguments."""
    parser = Parser(command)
    command.module().add_arguments(parser)
    parser.add_argument("-C", "--directory", metavar="DIR", help="change to this directory first")
    return parser


class _Formatter(argparse.HelpFormatter):
    """Shows an optional value that follows `=` as it has to be typed: `--flag[=value]`, without a space."""

    def _format_action_invocation(self, action: argparse.Action) -> str:
        return super()._format_action_invocation(action).replace(" [=", "[=")


def _narrow(prog: str) -> argparse.HelpFormatter:
    """The formatter with which argparse checks a flag when it is added. Without a fixed width it asks the terminal for
    its width each time, with a module that takes 2 ms to import."""
    return argparse.HelpFormatter(prog, width=80)


def _dispatch(argv: Sequence[str]) -> int:
    argv = _change_directory(argv)
    if not argv:
        write_stderr(_help())
        return ExitCode.USAGE
    name, *rest = argv
    if name in ("-h", "--help", "help"):
        topics = rest if name == "help" else []
        write_stdout(build_parser(_command(topics[0])).help_text() if topics else _help())
        return ExitCode.OK
    if name in ("-V", "--version", "version"):
        write_stdout(f"pexec {__version__}\n")
        return ExitCode.OK
    command = _command(name)
    arguments = build_parser(command).parse(rest)
    if arguments.directory is not None:
        _change_to(arguments.directory)
    raise_in_command()
    return command.module().run(arguments)


def _command(name: str) -> Subcommand:
    """The command of this name or alias. Raises UsageError."""
    command = COMMANDS.get(name) or next((one for one in COMMANDS.values() if name in one.aliases), None)
    if command is None:
        from orchestrator.cli.unknown_command import hint_for

        kind = "flag" if name.startswith("-") else "command"
        raise UsageError(f"unknown {kind} `{name}`", help=hint_for(name, COMMANDS))
    return command


def _change_directory(argv: Sequence[str]) -> Sequence[str]:
    """Obey `-C DIR` before the command, and return the words after it."""
    while argv and argv[0].startswith(("-C", "--directory")):
        flag, separator, value = argv[0].partition("=")
        words = argv[1:]
        if flag.startswith("-C") and flag != "-C":
            separator, value = "=", argv[0][2:]
        elif flag not in ("-C", "--directory"):
            break
        if not separator:
            if not words:
                raise UsageError(f"argument {flag}: expected one argument", help=_USAGE)
            value, words = words[0], words[1:]
        _change_to(value)
        argv = words
    return argv


def _change_to(directory: str) -> None:
    from orchestrator.app.caller_directory import change_directory

    try:
        change_directory(directory)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "not a path").lower()
        raise UsageError(f"cannot change to the directory `{directory}`: {reason}") from error


def _help() -> str:
    names = {", ".join((command.name, *command.aliases)): command.summary for command in COMMANDS.values()}
    indent = max(map(len, names)) + 4
    width = _help_width()
    commands = "\n".join(_filled(f"  {name}".ljust(indent) + text, width, indent) for name, text in names.items())
    about, manifest, codes = (_filled(text, width) for text in (_ABOUT, _DEFAULT_MANIFEST, _EXIT_CODES))
    return f"""\
{about}

usage: pexec [-C DIR] COMMAND [...]

commands:
{commands}

options:
  -C, --directory DIR  change to this directory first
  -h, --help           show this help or, after a command, its help
  -V, --version        show the version

{manifest}

{codes}
"""


def _help_width() -> int:
    """That of the terminal, as argparse has it for the help of a command."""
    import shutil

    return max(shutil.get_terminal_size().columns - 2, 40)


def _filled(text: str, width: int, indent: int = 0) -> str:
    """In lines of at most `width` columns, the second and later ones indented."""
    import textwrap

    return textwrap.fill(text, width, subsequent_indent=" " * indent, break_on_hyphens=False)


def _did_you_mean(word: str, names: Iterable[str]) -> str:
    from orchestrator.diagnostics.suggest import did_you_mean

    return did_you_mean(word, names)


def _print_error(error: PexecError) -> None:
    """Print an error that pexec can explain: what is wrong, and what to do about it."""
    from orchestrator.diagnostics.model import Severity
    from orchestrator.diagnostics.render_text import DiagnosticRenderer

    message = error.message
    if len(message) > _LONG_MESSAGE:
        from orchestrator.cli.lacking import with_short_paths

        message = with_short_paths(message)
    write_stderr(DiagnosticRenderer.for_stderr({}).message(Severity.ERROR, message, error.help, error.code))


def _report_bug(argv: Sequence[str]) -> None:
    """Print a bug of pexec itself: everything that a report needs, ready to paste."""
    import platform
    import shlex
    import traceback

    from orchestrator.console.text import visible

    traceback_text = "".join(visible(line) + "\n" for line in traceback.format_exc().splitlines())
    write_stderr(
        "error: this is a bug in pexec, not in your manifest; please report it with all of the following\n"
        f"\n"
        f"pexec:   {__version__}\n"
        f"python:  {platform.python_version()} ({platform.python_implementation()}, {sys.executable})\n"
        f"system:  {platform.platform()}\n"
        f"command: {visible(shlex.join(['pexec', *argv]))}\n"
        f"\n"
        f"{traceback_text}"
    )
