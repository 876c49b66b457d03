"""The composition root of a run: connects run directory, journal, engine, executor and observers, and closes them all.

The order matters twice. Everything that can fail for lack of disk space is created before the first job. And at the end
the processes go first, then the journal, then the files that are derived from it, then the lock.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any, Literal

from msgspec import Struct

from orchestrator import __version__
from orchestrator.app.after_run import finalize_run
from orchestrator.app.cache_of_plan import MODE, needs_cache, open_job_cache
from orchestrator.app.computed_params import refuse_uncomputed
from orchestrator.app.exit_code import exit_code
from orchestrator.app.git_revision import git_revision
from orchestrator.app.job_colours import job_colours
from orchestrator.app.named_executor import open_for
from orchestrator.app.page_context import page_context
from orchestrator.app.prepare import Prepared, prepare
from orchestrator.app.process_memory import trim_heap
from orchestrator.app.resolve_secrets import refuse_in_records
from orchestrator.app.screen import Screen, open_screen
from orchestrator.console.ci import ci_service
from orchestrator.engine.facts import RunStarted
from orchestrator.engine.scheduler import Scheduler
from orchestrator.engine.states import CancelReason, JobState
from orchestrator.errors import EnvironmentFailedError
from orchestrator.execute.attempt.spec import AttemptSpec
from orchestrator.execute.attempt.spec_builder import Specs
from orchestrator.execute.attempt.worker import Worker
from orchestrator.execute.clock import RunClock
from orchestrator.execute.control import ControlPipe
from orchestrator.execute.driver import Driver
from orchestrator.execute.executors.open_executor import OpenExecutor, Pausable
from orchestrator.execute.inbox import Inbox
from orchestrator.execute.job_cache import JobCache
from orchestrator.execute.messages import (
    CancelReceived,
    Message,
    NothingStarts,
    ShortageNoticed,
    SignalReceived,
    Spawned,
)
from orchestrator.execute.secrets.masking import masked_journal
from orchestrator.execute.signals import STOP_SIGNALS, RunSignals, keep_stacks, run_signals, suspend
from orchestrator.execute.supervisor.supervisor import Supervisor
from orchestrator.execute.this_machine import boot_id, host_name, pid_namespace
from orchestrator.journal.file_names import LOGS, PLAN
from orchestrator.journal.place_record import COMMAND, GIT, PLACE, place_record
from orchestrator.journal.rundir import RunDir, create_run
from orchestrator.journal.writer import JournalWriter
from orchestrator.observe.run_files import RunFiles
from orchestrator.plan.grown_plan import grown
from orchestrator.plan.model import Durability, Plan, PlannedJob

Hook = Callable[[Driver], None]  # records facts at a certain point of a run


def _nothing(_: object) -> None:
    pass


class RunOptions(Struct, frozen=True):
    """What the command line says about a run besides its plan. `output` is one of `settings.OUTPUTS` except `auto`,
    `summary` of `settings.SUMMARIES`; `on_directory` is called with the run directory before the first job. `cache`
    says whether results of earlier runs count."""

    run_root: str
    output: str
    keep_temp: bool = False
    on_directory: Callable[[RunDir], None] = _nothing
    summary: str = "auto"
    cache: Literal["use", "force", "off"] = "use"


class ResumeState(Struct, frozen=True):
    """Where a run is when a process starts to drive it: the scheduler after its events, the second of the run, its
    events, and the number of the next one. `before_resume` records what the previous process could not, unseen by the
    screen. A new run has no events."""

    scheduler: Scheduler
    at: float = 0.0
    events: Iterable[Mapping[str, Any]] = ()
    next_seq: int = 0
    before_resume: Hook = _nothing


def run_plan(
    plan: Plan,
    options: RunOptions,
    supervisor: Supervisor,
    *,
    invocation: Mapping[str, Any],
    after_start: Hook = _nothing,
) -> int:
    """Run the plan in a new run directory and return the exit code. `after_start` may record facts after `run.started`.

    Raises EnvironmentFailedError if the run directory cannot be written, RefusedError if a secret is missing.
    """

    def on_start(driver: Driver) -> None:
        record = {**invocation, PLACE: place_record(options.run_root, plan.base_dir)}
        if options.cache != "use":
            record[MODE] = options.cache
        if COMMAND in record:
            record[COMMAND] = [prepared.secrets.masked(word) for word in record[COMMAND]]
        record.pop(GIT, None)  # of the run that this one replaces
        if git := git_revision(plan.base_dir):
            record[GIT] = git
        driver.record(RunStarted(0.0), **started_fields(plan, record))
        after_start(driver)

    refuse_uncomputed(plan)
    prepared = prepare(plan, supervisor, options.run_root, len(plan.jobs))
    refuse_in_records(prepared.masked, prepared.secrets, invocation)
    with run_signals(), create_run(options.run_root) as rundir:
        return drive(prepared, rundir, ResumeState(Scheduler(plan)), on_start, options, supervisor)


def drive(
    prepared: Prepared,
    rundir: RunDir,
    state: ResumeState,
    on_start: Hook,
    options: RunOptions,
    supervisor: Supervisor,
) -> int:
    """Drive a run to its end and return the exit code. `on_start` records the first facts of this process."""
    options.on_directory(rundir)
    with run_signals() as signals, ExitStack() as stack:
        session = _Session(prepared, rundir, state, options, supervisor, signals, stack)
        code = session.run(on_start)
        finalize_run(prepared.plan, rundir, options.run_root, session.files.report)
    return code


class _Session:
    """Everything that is open while this process drives a run. `stack` closes it, also after a failure."""

    def __init__(
        self,
        prepared: Prepared,
        rundir: RunDir,
        state: ResumeState,
        options: RunOptions,
        supervisor: Supervisor,
        signals: RunSignals,
        stack: ExitStack,
    ) -> None:
        plan, scheduler = prepared.plan, state.scheduler
        self._rundir = rundir
        self._state = state
        self._options = options
        self._prepared = prepared
        self._supervisor = supervisor
        self._signals = signals
        power = plan.policy.durability is Durability.POWER
        self._journal = JournalWriter(rundir, rundir.run_id, next_seq=state.next_seq, power=power)
        stack.callback(_quietly, self._journal.close)
        # Closed before the journal, which it reads.
        shown = grown(plan, scheduler.growth.growths)
        succeeded = _succeeded(scheduler, shown)
        self._screen = open_screen(options.output, shown, succeeded, rundir, lambda: self._driver.now())
        stack.callback(self._screen.close)
        self.files = RunFiles(
            rundir,
            prepared.masked,
            state.events,
            on_first_event=_import_what_ends_the_run,
            page_context=page_context,
        )
        stack.callback(_quietly, self.files.close)
        if power:
            rundir.make_durable(PLAN)
        self._inbox: Inbox[Message] = Inbox()
        stack.callback(self._inbox.close)
        self._executor = _open_executor(plan, scheduler.table.jobs, rundir, self._screen, supervisor, self._inbox)
        stack.callback(self._executor.close)
        self._screen.follow_workers(self._executor.why_none)
        shortages = supervisor.warden.shortages
        shortages.on_shortage = lambda why: self._inbox.put(ShortageNoticed(why))
        shortages.on_nothing_starts = lambda why: self._inbox.put(NothingStarts(why))
        supervisor.warden.put_logs_in(rundir.folder(LOGS))
        self._control = ControlPipe(rundir, lambda job: self._inbox.put(CancelReceived(job)))
        stack.callback(_quietly, self._control.close)
        clock = RunClock(state.at)
        trim_heap(len(plan.jobs))
        self._reactions = _reactions(rundir, self._screen, self._executor.pausable or supervisor.warden, clock)
        pump, colours = self._screen.on_output is not None, job_colours(options.output)
        specs = Specs(plan, scheduler.table.jobs, rundir, keep_temp=options.keep_temp, pump=pump, colours=colours)
        self._cache: JobCache | None = None
        if needs_cache(plan):
            self._cache = open_job_cache(prepared, options.cache, rundir, supervisor, specs, self._inbox.put)
            stack.callback(self._cache.close)
        self._driver = Driver(
            plan,
            scheduler,
            self._executor,
            masked_journal(self._journal, prepared.secrets),
            (self.files,),
            specs,
            clock,
            self._inbox,
            self._reactions,
            self._cache,
        )

    def run(self, on_start: Hook) -> int:
        """Drive the run and show it, both to the end, and return the exit code. The journal and the files are complete
        then."""
        driver, scheduler = self._driver, self._state.scheduler
        with self._signals.delivered_to(lambda number: self._inbox.put(SignalReceived(number)), self._inbox):
            self._state.before_resume(driver)
            driver.watch(self._screen.observers)
            self._screen.begin()
            on_start(driver)
            for what, why in (*self._supervisor.degraded(), *self._control.degraded, *self._prepared.degraded):
                driver.note("degraded", what=what, why=why)
            driver.run()
            self._control.close()
            self._executor.close()
            if self._cache is not None:
                self._cache.close()
            driver.read_late_messages()
            code = exit_code(scheduler, driver.stop_signal)
            driver.finish(result=scheduler.result, exit_code=code)
            self._journal.close()
            self.files.close()
            if ci_service() == "github":
                from orchestrator.app.github_report import report_to_github

                report_to_github(
                    rundir=self._rundir, report=self.files.report, post_commands=self._screen.post_commands
                )
            return self._end_output(code)

    def _end_output(self, code: int) -> int:
        """Show what the console has not taken yet, and the closing table; the exit code, which also says whether output
        was lost, or a signal has come in the meantime."""
        signals: list[signal.Signals] = []

        def is_interrupted() -> bool:
            before = len(signals)
            for message in self._inbox.wait(0):
                if isinstance(message, SignalReceived):
                    if message.number is signal.SIGTSTP:
                        self._reactions[signal.SIGTSTP]()
                    elif message.number in STOP_SIGNALS:
                        signals.append(message.number)
            return len(signals) > before

        stop = self._state.scheduler.stop
        stopped = stop is not None and stop.reason in (CancelReason.USER, CancelReason.DEADLINE)
        is_interrupted()  # a second key press that the run did not need
        signals.clear()
        self._screen.end(self._closing_text(), is_interrupted, stopped=stopped)
        if signals and self._driver.stop_signal is None:
            return 128 + signals[0]
        return self._screen.exit_code(code)

    def _closing_text(self) -> str:
        from orchestrator.app.closing import closing_text  # imported already, while the first jobs ran

        options = self._options
        return closing_text(self.files.report, self._rundir, options.run_root, options.summary)


def _import_what_ends_the_run() -> None:
    """Called in a helper thread while the first jobs run, so that nothing waits for it later."""
    import orchestrator.app.closing
    import orchestrator.report.html  # noqa: F401


def _succeeded(scheduler: Scheduler, plan: Plan) -> list[int]:
    """The jobs of a plan that succeeded before this process."""
    table = scheduler.table
    if not table.tally[JobState.SUCCEEDED]:
        return []
    ids = {job.id for job, state in zip(table.jobs, table.states, strict=True) if state is JobState.SUCCEEDED}
    return [job.index for job in plan.jobs if job.id in ids]


def _open_executor(
    plan: Plan,
    jobs: Sequence[PlannedJob],
    rundir: RunDir,
    screen: Screen,
    supervisor: Supervisor,
    inbox: Inbox[Message],
) -> OpenExecutor:
    worker = Worker(
        supervisor,
        on_spawned=lambda spec, pid, ticks: inbox.put(Spawned(spec, pid, ticks)),
        on_output=screen.on_output or _nothing_shown,
    )
    return open_for(plan, jobs, rundir.path, worker, inbox)


def _nothing_shown(spec: AttemptSpec, chunk: bytes) -> None:
    pass


def _reactions(
    rundir: RunDir, screen: Screen, pausable: Pausable, clock: RunClock
) -> dict[signal.Signals, Callable[[], None]]:
    """What the driver does, in its thread, on signals that do not stop the run."""

    def suspend_all() -> None:
        with screen.hidden():
            suspend(pausable, clock)

    return {
        signal.SIGQUIT: partial(keep_stacks, rundir, screen.post_text),
        signal.SIGTSTP: suspend_all,
        signal.SIGUSR1: lambda: screen.show_status(clock.now()),
    }


def started_fields(plan: Plan, invocation: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of `run.started`."""
    return {
        "name": plan.name,
        "manifest": plan.manifest,
        "plan_digest": plan.digest,
        "max_parallel_jobs": plan.policy.max_parallel_jobs,
        "fail_fast": plan.policy.fail_fast,
        "pools": dict(plan.policy.pools),
        **driver_fields(),
        "version": __version__,
        "invocation": invocation,
    }


def driver_fields() -> Mapping[str, Any]:
    """Which process drives the run from now on, in `run.started` and `run.resumed`."""
    return {"pid": os.getpid(), "boot_id": boot_id(), "host": host_name(), "pid_namespace": pid_namespace()}


def _quietly(close: Callable[[], None]) -> None:
    """Close after a failure, which is the error to report, not one of closing."""
    with suppress(EnvironmentFailedError):
        close()
