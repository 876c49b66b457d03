"""The composition root of a run: connects the run folder, journal, engine, executor and observers, and ends them all.

Order matters twice. Everything that can fail for want of disk is made before the first job. And at the end processes
go first, then the journal, then the files that are made from it, then the lock.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator import __version__
from orchestrator.cli.streams import wants_colour
from orchestrator.engine.commands import Launch
from orchestrator.engine.events import RunStarted
from orchestrator.engine.outcome import RunResult
from orchestrator.engine.scheduler import Scheduler
from orchestrator.engine.states import CancelReason
from orchestrator.errors import ExitCode
from orchestrator.execute.attempt import AttemptSpec
from orchestrator.execute.backends import LocalBackend
from orchestrator.execute.clock import RunClock
from orchestrator.execute.driver import Driver, Inbox, Observer, Signalled, Spawned
from orchestrator.execute.signals import stop_signals_to
from orchestrator.execute.supervision import Supervision
from orchestrator.journal.rundir import TEMP, RunDir, create_run
from orchestrator.journal.writer import JournalWriter
from orchestrator.observe.files import RunFiles
from orchestrator.observe.jsonl import JsonLines
from orchestrator.observe.plain import Plain, Progress
from orchestrator.observe.stream import LossyStream
from orchestrator.plan.model import Plan
from orchestrator.plan.slugs import slugs

if TYPE_CHECKING:
    import signal

OnOutput = Callable[[str, bytes], None]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line says about a run besides its plan. `output` is `plain`, `quiet` or `jsonl`."""

    run_root: str
    output: str
    keep_temp: bool = False


@dataclass(frozen=True, slots=True)
class Screen:
    """What shows a run: its observers, and who gets the bytes that jobs print, if anybody does."""

    observers: tuple[Observer, ...]
    on_output: OnOutput | None
    err: LossyStream


def run_plan(plan: Plan, options: RunOptions, supervision: Supervision) -> int:
    """Run the plan and return the exit code. Raises EnvironmentFailedError when the run folder cannot be kept."""
    screen = open_screen(options.output, len(plan.jobs))
    with ExitStack() as stack:
        rundir = stack.enter_context(create_run(options.run_root))
        journal = JournalWriter(rundir, rundir.run_id)
        stack.callback(journal.close)
        files = RunFiles(rundir, plan)
        stack.callback(files.close)
        clock = RunClock()
        inbox: Inbox = Inbox()
        scheduler = Scheduler(plan)
        backend = LocalBackend(
            supervision,
            plan.policy.max_parallel_jobs,
            on_spawned=lambda spec, pid, ticks: inbox.put(Spawned(spec, pid, ticks)),
            on_output=_to_screen(screen.on_output),
        )
        stack.callback(backend.close)
        specs = Specs(plan, rundir, keep_temp=options.keep_temp, pump=screen.on_output is not None)
        observers = (files, *screen.observers)
        driver = Driver(plan, scheduler, backend, journal, observers, specs, clock, inbox)
        with stop_signals_to(lambda number: inbox.put(Signalled(number))):
            first = journal.emit("run.started", 0.0, **started_fields(plan))
            driver.run(RunStarted(0.0), first)
            backend.close()
            code = exit_code(scheduler, driver.stop_signal)
            driver.finish(result=scheduler.result, exit_code=code)
            journal.close()
            files.close()
        screen.err.write(files.closing_table(width=_width()))
    return code


class Specs:
    """Makes the attempt that an executor gets for each launch."""

    def __init__(self, plan: Plan, rundir: RunDir, *, keep_temp: bool, pump: bool) -> None:
        self._plan = plan
        self._rundir = rundir
        self._keep_temp = keep_temp
        self._pump = pump
        self._slugs = slugs([job.id for job in plan.jobs])
        self._temp = rundir.path_of(TEMP)

    def __call__(self, launch: Launch, serial: int) -> AttemptSpec:
        """The attempt for `launch`."""
        job = self._plan.jobs[launch.job]
        log = self._rundir.log_name(self._slugs[job.index], launch.attempt)
        limits = [limit for limit in (job.spec.timeout, launch.time_cap) if limit is not None]
        return AttemptSpec(
            job=job.index,
            job_id=job.id,
            attempt=launch.attempt,
            serial=serial,
            spec=job.spec,
            env={
                "PEXEC_RUN_ID": self._rundir.run_id,
                "PEXEC_RUN_DIR": self._rundir.path,
                "PEXEC_JOB": job.id,
                "PEXEC_ATTEMPT": str(launch.attempt),
            },
            base_dir=self._plan.base_dir,
            log=self._rundir.path_of(log),
            log_name=log,
            temp_dir=self._temp,
            timeout=min(limits, default=None),
            grace=job.spec.grace,
            pump=self._pump,
            keep_temp=self._keep_temp,
        )


def open_screen(output: str, total: int) -> Screen:
    """The observers that show a run of `total` jobs on this process's streams."""
    out, err = LossyStream(sys.stdout), LossyStream(sys.stderr)
    if output == "plain":
        plain = Plain(
            out,
            err,
            total,
            colour=wants_colour(sys.stdout, os.environ),
            github=os.environ.get("GITHUB_ACTIONS") == "true",
        )
        return Screen((plain,), plain.on_output, err)
    progress = Progress(err, total, only_trouble=True)
    if output == "jsonl":
        return Screen((JsonLines(out), progress), None, err)
    return Screen((progress,), None, err)


def started_fields(plan: Plan) -> Mapping[str, Any]:
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
    }


def boot_id() -> str:
    """Which boot of the machine this is; empty where the system does not tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def exit_code(scheduler: Scheduler, stop_signal: signal.Signals | None) -> int:
    """What the process returns for a run that ended as `scheduler` says, perhaps stopped by a signal."""
    if stop_signal is not None:
        return 128 + stop_signal
    stop = scheduler.stop
    if stop is not None and stop.reason is CancelReason.DEADLINE:
        return ExitCode.DEADLINE
    return ExitCode.OK if scheduler.result is RunResult.SUCCESS else ExitCode.JOB_FAILED


def _to_screen(on_output: OnOutput | None) -> Callable[[AttemptSpec, bytes], None]:
    if on_output is None:
        return lambda spec, chunk: None
    return lambda spec, chunk: on_output(spec.job_id, chunk)


def _width() -> int:
    import shutil

    return shutil.get_terminal_size().columns
