"""What follows the end of a run, while it is still locked: record how long its jobs took, pack it, prune old runs."""

from __future__ import annotations

from orchestrator.console.streams import write_stderr
from orchestrator.console.text import visible
from orchestrator.errors import PexecError
from orchestrator.journal.durations import remember
from orchestrator.journal.rundir import RunDir
from orchestrator.plan.model import Plan
from orchestrator.report.model import JobReport, RunReport
from orchestrator.report.status import Status


def finalize_run(plan: Plan, rundir: RunDir, run_root: str, report: RunReport) -> None:
    """Finish a run that has ended. Raises EnvironmentFailedError if the archive that its policy requests cannot be
    written."""
    known = seconds_of(report, Status.SUCCESS) | seconds_of_matrices(report)
    remember(run_root, plan.manifest, known, seconds_of(report, Status.TIMED_OUT))
    try:
        if plan.policy.archive:
            from orchestrator.journal.archive import write_archive

            packed = write_archive(rundir)
            write_stderr(f"pexec: archived to `{visible(packed.path)}`\n")
    finally:
        _remove_old_runs(run_root, plan.policy.keep_runs)


def seconds_of(report: RunReport, status: Status) -> dict[str, float]:
    """Job -> the mean seconds of its attempts, for the jobs that have this status."""
    done = [job for job in report.jobs if job.status is status and job.attempts]
    return {job.job_id: round(job.execution_time_seconds / job.attempts, 4) for job in done}


def seconds_of_matrices(report: RunReport) -> dict[str, float]:
    """Placeholder -> the least seconds that the jobs took which have taken its place, if all of them ran and succeeded:
    the longest, or what all slots together had to do. So a plan in which it is one job expects that much work."""
    cells: dict[str, list[JobReport]] = {}
    for planned, job in zip(report.plan.jobs, report.jobs, strict=True):
        if planned.expanded_from:
            cells.setdefault(planned.expanded_from, []).append(job)
    found = {}
    for placeholder, jobs in cells.items():
        if all(job.status is Status.SUCCESS and job.attempts for job in jobs):
            seconds = [job.execution_time_seconds / job.attempts for job in jobs]
            found[placeholder] = round(max(max(seconds), sum(seconds) / report.max_parallel_jobs), 4)
    return found


def _remove_old_runs(run_root: str, keep: int) -> None:
    """Prune the run root; a failure to do so does not fail the run."""
    from orchestrator.journal.prune import prune

    try:
        prune(run_root, keep, sparing=True)
    except PexecError as error:
        write_stderr(f"pexec: old runs were not removed: {visible(error.message)}\n")
