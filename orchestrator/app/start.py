"""The composition root of a run: connects the run folder, journal, engine, executor and observers, and ends them all.

Order matters twice. Everything that can fail for want of disk is made before the first job. And at the end processes
go first, then the journal, then the files that are made from it, then the lock.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

from msgspec import Struct

from orchestrator import __version__
from orchestrator.app.after_run import finalize_run
from orchestrator.app.memory import trim_heap
from orchestrator.app.resolve_secrets import keep_secrets, refuse_in_records
from orchestrator.console.streams import draws, on_github, wants_colour
from orchestrator.engine.facts import RunStarted
from orchestrator.engine.outcomes import RunResult
from orchestrator.engine.scheduler import Scheduler
from orchestrator.engine.states import CancelReason, JobState
from orchestrator.errors import EnvironmentFailedError, ExitCode
from orchestrator.execute.attempt.spec import OnOutput
from orchestrator.execute.attempt.spec_builder import Specs
from orchestrator.execute.attempt.worker import Worker
from orchestrator.execute.clock import RunClock
from orchestrator.execute.control import ControlPipe
from orchestrator.execute.driver import CancelReceived, Driver, Message, Observer, SignalReceived, Spawned
from orchestrator.execute.executors.open_executor import open_executor
from orchestrator.execute.inbox import Inbox
from orchestrator.execute.leftovers import boot_id
from orchestrator.execute.preflight import check_resources
from orchestrator.execute.secrets.masking import masked_journal, masked_plan
from orchestrator.execute.signals import keep_stacks, signals_to, suspend
from orchestrator.execute.supervisor.supervisor import Supervisor
from orchestrator.journal.file_names import LOGS, PLAN
from orchestrator.journal.rundir import RunDir, create_run
from orchestrator.journal.writer import JournalWriter
from orchestrator.observe.plain import PlainOutput, ProgressLines
from orchestrator.observe.run_files import RunFiles
from orchestrator.observe.stream import LossyStream
from orchestrator.plan.model import NO_LIMITS, Durability, Isolation, Plan

ShowOutput = Callable[[str, bytes], None]  # a job's id, and bytes that it printed
Tell = Callable[[Driver], None]


class RunOptions(Struct, frozen=True):
    """What the command line says about a run besides its plan. `output` is one of `settings.OUTPUTS` but `auto`. Who
    needs to know which folder is used is told by `begun`."""

    run_root: str
    output: str
    keep_temp: bool = False
    begun: Callable[[RunDir], None] = lambda rundir: None


class Screen(Struct, frozen=True):
    """What shows a run: its observers, and who gets the bytes that jobs print, if anybody does."""

    observers: tuple[Observer, ...]
    on_output: ShowOutput | None
    err: LossyStream
    print_status: Callable[[float], None]
    close: Callable[[], None] = lambda: None


class Past(Struct, frozen=True):
    """What there is of a run that goes on: where its events lead, its second, its events, and how many they are.

    `settle` writes down what the process that died could not; the screen does not show it.
    """

    scheduler: Scheduler
    at: float = 0.0
    events: Iterable[Mapping[str, Any]] = ()
    next_seq: int = 0
    settle: Tell = lambda driver: None


def run_plan(
    plan: Plan,
    options: RunOptions,
    supervisor: Supervisor,
    *,
    invocation: Mapping[str, Any],
    then: Tell = lambda driver: None,
) -> int:
    """Run the plan in a new run folder and return the exit code. `then` may write down what follows `run.started`.

    Raises EnvironmentFailedError when the run folder cannot be kept, RefusedError when a secret is missing.
    """

    def begin(driver: Driver) -> None:
        driver.record(RunStarted(0.0), **started_fields(plan, invocation))
        then(driver)

    _missing(plan, supervisor)
    check_resources(options.run_root, len(plan.jobs))
    refuse_in_records(plan, keep_secrets(plan, supervisor), invocation)
    with create_run(options.run_root) as rundir:
        return drive(plan, rundir, Past(Scheduler(plan)), begin, options, supervisor)


def drive(plan: Plan, rundir: RunDir, past: Past, begin: Tell, options: RunOptions, supervisor: Supervisor) -> int:
    """Drive a run to its end. `begin` writes down the first events of this process."""
    options.begun(rundir)
    missing = _missing(plan, supervisor)
    secrets = keep_secrets(plan, supervisor)
    screen = open_screen(options.output, plan, past.scheduler.table.tally[JobState.SUCCEEDED], rundir)
    with ExitStack() as stack:
        stack.callback(screen.close)
        power = plan.policy.durability is Durability.POWER
        journal = JournalWriter(rundir, rundir.run_id, next_seq=past.next_seq, power=power)
        stack.callback(_quietly, journal.close)
        files = RunFiles(rundir, masked_plan(plan, secrets), past.events)
        stack.callback(_quietly, files.close)
        if power:
            rundir.make_durable(PLAN)
        inbox: Inbox[Message] = Inbox()
        stack.callback(inbox.close)
        worker = Worker(
            supervisor,
            on_spawned=lambda spec, pid, ticks: inbox.put(Spawned(spec, pid, ticks)),
            on_output=_to_screen(screen.on_output),
        )
        executor = open_executor("local", rundir.path, worker, plan.policy.max_parallel_jobs, inbox)
        stack.callback(executor.close)
        supervisor.warden.put_logs_in(rundir.folder(LOGS))
        control = ControlPipe(rundir, lambda job: inbox.put(CancelReceived(job)))
        stack.callback(_quietly, control.close)
        specs = Specs(plan, rundir, keep_temp=options.keep_temp, pump=screen.on_output is not None)
        facts = masked_journal(journal, secrets)
        clock = RunClock(past.at)
        trim_heap(len(plan.jobs))
        reactions: dict[signal.Signals, Callable[[], None]] = {
            signal.SIGQUIT: partial(keep_stacks, rundir, screen.err.write),
            signal.SIGTSTP: partial(suspend, supervisor.warden, clock),
            signal.SIGUSR1: lambda: screen.print_status(clock.now()),
        }
        driver = Driver(plan, past.scheduler, executor, facts, (files,), specs, clock, inbox, reactions)
        with signals_to(lambda number: inbox.put(SignalReceived(number)), inbox.bell):
            past.settle(driver)
            driver.watch(screen.observers)
            begin(driver)
            for what, why in (*supervisor.degraded(), *control.degraded, *missing):
                driver.note("degraded", what=what, why=why)
            driver.run()
            control.close()
            executor.close()
            code = exit_code(past.scheduler, driver.stop_signal)
            driver.finish(result=past.scheduler.result, exit_code=code)
            journal.close()
            files.close()
        screen.close()
        screen.err.write(files.closing_table(width=_width(), colour=_wants_coloured_table()))
        finalize_run(plan, rundir, options.run_root, files.report)
    return code


def _missing(plan: Plan, supervisor: Supervisor) -> list[tuple[str, str]]:
    """The limits and the isolation that jobs ask for in vain. RefusedError where a job requires what is missing."""
    limited = [job for job in plan.jobs if job.spec.limits is not NO_LIMITS]
    isolated = [job for job in plan.jobs if job.spec.isolation is not Isolation.NONE]
    missing: list[tuple[str, str]] = []
    if limited:
        supervisor.enforcement.refuse_missing(limited)
        missing += supervisor.enforcement.missing_for(limited)
    if isolated:
        supervisor.isolations.refuse_missing(isolated)
        missing += supervisor.isolations.missing_for(isolated)
    return missing


def open_screen(output: str, plan: Plan, done: int, rundir: RunDir) -> Screen:
    """The observers that show a run, of which `done` jobs are done already, on this process's streams."""
    total = len(plan.jobs) - done
    max_attempts = {job.id: job.retry.max_attempts for job in plan.jobs if job.retry.max_attempts > 1}
    github = on_github()
    out, err = LossyStream(sys.stdout), LossyStream(sys.stderr, github=github)
    colour = wants_colour(sys.stdout, os.environ)
    if output == "live" and draws(sys.stderr, os.environ):
        from orchestrator.observe.live import LiveOutput

        live = LiveOutput(out, err, total, _width, colour=colour, github=github, max_attempts=max_attempts)
        return Screen((live,), live.on_output, err, live.print_status, live.close)
    if output in ("plain", "live"):
        plain = PlainOutput(out, err, total, colour=colour, github=github, max_attempts=max_attempts)
        return Screen((plain,), plain.on_output, err, plain.progress.print_status)
    if output == "grouped":
        from orchestrator.observe.grouped import GroupedOutput

        grouped = GroupedOutput(out, err, total, rundir, colour=colour, github=github, max_attempts=max_attempts)
        return Screen((grouped,), None, err, grouped.progress.print_status, grouped.close)
    progress = ProgressLines(err, total, only_failures=True, max_attempts=max_attempts)
    if output == "jsonl":
        from orchestrator.observe.jsonl import JsonlOutput

        return Screen((JsonlOutput(out), progress), None, err, progress.print_status)
    return Screen((progress,), None, err, progress.print_status)


def started_fields(plan: Plan, invocation: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of `run.started`."""
    return {
        "name": plan.name,
        "manifest": plan.manifest,
        "plan_digest": plan.digest,
        "max_parallel_jobs": plan.policy.max_parallel_jobs,
        "fail_fast": plan.policy.fail_fast.plain,
        "pools": dict(plan.policy.pools),
        "pid": os.getpid(),
        "boot_id": boot_id(),
        "host": socket.gethostname(),
        "version": __version__,
        "invocation": invocation,
    }


def exit_code(scheduler: Scheduler, stop_signal: signal.Signals | None) -> int:
    """What the process returns for a run that ended as `scheduler` says, perhaps stopped by a signal."""
    if stop_signal is not None:
        return 128 + stop_signal
    stop = scheduler.stop
    if stop is not None and stop.reason is CancelReason.DEADLINE:
        return ExitCode.DEADLINE
    return ExitCode.OK if scheduler.result is RunResult.SUCCESS else ExitCode.JOB_FAILED


def _quietly(close: Callable[[], None]) -> None:
    """Close on the way out of a failure: the first fault is the one to tell."""
    with suppress(EnvironmentFailedError):
        close()


def _to_screen(on_output: ShowOutput | None) -> OnOutput:
    if on_output is None:
        return lambda spec, chunk: None
    return lambda spec, chunk: on_output(spec.job_id, chunk)


def _wants_coloured_table() -> bool:
    """Not on the terminal of a service that builds, which keeps what it shows as plain lines."""
    forced = bool(os.environ.get("FORCE_COLOR"))
    return wants_colour(sys.stderr, os.environ) and (forced or not os.environ.get("CI"))


def _width() -> int:
    """The columns of the terminal, as shutil tells them, which takes 2 ms to import."""
    wanted = os.environ.get("COLUMNS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80
