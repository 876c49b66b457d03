"""The last lines about a run that has ended: its result and counts, how it used its time, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from msgspec import Struct

from orchestrator.console.text import count, duration, percent, visible, wrapped
from orchestrator.console.theme import BOLD, STATUS_STYLES, painted
from orchestrator.engine.outcomes import RunResult
from orchestrator.report.model import RunReport
from orchestrator.report.status import FAILED_STATUSES, Status, result_word
from orchestrator.report.times import is_long_enough


class CommandPlace(Struct, frozen=True):
    """What a command about this run has to name, because the default would be another one: None if it would not.

    `directory` is for `-C`, `run_root` for `--run-root`, `run_id` for the run.
    """

    directory: str | None = None
    run_root: str | None = None
    run_id: str | None = None

    def command(self, name: str, *words: str, run_flag: str = "") -> str:
        """A command as it can be pasted into a shell. With `run_flag` the run is named by that flag."""
        before = ["-C", self.directory] if self.directory is not None else []
        run = [] if self.run_id is None else [*([run_flag] if run_flag else []), self.run_id]
        root = ["--run-root", self.run_root] if self.run_root is not None else []
        return shlex.join(["pexec", *before, name, *run, *words, *root])


HERE = CommandPlace()


def totals(
    report: RunReport,
    report_path: str,
    *,
    width: int | None = None,
    colour: bool = False,
    utf8: bool = True,
    place: CommandPlace = HERE,
) -> str:
    """The lines, each with its newline. `report_path` is the path of the HTML report as users may write it.

    With `width`, sentences are broken into lines of at most that many columns; paths and commands are not.
    """
    style = STATUS_STYLES.get(report.result, "")
    result = result_word(report.result)
    lines = []
    if not report.summary.total_jobs:
        left_out = f"; {count(report.job_counts.left_out, 'workflow')} left out" if report.job_counts.left_out else ""
        lines.append(f"{result}: nothing to run{left_out}")
    else:
        lines += wrapped(f"{result} in {duration(report.summary.wall_time_seconds)}: {report.job_counts}", width)
        if (use := use_of_time(report)) is not None:
            lines += wrapped(use, width)
    coloured = painted(result, f"{BOLD};{style}" if style else "", colour=colour)
    lines[0] = coloured + lines[0].removeprefix(result)
    lines.append(f"report: {visible(report_path)}")
    if commands := next_commands(report, place):
        lines.append(f"next: {visible((' · ' if utf8 else '; ').join(commands))}")
    return "".join(f"{line}\n" for line in lines)


def use_of_time(report: RunReport) -> str | None:
    """How the run used its slots; None if it was too short to tell."""
    summary = report.summary
    if not is_long_enough(report):
        return None
    parts = [f"{summary.speed_up:.1f}x parallel speedup"]
    if report.has_known_slots:
        parts.append(f"{percent(summary.utilisation)} of {count(report.max_parallel_jobs, 'slot')} busy")
    parts.append(f"critical path {duration(summary.critical_path_seconds)}")
    return ", ".join(parts)


def next_commands(report: RunReport, place: CommandPlace = HERE) -> Sequence[str]:
    """The commands that are likely to be wanted next; none after a success."""
    if report.result == RunResult.SUCCESS:
        return []
    failed = [job for job in report.jobs if job.status in FAILED_STATUSES and not job.allowed]
    logged = [job.job_id for job in failed if job.log_file is not None]
    commands = []
    if logged:  # if no job is named, `logs` shows all failures
        names = logged if len(logged) == 1 and logged[0].isprintable() and not logged[0].startswith("-") else []
        commands.append(place.command("logs", *names, run_flag="--run"))
    # `--failed` would leave out what was cancelled and never ran.
    unfinished = any(report.counts.get(status, 0) for status in (Status.CANCELLED, Status.PENDING, Status.RUNNING))
    commands.append(place.command("resume", *(["--failed"] if failed and not unfinished else [])))
    return commands
