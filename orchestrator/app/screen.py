"""What shows a run on the streams of this process, by `--output`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TextIO

from msgspec import Struct

from orchestrator.console.ci import ci_service
from orchestrator.console.streams import (
    draws,
    give_up_stderr,
    on_github,
    send_stderr_to,
    take_held_stderr,
    wants_colour,
    write_stderr,
)
from orchestrator.errors import EnvironmentFailedError, ExitCode
from orchestrator.execute.attempt.spec import AttemptSpec, OnOutput
from orchestrator.execute.driver import Observer
from orchestrator.journal.rundir import RunDir
from orchestrator.observe.console import Console
from orchestrator.observe.console_thread import ConsoleThread, View
from orchestrator.observe.heartbeat import Heartbeat
from orchestrator.observe.job_prefix import JobPrefixes
from orchestrator.observe.journal_views import EventObserver, EventView, JournalTail, LinesView
from orchestrator.observe.line_prefixer import LinePrefixer
from orchestrator.observe.log_view import LogView
from orchestrator.observe.progress_lines import ProgressLines
from orchestrator.observe.stream import ConsoleStream
from orchestrator.plan.model import Plan

LOST_OUTPUT = "console.txt"  # in the run directory


class _Shown(Struct):
    """What one stream shows: observers get the events, views do the rest."""

    observers: list[EventObserver]
    views: list[View]

    def views_of(self, journal: JournalTail, *others: _Shown) -> list[View]:
        parts = (self, *others)
        observers = [observer for part in parts for observer in part.observers]
        views = [view for part in parts for view in part.views]
        return [EventView(journal, observers), *views] if observers else views


class Screen:
    """Shows a run. Its methods are called in the driver's thread, and none but `end` and `close` waits."""

    def __init__(
        self,
        rundir: RunDir,
        console: Console,
        journals: Sequence[JournalTail],
        print_status: Callable[[float], None],
        on_output: OnOutput | None,
    ) -> None:
        self._rundir = rundir
        self._console = console
        self._journals = journals
        self._print_status = print_status
        self._prints_status = False
        self.on_output = on_output  # None if the output of jobs is not shown while they run
        self.observers: tuple[Observer, ...] = (console,)
        self.post_text = console.post_text
        if held := take_held_stderr():
            console.post_text(held)
        send_stderr_to(console.post_text)

    def begin(self) -> None:
        """Show what is recorded from now on."""
        for journal in self._journals:
            journal.skip()
        self._console.begin()

    def show_status(self, now: float) -> None:
        """Print the progress on stderr, at this second of the run."""
        if self._prints_status:
            return  # one that waits is enough

        def print_it() -> None:
            self._prints_status = False
            self._print_status(now)

        self._prints_status = True
        self._console.post(print_it)

    def end(self, table: str, is_interrupted: Callable[[], bool], *, stopped: bool) -> None:
        """Show the rest, and `table` last. Output that was not taken is reported as far as that is possible."""
        self._console.end(table, is_interrupted, stopped=stopped)
        send_stderr_to(None)
        losses = self._console.losses
        if not losses:
            return
        text = "".join(f"warning: {loss}\n" for loss in losses)
        text += f"  = help: the logs and the journal in `{self._rundir.path}` have all of it\n"
        with suppress(EnvironmentFailedError):
            self._rundir.replace(LOST_OUTPUT, text.encode())
        if any(loss.stream == "stderr" for loss in losses):
            give_up_stderr()
        else:
            write_stderr(text)

    def close(self) -> None:
        """End the output after a failure."""
        self._console.end(stopped=True)
        send_stderr_to(None)
        if any(loss.stream == "stderr" for loss in self._console.losses):
            give_up_stderr()

    def exit_code(self, code: int) -> int:
        """`code`, or that of an environment error where output was lost that a 0 would not tell of."""
        return ExitCode.ENVIRONMENT if self._console.losses and code == ExitCode.OK else code


def open_screen(output: str, plan: Plan, succeeded: Sequence[int], rundir: RunDir, now: Callable[[], float]) -> Screen:
    """The screen for a run of which these jobs (by index) have succeeded already. `output` is one of `settings.OUTPUTS`
    except `auto`. `now` returns the second of the run, in any thread, once the run has begun."""
    github, service = on_github(), ci_service()
    defused = github and not plan.policy.ci.pass_commands  # the output of jobs; messages of pexec always are
    out, err = ConsoleStream(sys.stdout), ConsoleStream(sys.stderr, github=github)
    colour = wants_colour(sys.stdout, os.environ)
    jobs = {job.id: job for job in plan.jobs}
    total = len(jobs) - len(succeeded)
    drains = plan.policy.fail_fast == "drain"
    err_colour = _colours(sys.stderr)
    prefixes = JobPrefixes(jobs if draws(sys.stdout, os.environ) else (), colour=_colours(sys.stdout))
    together = _is_same_file(sys.stdout, sys.stderr)
    journal, other_journal = JournalTail(rundir.lock()), JournalTail(rundir.lock())
    threads: list[ConsoleThread] = []
    logs: LogView | None = None
    on_out = _Shown([], [])

    def warn(text: str) -> None:
        threads[-1].post_text(text)

    if output == "live" and draws(sys.stderr, os.environ):
        from orchestrator.observe.live import LiveProgress
        from orchestrator.report.foresight import Foresight

        progress: LiveProgress | ProgressLines
        foresight = Foresight(plan, succeeded)
        progress = live = LiveProgress(
            err, total, screen_width, jobs=jobs, drains=drains, colour=err_colour, foresight=foresight
        )
        on_err = _Shown([live], [live])
        above = live.above(err) if together else None
    else:
        quiet = output in ("quiet", "jsonl")
        progress = ProgressLines(err, total, jobs=jobs, only_failures=quiet, drains=drains, colour=err_colour)
        on_err = _Shown([progress], [progress])
        if not quiet:
            on_err.views.append(Heartbeat(err, (out, err), progress, now))
        above = None
    if output in ("plain", "live"):
        stream = out if above is None else err
        logs = LogView(rundir, stream, LinePrefixer(colour=colour, github=defused, prefix_of=prefixes), warn, above)
        on_out = _Shown([logs], [logs])
    elif output == "grouped":
        from orchestrator.observe.block_frames import frame_for
        from orchestrator.observe.grouped import JobBlocks

        frame = frame_for(service, rundir.run_id)
        on_out = _Shown([JobBlocks(out, rundir, warn, frame, colour=colour, github=defused)], [])
        together = together or bool(service)  # the runner merges both streams: one thread keeps their order
    elif output == "jsonl":
        on_out = _Shown([], [LinesView(other_journal, out)])
    if together:
        threads.append(ConsoleThread("pexec-console", (out, err), on_out.views_of(journal, on_err)))
    else:
        if on_out.observers or on_out.views:
            threads.append(ConsoleThread("pexec-stdout", (out,), on_out.views_of(other_journal)))
        threads.append(ConsoleThread("pexec-stderr", (err,), on_err.views_of(journal)))
    console = Console(threads, {"stdout": out, "stderr": err})
    shown = None if logs is None else _note_growth(logs, threads[0])
    return Screen(rundir, console, (journal, other_journal), progress.print_status, shown)


def _note_growth(logs: LogView, thread: ConsoleThread) -> OnOutput:
    """What an attempt calls with its output, which is in its log already."""

    def on_output(spec: AttemptSpec, chunk: bytes) -> None:
        logs.grown(spec.job_id, spec.log_name)
        thread.notify()

    return on_output


def _is_same_file(one: TextIO, other: TextIO) -> bool:
    """Whether two streams lead to the same terminal, pipe or file, where their order can be seen."""
    try:
        return os.path.samestat(os.fstat(one.fileno()), os.fstat(other.fileno()))
    except (OSError, ValueError):
        return one is other


def colours_closing_table() -> bool:
    """Whether to colour the closing table."""
    return _colours(sys.stderr)


def _colours(stream: TextIO) -> bool:
    """Whether to colour text of pexec's own: not in a CI, whose log is plain text, unless FORCE_COLOR is set."""
    forced = bool(os.environ.get("FORCE_COLOR"))
    return wants_colour(stream, os.environ) and (forced or not os.environ.get("CI"))


def screen_width() -> int:
    """The columns of the terminal. shutil would do the same, but takes 2 ms to import."""
    wanted = os.environ.get("COLUMNS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80
