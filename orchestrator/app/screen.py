"""What shows a run on the streams of this process, by `--output`."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

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
from orchestrator.console.terminal import Terminal
from orchestrator.errors import EnvironmentFailedError, ExitCode
from orchestrator.execute.attempt.spec import AttemptSpec, OnOutput
from orchestrator.execute.driver_parts import Observer
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
from orchestrator.plan.model import Plan, PlannedJob

if TYPE_CHECKING:
    from orchestrator.observe.live import LiveProgress

LOST_OUTPUT = "console.txt"  # in the run directory
_ERASE_SECONDS = 0.5


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
        live: LiveProgress | None,
        heartbeat: Heartbeat | None = None,
    ) -> None:
        self._rundir = rundir
        self._console = console
        self._journals = journals
        self._print_status = print_status
        self._prints_status = False
        self._live = live
        self._heartbeat = heartbeat
        self.on_output = on_output  # None if the output of jobs is not shown while they run
        self.post_commands = console.post_commands
        self.observers: tuple[Observer, ...] = (console,)
        self.post_text = console.post_text
        if held := take_held_stderr():
            console.post_commands(held)  # the texts in it were defused when they were written
        send_stderr_to(console.post_text)

    def follow_workers(self, why_none: Callable[[], str]) -> None:
        """Say why there is no worker, while jobs wait for one."""
        for view in (self._live, self._heartbeat):
            if view is not None:
                view.why_none = why_none

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

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """The terminal as a shell expects it, while pexec is suspended. This does not wait long for a terminal that
        takes nothing."""
        live = self._live
        if live is None:
            yield
            return
        is_erased = threading.Event()

        def erase() -> None:
            live.pause()
            is_erased.set()

        self._console.post(erase)
        is_erased.wait(_ERASE_SECONDS)
        yield
        self._console.post(live.resume)

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
    out, err = ConsoleStream(sys.stdout), ConsoleStream(sys.stderr, github=github)
    jobs = {job.id: job for job in plan.jobs}
    is_live = output == "live" and draws(sys.stderr, os.environ)
    prefixes = _prefixes(jobs, is_live=is_live and draws(sys.stdout, os.environ))
    together = _is_same_file(sys.stdout, sys.stderr)
    journal, other_journal = JournalTail(rundir.lock()), JournalTail(rundir.lock())
    threads: list[ConsoleThread] = []
    logs: LogView | None = None
    live: LiveProgress | None = None
    heartbeat: Heartbeat | None = None
    on_out = _Shown([], [])

    def warn(text: str) -> None:
        threads[-1].post_text(text)

    if is_live:
        from orchestrator.observe.live import LiveProgress

        colour = colours_own_text(sys.stderr)
        live = LiveProgress(err, Terminal(sys.stderr), plan, jobs, prefixes, now, succeeded=succeeded, colour=colour)
        print_status = live.print_status
        on_err = _Shown([live], [live])
    else:
        progress = _progress_lines(err, plan, jobs, len(succeeded), only_failures=output in ("quiet", "jsonl"))
        print_status = progress.print_status
        on_err = _Shown([progress], [progress])
        if output not in ("quiet", "jsonl"):
            heartbeat = Heartbeat(err, (out, err), progress, now)
            on_err.views.append(heartbeat)
    passes_colour = wants_colour(sys.stdout, os.environ)
    if output in ("plain", "live"):
        lines = LinePrefixer(colour=passes_colour, github=github, prefix_of=prefixes)
        above = live.above if live is not None and together else None
        logs = LogView(rundir, err if above else out, lines, warn, above, splits_lines=above is None)
        on_out = _Shown([logs], [logs])
        if live is not None:
            live.follow_output(logs.latest)
    elif output == "grouped":
        from orchestrator.observe.block_frames import frame_for
        from orchestrator.observe.grouped import JobBlocks

        frame = frame_for(service, rundir.run_id)
        defused = github and not plan.policy.ci.pass_commands
        on_out = _Shown([JobBlocks(out, rundir, warn, frame, colour=passes_colour, github=defused)], [])
        together = together or bool(service)  # the runner merges both streams: one thread keeps their order
    elif output == "jsonl":
        on_out = _Shown([], [LinesView(other_journal, out)])
    posted = None if live is None else live.above_at_once
    if together:
        threads.append(ConsoleThread("pexec-console", (out, err), on_out.views_of(journal, on_err), posted))
    else:
        if on_out.observers or on_out.views:
            threads.append(ConsoleThread("pexec-stdout", (out,), on_out.views_of(other_journal)))
        threads.append(ConsoleThread("pexec-stderr", (err,), on_err.views_of(journal), posted))
    console = Console(threads, {"stdout": out, "stderr": err})
    shown = None if logs is None else _note_growth(logs, threads[0])
    return Screen(rundir, console, (journal, other_journal), print_status, shown, live, heartbeat)


def _prefixes(jobs: Mapping[str, PlannedJob], *, is_live: bool) -> JobPrefixes:
    """Plain where `plain` is chosen, which programs read, unless colours are forced."""
    if is_live:
        return JobPrefixes(jobs, colour=colours_own_text(sys.stdout))
    return JobPrefixes(colour=bool(os.environ.get("FORCE_COLOR")) and colours_own_text(sys.stdout))


def _progress_lines(
    err: ConsoleStream, plan: Plan, jobs: Mapping[str, PlannedJob], done: int, *, only_failures: bool
) -> ProgressLines:
    drains, colour = plan.policy.fail_fast == "drain", colours_own_text(sys.stderr)
    total = len(jobs) - done
    return ProgressLines(err, total, jobs=jobs, only_failures=only_failures, drains=drains, colour=colour)


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


def colours_own_text(stream: TextIO) -> bool:
    """Whether to colour text of pexec's own: not in a CI, whose log is plain text, unless FORCE_COLOR is set."""
    forced = bool(os.environ.get("FORCE_COLOR"))
    return wants_colour(stream, os.environ) and (forced or not os.environ.get("CI"))
