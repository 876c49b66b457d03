"""Going on with a run: read what its journal says, plan again, and drive what is left.

With the plan that the run had, it goes on in its own folder. With another plan it is over, and a new run takes over
each success that still stands.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from orchestrator.app.adoption import AdoptionDecision, fates, untouched
from orchestrator.app.planning import print_diagnostics
from orchestrator.app.replan import can_plan_again, plan_again, with_slots
from orchestrator.app.start import Past, RunOptions, drive, run_plan
from orchestrator.app.summary import is_as_then, load_summary
from orchestrator.console.streams import write_stderr
from orchestrator.console.text import count, visible
from orchestrator.engine.facts import AttemptFinished, CancelRequested, JobAdopted, RunResumed
from orchestrator.engine.job_table import IllegalMove
from orchestrator.engine.outcomes import FAILURES, RunResult
from orchestrator.engine.scheduler import Scheduler
from orchestrator.engine.states import CancelReason, JobState, Verdict
from orchestrator.errors import EnvironmentFailedError, ExitCode, RefusedError
from orchestrator.execute.attempt.spec import AttemptResult
from orchestrator.execute.driver import Driver, usage_fields
from orchestrator.execute.leftovers import boot_id, end_tree
from orchestrator.execute.preflight import check_resources
from orchestrator.execute.supervisor.supervisor import Supervisor
from orchestrator.journal.file_names import LOGS, RESULTS, cleanup_log_name, log_name
from orchestrator.journal.history import AttemptProcess, History
from orchestrator.journal.plan_file import read_plan_data
from orchestrator.journal.reader import JournalReader, recover
from orchestrator.journal.rundir import RunDir
from orchestrator.observe.run_files import RunFiles
from orchestrator.plan.export import plan_from_dict
from orchestrator.plan.model import Plan
from orchestrator.plan.slugs import slugs

CUT_SHORT = "pexec ended before it did"


class ResumeOptions(Struct, frozen=True):
    """What the command line says. `max_parallel_jobs` as it is written, None: as the run was started."""

    run: RunOptions
    max_parallel_jobs: int | str | None
    only_failed: bool


def resume(rundir: RunDir, options: ResumeOptions, supervisor: Supervisor) -> int:
    """Go on with the run, which is locked by the caller; the exit code as of `pexec apply`.

    Raises RefusedError for a damaged journal and where there is nothing to do.
    """
    closing = load_summary(rundir)
    if closing is not None and closing.head.result == RunResult.SUCCESS and is_as_then(rundir, closing, RESULTS):
        raise _nothing_to_do(rundir)
    reader = JournalReader(rundir)
    records = iter(reader)
    first = next(records, None)
    if first is None or first["event"] != "run.started":
        raise RefusedError(
            f"run `{rundir.run_id}` ended before it began", help="start anew with `pexec apply`", code="PX406"
        )
    asked = first["invocation"]
    slots = options.max_parallel_jobs
    verdict = plan_again(asked, slots, options.run.run_root) if can_plan_again(asked) else None
    plan = verdict.plan if verdict is not None else with_slots(_old_plan(rundir), options.max_parallel_jobs)
    goes_on = plan is not None and plan.digest == first["plan_digest"]
    history = History(plan if plan is not None and goes_on else _old_plan(rundir))
    _take_in(history, first, rundir)
    for record in records:
        _take_in(history, record, rundir)
    if history.result == RunResult.SUCCESS:
        return _complete_files(rundir)
    if verdict is not None:
        print_diagnostics(verdict)
    if plan is None:
        return ExitCode.INVALID
    if goes_on:
        return _go_on(plan, rundir, history, reader.next_seq, options, supervisor)
    return _start_over(
        plan, rundir, history, asked if slots is None else {**asked, "max_parallel_jobs": slots}, options, supervisor
    )


def _go_on(
    plan: Plan, rundir: RunDir, history: History, next_seq: int, options: ResumeOptions, supervisor: Supervisor
) -> int:
    """The same plan: the run goes on where it is."""
    scheduler = history.scheduler
    states = [scheduler.table.states[job.index] for job in plan.jobs]
    left_alone = _left_alone(plan, fates(plan, states, plan), states, rundir.run_id, options)
    check_resources(rundir.path, len(plan.jobs) - scheduler.table.tally[JobState.SUCCEEDED])
    rundir.make_folders()
    rundir.tidy()
    _make_way_for_logs(plan, rundir, scheduler)
    cut = recover(rundir)
    succeeded = f"{scheduler.table.tally[JobState.SUCCEEDED]} of {count(len(plan.jobs), 'job')} succeeded before"
    write_stderr(f"pexec: going on with run `{rundir.run_id}`: {succeeded}\n")

    def settle(driver: Driver) -> None:
        for consequence in history.missing:
            driver.record_consequence(consequence, history.at)  # the cut is right behind the fact that it follows from
        if cut:
            driver.note("journal.recovered", cut_bytes=cut)
        for process in _end_leftovers(history):
            driver.note("orphan.killed", pid=process.pid, job=plan.jobs[process.job].id)
        if scheduler.running:
            _lose_what_ran(driver, plan, rundir, scheduler.running)

    def begin(driver: Driver) -> None:
        slots = plan.policy.max_parallel_jobs
        driver.record(RunResumed(driver.now()), pid=os.getpid(), boot_id=boot_id(), max_parallel_jobs=slots)
        _cancel(driver, left_alone)

    past = Past(scheduler, history.at, JournalReader(rundir), next_seq, settle)
    if cut:
        write_stderr(f"pexec: the last line of the journal was torn: {count(cut, 'byte')} cut and kept beside it\n")
    return drive(plan, rundir, past, begin, options.run, supervisor)


def _start_over(
    plan: Plan,
    rundir: RunDir,
    history: History,
    invocation: Mapping[str, Any],
    options: ResumeOptions,
    supervisor: Supervisor,
) -> int:
    """Another plan: a new run, in which what succeeded and is the same still counts."""
    old = _old_plan(rundir)
    states = [history.scheduler.table.states[job.index] for job in old.jobs]
    decided = fates(old, states, plan)
    left_alone = _left_alone(plan, decided, states, rundir.run_id, options)
    _tell_fates(plan, decided, left_alone, rundir.run_id)
    ended = _end_leftovers(history)

    def then(driver: Driver) -> None:
        for process in ended:
            driver.note("orphan.killed", pid=process.pid, job=None)
        for job, fate in zip(plan.jobs, decided, strict=True):
            if fate.reused:
                driver.record(JobAdopted(driver.now(), job.index), from_run=rundir.run_id)
        _cancel(driver, left_alone)

    return run_plan(plan, options.run, supervisor, invocation=invocation, then=then)


def _complete_files(rundir: RunDir) -> int:
    """Nothing is left to run, but a process that was killed right after the end may have left its files behind."""
    try:
        complete = json.loads(rundir.read(RESULTS))["execution_result"] == RunResult.SUCCESS
    except (EnvironmentFailedError, ValueError, KeyError, TypeError):
        complete = False
    if complete:
        raise _nothing_to_do(rundir)
    rundir.make_folders()
    rundir.tidy()
    RunFiles(rundir, _old_plan(rundir), JournalReader(rundir)).close()
    write_stderr(f"pexec: run `{rundir.run_id}` had succeeded; its files are complete now\n")
    return ExitCode.OK


def _nothing_to_do(rundir: RunDir) -> RefusedError:
    return RefusedError(
        f"nothing to resume: run `{rundir.run_id}` succeeded",
        help="`pexec apply` starts a new run",
        code="PX406",
    )


def _old_plan(rundir: RunDir) -> Plan:
    return plan_from_dict(read_plan_data(rundir))


def _take_in(history: History, record: Mapping[str, Any], rundir: RunDir) -> None:
    try:
        history.add(record)
    except (IllegalMove, KeyError, TypeError, ValueError) as error:
        why = f"`{error.args[0]}` is no job of the plan" if isinstance(error, KeyError) else str(error)
        raise RefusedError(
            f"the journal of run `{rundir.run_id}` does not fit its plan: line {record['seq'] + 1}: {why}",
            help="a run with this journal cannot go on; start anew with `pexec apply`",
            code="PX405",
        ) from error


def _left_alone(
    plan: Plan, decided: Sequence[AdoptionDecision], states: Sequence[JobState], run_id: str, options: ResumeOptions
) -> list[int]:
    """The jobs that `--failed` leaves out."""
    if not options.only_failed:
        return []
    if not FAILURES.intersection(states):
        raise RefusedError(
            f"no job of run `{run_id}` has failed", help="without `--failed` everything that is left runs", code="PX406"
        )
    return untouched(plan, decided)


def _end_leftovers(history: History) -> list[AttemptProcess]:
    """End what the dead process of pexec, and its warden, left running of this boot of the machine."""
    boot = boot_id()
    suspects = [process for process in history.under_way if boot and process.boot_id == boot]
    return [process for process in suspects if end_tree(process.pid, process.start_ticks)]


def _lose_what_ran(driver: Driver, plan: Plan, rundir: RunDir, running: Sequence[tuple[int, int]]) -> None:
    """Each attempt that was under way gets its end, so that the extra attempt that follows is marked."""
    names = slugs([job.id for job in plan.jobs])
    for index, attempt in running:
        log = log_name(names[index], attempt)
        result = AttemptResult(Verdict.LOST, CUT_SHORT, log_bytes=_size(rundir.path_of(log)))
        end = AttemptFinished(driver.now(), index, attempt, result.verdict, reason=result.reason)
        driver.record(end, **usage_fields(result, log))


def _make_way_for_logs(plan: Plan, rundir: RunDir, scheduler: Scheduler) -> None:
    """A machine that lost its power may know the log of an attempt whose last lines of the journal are gone: the
    attempt that now gets this number needs the name. So does the cleanup of a job that runs once more.
    """
    there = set(os.listdir(rundir.folder(LOGS)))
    for job, slug in zip(plan.jobs, slugs([job.id for job in plan.jobs]), strict=True):
        attempt = scheduler.table.attempts[job.index] + 1
        while os.path.basename(name := log_name(slug, attempt)) in there and rundir.put_aside(name):
            attempt += 1
        if job.spec.cleanup is not None and scheduler.table.states[job.index] is not JobState.SUCCEEDED:
            rundir.remove(cleanup_log_name(slug))


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _cancel(driver: Driver, jobs: Sequence[int]) -> None:
    for index in jobs:
        driver.record(CancelRequested(driver.now(), CancelReason.USER, False, index))


def _tell_fates(plan: Plan, decided: Sequence[AdoptionDecision], left_alone: Sequence[int], run_id: str) -> None:
    alone = set(left_alone)
    lines = [f"pexec: the plan is not the one of run `{run_id}` any more, so this is a new run:\n"]
    for job, fate in zip(plan.jobs, decided, strict=True):
        verb = "is reused" if fate.reused else "is left out" if job.index in alone else "runs"
        lines.append(f"  {visible(job.id)} {verb}: {visible(fate.why)}\n")
    write_stderr("".join(lines))
