"""The flags that commands share, and the invocation that they describe."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from orchestrator.app.invocation import STDIN, Invocation, find_manifest, flag_of, make_invocation, settings_for
from orchestrator.console.streams import draws
from orchestrator.settings import OUTPUTS, PARSERS, Setting, Settings

if TYPE_CHECKING:
    from orchestrator.cli.main import Parser


def add_run_arguments(parser: Parser) -> None:
    """`[MANIFEST] [JOB...]` and the flags that decide what a run does; for every command that makes a plan."""
    parser.usage = f"{parser.prog} [MANIFEST] [JOB...] [flags]"
    parser.bare["--fail-fast"] = "true"
    parser.add_argument(
        "words",
        metavar="MANIFEST, JOB",
        nargs="*",
        help="the first word is the manifest if it is `-` (stdin), has a `/`, ends in .yaml, .yml or .json, or is a "
        "file with a dot in its name; by default pexec.yaml or pexec.yml, looked for upward to the repository's root. "
        "Each further word is a job, which runs with all that it needs; by default all jobs",
    )
    add_slots(parser)
    parser.add_argument(
        "--fail-fast",
        metavar="=drain",
        nargs="?",
        type=_parsed_by("fail_fast"),
        help="at the first failure stop everything; with `=drain` let running jobs end and start no others",
    )
    parser.add_argument(
        "--timeout-seconds",
        metavar="S",
        type=_parsed_by("timeout_seconds"),
        help="the time limit of jobs that have none of their own, or `none`",
    )
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        type=_assignment,
        action="append",
        default=[],
        help="the value of a parameter of the manifest; may be repeated. The variable PEXEC_PARAM_NAME does the same",
    )
    add_selection(parser, "--only", "of these jobs run only NAME, or those tagged T, with all that they need")
    add_selection(parser, "--skip", "leave out NAME, or the jobs tagged T; who needs one finds that need satisfied")
    add_run_root(parser)


def add_slots(parser: argparse.ArgumentParser) -> None:
    """`-j`."""
    parser.add_argument(
        "-j",
        "--max-parallel-jobs",
        metavar="N",
        type=_parsed_by("max_parallel_jobs"),
        help="how many jobs at once: a number, `auto` (one for each CPU) or a share of the CPUs such as `150%%`",
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """`--output` and what else only changes how a run is shown and kept, for every command that drives one."""
    parser.add_argument(
        "--output",
        metavar="|".join(OUTPUTS),
        type=one_of(*OUTPUTS),
        help="plain: each line of a job behind its name; live: the same above a line that says what runs; auto "
        "(default): live on a terminal, else plain; grouped: what a job printed, when it ends; quiet: only failures "
        "and the closing table; jsonl: the events",
    )
    parser.add_argument("--keep-temp", action="store_true", help="keep the temporary folders of the jobs")


def output_of(settings: Settings) -> str:
    """How a run is shown. `auto` is `live` where somebody may be watching, and `plain` in a CI, where it is kept, and
    where plain text is asked for by NO_COLOR: what takes the line away is an escape sequence too."""
    chosen: str = "auto" if settings.output is None else settings.output.value
    if chosen != "auto":
        return chosen
    plain = os.environ.get("CI") or os.environ.get("NO_COLOR")
    return "live" if not plain and all(draws(stream, os.environ) for stream in (sys.stdout, sys.stderr)) else "plain"


def add_run_root(parser: argparse.ArgumentParser) -> None:
    """`--run-root`, which every command about runs knows."""
    parser.add_argument(
        "--run-root",
        metavar="DIR",
        type=_parsed_by("run_root"),
        help="where runs are kept (default: .pexec/runs beside the manifest found from here)",
    )


def add_selection(parser: argparse.ArgumentParser, flag: str, text: str) -> None:
    """A flag that may be repeated and takes a job or a tag."""
    parser.add_argument(flag, metavar="NAME|tag:T", action="append", default=[], help=f"{text}; may be repeated")


def understand(arguments: argparse.Namespace) -> Invocation:
    """The invocation that the arguments of `add_run_arguments` describe. Raises UsageError."""
    from orchestrator.plan.inputs import Selection

    manifest, jobs = split_words(arguments.words)
    selection = Selection(tuple(jobs), tuple(arguments.only), tuple(arguments.skip))
    return make_invocation(manifest, selection, arguments.set, flags_of(arguments))


def settings_of(arguments: argparse.Namespace, manifest: str) -> Settings:
    """The settings for a manifest, over which the flags take precedence. Raises UsageError."""
    return settings_for(flags_of(arguments), manifest)


def flags_of(arguments: argparse.Namespace) -> dict[str, Setting[Any]]:
    """The settings among the flags of a command line."""
    given = {name: getattr(arguments, name, None) for name in PARSERS}
    return {name: Setting(value, flag_of(name)) for name, value in given.items() if value is not None}


def split_words(words: Sequence[str]) -> tuple[str, list[str]]:
    """The manifest and the jobs. Raises UsageError where no manifest is named and none is found."""
    if words and names_manifest(words[0]):
        return words[0], list(words[1:])
    return find_manifest(), list(words)


def names_manifest(word: str) -> bool:
    """Whether the first word is a manifest rather than a job. A file without a dot in its name is more likely a job."""
    if word == STDIN or "/" in word or word.endswith((".yaml", ".yml", ".json")):
        return True
    return "." in word and os.path.isfile(word)


class OneOf(Struct, frozen=True):
    """The argparse type of a word that is one of a few."""

    names: tuple[str, ...]

    def __call__(self, text: str) -> str:
        if text not in self.names:
            known = ", ".join(f"`{name}`" for name in self.names)
            raise argparse.ArgumentTypeError(f"must be one of {known}, not `{text}`")
        return text


def one_of(*names: str) -> OneOf:
    """The type of a flag that takes one of these words."""
    return OneOf(names)


def _assignment(text: str) -> str:
    """The argparse type of `NAME=VALUE`; the value may be empty, and may hold more `=`."""
    if not text.partition("=")[0] or "=" not in text:
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, not `{text}`")
    return text


def _parsed_by(name: str) -> Callable[[str], Any]:
    """The parser of a setting, as argparse calls it: the reason of a refusal is its message."""
    parse = PARSERS[name]

    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{error}, not `{text}`") from error

    return parsed
