"""What shows a run on the streams of this process, by `--output`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from msgspec import Struct

from orchestrator.console.streams import draws, on_github, wants_colour
from orchestrator.execute.attempt.spec import OnOutput
from orchestrator.execute.driver import Observer
from orchestrator.journal.rundir import RunDir
from orchestrator.observe.plain import PlainOutput, ProgressLines
from orchestrator.observe.stream import LossyStream
from orchestrator.plan.model import Plan

ShowOutput = Callable[[str, bytes], None]  # the ID of a job, and bytes that it printed


class Screen(Struct, frozen=True):
    """The observers that show a run. `on_output` takes what jobs print, None if it is not shown while they run."""

    observers: tuple[Observer, ...]
    on_output: ShowOutput | None
    err: LossyStream
    show_status: Callable[[float], None]
    close: Callable[[], None] = lambda: None

    def attempt_output(self) -> OnOutput:
        """`on_output` as an attempt calls it."""
        show = self.on_output
        if show is None:
            return lambda spec, chunk: None
        return lambda spec, chunk: show(spec.job_id, chunk)


def open_screen(output: str, plan: Plan, done: int, rundir: RunDir) -> Screen:
    """The screen for a run, `done` of whose jobs are done. `output` is one of `settings.OUTPUTS` except `auto`."""
    github = on_github()
    out, err = LossyStream(sys.stdout), LossyStream(sys.stderr, github=github)
    colour = wants_colour(sys.stdout, os.environ)
    total = len(plan.jobs) - done
    tries = {job.id: job.retry.max_attempts for job in plan.jobs if job.retry.max_attempts > 1}
    if output == "live" and draws(sys.stderr, os.environ):
        from orchestrator.observe.live import LiveOutput
        from orchestrator.report.foresight import Foresight

        live = LiveOutput(
            out,
            err,
            total,
            screen_width,
            colour=colour,
            github=github,
            max_attempts=tries,
            foresight=Foresight(plan),
        )
        return Screen((live,), live.on_output, err, live.print_status, live.close)
    if output in ("plain", "live"):
        plain = PlainOutput(out, err, total, colour=colour, github=github, max_attempts=tries)
        return Screen((plain,), plain.on_output, err, plain.progress.print_status)
    if output == "grouped":
        from orchestrator.observe.grouped import GroupedOutput

        grouped = GroupedOutput(out, err, total, rundir, colour=colour, github=github, max_attempts=tries)
        return Screen((grouped,), None, err, grouped.progress.print_status, grouped.close)
    progress = ProgressLines(err, total, only_failures=True, max_attempts=tries)
    if output == "jsonl":
        from orchestrator.observe.jsonl import JsonlOutput

        return Screen((JsonlOutput(out), progress), None, err, progress.print_status)
    return Screen((progress,), None, err, progress.print_status)


def colours_closing_table() -> bool:
    """Whether to colour the closing table: not in a CI, whose log is plain text, unless FORCE_COLOR is set."""
    forced = bool(os.environ.get("FORCE_COLOR"))
    return wants_colour(sys.stderr, os.environ) and (forced or not os.environ.get("CI"))


def screen_width() -> int:
    """The columns of the terminal. shutil would do the same, but takes 2 ms to import."""
    wanted = os.environ.get("COLUMNS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80
