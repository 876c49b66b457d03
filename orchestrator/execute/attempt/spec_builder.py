"""From a wish to start an attempt to all that an executor needs to run it."""

from __future__ import annotations

from orchestrator.engine.commands import Launch
from orchestrator.execute.attempt.spec import AttemptSpec
from orchestrator.journal.file_names import TEMP
from orchestrator.journal.rundir import RunDir
from orchestrator.plan.model import JobSpec, Plan
from orchestrator.plan.slugs import slugs


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
            spec=self._filled(job.spec),
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

    def _filled(self, spec: JobSpec) -> JobSpec:
        if not spec.late:
            return spec
        from orchestrator.plan.template import fill  # with patterns that take 2 ms, and few jobs need it

        return fill(spec, self._rundir.run_id, self._rundir.path)
