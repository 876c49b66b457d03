"""Resuming a run: read its journal, plan again, and drive what is left.

If the plan is the same, the run continues in its own directory. If it has changed, the run is over, and a new run
reuses each success that is unchanged.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.app.adoption import AdoptionDecision, adoption_decisions, jobs_left_out
from orchestrator.app.cache_of_plan import MODE
from orchestrator.app.changed_inputs import VALUES_OF_NEEDS, changed_inputs
from orchestrator.app.empty_plan import refuse_empty
from orchestrator.app.grown_run import grown_plan, matrices_that_fail_again
from orchestrator.app.invocation import STDIN, recorded_manifest, with_manifest
from orchestrator.app.job_scripts import with_current_scripts, with_scripts
from orchestrator.app.old_workers import cancel_queued, end_left_clusters, end_old_workers, wait_for_leases
from orchestrator.app.page_context import page_context
from orchestrator.app.planning import PlanningResult, print_diagnostics
from orchestrator.app.prepare import prepare
from orchestrator.app.replan import can_plan_again, on_cluster, plan_again, with_slots
from orchestrator.app.resolve_secrets import keep_secrets
from orchestrator.app.run_place import RunPlace, find_place
from orchestrator.app.start import ResumeState, RunOptions, drive, driver_fields, run_plan
from orchestrator.app.summary import is_unchanged, load_summary
from orchestrator.console.streams import write_stderr
from orchestrator.console.text import count, visible
from orchestrator.engine.facts import AttemptFinished, CancelRequested, JobAdopted, RunResumed
from orchestrator.engine.job_table import IllegalMove
from orchestrator.engine.outcomes import FAILURES, RunResult
from orchestrator.engine.scheduler import Scheduler
from orchestrator.engine.states import CancelReason, JobState, Verdict
from orchestrator.errors import EnvironmentFailedError, ExitCode, RefusedError
from orchestrator.execute.attempt.ends import usage_fields
from orchestrator.execute.attempt.spec import AttemptResult
from orchestrator.execute.driver import Driver
from orchestrator.execute.leftovers import end_abandoned, end_tree, is_attempt_in
from orchestrator.execute.supervisor.supervisor import Supervisor
from orchestrator.execute.this_machine import boot_id, pid_namespace
from orchestrator.journal.file_names import LOGS, RESULTS, cleanup_log_name, log_name
from orchestrator.journal.history import AttemptProcess, History, PidSpace
from orchestrator.journal.plan_file import read_plan_data
from orchestrator.journal.reader import JournalReader
from orchestrator.journal.rundir import RunDir
from orchestrator.journal.torn_tail import cut_torn_tail
from orchestrator.observe.run_files import RunFiles
from orchestrator.plan.export import plan_from_dict
from orchestrator.plan.model import Plan
from orchestrator.plan.slugs import slugs_of

LOST_REASON = "pexec ended before it did"


class ResumeOptions(Struct, frozen=True):
    """What the command line says. `max_parallel_jobs` is not parsed yet; None keeps that of the run."""

    run: RunOptions
    max_parallel_jobs: int | str | None
    only_failed: bool
    cluster: str | None = None


def resume(rundir: RunDir, options: ResumeOptions, supervisor: Supervisor) -> int:
    """Resume the run, which the caller has locked, and return the exit code of `pexec apply`.

    Raises RefusedError for a damaged journal, and if there is nothing to do.
    """
    summary = load_summary(rundir)
    if summary is not None and summary.head.result == RunResult.SUCCESS and is_unchanged(rundir, summary, RESULTS):
        raise _nothing_to_do(rundir)
    return _Resumption(rundir, options, supervisor).run()


class _Resumption:
    """One resumption of a run. Reads the journal and plans again when it is made."""

    def __init__(self, rundir: RunDir, options: ResumeOptions, supervisor: Supervisor) -> None:
        self._rundir = rundir
        self._options = options
        self._supervisor = supervisor
        self._reader = JournalReader(rundir)
        records = iter(self._reader)
        first = next(records, None)
        if first is None or first["event"] != "run.started":
            raise RefusedError(
                f"run `{rundir.run_id}` ended before it began",
                help="start a new run with `pexec apply`",
                code="PX406",
            )
        self._is_complete = False
        try:
            self._place, self._invocation = _placed(rundir, first["invocation"])
        except RefusedError:
            # Reads all of it: damage of the journal matters more, and success makes the place irrelevant.
            last = deque(chain((first,), records), maxlen=1).pop()
            self._is_complete = last["event"] == "run.finished" and last["result"] == RunResult.SUCCESS
            if self._is_complete:
                return
            raise
        self._planning = self._plan_again()
        self._plan = self._new_plan()
        self._run_options = replace(options.run, cache=self._invocation.get(MODE, "use"))
        self._is_same_plan = self._plan is not None and self._plan.digest == first["plan_digest"]
        self._history = History(self._plan if self._plan is not None and self._is_same_plan else _old_plan(rundir))
        self._add(first)
        for record in records:
            self._add(record)

    def run(self) -> int:
        """Drive what is left; the exit code."""
        if self._is_complete or self._history.result == RunResult.SUCCESS:
            return _complete_files(self._rundir)
        if self._planning is not None:
            print_diagnostics(self._planning)
            if self._planning.diagnostics:
                from orchestrator.app.github_report import annotate_diagnostics

                annotate_diagnostics(self._planning.path, self._planning.diagnostics)
        if self._place.recorded:
            here, there = visible(self._place.directory), visible(self._place.recorded)
            write_stderr(f"pexec: run `{self._rundir.run_id}` started in `{there}`; it continues in `{here}`\n")
        if self._plan is None:
            return ExitCode.INVALID
        return self._continue(self._plan) if self._is_same_plan else self._start_over(self._plan)

    def _plan_again(self) -> PlanningResult | None:
        """The result of planning the manifest again; None if it cannot be read again."""
        if not can_plan_again(self._invocation):
            return None
        options = self._options
        return plan_again(self._invocation, options.max_parallel_jobs, options.run.run_root, options.cluster)

    def _new_plan(self) -> Plan | None:
        if self._planning is not None:
            plan = self._planning.plan
            return None if plan is None else with_scripts(plan, lambda: _old_plan(self._rundir))
        plan = on_cluster(_old_plan(self._rundir), self._options.cluster)
        plan = with_slots(plan, self._options.max_parallel_jobs)
        return with_current_scripts(replace(plan, base_dir=self._place.directory) if self._place.recorded else plan)

    def _add(self, record: Mapping[str, Any]) -> None:
        self._last_ts = record["ts"]
        try:
            self._history.add(record)
        except (IllegalMove, KeyError, TypeError, ValueError) as error:
            why = f"unknown job `{error.args[0]}`" if isinstance(error, KeyError) else str(error)
            raise RefusedError(
                f"the journal of run `{self._rundir.run_id}` does not match its plan: line {record['seq'] + 1}: {why}",
                help="the run cannot be resumed; start a new run with `pexec apply`",
                code="PX405",
            ) from error

    def _continue(self, plan: Plan) -> int:
        """The plan is the same: continue the run where it stopped."""
        rundir, history = self._rundir, self._history
        scheduler = history.scheduler
        live = grown_plan(plan, scheduler)
        states = list(scheduler.table.states)
        left_out = self._left_out(live, adoption_decisions(live, states, live), states)
        succeeded = scheduler.table.tally[JobState.SUCCEEDED]
        prepared = prepare(plan, self._supervisor, rundir.path, len(live.jobs) - succeeded)
        rundir.make_folders()
        rundir.tidy()
        _rename_stale_logs(live, rundir, scheduler)
        cut = cut_torn_tail(rundir)
        total = len(live.jobs) - scheduler.table.tally[JobState.EXPANDED]
        done = f"{succeeded} of {count(total, 'job')} already done"
        write_stderr(f"pexec: resuming run `{rundir.run_id}`: {done}\n")
        if succeeded:
            self._print_changed_inputs(live)
            for sentence in matrices_that_fail_again(plan, scheduler):
                write_stderr(f"pexec: {sentence}; start a new run with `pexec apply`\n")
            self._print_not_compared()
        if cut:
            size = count(cut, "byte")
            write_stderr(f"pexec: the last line of the journal was incomplete: {size} removed and saved next to it\n")

        self._wait_for_leases()

        def before_resume(driver: Driver) -> None:
            for consequence in history.missing:
                # The journal was cut right after the fact that these follow from.
                driver.record_consequence(consequence, history.at)
            if cut:
                driver.note("journal.recovered", cut_bytes=cut)
            for pid, job in self._end_leftovers():
                driver.note("orphan.killed", pid=pid, job=None if job is None else scheduler.table.jobs[job].id)
            if scheduler.running:
                _record_lost_attempts(driver, live, rundir, scheduler.running)

        def on_start(driver: Driver) -> None:
            slots = plan.policy.max_parallel_jobs
            driver.record(RunResumed(driver.now()), **driver_fields(), max_parallel_jobs=slots)
            _cancel(driver, left_out)

        state = ResumeState(scheduler, history.at, JournalReader(rundir), self._reader.next_seq, before_resume)
        return drive(prepared, rundir, state, on_start, self._run_options, self._supervisor)

    def _start_over(self, plan: Plan) -> int:
        """The plan has changed: start a new run, in which unchanged successes count."""
        if not self._invocation.get("allow_empty"):
            refuse_empty(plan)
        table, run_id = self._history.scheduler.table, self._rundir.run_id
        old, states = replace(_old_plan(self._rundir), jobs=tuple(table.jobs)), table.states
        keep_secrets(plan, self._supervisor)  # before any program is started
        decisions = adoption_decisions(old, states, plan, self._changed_inputs(plan))
        left_out = self._left_out(plan, decisions, states)
        _print_decisions(plan, decisions, left_out, run_id)
        if any(decision.reused for decision in decisions):
            self._print_not_compared()
        self._wait_for_leases()
        ended = self._end_leftovers()
        index_of = {job.id: job.index for job in old.jobs}
        again = {job.id for job, decision in zip(plan.jobs, decisions, strict=True) if decision.must_run}

        def after_start(driver: Driver) -> None:
            for pid, _ in ended:
                driver.note("orphan.killed", pid=pid, job=None)
            for job, decision in zip(plan.jobs, decisions, strict=True):
                if decision.reused:
                    outputs = self._history.scheduler.values.of(index_of[job.id])
                    driver.record(JobAdopted(driver.now(), job.index, outputs), from_run=run_id)
            for job in driver.jobs[len(plan.jobs) :]:  # in the place of placeholders, by outputs of these
                index = index_of.get(job.id)
                if job.expanded_from in again or index is None or states[index] is not JobState.SUCCEEDED:
                    continue
                if job.digest == old.jobs[index].digest:
                    outputs = self._history.scheduler.values.of(index)
                    driver.record(JobAdopted(driver.now(), job.index, outputs), from_run=run_id)
            _cancel(driver, left_out)

        slots = self._options.max_parallel_jobs
        changed = {} if slots is None else {"max_parallel_jobs": slots}
        return run_plan(
            plan,
            self._run_options,
            self._supervisor,
            invocation={**self._invocation, **changed},
            after_start=after_start,
        )

    def _changed_inputs(self, plan: Plan) -> dict[int, str]:
        """The successes whose inputs are not as they were."""
        history = self._history
        if not history.fingerprints:
            return {}
        table, index_of = history.scheduler.table, history.index_of
        taken = {
            name: digest
            for name, digest in history.fingerprints.items()
            if table.states[index_of[name]] is JobState.SUCCEEDED
        }

        def values_of(name: str) -> Mapping[str, str]:
            return history.scheduler.values.of(index_of[name]) if name in index_of else {}

        return changed_inputs(plan, taken, values_of, self._supervisor)

    def _print_changed_inputs(self, plan: Plan) -> None:
        """Print which successes are kept although their inputs have changed."""
        for index, why in self._changed_inputs(plan).items():
            if why != VALUES_OF_NEEDS:
                name = visible(plan.jobs[index].id)
                write_stderr(f"pexec: `{name}` is not run again, although since its success {visible(why)}\n")

    def _print_not_compared(self) -> None:
        """Print what successes depend on without pexec knowing whether it is as it was."""
        unread = "" if self._planning is not None else "the manifest, which cannot be read again; "
        write_stderr(f"pexec: not compared: {unread}inherited environment variables; files that commands read\n")

    def _left_out(self, plan: Plan, decisions: Sequence[AdoptionDecision], states: Sequence[JobState]) -> list[int]:
        """The jobs that `--failed` leaves out."""
        if not self._options.only_failed:
            return []
        if not FAILURES.intersection(states):
            raise RefusedError(
                f"no job of run `{self._rundir.run_id}` has failed",
                help="without `--failed`, all remaining jobs run",
                code="PX406",
            )
        return jobs_left_out(plan, decisions)

    def _wait_for_leases(self) -> None:
        if not self._place.is_copy:
            end_left_clusters(self._rundir.path)
            wait_for_leases(self._history, self._last_ts, PidSpace(boot_id(), pid_namespace()))

    def _end_leftovers(self) -> list[tuple[int, int | None]]:
        """End what the dead process of pexec, its wardens and its workers left running where its pids mean the same as
        ours: each pid, with the job of an attempt."""
        here = PidSpace(boot_id(), pid_namespace())

        def is_ours(process: AttemptProcess) -> bool:
            same = process.space.is_same(here)
            # The processes of the original of a copy are not ours, and may be driven right now.
            if same is None or (same and self._place.is_copy):
                return is_attempt_in(process.pid, self._rundir.path)
            return same

        suspects = [process for process in self._history.under_way if is_ours(process)]
        ended: list[tuple[int, int | None]] = []
        ended += ((one.pid, one.job) for one in suspects if end_tree(one.pid, one.start_ticks))
        if not self._place.is_copy:
            cancel_queued(self._history.queued.left)
            ended += ((pid, None) for pid in end_old_workers(self._history, here))
            ended += ((pid, None) for pid in end_abandoned(self._rundir.run_id))
        return ended


def _complete_files(rundir: RunDir) -> int:
    """No job is left, but a process that was killed right after the end may not have written all files."""
    try:
        complete = json.loads(rundir.read(RESULTS))["execution_result"] == RunResult.SUCCESS
    except (EnvironmentFailedError, ValueError, KeyError, TypeError):
        complete = False
    if complete:
        raise _nothing_to_do(rundir)
    rundir.make_folders()
    rundir.tidy()
    RunFiles(rundir, _old_plan(rundir), JournalReader(rundir), page_context=page_context).close()
    write_stderr(f"pexec: run `{rundir.run_id}` had already succeeded; its files have been completed\n")
    return ExitCode.OK


def _nothing_to_do(rundir: RunDir) -> RefusedError:
    return RefusedError(
        f"nothing to resume: run `{rundir.run_id}` succeeded",
        help="`pexec apply` starts a new run",
        code="PX406",
    )


def _placed(rundir: RunDir, invocation: Mapping[str, Any]) -> tuple[RunPlace, Mapping[str, Any]]:
    """Where the run continues, and its invocation with the manifest there. Raises RefusedError."""
    path = recorded_manifest(invocation)
    is_file = path != STDIN
    directory = os.path.dirname(path) if is_file else _old_plan(rundir).base_dir
    place = find_place(rundir, invocation, os.path.basename(path) if is_file else "", directory)
    if is_file and place.recorded:
        return place, with_manifest(invocation, os.path.join(place.directory, os.path.basename(path)))
    return place, invocation


def _old_plan(rundir: RunDir) -> Plan:
    return plan_from_dict(read_plan_data(rundir))


def _record_lost_attempts(driver: Driver, plan: Plan, rundir: RunDir, running: Sequence[tuple[int, int]]) -> None:
    """Record the end of each attempt that was running, so that the attempt that replaces it is marked as extra."""
    names = slugs_of(plan)
    for index, attempt in running:
        log = log_name(names[index], attempt)
        result = AttemptResult(Verdict.LOST, LOST_REASON, log_bytes=_size(rundir.path_of(log)))
        end = AttemptFinished(driver.now(), index, attempt, result.verdict, reason=result.reason)
        driver.record(end, **usage_fields(result, log))


def _rename_stale_logs(plan: Plan, rundir: RunDir, scheduler: Scheduler) -> None:
    """Make room for the logs of the attempts to come.

    After a power failure there may be the log of an attempt whose events are lost, and the next attempt gets its
    number. The log of a cleanup is replaced if the job runs again.
    """
    there = set(os.listdir(rundir.folder(LOGS)))
    for job, slug in zip(plan.jobs, slugs_of(plan), strict=True):
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


def _print_decisions(plan: Plan, decisions: Sequence[AdoptionDecision], left_out: Sequence[int], run_id: str) -> None:
    omitted = set(left_out)
    lines = [f"pexec: the plan has changed since run `{run_id}`; starting a new run that reuses its results\n"]
    for job, decision in zip(plan.jobs, decisions, strict=True):
        what = "reused" if decision.reused else "left out" if job.index in omitted else "will run"
        lines.append(f"  {visible(job.id)}: {what} ({visible(decision.why)})\n")
    write_stderr("".join(lines))
