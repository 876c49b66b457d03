"""`pexec verify`: check a run's journal against its plan, its results and its logs."""

from __future__ import annotations

import argparse
import json
import os
import stat
from collections.abc import Callable, Sequence

from orchestrator.app.find_run import Look
from orchestrator.app.process_memory import keep
from orchestrator.app.summary import load_summary
from orchestrator.cli.json_text import json_text
from orchestrator.cli.main import Parser
from orchestrator.cli.run_arguments import add_format_and_root, add_run, chosen_run
from orchestrator.console.streams import write_stderr, write_stdout, write_text
from orchestrator.console.text import count, visible
from orchestrator.errors import EnvironmentFailedError, ExitCode
from orchestrator.journal.file_names import JOURNAL, LOGS, RESULTS, RUN_SUMMARY
from orchestrator.journal.rundir import RunDir
from orchestrator.report.fold_events import RunFold
from orchestrator.report.results import results_file, results_summary
from orchestrator.report.run_summary import run_summary
from orchestrator.report.verify.file_checks import LogCheck, results_differences
from orchestrator.report.verify.growth_rules import Growing
from orchestrator.report.verify.judge import Judge
from orchestrator.report.verify.rules import Rule, Violation

MOST_SHOWN = 100


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec verify`."""
    add_run(parser)
    add_format_and_root(parser, "text", "json")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, or 1 if a rule is violated."""
    with chosen_run(arguments) as one:
        look = Look(one, keeps_plan_data=True)
        judge = Judge(look.plan_data, Growing(look.placeholders, look.plan.jobs))
        fold, logs = RunFold(look.plan), LogCheck(_sizes(one))
        look.feed(fold.add, judge.check, logs.check)
        keep(look, fold, judge)
        state = "finished" if judge.finished else "running" if look.driven else "interrupted"
        found = sorted([*judge.found, *logs.found], key=lambda violation: violation.line)
        if judge.finished and not look.driven:
            found += _judge_results(one, fold, look.lines) + _check_run_summary(one, fold, look.lines)
    if arguments.format == "json":
        facts = {"run_id": one.run_id, "state": state, "events": look.lines, "jobs": len(look.plan.jobs)}
        write_stdout(json_text({**facts, "violations": found}))
    else:
        _print_result(one.run_id, state, look, found)
    if any(one.rule is Rule.RESULTS_FILE and RUN_SUMMARY not in one.message for one in found):
        write_stderr(f"pexec: regenerate the files of the run with `pexec report {one.run_id}`\n")
    return ExitCode.JOB_FAILED if found else ExitCode.OK


def _sizes(run: RunDir) -> Callable[[str], int | None]:
    """The size of a log by its name in the run directory; None if it is not a regular file."""
    directory = run.folder(LOGS)

    def size_of(name: str) -> int | None:
        above, _, base = name.partition("/")
        try:
            facts = os.stat(base, dir_fd=directory, follow_symlinks=False)
        except OSError:
            return None
        return facts.st_size if above == LOGS and "/" not in base and stat.S_ISREG(facts.st_mode) else None

    return size_of


def _check_run_summary(run: RunDir, fold: RunFold, line: int) -> list[Violation]:
    """A run summary of another journal is not used by any command, so it is not a violation."""
    closing = load_summary(run)
    if closing is None or closing == run_summary(fold.report(), closing.digests, closing.version):
        return []
    return [Violation(line, Rule.RESULTS_FILE, f"`{RUN_SUMMARY}` contradicts the events: remove it")]


def _judge_results(run: RunDir, fold: RunFold, line: int) -> list[Violation]:
    report = fold.report()
    try:
        content = run.read(RESULTS)
    except EnvironmentFailedError as error:
        return [Violation(line, Rule.RESULTS_FILE, error.message)]
    if content == results_file(report):
        return []
    try:
        found = json.loads(content)
    except ValueError:
        return [Violation(line, Rule.RESULTS_FILE, f"`{RESULTS}` is not JSON")]
    return results_differences(results_summary(report), found, line)


def _print_result(run_id: str, state: str, look: Look, found: Sequence[Violation]) -> None:
    lines = [f"{JOURNAL}:{one.line}: {one.rule}: {visible(one.message)}" for one in found[:MOST_SHOWN]]
    if len(found) > len(lines):
        lines.append(f"... and {len(found) - len(lines)} more")
    how = count(len(found), "violation") if found else "no violations"
    seen = f"{count(look.lines, 'event')} of {count(len(look.plan.jobs), 'job')}"
    so_far = "" if state == "finished" else f" so far; the run is {'still running' if state == 'running' else state}"
    lines.append(f"run {run_id}: {how} in {seen}{so_far}")
    write_text("\n".join(lines) + "\n")
