"""`pexec cache`: show, prune or clear the stored results of jobs."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from orchestrator.cli.json_text import json_text
from orchestrator.cli.main import Parser
from orchestrator.cli.options import add_format, add_manifest_flag, one_of
from orchestrator.console.streams import write_stdout, write_text
from orchestrator.console.text import columns, count, duration, pad, size, visible
from orchestrator.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from orchestrator.app.stored_results import Removed, StoredResults

STATUS, PRUNE, CLEAR = ACTIONS = ("status", "prune", "clear")
_HEADERS = ("job", "results", "size", "last used")
_WIDEST_JOB = 60


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec cache`."""
    parser.usage = f"{parser.prog} [status|prune|clear] [flags]"
    parser.add_argument(
        "action",
        metavar="status|prune|clear",
        nargs="?",
        type=one_of(*ACTIONS),
        default=STATUS,
        help="`status` (default) shows how much is stored of each job; `prune` removes what was used least recently, "
        "until the rest is not larger than `policy.cache.max_size`; `clear` removes all results",
    )
    parser.add_argument(
        "--max-size",
        metavar="SIZE",
        type=_size,
        help="for `prune`: a size such as `1GiB` instead of that of the policy",
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="print what would be removed, and remove nothing")
    add_manifest_flag(parser)
    add_format(parser, "text", "json")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, or 3 if the manifest has an error."""
    from orchestrator.app.stored_results import clear_results, prune_results, results_place, stored_results

    if arguments.action != PRUNE and arguments.max_size is not None:
        raise UsageError("`--max-size` is for `pexec cache prune`", help="see `pexec cache --help`")
    if arguments.action == STATUS and arguments.dry_run:
        raise UsageError("`--dry-run` is for `prune` and `clear`", help="`pexec cache status` removes nothing")
    result, place = results_place(arguments.file)
    if result is not None:
        from orchestrator.app.planning import print_diagnostics

        print_diagnostics(result)
    if place is None:
        return ExitCode.INVALID
    max_size = place.max_size if arguments.max_size is None else arguments.max_size
    if arguments.action == STATUS:
        _show(stored_results(place.directory, max_size), arguments.format)
    elif arguments.action == PRUNE:
        _say(prune_results(place.directory, max_size, dry_run=arguments.dry_run), arguments)
    else:
        _say(clear_results(place.directory, dry_run=arguments.dry_run), arguments)
    return ExitCode.OK


def _show(stored: StoredResults, form: str) -> None:
    if form == "json":
        write_stdout(json_text(stored))
    else:
        write_text("\n".join(_lines(stored)) + "\n")


def _lines(stored: StoredResults) -> Iterator[str]:
    yield f"{visible(stored.directory)}: {count(stored.results, 'result')}, {size(stored.size_bytes)}" + (
        f" of at most {size(stored.max_size_bytes)}"
    )
    if stored.stores > 1:
        yield f"of {stored.stores} keys, each with a store of its own"
    if not stored.jobs:
        return
    now = time.time()
    rows = [_HEADERS] + [
        (visible(one.job), str(one.results), size(one.size_bytes), f"{duration(max(0.0, now - one.last_used))} ago")
        for one in stored.jobs
    ]
    widths = [min(max(columns(row[place]) for row in rows), _WIDEST_JOB) for place in range(len(_HEADERS))]
    yield ""
    for row in rows:
        yield "  ".join(map(pad, row, widths)).rstrip()


def _say(removed: Removed, arguments: argparse.Namespace) -> None:
    if arguments.format == "json":
        write_stdout(json_text({"removed": removed, "dry_run": arguments.dry_run}))
        return
    verb = "would be removed" if arguments.dry_run else "removed"
    what = f"{count(removed.results, 'result')}, {size(removed.size_bytes)}"
    left = f"{count(removed.left_results, 'result')}, {size(removed.left_size_bytes)}"
    write_text(f"{what} {verb}; left: {left}\n")


def _size(text: str) -> int:
    from orchestrator.manifest.scalars import ScalarError, parse_size

    try:
        return parse_size(text)
    except ScalarError as error:
        raise argparse.ArgumentTypeError(f"{error.message}, found `{text}`; {error.hint}") from error
