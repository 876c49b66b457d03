"""The flags that commands share, and the invocation that they describe."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from orchestrator.app.invocation import STDIN, Invocation, find_manifest, flag_of, make_invocation, settings_for
from orchestrator.console.ci import ci_service
from orchestrator.console.streams import draws
from orchestrator.errors import UsageError
from orchestrator.settings import OUTPUTS, PARSERS, SUMMARIES, Setting, Settings, parse_timeout_seconds

if TYPE_CHECKING:
    from orchestrator.cli.main import Parser


def add_run_arguments(parser: Parser) -> None:
    """`[MANIFEST] [JOB...]` and the flags that decide what a run does; for every command that makes a plan."""
    parser.usage = f"{parser.prog} [MANIFEST] [JOB...] [flags] [-- ARGUMENT...]"
    parser.bare["--fail-fast"] = "true"
    parser.has_rest = True
    parser.add_argument(
        "words",
        metavar="MANIFEST, JOB",
        nargs="*",
        help="the first argument is the manifest if it is `-` (stdin), contains a `/`, ends in .yaml, .yml or .json, "
        "or is a file with a dot in its name; by default pexec.yaml or pexec.yml in this directory or the nearest "
        "parent, up to the repository's root. Every other argument is a job, or `tag:NAME` for the jobs with that tag, "
        "to run with everything it needs; by default all jobs",
    )
    add_manifest_flag(parser)
    add_slots(parser)
    add_cluster(parser)
    add_fail_fast(parser)
    add_timeouts(parser)
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        type=_assignment,
        action="append",
        default=[],
        help="set a parameter of the manifest; may be repeated. The variable PEXEC_PARAM_NAME does the same",
    )
    add_selection(parser, "--only", "run only NAME, or the jobs tagged T, with everything they need")
    parser.add_argument(
        "--since",
        metavar="REV",
        help="run only jobs with `inputs` that have changed since this Git revision, jobs without `inputs`, and what "
        "depends on them, with everything they need; uncommitted and untracked files count",
    )
    add_selection(parser, "--skip", "skip NAME, or the jobs tagged T; their dependents treat them as satisfied")
    add_run_root(parser)


def add_manifest_flag(parser: argparse.ArgumentParser) -> None:
    """`-f`, for every command that takes one manifest."""
    parser.add_argument("-f", "--file", metavar="FILE", help="the manifest; every other argument is then a job")


def add_manifest(parser: Parser) -> None:
    """The argument MANIFEST and `-f`, for commands that take no jobs."""
    parser.usage = f"{parser.prog} [MANIFEST] [flags]"
    parser.add_argument(
        "manifest",
        metavar="MANIFEST",
        nargs="?",
        help="a manifest, or `-` for stdin (default: pexec.yaml or pexec.yml in this directory or the nearest parent)",
    )
    parser.add_argument("-f", "--file", metavar="FILE", help="the same as the argument MANIFEST")


def add_fail_fast(parser: argparse.ArgumentParser) -> None:
    """`--fail-fast` and `-k`, of which one may be given."""
    both = parser.add_mutually_exclusive_group()
    both.add_argument(
        "--fail-fast",
        metavar="=drain",
        nargs="?",
        type=_parsed_by("fail_fast"),
        help="cancel the run at the first failure; with `=drain`, let running jobs end and start no others",
    )
    both.add_argument(
        "-k",
        "--keep-going",
        action="store_true",
        help="after a failure, run every job that does not depend on it, even if the manifest sets `fail_fast`",
    )


def add_timeouts(parser: argparse.ArgumentParser) -> None:
    """`--timeout` and `--timeout-seconds`, of which one may be given."""
    both = parser.add_mutually_exclusive_group()
    both.add_argument(
        "--timeout",
        metavar="10m",
        type=_duration,
        help="timeout for jobs that do not set one: a duration such as `90s` or `1h30m`, or `none`",
    )
    both.add_argument(
        "--timeout-seconds",
        metavar="S",
        type=_parsed_by("timeout_seconds"),
        help="the same as a number of seconds, or `none`",
    )


def add_slots(parser: argparse.ArgumentParser) -> None:
    """`-j`."""
    parser.add_argument(
        "-j",
        "--jobs",
        "--max-parallel-jobs",
        dest="max_parallel_jobs",
        metavar="N",
        type=_parsed_by("max_parallel_jobs"),
        help="maximum number of parallel jobs: a number, `auto` (one per CPU) or a share of the CPUs such as `150%%`",
    )


_RUN_ON_CLUSTER = "run the jobs on the workers of this cluster of the manifest; `local` is pexec's own process"


def add_cluster(parser: argparse.ArgumentParser, text: str = _RUN_ON_CLUSTER) -> None:
    """`--cluster`."""
    parser.add_argument("--cluster", metavar="NAME", type=_parsed_by("cluster"), help=text)


def add_output(parser: argparse.ArgumentParser) -> None:
    """What is shown of a run and kept after it, for every command that drives one; none changes what the run does."""
    parser.add_argument(
        "--output",
        metavar="|".join(OUTPUTS),
        type=one_of(*OUTPUTS),
        help="plain: each output line prefixed with its job's name; live: the same, and below it what runs; auto "
        "(default): live on a terminal, grouped in GitHub Actions and GitLab CI, else plain; grouped: the output of a "
        "job when it ends; quiet: only failures and the summary; jsonl: the events",
    )
    parser.add_argument(
        "-q", "--quiet", dest="output", action="store_const", const="quiet", help="the same as `--output quiet`"
    )
    parser.add_argument(
        "--summary",
        metavar="|".join(SUMMARIES),
        type=one_of(*SUMMARIES),
        default="auto",
        help="the table of jobs at the end. auto (default): up to 30 jobs; all: every job; short: no table, only "
        "failures and totals",
    )
    parser.add_argument(
        "-v", "--verbose", dest="summary", action="store_const", const="all", help="the same as `--summary all`"
    )
    parser.add_argument("--keep-temp", action="store_true", help="keep the temporary directories of the jobs")


def output_of(settings: Settings) -> str:
    """How a run is shown. `auto` is `grouped` where a CI service folds groups; `plain` in another CI, which stores the
    output; else `live` on a terminal, with NO_COLOR without colours."""
    chosen: str = "auto" if settings.output is None else settings.output.value
    if chosen != "auto":
        return chosen
    if ci_service():
        return "grouped"
    return (
        "live"
        if not os.environ.get("CI") and all(draws(stream, os.environ) for stream in (sys.stdout, sys.stderr))
        else "plain"
    )


_FIRST = ""


def add_format(parser: argparse.ArgumentParser, *formats: str, default: str | None = _FIRST) -> None:
    """`--format`, whose first value is the default; with None for `default` a command can tell whether it was given."""
    parser.add_argument(
        "--format",
        metavar="|".join(formats),
        type=one_of(*formats),
        default=formats[0] if default == _FIRST else default,
        help=f"{', '.join((f'{formats[0]} (default)', *formats[1:-1]))} or {formats[-1]}",
    )


def add_run_root(parser: argparse.ArgumentParser) -> None:
    """`--run-root`, for every command about runs."""
    parser.add_argument(
        "--run-root",
        metavar="DIR",
        type=_parsed_by("run_root"),
        help="where runs are stored (default: .pexec/runs next to the nearest manifest)",
    )


def add_selection(parser: argparse.ArgumentParser, flag: str, text: str) -> None:
    """A repeatable flag that takes a job or a tag."""
    parser.add_argument(flag, metavar="NAME|tag:T", action="append", default=[], help=f"{text}; may be repeated")


def understand(arguments: argparse.Namespace) -> Invocation:
    """The invocation that the arguments of `add_run_arguments` describe. Raises UsageError."""
    from orchestrator.plan.inputs import Selection

    manifest, jobs = (arguments.file, arguments.words) if arguments.file else split_words(arguments.words)
    selection = Selection(tuple(jobs), tuple(arguments.only), tuple(arguments.skip), tuple(arguments.rest))
    return make_invocation(manifest, selection, arguments.set, flags_of(arguments))


def settings_of(arguments: argparse.Namespace, manifest: str) -> Settings:
    """The settings for a manifest, over which the flags take precedence. Raises UsageError."""
    return settings_for(flags_of(arguments), manifest)


def flags_of(arguments: argparse.Namespace) -> dict[str, Setting[Any]]:
    """The settings among the flags of a command line."""
    given = {name: getattr(arguments, name, None) for name in PARSERS}
    flags = {name: Setting(value, flag_of(name)) for name, value in given.items() if value is not None}
    if getattr(arguments, "timeout", None) is not None:
        flags["timeout_seconds"] = Setting(arguments.timeout, "--timeout")
    if getattr(arguments, "keep_going", False):
        flags["fail_fast"] = Setting("false", "--keep-going")
    return flags


def one_manifest(word: str | None, flag: str | None) -> str | None:
    """The manifest that an argument or `-f` names. Raises UsageError if both do."""
    if word is not None and flag is not None:
        raise UsageError(f"two manifests are named: `{word}` and `{flag}`", help="name it once")
    return flag if word is None else word


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
    """The argparse type of an argument with a fixed set of values."""

    names: tuple[str, ...]

    def __call__(self, text: str) -> str:
        if text not in self.names:
            known = ", ".join(f"`{name}`" for name in self.names)
            raise argparse.ArgumentTypeError(f"expected one of {known}, found `{text}`")
        return text


def one_of(*names: str) -> OneOf:
    """The argparse type of a flag that takes one of these values."""
    return OneOf(names)


def _assignment(text: str) -> str:
    """The argparse type of `NAME=VALUE`; the value may be empty and may contain `=`."""
    if not text.partition("=")[0] or "=" not in text:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, found `{text}`")
    return text


def _duration(text: str) -> float | str:
    """The argparse type of a duration, as a value of `timeout_seconds`."""
    from orchestrator.manifest.scalars import ScalarError, parse_duration

    if text == "none":
        return text
    try:
        return parse_timeout_seconds(parse_duration(text))
    except (ScalarError, ValueError) as error:
        raise argparse.ArgumentTypeError(
            f"expected a duration such as `90s` or `10m`, or `none`, found `{text}`"
        ) from error


def _parsed_by(name: str) -> Callable[[str], Any]:
    """The parser of a setting as an argparse type."""
    parse = PARSERS[name]

    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{error}, found `{text}`") from error

    return parsed
