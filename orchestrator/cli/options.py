"""What the commands share: which manifest is meant, the flags of a run, and what they and the settings amount to."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from orchestrator.console.streams import draws
from orchestrator.diagnostics.repository import folders_upward
from orchestrator.errors import UsageError
from orchestrator.journal.file_names import DEFAULT_ROOT
from orchestrator.settings import OUTPUTS, PARSERS, Setting, Settings, load_settings

if TYPE_CHECKING:
    from orchestrator.cli.main import Parser
    from orchestrator.manifest.scalars import CpuShare, NoLimit
    from orchestrator.plan.inputs import Overrides, PlanningEnvironment, Selection

DEFAULT_NAMES = ("pexec.yaml", "pexec.yml")
STDIN = "-"


class Invocation(Struct, frozen=True):
    """A command line of `plan` or `apply`, understood. `manifest` is a path or `-`; jobs and parameters are not looked
    up yet."""

    manifest: str
    selection: Selection
    overrides: Overrides
    settings: Settings
    around: PlanningEnvironment

    @property
    def run_root(self) -> str:
        """Where runs are kept."""
        return run_root_of(self.settings)

    @property
    def origins(self) -> dict[str, str]:
        """Where each overridden setting of the plan comes from, by the names that the plan shows."""
        settings = self.settings
        shown = {
            "max_parallel_jobs": settings.max_parallel_jobs,
            "fail_fast": settings.fail_fast,
            "timeout": settings.timeout_seconds,
        }
        return {name: setting.origin for name, setting in shown.items() if setting is not None}


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
    """What the words and flags of `add_run_arguments` ask for, with the settings. Raises UsageError."""
    from orchestrator.app.planning import planning_environment
    from orchestrator.plan.inputs import Overrides, Selection
    from orchestrator.plan.model import FailFast

    manifest, jobs = split_words(arguments.words)
    settings = settings_for(arguments, manifest)
    fail_fast = settings.fail_fast
    overrides = Overrides(
        max_parallel_jobs=_parallel(settings.max_parallel_jobs),
        fail_fast=None if fail_fast is None else FailFast(fail_fast.value),
        timeout_seconds=_limit(settings.timeout_seconds),
    )
    given = dict(assignment.split("=", 1) for assignment in arguments.set)
    around = planning_environment(given, getattr(arguments, "param_variables", None), for_run=True)
    selection = Selection(tuple(jobs), tuple(arguments.only), tuple(arguments.skip))
    return Invocation(manifest, selection, overrides, settings, around)


def _parallel(setting: Setting[int | str] | None) -> int | CpuShare | None:
    if setting is None:
        return None
    if isinstance(setting.value, int):
        return setting.value
    from orchestrator.manifest.scalars import parse_parallel  # with patterns that take 1 ms

    return parse_parallel(setting.value)


def _limit(setting: Setting[float | str] | None) -> float | NoLimit | None:
    if setting is None:
        return None
    if not isinstance(setting.value, str):
        return setting.value
    from orchestrator.manifest.scalars import NO_LIMIT

    return NO_LIMIT


def settings_for(arguments: argparse.Namespace, manifest: str) -> Settings:
    """The settings for a manifest, in which the flags of this command line go first. Raises UsageError."""
    flags = {
        name: Setting(value, "--" + name.replace("_", "-"))
        for name in PARSERS
        if (value := getattr(arguments, name, None)) is not None
    }
    return load_settings(flags, "." if manifest == STDIN else os.path.dirname(manifest) or ".")


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


def find_manifest() -> str:
    """The nearest `pexec.yaml` or `pexec.yml`, relative to the current folder. Raises UsageError if there is none."""
    for folder in folders_upward("."):
        for name in DEFAULT_NAMES:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                return os.path.relpath(path)
    raise UsageError(
        "there is no `pexec.yaml` or `pexec.yml` here or in a folder above, up to the repository's root",
        help="name the manifest, or go to the folder that holds it",
    )


def run_root_of(settings: Settings) -> str:
    """Where runs are kept: where the settings say, else `.pexec/runs` beside the manifest that is found from here on.

    It is so also where another manifest is named: a project has its runs in one place, wherever in it one stands.
    """
    if settings.run_root is not None:
        return settings.run_root.value
    try:
        return os.path.join(os.path.dirname(find_manifest()), DEFAULT_ROOT)
    except UsageError:
        return DEFAULT_ROOT


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
