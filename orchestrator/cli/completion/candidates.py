"""What an argument may be, with descriptions: from the nearest manifest, the runs, or the directory.

Each function takes the beginning of the word and the arguments before it. A description may be empty.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence

from orchestrator.app.declared_names import DeclaredNames, declared_names
from orchestrator.cli.options import names_manifest

Candidates = Mapping[str, str]

_MOST_CELLS = 200  # of matrices; more are offered only after the `[` of one
_TAG = "tag:"


def words(names: Sequence[str], prefix: str, arguments: argparse.Namespace) -> Candidates:
    """A fixed set of values."""
    return dict.fromkeys(names, "")


def fail_fast(prefix: str, arguments: argparse.Namespace) -> Candidates:
    """The values of `--fail-fast`."""
    return dict.fromkeys(("drain", "true", "false"), "")


def codes(prefix: str, arguments: argparse.Namespace) -> Candidates:
    """The codes of diagnostics."""
    from orchestrator.diagnostics.model import CODES

    return CODES


def commands(prefix: str, arguments: argparse.Namespace) -> Candidates:
    """The commands of pexec."""
    from orchestrator.cli.main import COMMANDS

    return {name: command.summary for name, command in COMMANDS.items()}


def jobs_or_files(prefix: str, arguments: argparse.Namespace) -> Candidates:
    """Jobs of the manifest, and files: the first may be the manifest. After `--`, pexec does not know the words."""
    if "--" in os.environ["COMP_LINE"][: int(os.environ["COMP_POINT"])].split()[:-1]:
        return files(prefix, arguments)
    found = _jobs(_declared(arguments), prefix)
    matching = any(job.startswith(prefix) for job in found)
    return found if matching else files(prefix, arguments)


def jobs_and_tags(prefix: str, arguments: argparse.Namespace) -> Candidates:
    """What `--only` and `--skip` take."""
    names = _declared(arguments)
    return {**_jobs(names, prefix), **{_TAG + tag: text for tag, text in names.tags.items()}}


def parameters(prefix: str, arguments: argparse.Namespace) -> Candidates:
    """`NAME=` of each parameter; after that, the values that it may have."""
    names = _declared(arguments)
    name, separator, _ = prefix.partition("=")
    if separator:
        return {f"{name}={choice}": "" for choice in names.choices.get(name, ())}
    return {f"{param}=": text for param, text in names.params.items()}


def runs(prefix: str, arguments: argparse.Namespace) -> Candidates:
    """The runs, newest first, and the words for the newest two."""
    from orchestrator.journal.rundir import LAST, PREVIOUS, list_runs

    found = list_runs(_root(arguments))[::-1]
    return dict.fromkeys(found, "") | dict(zip((LAST, PREVIOUS), found, strict=False))


def jobs_of_run(prefix: str, arguments: argparse.Namespace) -> Candidates:
    """The jobs in the plan of the run; those of the manifest where there is no run."""
    from orchestrator.app.find_run import choose_run
    from orchestrator.errors import UsageError
    from orchestrator.journal.plan_file import read_plan_data

    root = _root(arguments)
    try:
        with choose_run(root, getattr(arguments, "run", None)) as run:
            jobs = read_plan_data(run)["jobs"]
    except UsageError:
        return _jobs(_declared(arguments), prefix)
    ids = {job["id"]: "" for job in jobs}
    return {**dict.fromkeys((job["workflow"] for job in jobs), ""), **ids}


def files(prefix: str, arguments: argparse.Namespace) -> Candidates:
    """Files and directories."""
    _change_directory(arguments)
    return dict.fromkeys(_paths(prefix, directories=False), "")


def directories(prefix: str, arguments: argparse.Namespace) -> Candidates:
    """Directories only."""
    return dict.fromkeys(_paths(prefix, directories=True), "")


def _paths(prefix: str, *, directories: bool) -> list[str]:
    """The entries of a directory that begin so; those of directories end with `/`. A dot has to be typed."""
    above, _, beginning = prefix.rpartition("/")
    above = f"{above}/" if "/" in prefix else ""
    with os.scandir(os.path.expanduser(above) or ".") as entries:
        found = [
            f"{above}{entry.name}{'/' if entry.is_dir() else ''}"
            for entry in entries
            if entry.name.startswith(beginning) and (beginning or not entry.name.startswith("."))
        ]
    return sorted(path for path in found if not directories or path.endswith("/"))


def _jobs(names: DeclaredNames, prefix: str) -> dict[str, str]:
    cells = names.jobs if len(names.jobs) <= _MOST_CELLS or "[" in prefix else {}
    return {**names.workflows, **cells}


def _declared(arguments: argparse.Namespace) -> DeclaredNames:
    """The names in the manifest that the line names, or in the nearest."""
    _change_directory(arguments)
    path: str | None = getattr(arguments, "file", None)
    given: list[str] = getattr(arguments, "words", None) or []
    if path is None and given and names_manifest(given[0]):
        path = given[0]
    return declared_names(None if path in (None, "-") else path)


def _root(arguments: argparse.Namespace) -> str:
    from orchestrator.cli.run_arguments import run_root

    _change_directory(arguments)
    return run_root(arguments)


def _change_directory(arguments: argparse.Namespace) -> None:
    """Obey `-C`, once: a relative path leads elsewhere from where it has led."""
    inner: str | None = getattr(arguments, "directory", None)
    outer: list[str] = getattr(arguments, "outer_directory", None) or []
    arguments.directory = arguments.outer_directory = None
    for directory in (*outer, *([inner] if inner else [])):
        os.chdir(directory)
