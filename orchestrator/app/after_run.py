"""What is left to do when a run has ended and everybody knows how: remember how long its jobs took, pack it, and remove
old runs. While this goes on the run is still locked."""

from __future__ import annotations

from orchestrator.console.streams import write_stderr
from orchestrator.console.text import visible
from orchestrator.errors import PexecError
from orchestrator.journal.durations import remember
from orchestrator.journal.rundir import RunDir
from orchestrator.plan.model import Plan
from orchestrator.report.model import RunReport
from orchestrator.report.status import Status


def finalize_run(plan: Plan, rundir: RunDir, run_root: str, report: RunReport) -> None:
    """Raises EnvironmentFailedError when the archive that the policy asks for cannot be written."""
    remember(run_root, plan.manifest, seconds_of(report))
    try:
        if plan.policy.archive:
            from orchestrator.journal.archive import write_archive

            packed = write_archive(rundir)
            write_stderr(f"pexec: packed into `{visible(packed.path)}`\n")
    finally:
        _remove_old_runs(run_root, plan.policy.keep_runs)


def seconds_of(report: RunReport) -> dict[str, float]:
    """How long an attempt of each job took that succeeded and was run here."""
    done = [job for job in report.jobs if job.status is Status.SUCCESS and job.attempts]
    return {job.job_id: round(job.execution_time_seconds / job.attempts, 4) for job in done}


def _remove_old_runs(run_root: str, keep: int) -> None:
    """It is no fault of the run if old ones cannot be removed."""
    from orchestrator.journal.prune import prune

    try:
        prune(run_root, keep, sparing=True)
    except PexecError as fault:
        write_stderr(f"pexec: old runs stay: {visible(fault.message)}\n")
