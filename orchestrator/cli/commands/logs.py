"""`pexec logs`: print the output of jobs. The logs go to stdout, byte for byte unless a terminal or a CI runner reads
them; which attempt it is and when it ran goes to stderr."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack

from orchestrator.app.find_run import Look
from orchestrator.cli.json_text import json_text
from orchestrator.cli.log_printer import LogPrinter, PrintedLog
from orchestrator.cli.main import Parser
from orchestrator.cli.run_arguments import RUN_HELP, add_format_and_root, chosen_run, hint_for_job
from orchestrator.console.streams import write_stderr, write_stdout
from orchestrator.console.text import count, visible
from orchestrator.engine.outcomes import FAILURE_NAMES
from orchestrator.errors import ExitCode, UsageError
from orchestrator.report.attempts import Attempt, AttemptHistory

EVERY = 0.2
_MOST_DIGITS = 9


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec logs`."""
    parser.usage = f"{parser.prog} [JOB...] [flags]"
    parser.add_argument(
        "jobs",
        metavar="JOB",
        nargs="*",
        help="the jobs whose last attempt to show (default: the jobs that failed, or all if none did)",
    )
    parser.add_argument("--run", metavar="RUN", help=RUN_HELP)
    parser.add_argument("--attempt", metavar="N", type=int, help="show attempt N of each JOB")
    parser.add_argument(
        "-n", "--tail", metavar="N", type=_number_of_lines, help="show only the last N lines of each attempt"
    )
    parser.add_argument(
        "-f", "--follow", action="store_true", help="keep printing until the jobs, or the run, have ended"
    )
    add_format_and_root(parser, "text", "json")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, also when there is nothing to show."""
    _check(arguments)
    with chosen_run(arguments) as one:
        look = Look(one)
        named = _named(look, arguments.jobs)
        attempts = AttemptHistory(look.plan, named or None)
        look.feed(attempts.add)
        if arguments.follow:
            _follow(look, attempts, named, LogPrinter(one, arguments.tail))
            return ExitCode.OK
        chosen = _chosen(attempts, named, arguments.attempt)
        if arguments.format == "json":
            write_stdout(json_text({"run_id": one.run_id, "attempts": chosen}))
        else:
            _report_missing_logs(attempts, named)
            _show(LogPrinter(one, arguments.tail), chosen, driven=look.driven)
    return ExitCode.OK


def _check(arguments: argparse.Namespace) -> None:
    if arguments.follow and arguments.format == "json":
        raise UsageError(
            "`--follow` cannot be used with `--format json`", help="`--format json` lists attempts without their logs"
        )
    if arguments.tail is not None and arguments.format == "json":
        raise UsageError(
            "`--tail` cannot be used with `--format json`", help="`--format json` lists attempts without their logs"
        )
    if arguments.attempt is not None and arguments.follow:
        raise UsageError("`--follow` cannot be used with `--attempt`", help="`--follow` shows every attempt as it runs")
    if arguments.attempt is not None and not arguments.jobs:
        raise UsageError("`--attempt` requires a JOB", help="`pexec logs JOB --attempt N`")


def _number_of_lines(text: str) -> int:
    """The argparse type of `--tail`."""
    if not text.isdecimal() or len(text) > _MOST_DIGITS:
        raise argparse.ArgumentTypeError(f"expected a non-negative integer, found `{text}`")
    return int(text)


def _named(look: Look, words: Sequence[str]) -> tuple[str, ...]:
    """The jobs that the arguments name, by ID or as all jobs of a workflow. Raises UsageError for unknown ones."""
    jobs_of: dict[str, list[str]] = {}
    for job in look.plan.jobs:
        jobs_of.setdefault(job.workflow, []).append(job.id)
    jobs_of |= {job.id: [job.id] for job in look.plan.jobs}
    unknown = [word for word in words if word not in jobs_of]
    if unknown:
        jobs = ", ".join(f"`{visible(word)}`" for word in unknown)
        raise UsageError(
            f"unknown {'job' if len(unknown) == 1 else 'jobs'} {jobs}", help=hint_for_job(look, unknown[0], jobs_of)
        )
    return tuple(dict.fromkeys(job for word in words for job in jobs_of[word]))


def _chosen(attempts: AttemptHistory, named: Sequence[str], number: int | None) -> list[Attempt]:
    """The attempts to show. Raises UsageError for an attempt that a job did not make."""
    if number is None:
        jobs: Iterable[str] = named or _failed_or_all(attempts)
        return [attempts.of[job][-1] for job in jobs if attempts.of[job]]
    for job in named:
        made = max((one.attempt for one in attempts.of[job]), default=0)
        if not 1 <= number <= made:
            raise UsageError(f"`{job}` has no attempt {number}", help=f"it has {count(made, 'attempt')}")
    return [next(one for one in attempts.of[job] if one.attempt == number) for job in named]


def _failed_or_all(attempts: AttemptHistory) -> Iterable[str]:
    failed = [job for job in attempts.of if attempts.ended.get(job, ("",))[0] in FAILURE_NAMES]
    return failed or attempts.of


def _report_missing_logs(attempts: AttemptHistory, named: Sequence[str]) -> None:
    """Report the named jobs that have no log."""
    for job in named:
        if not attempts.of[job]:
            status, reason = attempts.ended.get(job, ("", ""))
            ended = f"it {'' if status == 'succeeded' else 'was '}{status}" + (f" ({reason})" if reason else "")
            write_stderr(f"pexec: `{job}` has no log: {ended if status else 'it has not started'}\n")


def _show(printer: LogPrinter, attempts: Iterable[Attempt], *, driven: bool) -> None:
    for attempt in attempts:
        with printer.open(attempt) as log:
            if not (log.print_new(driven=driven) and log.finish()):
                return  # the reader has closed


def _follow(look: Look, attempts: AttemptHistory, named: Sequence[str], printer: LogPrinter) -> None:
    """Show attempts as they run, until the run, or every named job, has ended. Named jobs start with their last attempt
    so far; without names, only what runs now and what starts later is shown."""
    seen = {job: max(0, len(made) - 1) for job, made in attempts.of.items()}
    if not named:
        seen |= {job: len(made) for job, made in attempts.of.items() if made and made[-1].ended_at}
    logs: list[PrintedLog] = []
    with ExitStack() as stack:
        while True:
            over = attempts.finished or not look.driven or (named and all(job in attempts.ended for job in named))
            logs = [log for log in logs if not log.ended]
            for job, made in attempts.of.items():
                logs += [stack.enter_context(printer.open(attempt)) for attempt in made[seen[job] :]]
                seen[job] = len(made)
            if not all(log.print_new(driven=look.driven) for log in logs) or over:
                return
            time.sleep(EVERY)
            look.feed(attempts.add)
